"""Segmentation: tokens, lines, paragraphs and sentences of a batch, as spans of its code points.

Tokens follow the idea of Unicode's word boundaries (UAX 29) without its tables: white space separates; a Han or kana
character is a token by itself; any other run of letters, numbers and connectors is one token, held together by an
apostrophe or middle dot between two letters (don't, l’eau, paral·lel) and by . , between two digits (3.14, 1,000); a
run of one and the same other character is one symbol token (..., ---). Marks and format characters stay with what they
follow. Scripts without spaces other than Han and kana (Thai, Lao, Khmer, Myanmar) are *not* segmented: a phrase is one
token there, `unspaced_char_ratio` says how much of a text that concerns, and no rule pack covers them.
Cost: about 3 ns a character for tokens.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from curate.text import classes
from curate.text.codepoints import Codepoints
from curate.text.kernel import kernel

Int64s = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# What a character does in segmentation.
_SPACE, _LETTER, _DIGIT, _IDEOGRAPH, _EXTEND, _SYMBOL, _MID_LETTER, _MID_DIGIT = range(8)
# What a token is.
WORD_TOKEN, IDEOGRAPH_TOKEN, SYMBOL_TOKEN = range(3)

_NEWLINE = 10


@dataclass(frozen=True)
class Spans:
    """Pieces of the texts of a batch, in order.

    starts, ends: int64[s], places in its code points; offsets: int64[d + 1], where the spans of each text begin.
    """

    starts: Int64s
    ends: Int64s
    offsets: Int64s

    def __len__(self) -> int:
        """How many spans."""
        return len(self.starts)

    @property
    def lengths(self) -> Int64s:
        """int64[s]: characters per span."""
        return self.ends - self.starts

    @property
    def counts(self) -> Int64s:
        """int64[d]: spans per text."""
        return np.diff(self.offsets)

    @property
    def text_of(self) -> Int64s:
        """int64[s]: the text that each span belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts)

    def where(self, mask: npt.NDArray[np.bool_]) -> "Spans":
        """The spans where `mask` is True."""
        before = np.concatenate(([0], np.cumsum(mask)))
        return Spans(self.starts[mask], self.ends[mask], before[self.offsets])


@dataclass(frozen=True)
class Tokens:
    """Tokens and, per token, its kind: WORD_TOKEN, IDEOGRAPH_TOKEN or SYMBOL_TOKEN (uint8[s])."""

    spans: Spans
    kinds: Bytes

    @property
    def words(self) -> Spans:
        """The tokens that are not symbols."""
        return self.spans.where(self.kinds != SYMBOL_TOKEN)


def segment(text: Codepoints) -> Tokens:
    """The tokens of every text; see the module docstring."""
    starts, ends, kinds, offsets = _tokens(text.codes, _roles()[text.codes], text.offsets)
    return Tokens(Spans(starts, ends, offsets), kinds)


def lines(text: Codepoints) -> Spans:
    """Lines between line feeds, without the white space around them; blank ones are no lines."""
    return Spans(*_blocks(text.codes, _is_space(text), text.offsets, 1))


def paragraphs(text: Codepoints) -> Spans:
    """Blocks between two or more line feeds in a row, without the white space around them; blank ones left out."""
    return Spans(*_blocks(text.codes, _is_space(text), text.offsets, 2))


@cache
def _roles() -> Bytes:
    flags = classes.flags()
    roles = np.full(classes.CODE_POINTS, _SYMBOL, np.uint8)
    roles[flags & classes.SPACE != 0] = _SPACE
    roles[flags & classes.WORD != 0] = _LETTER
    roles[flags & classes.DIGIT != 0] = _DIGIT
    roles[flags & (classes.HAN | classes.KANA) != 0] = _IDEOGRAPH
    roles[flags & classes.EXTEND != 0] = _EXTEND
    roles[[ord(mark) for mark in "'’·"]] = _MID_LETTER
    roles[[ord(mark) for mark in ".,"]] = _MID_DIGIT
    roles.setflags(write=False)
    return roles


def _is_space(text: Codepoints) -> npt.NDArray[np.bool_]:
    return np.asarray(classes.flags()[text.codes] & np.uint16(classes.SPACE) != 0)


@kernel
def _joins(roles: Bytes, at: int, stop: int, base: int) -> bool:
    """Whether the mark at `at` stands between two letters or two digits. base: role of the character before it."""
    if at + 1 >= stop:
        return False
    following = roles[at + 1]
    if roles[at] == _MID_LETTER:
        return base == _LETTER and following == _LETTER
    return roles[at] == _MID_DIGIT and base == _DIGIT and following == _DIGIT


@kernel
def _token_end(codes: npt.NDArray[np.uint32], roles: Bytes, at: int, stop: int) -> int:
    """Where the token that begins at `at` ends."""
    first = roles[at]
    base = first
    word = first in (_LETTER, _DIGIT)
    end = at + 1
    while end < stop:
        role = roles[end]
        if role == _EXTEND:
            end += 1
        elif word and (role in (_LETTER, _DIGIT) or _joins(roles, end, stop, base)):
            base = role
            end += 1
        elif not word and first not in (_IDEOGRAPH, _EXTEND) and codes[end] == codes[at]:
            end += 1
        else:
            break
    return end


@kernel
def _tokens(codes: npt.NDArray[np.uint32], roles: Bytes, offsets: Int64s) -> tuple[Int64s, Int64s, Bytes, Int64s]:
    starts = np.empty(len(codes), np.int64)
    ends = np.empty(len(codes), np.int64)
    kinds = np.empty(len(codes), np.uint8)
    first = np.zeros(len(offsets), np.int64)
    n = 0
    for text in range(len(offsets) - 1):
        at = offsets[text]
        while at < offsets[text + 1]:
            if roles[at] == _SPACE:
                at += 1
                continue
            starts[n] = at
            role = roles[at]
            at = _token_end(codes, roles, at, offsets[text + 1])
            ends[n] = at
            kinds[n] = WORD_TOKEN if role in (_LETTER, _DIGIT) else SYMBOL_TOKEN
            if role == _IDEOGRAPH:
                kinds[n] = IDEOGRAPH_TOKEN
            n += 1
        first[text + 1] = n
    return starts[:n].copy(), ends[:n].copy(), kinds[:n].copy(), first


@kernel
def _block_end(codes: npt.NDArray[np.uint32], at: int, stop: int, newlines: int) -> int:
    """The first place from `at` where `newlines` line feeds stand in a row, else `stop`."""
    run = 0
    for place in range(at, stop):
        run = run + 1 if codes[place] == _NEWLINE else 0
        if run == newlines:
            return place + 1 - newlines
    return stop


@kernel
def _blocks(
    codes: npt.NDArray[np.uint32], is_space: npt.NDArray[np.bool_], offsets: Int64s, newlines: int
) -> tuple[Int64s, Int64s, Int64s]:
    """Spans between runs of at least `newlines` line feeds, stripped, without empty ones."""
    starts = np.empty(len(codes), np.int64)
    ends = np.empty(len(codes), np.int64)
    first = np.zeros(len(offsets), np.int64)
    n = 0
    for text in range(len(offsets) - 1):
        at = offsets[text]
        while at < offsets[text + 1]:
            stop = _block_end(codes, at, offsets[text + 1], newlines)
            start, end = at, stop
            while start < end and is_space[start]:
                start += 1
            while end > start and is_space[end - 1]:
                end -= 1
            if end > start:
                starts[n], ends[n] = start, end
                n += 1
            at = stop + newlines
        first[text + 1] = n
    return starts[:n].copy(), ends[:n].copy(), first
