"""Hashed n-grams of a text: what every classifier looks at, taken once for all of them.

A text is looked at in windows of at most WINDOW_BYTES, all of about the same size, cut at white space or in front of a
character of a script that is written in three bytes or more. So a long page is judged by pieces as long as the texts
that classifiers are taught with. Of a window count, each once:
    character n-grams of 1 to MAX_CHARS characters, in lower case, full-width forms as the ASCII they stand for, every
    run of white space as one space and one space at either end;
    tokens of the scan (curate/text/scan.py) and pairs of them, in the same form.
An n-gram is its number below 2^GRAM_BITS: a hash of its code points, the same on any platform. Two n-grams that share a
number share a weight.

Cost: 25 ns a byte of English, 12 of Chinese.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.text.kernel import inner, kernel
from curate.text.scan import (
    FNV_OFFSET,
    FNV_PRIME,
    Codes,
    Hashes,
    Int32s,
    Int64s,
    Octets,
    Room,
    read,
    role_of,
    room_for,
    strings,
    token_hash,
    tokenise,
)
from curate.text.traits import SPACE, Tables, tables

# Part of every weight file: raise it when anything changes the numbers.
GRAMS_VERSION = 1
GRAM_BITS = 21
MAX_CHARS = 5
MAX_TOKENS = 2
WINDOW_BYTES = 512

_SHIFT = np.uint64(64 - GRAM_BITS)
_32, _MIX = np.uint64(32), np.uint64(0x9E3779B97F4A7C15)
_TOKENS, _PRIME = np.uint64(0x51AFD7ED558CCD1B), np.uint64(0x9FB21C651E98DF25)
_BLANK = np.uint32(ord(" "))
_WIDE_FIRST, _WIDE_LAST, _WIDE_BY = np.uint32(0xFF01), np.uint32(0xFF5E), np.uint32(0xFEE0)
_LEAD_OF_THREE = 0xE3
_6, _63, _1 = np.uint64(6), np.uint64(63), np.uint64(1)


class Grams(NamedTuple):
    """numbers: int32[g], of one window after the other; ends: int64[w], where each window's end; windows: int64[d + 1],
    where the windows of each text begin. A text without characters has no window."""

    numbers: Int32s
    ends: Int64s
    windows: Int64s


def grams(texts: pa.StringArray) -> Grams:
    """The n-grams of every window of every text. A null counts as an empty text."""
    text = strings(texts)
    sizes = np.diff(text.offsets)
    windows = np.concatenate(([0], np.cumsum(-(-sizes // WINDOW_BYTES))))
    count = int(windows[-1])
    numbers = np.empty((text.size + 2 * count) * (MAX_CHARS + MAX_TOKENS), np.int32)
    ends = np.empty(count, np.int64)
    seen = np.zeros(1 << (GRAM_BITS - 6), np.uint64)
    room = room_for(text.longest)
    line = np.empty(text.longest + 2 + MAX_CHARS, np.uint32)
    n = _fill(text.octets, text.offsets, windows, tables(), room, line, seen, numbers, ends)
    return Grams(numbers[:n], ends, windows)


@kernel
def _fill(
    octets: Octets, offsets: Int64s, windows: Int64s, tables: Tables, room: Room, line: Codes, seen: Hashes,
    numbers: Int32s, ends: Int64s,
) -> int:  # fmt: skip
    n = 0
    for text in range(len(offsets) - 1):
        start, stop = offsets[text], offsets[text + 1]
        count = windows[text + 1] - windows[text]
        at = start
        for window in range(count):
            end = stop if window == count - 1 else _cut(octets, start + (stop - start) * (window + 1) // count, stop)
            n = _put_window(octets, at, max(at, end), tables, room, line, seen, numbers, n)
            ends[windows[text] + window] = n
            at = max(at, end)
    return n


@kernel
def _cut(octets: Octets, at: int, stop: int) -> int:
    """The first place from `at` on where no word is cut in two."""
    while at < stop and octets[at] > _BLANK and octets[at] < _LEAD_OF_THREE:
        at += 1
    return at


@kernel
def _put_window(
    octets: Octets, start: int, stop: int, tables: Tables, room: Room, line: Codes, seen: Hashes, numbers: Int32s,
    n: int,
) -> int:  # fmt: skip
    """Append the numbers of a window behind the first `n`; returns how many there are then."""
    characters = read(octets, start, stop, tables, room)
    tokens = tokenise(characters, room)
    first = n
    n = _put_characters(_straighten(characters, room, line), line, seen, numbers, n)
    n = _put_tokens(tokens, room, seen, numbers, n)
    for place in range(first, n):
        seen[numbers[place] >> 6] = 0
    return n


@kernel
def _straighten(characters: int, room: Room, line: Codes) -> int:
    """Fold full-width forms in room.lower, and write it to `line` with single spaces; returns how long that is."""
    line[0] = _BLANK
    length = 1
    for at in range(characters):
        code = room.lower[at]
        if _WIDE_FIRST <= code <= _WIDE_LAST:
            code -= _WIDE_BY
            room.lower[at] = code
        blank = role_of(room.traits[at]) == SPACE
        line[length] = _BLANK if blank else code
        length += not (blank and line[length - 1] == _BLANK)
    line[length] = _BLANK
    return length + int(line[length - 1] != _BLANK)


@kernel
def _put_characters(length: int, line: Codes, seen: Hashes, numbers: Int32s, n: int) -> int:
    for at in range(length):
        value = FNV_OFFSET
        for behind in range(at, min(at + MAX_CHARS, length)):
            value = (value ^ np.uint64(line[behind])) * FNV_PRIME
            n = _put(value, seen, numbers, n)
    return n


@kernel
def _put_tokens(tokens: int, room: Room, seen: Hashes, numbers: Int32s, n: int) -> int:
    for token in range(tokens):
        room.lower_hashes[token] = token_hash(room.lower, room.starts[token], room.ends[token])
    for token in range(tokens):
        value = _TOKENS
        for behind in range(token, min(token + MAX_TOKENS, tokens)):
            value = value * _PRIME + room.lower_hashes[behind]
            n = _put(value, seen, numbers, n)
    return n


@inner
def _put(value: np.uint64, seen: Hashes, numbers: Int32s, n: int) -> int:
    """Append the number of a hash unless the window has it."""
    number = ((value ^ (value >> _32)) * _MIX) >> _SHIFT
    bit = _1 << (number & _63)
    new = (seen[number >> _6] & bit) == 0
    seen[number >> _6] |= bit
    numbers[n] = number
    return n + int(new)
