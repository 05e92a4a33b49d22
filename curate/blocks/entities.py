"""Character references: the 2,231 names of the HTML standard and numbers, decoded inside the scanner.

html.spec.whatwg.org section 13.2.5.72 and following: some names work without their semicolon, numbers from 128 to 159
mean Windows-1252, and what is no character becomes U+FFFD.
"""

from functools import cache
from html.entities import html5
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.tags import FNV_OFFSET, FNV_PRIME, hash_table, slot_of
from curate.text.kernel import inner

LONGEST_NAME = 32
LONGEST_BARE_NAME = 6  # of those that work without a semicolon
_BARE = 1 << 42
_SECOND_SHIFT = 21
_CODE_MASK = (1 << 21) - 1
_LAST_CODE = 0x10FFFF
_REPLACEMENT = 0xFFFD
_SEMICOLON, _HASH = 0x3B, 0x23


class Entities(NamedTuple):
    """slots: uint64[s], values: int64[s]: FNV-1a of a name without semicolon → its two code points and whether the
    name works without one. c1: int32[32], what the numbers from 128 on mean.
    """

    slots: npt.NDArray[np.uint64]
    values: npt.NDArray[np.int64]
    c1: npt.NDArray[np.int32]


@cache
def entities() -> Entities:
    """The table, made once a process in 10 ms."""
    values: dict[str, int] = {}
    for name, text in html5.items():
        codes = [*map(ord, text), 0]
        bare = 0 if name.endswith(";") else _BARE
        key = name.removesuffix(";")
        values[key] = values.get(key, 0) | codes[0] | codes[1] << _SECOND_SHIFT | bare
    c1 = [ord(bytes([octet]).decode("cp1252", "replace")) for octet in range(128, 160)]
    c1 = [code if code != _REPLACEMENT else octet for octet, code in enumerate(c1, 128)]
    return Entities(*hash_table(values, 8192), np.array(c1, np.int32))


@inner
def reference_at(src: npt.NDArray[np.uint8], at: int, stop: int, table: Entities) -> tuple[int, int, int]:
    """(first code point, second or 0, where the next byte stands) of the reference whose & stands at `at`.

    The first code point is 0 where there is none.
    """
    if at + 1 < stop and src[at + 1] == _HASH:
        return _number(src, at + 2, stop, table)
    key = FNV_OFFSET
    found, found_at = -1, at
    place = at + 1
    while place < stop and place - at <= LONGEST_NAME and _is_alphanumeric(src[place]):
        key = (key ^ np.uint64(src[place])) * FNV_PRIME
        place += 1
        if place - at - 1 <= LONGEST_BARE_NAME or (place < stop and src[place] == _SEMICOLON):
            slot = slot_of(table.slots, key)
            closed = place < stop and src[place] == _SEMICOLON
            if slot >= 0 and (closed or table.values[slot] & _BARE):
                found, found_at = slot, place + (1 if closed else 0)
    if found < 0:
        return 0, 0, at
    value = table.values[found]
    return value & _CODE_MASK, value >> _SECOND_SHIFT & _CODE_MASK, found_at


@inner
def _number(src: npt.NDArray[np.uint8], at: int, stop: int, table: Entities) -> tuple[int, int, int]:
    hexadecimal = at < stop and src[at] | 0x20 == 0x78
    place = at + 1 if hexadecimal else at
    first = place
    code = 0
    while place < stop:
        digit = _digit(src[place])
        if digit < 0 or (digit > 9 and not hexadecimal):
            break
        code = min(code * (16 if hexadecimal else 10) + digit, _LAST_CODE + 1)
        place += 1
    if place == first:
        return 0, 0, at
    if place < stop and src[place] == _SEMICOLON:
        place += 1
    if code == 0 or code > _LAST_CODE or 0xD800 <= code < 0xE000:
        code = _REPLACEMENT
    elif 128 <= code < 160:
        code = int(table.c1[code - 128])
    return code, 0, place


@inner
def _digit(octet: int) -> int:
    if 0x30 <= octet <= 0x39:
        return octet - 0x30
    low = octet | 0x20
    return low - 0x57 if 0x61 <= low <= 0x66 else -1


@inner
def _is_alphanumeric(octet: int) -> bool:
    return 0x30 <= octet <= 0x39 or 0x41 <= octet <= 0x5A or 0x61 <= octet <= 0x7A
