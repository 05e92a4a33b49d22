"""Shingles against the same hashes in plain Python, and what must never change about them."""

import numpy as np
import pyarrow as pa
import pytest
import text_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from curate.text.brief import brief
from curate.text.shingles import _sort, shingle_sets

MASK = (1 << 64) - 1


def fnv(word: str) -> int:
    value = 0xCBF29CE484222325
    for char in word:
        value = (value ^ ord(char)) * 0x100000001B3 & MASK
    return value


def mix(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33


def expected(text: str, ngram: int) -> tuple[list[int], int]:
    words = [fnv(reference.lower(word)) for word in reference.words(text)]
    grams = [words[at : at + ngram] for at in range(max(len(words) - ngram + 1, min(len(words), 1)))]
    hashes = set()
    for gram in grams:
        value = 0
        for word in gram:
            value = value * 0x9FB21C651E98DF25 + word & MASK
        hashes.add(mix(value))
    return sorted(hashes), len(words)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(st.none(), texts), max_size=5), st.integers(1, 7))
def test_equals_reference(documents: list[str | None], ngram: int) -> None:
    hashes, offsets = shingle_sets(pa.array(documents, pa.string()), ngram=ngram)
    counts = brief(pa.array(documents, pa.string())).words
    assert (hashes.dtype, offsets.dtype) == (np.uint64, np.int64)
    assert (len(offsets), len(counts)) == (len(documents) + 1, len(documents))
    for row, document in enumerate(documents):
        found = hashes[offsets[row] : offsets[row + 1]].tolist()
        assert (found, counts[row]) == expected(document or "", ngram)


@settings(deadline=None)
@given(st.lists(st.integers(0, MASK) | st.integers(0, 9) | st.integers(MASK - 9, MASK), max_size=200))
def test_sets_are_sorted_whatever_their_hashes(hashes: list[int]) -> None:
    ascending = np.zeros(len(hashes), np.uint64)
    _sort(np.array(hashes, np.uint64), np.full(len(hashes), -1, np.int32), ascending)
    assert ascending.tolist() == sorted(hashes)


def test_golden() -> None:
    """Indexes on disk hold these numbers: a change needs a new SHINGLES_VERSION."""
    hashes, offsets = shingle_sets(pa.array(["Hello, World!", "我们是中国人", "don't 3.14", "…"]))
    assert offsets.tolist() == [0, 1, 3, 4, 4]
    assert [f"{value:016x}" for value in hashes.tolist()] == GOLDEN


def test_digits_are_kept_and_case_is_not() -> None:
    hashes, offsets = shingle_sets(pa.array(["Table 1", "TABLE 1", "table 2"]))
    first, second, third = (set(hashes[offsets[row] : offsets[row + 1]].tolist()) for row in range(3))
    assert first == second
    assert first.isdisjoint(third)


def test_slice_of_an_array() -> None:
    whole = pa.array(["中文 text", "one two three four five six", None, "é"])
    hashes, offsets = shingle_sets(whole.slice(1, 2))
    again = shingle_sets(pa.array(["one two three four five six", None]))
    assert (hashes.tolist(), offsets.tolist()) == tuple(part.tolist() for part in again)


def test_ngram_below_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        shingle_sets(pa.array(["a"]), ngram=0)


GOLDEN = ["e7c176c4883a05fb", "99d3633656b5774e", "b0549092b7abb86b", "df9d47a5e5c26042"]
