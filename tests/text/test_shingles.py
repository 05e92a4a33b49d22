"""Shingles against the same hashes in plain Python, and what must never change about them."""

import numpy as np
import pyarrow as pa
import pytest
import text_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from curate.text.shingles import shingle_hashes

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
        value = 0x9E3779B97F4A7C15
        for word in gram:
            value = mix(value * 0x9FB21C651E98DF25 + word & MASK)
        hashes.add(value)
    return sorted(hashes), len(words)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(st.none(), texts), max_size=5), st.integers(1, 7))
def test_equals_reference(documents: list[str | None], ngram: int) -> None:
    hashes, offsets, counts = shingle_hashes(pa.array(documents, pa.string()), ngram=ngram)
    assert (hashes.dtype, offsets.dtype, counts.dtype) == (np.uint64, np.int64, np.int32)
    assert (len(offsets), len(counts)) == (len(documents) + 1, len(documents))
    for row, document in enumerate(documents):
        found = hashes[offsets[row] : offsets[row + 1]].tolist()
        assert (found, counts[row]) == expected(document or "", ngram)


def test_golden() -> None:
    """Indexes on disk hold these numbers: a change needs a new SHINGLES_VERSION."""
    hashes, offsets, counts = shingle_hashes(pa.array(["Hello, World!", "我们是中国人", "don't 3.14", "…"]))
    assert offsets.tolist() == [0, 1, 3, 4, 4]
    assert counts.tolist() == [2, 6, 2, 0]
    assert [f"{value:016x}" for value in hashes.tolist()] == GOLDEN


def test_digits_are_kept_and_case_is_not() -> None:
    hashes, offsets, _ = shingle_hashes(pa.array(["Table 1", "TABLE 1", "table 2"]))
    first, second, third = (set(hashes[offsets[row] : offsets[row + 1]].tolist()) for row in range(3))
    assert first == second
    assert first.isdisjoint(third)


def test_slice_of_an_array() -> None:
    whole = pa.array(["中文 text", "one two three four five six", None, "é"])
    hashes, offsets, counts = shingle_hashes(whole.slice(1, 2))
    again = shingle_hashes(pa.array(["one two three four five six", None]))
    assert (hashes.tolist(), offsets.tolist(), counts.tolist()) == tuple(part.tolist() for part in again)


def test_ngram_below_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        shingle_hashes(pa.array(["a"]), ngram=0)


GOLDEN = ["f63a69a4b56d7ea8", "7ddc1a5bad3c9135", "fec441dd43d2979e", "29e994851d0fa3e7"]
