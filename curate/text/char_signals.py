"""Signals of characters: how long a text is and what it is written with."""

import numpy as np
import numpy.typing as npt

from curate.text.classes import DEBRIS, DIGIT, LETTER, SPACE, UNSPACED, UPPER
from curate.text.counts import Count
from curate.text.kernel import inner, kernel
from curate.text.repetition import Bench, repeated_windows
from curate.text.scan import Codes, Int32s, Room
from curate.text.traits import CHINESE

Floats = npt.NDArray[np.float64]
Signals = dict[str, Floats]

COUNTS = (
    "char_count",
    "nonspace_char_count",
    "letter_count",
    "curly_bracket_count",  # opening ones, as in C4
    "lorem_ipsum_count",
    "longest_space_run",
)
RATIOS = (
    "chinese_char_ratio",
    "digit_char_ratio",
    "newline_char_ratio",
    "curly_bracket_ratio",
    "special_char_ratio",
    "html_entity_ratio",
    "unspaced_char_ratio",
    "char_entropy",
    "repeated_13char_ratio",
)

# ChineseWebText (arXiv 2311.01149): lower case, without spaces. Its code leaves out the last n-gram, this does not.
CHAR_NGRAM = 13
ASCII = 128
_NEWLINE, _HASH, _OPENING, _CLOSING, _X = ord("\n"), ord("#"), ord("{"), ord("}"), ord("x")
_AMPERSAND, _WIDE_AMPERSAND, _SEMICOLON, _WIDE_SEMICOLON = ord("&"), 0xFF06, ord(";"), 0xFF1B
_0, _9, _A, _F, _Z = ord("0"), ord("9"), ord("a"), ord("f"), ord("z")


def char_signals(counted: Floats) -> Signals:
    """float64[d] for every name in COUNTS and RATIOS, from float64[d, COLUMNS]."""
    of = counted.T
    total = of[Count.CHARS]
    return {
        "char_count": total,
        "nonspace_char_count": of[Count.NONSPACE],
        "letter_count": of[Count.LETTERS],
        "curly_bracket_count": of[Count.OPENING_CURLIES],
        "lorem_ipsum_count": of[Count.LOREM_IPSUM],
        "longest_space_run": of[Count.LONGEST_SPACE_RUN],
        "curly_bracket_ratio": (of[Count.OPENING_CURLIES] + of[Count.CLOSING_CURLIES]) / total,
        "newline_char_ratio": of[Count.NEWLINES] / total,
        "chinese_char_ratio": of[Count.CHINESE] / total,
        "digit_char_ratio": of[Count.DIGITS] / total,
        "special_char_ratio": of[Count.DEBRIS] / total,
        "html_entity_ratio": of[Count.ENTITY_CHARS] / total,
        "unspaced_char_ratio": of[Count.UNSPACED] / total,
        "char_entropy": np.where(total > 0, of[Count.BITS], np.nan),
        "repeated_13char_ratio": of[Count.REPEATED_CHAR_WINDOWS] / of[Count.CHAR_WINDOWS],
    }


@kernel
def count_characters(characters: int, room: Room, frequency: Int32s, table: Codes, bench: Bench, out: Floats) -> None:
    """Fill the columns of characters. frequency: int32[0x110000], zero, and zero again afterwards."""
    codes = room.codes
    for at in range(characters):
        frequency[codes[at]] += 1
    out[Count.CHARS] = characters
    out[Count.NEWLINES] = frequency[_NEWLINE]
    out[Count.HASHES] = frequency[_HASH]
    out[Count.OPENING_CURLIES] = frequency[_OPENING]
    out[Count.CLOSING_CURLIES] = frequency[_CLOSING]
    ampersands = frequency[_AMPERSAND] + frequency[_WIDE_AMPERSAND]
    semicolons = frequency[_SEMICOLON] + frequency[_WIDE_SEMICOLON]
    left = characters
    for code in range(ASCII):
        if frequency[code]:
            left -= frequency[code]
            _count_kind(code, characters, frequency, table, out)
    if left:
        for at in range(characters):
            if codes[at] >= ASCII and frequency[codes[at]]:
                _count_kind(codes[at], characters, frequency, table, out)
    if ampersands and semicolons:
        out[Count.ENTITY_CHARS] = entity_chars(room.lower, characters)
    windows, repeated = repeated_windows(room.lower, room.traits, SPACE, characters, CHAR_NGRAM, bench)
    out[Count.CHAR_WINDOWS], out[Count.REPEATED_CHAR_WINDOWS] = windows, repeated


@inner
def _count_kind(code: int, characters: int, frequency: Int32s, table: Codes, out: Floats) -> None:
    """Count all occurrences of one character, once, and forget its frequency."""
    times, traits = frequency[code], table[code]
    frequency[code] = 0
    share = times / characters
    out[Count.BITS] -= share * np.log2(share)
    if not traits & SPACE:
        out[Count.NONSPACE] += times
    if traits & LETTER:
        out[Count.LETTERS] += times
    if traits & DIGIT:
        out[Count.DIGITS] += times
    if traits & UPPER:
        out[Count.CAPITALS] += times
    if traits & CHINESE:
        out[Count.CHINESE] += times
    if traits & DEBRIS:
        out[Count.DEBRIS] += times
    if traits & UNSPACED:
        out[Count.UNSPACED] += times


@kernel
def entity_chars(lower: Codes, characters: int) -> int:
    """Characters of HTML entities that were not decoded, in half-width or full-width spelling."""
    found = 0
    at = 0
    while at < characters:
        if lower[at] == _AMPERSAND or lower[at] == _WIDE_AMPERSAND:
            end = _entity_end(lower, at + 1, characters)
            if end > 0:
                found += end - at
                at = end
                continue
        at += 1
    return found


@inner
def _entity_end(lower: Codes, at: int, stop: int) -> int:
    """Where an entity ends whose & stands before `at`: #123; #x1f; or a name of 2 to 10 letters and digits; else 0."""
    numeric = at < stop and lower[at] == _HASH
    hexadecimal = numeric and at + 1 < stop and lower[at + 1] == _X
    first = at + numeric + hexadecimal
    end = first
    while end < stop and end - first < 11:
        code = lower[end]
        digit, letter = _0 <= code <= _9, _A <= code <= _Z
        if not (digit or (letter and (not numeric or (hexadecimal and code <= _F)))):
            break
        end += 1
    size = end - first
    good = 1 <= size <= 6 if numeric else 2 <= size <= 10 and _A <= lower[first] <= _Z
    if good and end < stop and (lower[end] == _SEMICOLON or lower[end] == _WIDE_SEMICOLON):
        return end + 1
    return 0
