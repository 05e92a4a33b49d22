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
years, on any platform. Cost: about 4 ns a character.

A processor guesses at every branch, and where words end cannot be guessed. So there is none: what a character does to
the token before it is looked up, tokens are written at every character and kept by moving on, and a hash takes as many
steps for a short token as for one of SHORT_TOKEN characters.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.classes import UPPER
from curate.text.kernel import inner, kernel, signed
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
# Most tokens have at most so many characters.
SHORT_TOKEN = 8
_REPLACEMENT = np.uint32(0xFFFD)
_LAST_CODE = 0x10FFFF


class Room(NamedTuple):
    """What a text is unpacked into, a little longer than the longest one.

    codes, lower, traits: uint32[c], per character; around: uint8[c], what segmentation has to know of it. starts, ends:
    int32[t], tokens as spans of characters. seen: uint32[t], all traits of a token's characters together; kinds:
    uint8[t]; hashes, lower_hashes: uint64[t], of the token as it is written and in lower case.
    """

    codes: Codes
    lower: Codes
    traits: Codes
    around: Octets
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
    size = longest + SHORT_TOKEN
    return Room(
        np.empty(size, np.uint32), np.empty(size, np.uint32), np.empty(size, np.uint32), np.empty(size, np.uint8),
        np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.uint32), np.empty(size, np.uint8),
        np.empty(size, np.uint64), np.empty(size, np.uint64),
    )  # fmt: skip


@kernel
def read(octets: Octets, start: int, stop: int, tables: Tables, room: Room) -> int:
    """Unpack the bytes [start, stop) into room.codes, lower and traits; returns how many characters they are.

    A byte that is no UTF-8 counts as U+FFFD.
    """
    n = 0
    at = start
    while at < stop:
        code, at = character(octets, at, stop)
        traits = tables.traits[code]
        room.codes[n] = code
        room.traits[n] = traits
        room.lower[n] = tables.lower[code] if traits & UPPER else code
        n += 1
    return n


@inner
def _rest_of(octets: Octets, first: np.uint32, at: int, stop: int) -> tuple[np.uint32, int]:
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


@inner
def character(octets: Octets, at: int, stop: int) -> tuple[np.uint32, int]:
    """(the code point at `at`, where the next one begins)."""
    code = np.uint32(octets[at])
    return (code, at + 1) if code < 0x80 else _rest_of(octets, code, at + 1, stop)


@inner
def role_of(traits: np.uint32) -> np.uint32:
    """What a character does in segmentation."""
    return (traits >> np.uint32(ROLE_SHIFT)) & np.uint32(ROLE_MASK)


def _transition(state: int, role: int, same: bool, following: int) -> int:
    """The byte of a character in _STEPS: which state it leaves, whether it begins or ends a token, and of which kind.

    state: before it; same: whether it equals the character before it; following: the role of the one behind it.
    """
    word = state in (_AFTER_LETTER, _AFTER_DIGIT, _AFTER_JOINT)
    kind = SYMBOL_TOKEN
    if role == SPACE:
        begins, after = False, _OUTSIDE
    elif role == EXTEND:
        begins, after = state == _OUTSIDE, state or _AFTER_LOOSE_MARK
    elif role in (LETTER, DIGIT):
        begins, after, kind = not word, _AFTER_LETTER if role == LETTER else _AFTER_DIGIT, WORD_TOKEN
    elif role == IDEOGRAPH:
        begins, after, kind = True, _AFTER_IDEOGRAPH, IDEOGRAPH_TOKEN
    elif (state, role, following) in ((_AFTER_LETTER, MID_LETTER, LETTER), (_AFTER_DIGIT, MID_DIGIT, DIGIT)):
        begins, after = False, _AFTER_JOINT
    else:
        begins, after = not (state == _AFTER_SYMBOL and same), _AFTER_SYMBOL
    ends = state != _OUTSIDE and (begins or role == SPACE)
    return begins | ends << 1 | after << 3 | kind << 6


