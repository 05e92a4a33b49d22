import datasketch
import numpy as np
import pytest
from datasketch.hashfunc import sha1_hash32
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.minhash import EMPTY, signatures, sketches

tokens = st.lists(st.binary(max_size=8), max_size=20)


@settings(deadline=None)
@given(st.lists(tokens, max_size=5), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 16, 33, 128]))
def test_signatures_equal_those_of_datasketch(documents: list[list[bytes]], seed: int, k: int) -> None:
    hashes = np.array([sha1_hash32(token) for document in documents for token in document], np.uint64)
    offsets = np.concatenate(([0], np.cumsum([len(document) for document in documents]))).astype(np.int64)
    found = signatures(hashes, offsets, k=k, seed=seed)
    assert found.dtype == np.uint32
    assert found.shape == (len(documents), k)
    for row, document in zip(found, documents, strict=True):
        reference = datasketch.MinHash(num_perm=k, seed=seed)
        for token in document:
            reference.update(token)
        assert (row == reference.hashvalues).all()


def test_64_bit_hashes_are_folded_to_the_32_bits_that_datasketch_takes() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 500, dtype=np.uint64)
    reference = datasketch.MinHash(
        num_perm=64, seed=3, hashfunc=lambda value: int(value ^ (value >> np.uint64(32))) & 0xFFFFFFFF
    )
    for value in hashes:
        reference.update(value)
    assert (signatures(hashes, np.array([0, 500]), k=64, seed=3)[0] == reference.hashvalues).all()


def test_a_document_without_shingles_has_the_empty_signature() -> None:
    assert (signatures(np.empty(0, np.uint64), np.array([0, 0])) == EMPTY).all()
    assert signatures(np.empty(0, np.uint64), np.array([0])).shape == (0, 128)


@pytest.mark.parametrize("jaccard", [0.5, 0.7, 0.9])
def test_errors_are_those_of_independent_permutations(jaccard: float) -> None:
    """Bias and deviation of 300 estimates, from whole minima and from 2-bit sketches."""
    chance = np.random.default_rng(int(jaccard * 10))
    size, trials, k = 400, 300, 128
    both = int(jaccard * size)
    whole, packed = [], []
    for _ in range(trials):
        items = chance.integers(0, 2**64, size, dtype=np.uint64)
        middle = both + (size - both) // 2
        left, right = items[:middle], np.concatenate((items[:both], items[middle:]))
        minima = signatures(np.concatenate((left, right)), np.array([0, len(left), len(left) + len(right)]))
        whole.append(float((minima[0] == minima[1]).mean()))
        packed.append((agreement(*sketches(minima)) / k - 0.25) / 0.75)
    agree = 0.25 + 0.75 * jaccard
    for estimates, deviation in (
        (whole, (jaccard * (1 - jaccard) / k) ** 0.5),
        (packed, (agree * (1 - agree) / k) ** 0.5 / 0.75),
    ):
        assert abs(np.mean(estimates) - jaccard) < 4 * deviation / trials**0.5
        assert np.std(estimates) < 1.15 * deviation


def agreement(left: np.ndarray, right: np.ndarray, k: int = 128) -> int:
    """Equal 2-bit fields, one by one."""
    fields = [
        (int(a) >> shift & 3, int(b) >> shift & 3)
        for a, b in zip(left, right, strict=True)
        for shift in range(0, 64, 2)
    ]
    return sum(a == b for a, b in fields[:k])


@settings(deadline=None)
@given(st.integers(1, 130), st.integers(0, 100))
def test_sketches_hold_the_low_2_bits_in_order(k: int, seed: int) -> None:
    minima = np.random.default_rng(seed).integers(0, 2**32, (3, k), dtype=np.uint32)
    packed = sketches(minima)
    assert packed.shape == (3, -(-k // 32))
    for row, words in zip(minima, packed, strict=True):
        fields = [int(word) >> shift & 3 for word in words for shift in range(0, 64, 2)]
        assert fields[:k] == [int(value) & 3 for value in row]
        assert not any(fields[k:])
