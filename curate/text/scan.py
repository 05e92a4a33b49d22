"""The scan: a text's UTF-8 bytes walked once, into code points and tokens that every count is taken from.

Nothing is made per character or token but numbers in arrays that are used again for the next text (`Room`), so a text
stays in the processor's cache while it is looked at. A kernel gets one text at a time; which texts, and in which
order, is the business of the callers: signals, shingles and the stage `lines`.

Tokens follow the idea of Unicode's word boundaries (UAX 29) without its tables: white space separates; a Han or kana
character is a token by itself; any other run of letters, numbers and connectors is one token, held together by an
apostrophe or middle dot between two letters (don't, l’eau, paral·lel) and by . , between two digits (3.14, 1,000); a
run of one and the same other character is one symbol token (..., ---). Marks and format characters stay with what they
follow. Scripts without spaces other than Han and kana (Thai, Lao, Khmer, Myanmar) are *not* segmented: a phrase is one
token there, `unspaced_char_ratio` says how much of a text that concerns, and no rule pack covers them.

Hashes are FNV-1a with 64 bits whose units are code points instead of bytes: an index written today can be read in
years, on any platform. Cost: about 5 ns a character.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.classes import UPPER
from curate.text.kernel import kernel
from curate.text.traits import (
    DIGIT,
    EXTEND,
    IDEOGRAPH,
    LETTER,
    MID_DIGIT,
    MID_LETTER,
    ROLE_MASK,
    ROLE_SHIFT,
    SPACE,
    Tables,
)

Octets = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

# What a token is.
WORD_TOKEN, IDEOGRAPH_TOKEN, SYMBOL_TOKEN = range(3)

FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
PIECE_BYTES = 1 << 20
_REPLACEMENT = np.uint32(0xFFFD)
_LAST_CODE = 0x10FFFF


class Room(NamedTuple):
    """What a text is unpacked into, as long as the longest one.

    codes, lower, traits: uint32[c], per character. starts, ends: int32[t], tokens as spans of characters. seen:
    uint32[t], all traits of a token's characters together; kinds: uint8[t]; hashes, lower_hashes: uint64[t], of the
    token as it is written and in lower case.
    """

    codes: Codes
    lower: Codes
    traits: Codes
    starts: Int32s
    ends: Int32s
    seen: Codes
    kinds: Octets
    hashes: Hashes
    lower_hashes: Hashes


class Strings(NamedTuple):
    """Arrow's UTF-8. octets: uint8[b]; offsets: int64[d + 1], where each text begins."""

    octets: Octets
    offsets: Int64s

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return int(self.offsets[-1] - self.offsets[0])

    @property
    def longest(self) -> int:
        """Bytes of the longest text."""
        return int(np.diff(self.offsets).max(initial=0))


def strings(texts: pa.Array) -> Strings:
    """The buffers of a string array, not copied; a null counts as an empty text."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.string())
    if texts.null_count:
        texts = texts.fill_null("")
    if not len(texts):
        return Strings(np.empty(0, np.uint8), np.zeros(1, np.int64))
    width = np.dtype(np.int32).itemsize
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * width).astype(np.int64)
    data = texts.buffers()[2]
    octets = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return Strings(octets, offsets)


def pieces(texts: pa.Array, piece_bytes: int = PIECE_BYTES) -> Iterator[pa.Array]:
    """Slices of `texts` of about `piece_bytes`, at least one text each: results stay small where texts are many."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    ends = strings(texts).offsets
    start = 0
    while start < len(texts):
        stop = max(start + 1, int(np.searchsorted(ends, int(ends[start]) + piece_bytes, side="right")) - 1)
        yield texts.slice(start, stop - start)
        start = stop


