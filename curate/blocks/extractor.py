"""A page to text by learned blocks: scan, features, two looks by trees, the set of highest expected F1, rendering.

Token F1 and speed beside other extractors: models/extraction/card.md. Time is linear in the bytes whatever the page
holds, and no foreign parser sees it, so that this runs in the worker itself: no child process, no clock.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.apart import without_apart
from curate.blocks.cells import whole_rows
from curate.blocks.comments import without_comments
from curate.blocks.measure import TOKENS
from curate.blocks.metadata import Metadata, read_metadata
from curate.blocks.model import ALL, Judged, judge, load
from curate.blocks.render import render
from curate.blocks.thread import find_posts
from curate.blocks.threshold import BETA, choose


class BlockText(NamedTuple):
    """confidence: the token F1 that the model expects of this text, 0 to 1."""

    text: str
    confidence: float
    metadata: Metadata


class Options(NamedTuple):
    """mode: default (and fast), precision or recall: F1, F0.5 or F2. comments: keep readers' comments and all posts of
    a thread, too (thread.py). weights: all, or permissive (model.py).
    """

    mode: str = "default"
    comments: bool = False
    markdown: bool = False
    weights: str = ALL


DEFAULTS = Options()


def extract_blocks(html: bytes, url: str, last_day: str, options: Options = DEFAULTS) -> BlockText:
    """The main text of a page in UTF-8; never raises for what a page holds. last_day: the day of the crawl."""
    judged = judge(html, load(options.weights))
    keep, confidence = kept(html, judged, options)
    scan = judged.page.scan
    return BlockText(render(scan, keep, options.markdown), confidence, read_metadata(html, scan, url, last_day))


def kept(html: bytes, judged: Judged, options: Options) -> tuple[npt.NDArray[np.bool_], float]:
    """(bool[b], which blocks belong to the text; what F is expected of them)."""
    tokens = judged.page.measures[:, TOKENS]
    scan = judged.page.scan
    chances = judged.chances if options.comments else without_comments(scan, judged.chances, tokens)
    chances = without_apart(scan, chances, tokens)
    keep, confidence = choose(chances, tokens, BETA[options.mode])
    keep = whole_rows(scan, keep, tokens)
    if options.comments:
        posts, beside = find_posts(html, judged.page)
        keep = (keep & ~beside) | posts
    return keep, confidence
