"""Labels of a page's blocks: how many tokens each has, and how many of them are the gold text's.

A block that the alignment leaves out is given a second chance where gold tokens are left over that it is made of: some
sets write the title or a caption elsewhere than the page does.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import Scan
from models.extraction.align import aligned, as_numbers, tokens

_WHOLE = 0.9
_MIN_TOKENS = 3


class Labels(NamedTuple):
    """tokens, hits: int32[b], of each block and of those the gold's. gold: tokens of the gold text."""

    tokens: npt.NDArray[np.int32]
    hits: npt.NDArray[np.int32]
    gold: int

    @property
    def positive(self) -> npt.NDArray[np.bool_]:
        """bool[b]: blocks that belong to the text."""
        return self.hits * 2 > self.tokens


def label(scan: Scan, gold: str) -> Labels:
    """Align a page with its gold text."""
    texts = block_texts(scan)
    pieces = [tokens(text) for text in texts]
    wanted = tokens(gold)
    page, target = as_numbers([token for piece in pieces for token in piece], wanted)
    matched = aligned(page, target)
    sizes = np.array([len(piece) for piece in pieces], np.int32)
    ends = np.cumsum(sizes)
    sums = np.concatenate([[0], np.cumsum(matched)])
    hits = (sums[ends] - sums[ends - sizes]).astype(np.int32)
    left = Counter(target.tolist())
    left.subtract(page[matched].tolist())
    for block in np.flatnonzero((sizes >= _MIN_TOKENS) & (hits * 2 <= sizes)):
        words = Counter(page[ends[block] - sizes[block] : ends[block]].tolist())
        found = sum(min(count, max(left[word], 0)) for word, count in words.items())
        if found >= _WHOLE * sizes[block]:
            hits[block] = found
            left.subtract(words)
    return Labels(sizes, hits, len(wanted))


def block_texts(scan: Scan) -> list[str]:
    """The text of every block."""
    data = scan.text.tobytes()
    return [data[block["start"] : block["end"]].decode("utf-8", "replace") for block in scan.blocks]
