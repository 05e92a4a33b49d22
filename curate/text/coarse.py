"""The coarse form of a text, which exact deduplication hashes: what a reader would call the same text has the same.

Letters without accents in lower case, every digit as 0, single spaces, nothing else. Accents are those of canonical
decomposition (NFD). A kernel does it code point by code point with a table that is filled as characters are met: there
are a million, a text holds a few hundred. Characters that become several ones (Hangul syllables) or whose order NFD may
change (vowel signs of scripts that are unreadable without them) are left to plain Python, text by text.
Cost: 4 ns a byte; 40 in plain Python.
"""

import unicodedata
from functools import cache

import numpy as np
import pyarrow as pa

from curate.text import classes
from curate.text.kernel import kernel, signed
from curate.text.scan import Codes, Octets, character, strings

# What the table says beside the code point that a character becomes.
_UNKNOWN, _NOTHING, _HARD = (np.uint32(value) for value in (0, 0xFFFFFFFF, 0xFFFFFFFE))
_SPACE = np.uint32(ord(" "))
# What became of a text: done, met an unknown character, needs plain Python.
_DONE, _MET, _LEFT = range(3)
# A code point in UTF-8 that becomes another one never grows by more.
_GROWTH = 2


def coarse(texts: pa.StringArray) -> list[bytes | None]:
    """The coarse form of every text in UTF-8; None for a null."""
    text = strings(texts)
    out = np.empty(text.longest * _GROWTH + 4, np.uint8)
    found: list[bytes | None] = []
    for number, valid in enumerate(np.asarray(texts.is_valid()).tolist()):
        start, stop = int(text.offsets[number]), int(text.offsets[number + 1])
        found.append(_coarse_text(text.octets, start, stop, out) if valid else None)
    return found


def coarse_plainly(text: str) -> str:
    """The same for one text in plain Python."""
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return " ".join("".join(map(_form, text)).split())


def _coarse_text(octets: Octets, start: int, stop: int, out: Octets) -> bytes:
    while True:
        fate, length = _reduce(octets, start, stop, _table(), out)
        if fate == _DONE:
            return out[:length].tobytes()
        if fate == _LEFT:
            return coarse_plainly(octets[start:stop].tobytes().decode("utf-8", "replace")).encode()
        _table()[length] = _entry(length)


@cache
def _table() -> Codes:
    return np.zeros(classes.CODE_POINTS, np.uint32)


def _entry(code: int) -> np.uint32:
    decomposed = unicodedata.normalize("NFD", chr(code)) if not 0xD800 <= code < 0xE000 else chr(code)
    forms = [_form(char) for char in decomposed]
    if any(classes.flags()[ord(char)] & classes.EXTEND and _form(char) for char in decomposed):
        return _HARD
    kept = [form for form in forms if form]
    if len(kept) > 1 or any(len(form) > 1 for form in kept):
        return _HARD
    return np.uint32(ord(kept[0])) if kept else _NOTHING


@cache
def _form(char: str) -> str:
    """What one decomposed character becomes: a letter, a mark, 0, a space or nothing."""
    flags = int(classes.flags()[ord(char)])
    if flags & classes.DIGIT:
        return "0"
    if flags & classes.WORD:
        return char.lower()
    if flags & classes.EXTEND:
        # accents go; vowel signs of scripts that cannot be read without them stay
        return "" if flags & classes.ACCENT or not unicodedata.category(char).startswith("M") else char
    return " "


@kernel
def _reduce(octets: Octets, start: int, stop: int, table: Codes, out: Octets) -> tuple[int, int]:
    """(what became of the text, bytes written or the unknown code point)."""
    length = 0
    gap = False
    at = start
    while at < stop:
        code, at = character(octets, at, stop)
        form = table[code]
        if form == _UNKNOWN:
            return _MET, signed(code)
        if form == _HARD:
            return _LEFT, 0
        if form == _SPACE:
            gap = length > 0
        elif form != _NOTHING:
            if gap:
                out[length] = _SPACE
                length += 1
                gap = False
            length = _write(form, out, length)
    return _DONE, length


@kernel
def _write(code: np.uint32, out: Octets, at: int) -> int:
    """Put a code point into UTF-8; returns where the next one goes."""
    if code < 0x80:
        out[at] = code
        return at + 1
    more, head = (1, 0xC0) if code < 0x800 else (2, 0xE0) if code < 0x10000 else (3, 0xF0)
    out[at] = head | (code >> np.uint32(6 * more))
    for place in range(1, more + 1):
        out[at + place] = 0x80 | ((code >> np.uint32(6 * (more - place))) & 0x3F)
    return at + more + 1