def _steps() -> Hashes:
    """uint64[128], by following << 4 | same << 3 | role: a byte for each of the 8 states before."""
    found = np.zeros(128, np.uint64)
    for what in range(len(found)):
        following, same, role = what >> 4, bool(what >> 3 & 1), what & 7
        octets = bytes(_transition(state, role, same, following) for state in range(_STATES)) + b"\0"
        found[what] = int.from_bytes(octets, "little")
    return found


# Where in a token, if in any, a character has left the scan.
_STATES = 7
_OUTSIDE, _AFTER_LETTER, _AFTER_DIGIT, _AFTER_JOINT, _AFTER_IDEOGRAPH, _AFTER_SYMBOL, _AFTER_LOOSE_MARK = range(_STATES)
_STATE_BITS = np.uint64(0b111000)
_STEPS = _steps()
_1, _3, _6, _SHORT = np.uint64(1), np.uint64(3), np.uint64(6), np.uint64(SHORT_TOKEN)


@kernel
def tokenise(characters: int, room: Room) -> int:
    """Fill room.starts, ends, seen and kinds from the first `characters` of the room; returns how many tokens."""
    _look_around(characters, room)
    begun, ended, step, seen = np.uint64(0), np.uint64(0), np.uint64(0), np.uint32(0)
    for at in range(characters):
        step = _STEPS[room.around[at]] >> (step & _STATE_BITS)
        begins, ends = step & _1, (step >> _1) & _1
        room.starts[begun], room.kinds[begun] = at, (step >> _6) & _3
        room.ends[ended], room.seen[ended] = at, seen
        begun, ended = begun + begins, ended + ends
        seen = room.traits[at] | (np.uint32(0) if begins else seen)
    room.ends[ended], room.seen[ended] = characters, seen
    return signed(begun)


@kernel
def _look_around(characters: int, room: Room) -> None:
    """Fill room.around: what to look up in _STEPS for every character."""
    if not characters:
        return
    room.traits[characters] = SPACE << ROLE_SHIFT
    room.around[0] = role_of(room.traits[1]) << np.uint32(4) | role_of(room.traits[0])
    _put_around(room.traits[1:characters], room.traits[2:], room.codes[1:], room.codes, room.around[1:])
    any_extend = False
    for at in range(characters):
        any_extend |= room.around[at] & ROLE_MASK == EXTEND
    if any_extend:
        _look_past_extends(characters, room)


@inner
def _put_around(traits: Codes, following: Codes, codes: Codes, before: Codes, around: Octets) -> None:
    """The same for all but the first, whose arrays begin where they are read: several characters at a time."""
    for at in range(len(traits)):
        same = np.uint32(codes[at] == before[at])
        around[at] = role_of(following[at]) << np.uint32(4) | same << np.uint32(3) | role_of(traits[at])


@kernel
def _look_past_extends(characters: int, room: Room) -> None:
    """Compare characters behind marks and format characters with what these stay with."""
    before = np.uint32(0)
    for at in range(characters):
        if role_of(room.traits[at]) != EXTEND:
            room.around[at] = room.around[at] & 0b1110111 | np.uint8(room.codes[at] == before) << 3
            before = room.codes[at]


@inner
def token_hash(codes: Codes, start: int, end: int) -> np.uint64:
    """The hash of the characters [start, end), from `codes` with SHORT_TOKEN more behind them."""
    first, last = np.uint64(start), np.uint64(end)
    value = FNV_OFFSET
    for at in range(first, first + _SHORT):
        longer = (value ^ np.uint64(codes[at])) * FNV_PRIME
        value = longer if at < last else value
    for at in range(first + _SHORT, last):
        value = (value ^ np.uint64(codes[at])) * FNV_PRIME
    return value


@kernel
def hash_tokens(tokens: int, room: Room) -> None:
    """Fill room.hashes and lower_hashes."""
    for token in range(tokens):
        room.lower_hashes[token] = token_hash(room.lower, room.starts[token], room.ends[token])
    for token in range(tokens):
        room.hashes[token] = room.lower_hashes[token]
        if room.seen[token] & UPPER:
            room.hashes[token] = token_hash(room.codes, room.starts[token], room.ends[token])
