"""MinHash signatures: k numbers a document that agree between two documents as often as their shingle sets overlap.

The family is datasketch's "affine32": a shingle's 64-bit hash is folded to 32 bits, mixed once by MurmurHash3's
finaliser and then mapped by a·h + b modulo 2^32 with odd a, a bijection, so no permutation adds collisions. Signatures
equal `datasketch.MinHash(num_perm=k, seed=seed)` (version 2) for the same 32-bit token hashes. It was chosen over
(a·h + b) mod (2^61 − 1), which costs four times as much and folds to 32 bits with collisions. Affine maps are not
min-wise independent in theory; after mixing, the error measured is that of independent permutations (tests).
Source: Broder 1997, "On the resemblance and containment of documents", section 4.
Cost: one multiplication, addition and minimum per shingle and permutation.
"""

import numpy as np
import numpy.typing as npt

from curate.text.kernel import kernel

Hashes = npt.NDArray[np.uint64]
Minima = npt.NDArray[np.uint32]
Words = npt.NDArray[np.uint64]

EMPTY = np.uint32(0xFFFFFFFF)
FIELDS_PER_WORD = 32
_16, _15, _13 = np.uint32(16), np.uint32(15), np.uint32(13)
_MIX_1, _MIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


def signatures(hashes: Hashes, offsets: npt.NDArray[np.int64], *, k: int = 128, seed: int = 1) -> Minima:
    """uint32[n, k]: the k minima of every document; 2^32 − 1 throughout for a document without shingles.

    hashes: uint64[s], the shingles of all documents; offsets: int64[n + 1], where each document's begin.
    """
    factors, summands = permutations(k, seed)
    minima = np.full((len(offsets) - 1, k), EMPTY, np.uint32)
    _take_minima(hashes, offsets, factors, summands, minima)
    return minima


def permutations(k: int, seed: int) -> tuple[Minima, Minima]:
    """(a, b), each uint32[k], of h → a·h + b modulo 2^32. Raises ValueError for a seed outside 0..2^32 − 1."""
    stream = np.random.RandomState(seed)  # frozen by numpy: the same numbers in every version
    factors = stream.randint(0, 1 << 31, k, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return factors, stream.randint(0, 1 << 32, k, dtype=np.uint32)


def sketches(minima: Minima) -> Words:
    """uint64[n, ⌈k / 32⌉]: the low 2 bits of every minimum, packed; unused fields are 0."""
    documents, k = minima.shape
    words = -(-k // FIELDS_PER_WORD)
    fields = np.zeros((documents, words * FIELDS_PER_WORD), np.uint64)
    fields[:, :k] = minima & np.uint32(3)
    shifts = np.arange(0, 64, 2, dtype=np.uint64)
    packed = (fields.reshape(documents, words, FIELDS_PER_WORD) << shifts).sum(axis=2, dtype=np.uint64)
    return np.asarray(packed, np.uint64)


@kernel
def _take_minima(
    hashes: Hashes, offsets: npt.NDArray[np.int64], factors: Minima, summands: Minima, minima: Minima
) -> None:
    k = len(factors)
    for document in range(len(offsets) - 1):
        row = minima[document]
        for place in range(offsets[document], offsets[document + 1]):
            value = np.uint32(hashes[place] ^ (hashes[place] >> np.uint64(32)))
            value = np.uint32((value ^ (value >> _16)) * _MIX_1)
            value = np.uint32((value ^ (value >> _13)) * _MIX_2)
            value = np.uint32(value ^ (value >> _16))
            for number in range(k):
                row[number] = min(row[number], np.uint32(factors[number] * value + summands[number]))
