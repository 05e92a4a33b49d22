"""A batch of texts as every signal looks at it, and the few ways in which something is counted per text."""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.text import classes
from curate.text.codepoints import Codepoints
from curate.text.kernel import kernel
from curate.text.segment import Spans, Tokens, lines, segment

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Signals = dict[str, Floats]


@dataclass(frozen=True)
class Batch:
    """Texts with what most signals need, made once. langs: language code per text, None where it is not known."""

    text: Codepoints
    langs: tuple[str | None, ...]

    @cached_property
    def tokens(self) -> Tokens:
        """All tokens."""
        return segment(self.text)

    @cached_property
    def words(self) -> Spans:
        """The tokens that are not symbols."""
        return self.tokens.words

    @cached_property
    def lines(self) -> Spans:
        """Lines that are not blank, without the white space around them."""
        return lines(self.text)

    @cached_property
    def chars(self) -> Floats:
        """float64[d]: characters per text."""
        return self.text.lengths.astype(np.float64)

    @cached_property
    def newlines(self) -> Floats:
        """float64[d]: line feeds per text."""
        return self.count(self.text.codes == 10)

    @cached_property
    def lower(self) -> npt.NDArray[np.uint32]:
        """uint32[c]: the code points in lower case."""
        return classes.lower()[self.text.codes]

    @cached_property
    def lower_text(self) -> str:
        """The same as one string; texts lie between `text.offsets`."""
        return self.lower.astype("<u4", copy=False).tobytes().decode("utf-32-le")

    @cached_property
    def flags(self) -> npt.NDArray[np.uint16]:
        """uint16[c]: flags of `classes` per character."""
        return classes.flags()[self.text.codes]

    def has(self, flag: int) -> Mask:
        """bool[c]: characters with a flag of `classes`."""
        return np.asarray(self.flags & np.uint16(flag) != 0)

    def count(self, mask: Mask) -> Floats:
        """float64[d]: characters per text where `mask` (bool[c]) is True."""
        return np.asarray(_sums(mask, self.text.offsets))

    def holds(self, spans: Spans, flag: int) -> Mask:
        """bool[s]: spans with at least one character that has the flag."""
        return np.asarray(_any_inside(self.has(flag), spans.starts, spans.ends))


def per_text(spans: Spans, mask: Mask | None = None, weights: Int64s | None = None) -> Floats:
    """float64[d]: how many spans have `mask` (default: all), or the sum of their weights."""
    if weights is None:
        return spans.counts.astype(np.float64) if mask is None else np.asarray(_sums(mask, spans.offsets))
    return np.asarray(_sums(weights if mask is None else weights * mask, spans.offsets))


def longest(spans: Spans) -> Floats:
    """float64[d]: length of the longest span of each text, 0 where there is none."""
    return np.asarray(_maxima(spans.lengths, spans.offsets))


def runs(mask: Mask, offsets: Int64s) -> Spans:
    """The stretches where `mask` is True; they end at every one of `offsets`."""
    edge = np.zeros(len(mask) + 1, np.bool_)
    edge[offsets] = True
    before = np.concatenate(([False], mask))[:-1]
    after = np.concatenate((mask, [False]))[1:]
    starts = np.flatnonzero(mask & (~before | edge[:-1]))
    ends = np.flatnonzero(mask & (~after | edge[1:])) + 1
    return Spans(starts, ends, np.searchsorted(starts, offsets))


@kernel
def _sums(values: npt.NDArray[Any], offsets: Int64s) -> Floats:
    """Sum of `values` (bool or int64) between every two offsets."""
    found = np.zeros(len(offsets) - 1)
    for text in range(len(offsets) - 1):
        total = 0
        for at in range(offsets[text], offsets[text + 1]):
            total += values[at]
        found[text] = total
    return found


@kernel
def _maxima(values: Int64s, offsets: Int64s) -> Floats:
    """Largest value between every two offsets, at least 0."""
    found = np.zeros(len(offsets) - 1)
    for text in range(len(offsets) - 1):
        for at in range(offsets[text], offsets[text + 1]):
            found[text] = max(found[text], values[at])
    return found


@kernel
def _any_inside(mask: Mask, starts: Int64s, ends: Int64s) -> Mask:
    found = np.zeros(len(starts), np.bool_)
    for span in range(len(starts)):
        for at in range(starts[span], ends[span]):
            if mask[at]:
                found[span] = True
                break
    return found


@cache
def members(characters: str) -> Mask:
    """bool[0x110000]: which code points are among `characters`."""
    table = np.zeros(classes.CODE_POINTS, np.bool_)
    table[[ord(character) for character in characters]] = True
    table.setflags(write=False)
    return table
