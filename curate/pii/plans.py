"""Numbering plans and words as tables that a kernel looks things up in; what they hold is plans.toml."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.pii.characters import character_at, character_before, is_letter
from curate.text.kernel import kernel
from curate.text.scan import Int32s, Octets

Flags = npt.NDArray[np.bool_]
_CASE = 0x20
# Characters between a word and its number, such as `: (`.
_BETWEEN = " :.()-/"
_MOST_BETWEEN = 4
_IS_BETWEEN = np.isin(np.arange(129), [ord(char) for char in _BETWEEN])


class Words(NamedTuple):
    """octets: uint8[b], in lower case; offsets: int32[w + 1], where each word begins."""

    octets: Octets
    offsets: Int32s


class Plans(NamedTuple):
    """What a kernel knows of numbers.

    nanp, china, china_mobile: bool[1000], codes that are in use; china_regions: bool[100]. fewest, most: uint8[1000],
    digits that follow a calling code, 0 where there are no such numbers; iban: uint8[26, 26], characters by country.
    """

    nanp: Flags
    china: Flags
    china_mobile: Flags
    china_regions: Flags
    fewest: Octets
    most: Octets
    iban: Octets
    phone_words: Words
    version_words: Words


@cache
def plans() -> Plans:
    """The tables, made once a process."""
    table = tomllib.loads(_text())
    fewest, most = np.zeros((2, 1000), np.uint8)
    for code, (low, high) in table["digits"].items():
        fewest[int(code)], most[int(code)] = low, high
    return Plans(
        _flags(table["nanp"], 1000),
        _flags(table["china"], 1000),
        _flags(table["china_mobile"], 1000),
        _flags(table["china_regions"], 100),
        fewest,
        most,
        _lengths(table["iban"]),
        _words(table["words"]["phone"]),
        _words(table["words"]["version"]),
    )


@cache
def plans_fingerprint() -> str:
    """sha256 of plans.toml: part of the fingerprint of what is found by it."""
    return sha256(_text().encode()).hexdigest()


def _text() -> str:
    return resources.files("curate.pii").joinpath("plans.toml").read_text(encoding="utf-8")


def _flags(ranges: str, size: int) -> Flags:
    found = np.zeros(size, np.bool_)
    for low, high in _bounds(ranges):
        found[low : high + 1] = True
    return found


def _bounds(ranges: str) -> Iterator[tuple[int, int]]:
    for item in ranges.split():
        low, _, high = item.partition("-")
        yield int(low), int(high or low)


def _lengths(lengths: Mapping[str, int]) -> Octets:
    found = np.zeros((26, 26), np.uint8)
    for country, length in lengths.items():
        found[ord(country[0]) - ord("A"), ord(country[1]) - ord("A")] = length
    return found


def _words(words: Sequence[str]) -> Words:
    encoded = [word.encode() for word in words]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    return Words(np.frombuffer(b"".join(encoded), np.uint8), offsets)


@kernel
def stands_behind(words: Words, octets: Octets, at: int, start: int) -> bool:
    """Whether one of `words` ends before `at`, with nothing but a few marks and spaces between."""
    for _ in range(_MOST_BETWEEN):
        code, begin = character_before(octets, at, start)
        if not _IS_BETWEEN[code]:
            break
        at = begin
    for word in range(len(words.offsets) - 1):
        if _ends_in(words.octets[words.offsets[word] : words.offsets[word + 1]], octets, at, start):
            return True
    return False


@kernel
def _ends_in(word: Octets, octets: Octets, at: int, start: int) -> bool:
    """Whether the text before `at` ends in this word, and not in a longer one of Latin letters."""
    begin = at - len(word)
    if begin < start:
        return False
    for place in range(len(word)):
        octet = octets[begin + place]
        if octet != word[place] and not (is_letter(octet) and octet | _CASE == word[place]):
            return False
    code, _ = character_at(word, 0, len(word))
    before, _ = character_before(octets, begin, start)
    return not (is_letter(code) and is_letter(before))
