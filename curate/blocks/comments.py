"""Readers' comments: elements that call themselves so, and what that says of the text.

Comments below a text are no part of it in nearly all sets of gold text, but few sets hold many pages that have any, and
trees that have not seen those few keep comments for the good prose that they are. This is a rule, therefore: where a
page has a text outside such elements, what is inside is none of it. Where it has none, as in forums whose posts are
comments by name, they are judged like any block.
"""

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import Scan
from curate.blocks.tags import COMMENTS

Floats = npt.NDArray[np.float32]

# So many expected tokens outside the comments are a text. Chosen among 0, 20, 50, 100 on sources left out of training.
_TEXT_TOKENS = 50.0


def in_comments(scan: Scan) -> npt.NDArray[np.bool_]:
    """bool[b]: blocks inside an element that calls itself comments, by class or id."""
    return np.asarray(scan.elements["context"][scan.blocks["element"]] & COMMENTS != 0)


def without_comments(scan: Scan, chances: Floats, tokens: Floats) -> Floats:
    """float32[b]: the probabilities, 0 in comments if the page has a text outside of them. tokens: float32[b]."""
    inside = in_comments(scan)
    outside = float((chances * tokens)[~inside].sum(dtype=np.float64))
    return np.where(inside, np.float32(0), chances) if outside >= _TEXT_TOKENS else chances
