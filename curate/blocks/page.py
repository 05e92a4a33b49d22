"""A page on its way: what is scanned, what is measured, and the rows of its features."""

import re
from html import unescape
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.features import FEATURES, feature_rows, since_heading
from curate.blocks.layout import TITLE, Scan
from curate.blocks.measure import measure_blocks
from curate.blocks.place import Places, find_places

Floats = npt.NDArray[np.float32]
MAX_TITLE_BYTES = 1200
_SPACE = re.compile(r"\s+")


class Measured(NamedTuple):
    """A page with all that its features are made of. words: uint16[…], word_starts: int64[b + 1]: buckets of words."""

    scan: Scan
    measures: Floats
    places: Places
    since: npt.NDArray[np.int32]
    words: npt.NDArray[np.uint16]
    word_starts: npt.NDArray[np.int64]


def measured(scan: Scan, title: str, words: Floats, classes: Floats) -> Measured:
    """words, classes: float32[65536], weights of hashed words and class tokens."""
    measures, buckets, starts = measure_blocks(scan.text, scan.blocks, title.encode("utf-8", "replace"), words)
    places = find_places(scan.blocks, scan.elements, scan.tokens, measures, classes)
    since = np.empty(len(scan.blocks), np.int32)
    since_heading(scan.blocks, scan.elements, since)
    return Measured(scan, measures, places, since, buckets, starts)


def rows_of(page: Measured, numbers: npt.NDArray[np.int64] | None = None) -> Floats:
    """float32[n, FEATURES]: the features of the blocks `numbers`, of all if there are none given."""
    numbers = np.arange(len(page.scan.blocks)) if numbers is None else numbers
    rows = np.empty((len(numbers), FEATURES), np.float32)
    feature_rows(page.scan.blocks, page.scan.elements, page.measures, page.places, page.since, numbers, rows)
    return rows


def title_of(html: bytes, scan: Scan) -> str:
    """The text of the page's first title element, "" where there is none."""
    for kind, first, last in scan.marks:
        if kind == TITLE:
            text = html[first : min(last, first + MAX_TITLE_BYTES)].decode("utf-8", "replace")
            return _SPACE.sub(" ", unescape(text)).strip()
    return ""