def room_for(longest: int) -> Room:
    """Room for texts of up to `longest` bytes. Only what a text fills is ever touched."""
    return Room(
        np.empty(longest, np.uint32), np.empty(longest, np.uint32), np.empty(longest, np.uint32),
        np.empty(longest, np.int32), np.empty(longest, np.int32),
        np.empty(longest, np.uint32), np.empty(longest, np.uint8),
        np.empty(longest, np.uint64), np.empty(longest, np.uint64),
    )  # fmt: skip


@kernel
def read(octets: Octets, start: int, stop: int, tables: Tables, room: Room) -> int:
    """Unpack the bytes [start, stop) into room.codes, lower and traits; returns how many characters they are.

    A byte that is no UTF-8 counts as U+FFFD.
    """
    n = 0
    at = start
    while at < stop:
        code = np.uint32(octets[at])
        at += 1
        if code >= 0x80:
            code, at = rest_of(octets, code, at, stop)
        traits = tables.traits[code]
        room.codes[n] = code
        room.traits[n] = traits
        room.lower[n] = tables.lower[code] if traits & UPPER else code
        n += 1
    return n


@kernel
def rest_of(octets: Octets, first: np.uint32, at: int, stop: int) -> tuple[np.uint32, int]:
    """(code point, where the next one begins) of a sequence of several bytes, the first of which stands before `at`."""
    more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
    if first < 0xC2 or first > 0xF4 or at + more > stop:
        return _REPLACEMENT, at
    code = first & np.uint32(0x3F >> more)
    for place in range(at, at + more):
        if octets[place] & 0xC0 != 0x80:
            return _REPLACEMENT, at
        code = code << np.uint32(6) | np.uint32(octets[place] & 0x3F)
    return (code, at + more) if code <= _LAST_CODE else (_REPLACEMENT, at)


@kernel
def character(octets: Octets, at: int, stop: int) -> tuple[np.uint32, int]:
    """(the code point at `at`, where the next one begins)."""
    code = np.uint32(octets[at])
    return (code, at + 1) if code < 0x80 else rest_of(octets, code, at + 1, stop)


@kernel
def role_of(traits: np.uint32) -> np.uint32:
    """What a character does in segmentation."""
    return (traits >> np.uint32(ROLE_SHIFT)) & np.uint32(ROLE_MASK)


@kernel
def _joins(traits: Codes, at: int, stop: int, base: np.uint32) -> bool:
    """Whether the mark at `at` stands between two letters or two digits. base: role of the character before it."""
    if at + 1 >= stop:
        return False
    role, following = role_of(traits[at]), role_of(traits[at + 1])
    if role == MID_LETTER:
        return bool(base == LETTER and following == LETTER)
    return bool(role == MID_DIGIT and base == DIGIT and following == DIGIT)


@kernel
def tokenise(characters: int, room: Room) -> int:
    """Find the tokens of the first `characters` of the room; returns how many there are."""
    codes, lower, traits = room.codes, room.lower, room.traits
    n = 0
    at = 0
    while at < characters:
        first = role_of(traits[at])
        if first == SPACE:
            at += 1
            continue
        start, base = at, first
        word = first in (LETTER, DIGIT)
        value, low, seen = FNV_OFFSET, FNV_OFFSET, np.uint32(0)
        while True:
            value = (value ^ np.uint64(codes[at])) * FNV_PRIME
            low = (low ^ np.uint64(lower[at])) * FNV_PRIME
            seen |= traits[at]
            at += 1
            if at == characters:
                break
            role = role_of(traits[at])
            if role == EXTEND:
                continue
            if word:
                if role not in (LETTER, DIGIT) and not _joins(traits, at, characters, base):
                    break
                base = role
            elif first in (IDEOGRAPH, EXTEND) or codes[at] != codes[start]:
                break
        room.starts[n], room.ends[n], room.seen[n] = start, at, seen
        room.kinds[n] = WORD_TOKEN if word else IDEOGRAPH_TOKEN if first == IDEOGRAPH else SYMBOL_TOKEN
        room.hashes[n], room.lower_hashes[n] = value, low
        n += 1
    return n
