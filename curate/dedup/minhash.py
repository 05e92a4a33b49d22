"""MinHash signatures: k numbers a document that agree between two documents as often as their shingle sets overlap.

The family is datasketch's "affine32": a shingle's 64-bit hash is folded to 32 bits, mixed once by MurmurHash3's
finaliser and then mapped by a·h + b modulo 2^32 with odd a, a bijection, so no permutation adds collisions. Signatures
equal `datasketch.MinHash(num_perm=k, seed=seed)` (version 2) for the same 32-bit token hashes. It was chosen over
(a·h + b) mod (2^61 − 1), which costs four times as much and folds to 32 bits with collisions. Affine maps are not
min-wise independent in theory; after mixing, the error measured is that of independent permutations (tests).
Source: Broder 1997, "On the resemblance and containment of documents", section 4.
Cost: one multiplication, addition and minimum per shingle and permutation; 2 ns a shingle for 128.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.kernel import kernel
from curate.text.scan import Int64s, Octets, Room, room_for, strings
from curate.text.shingles import hash_shingles, read_words
from curate.text.traits import Tables, tables

Hashes = npt.NDArray[np.uint64]
Minima = npt.NDArray[np.uint32]
Words = npt.NDArray[np.uint64]

EMPTY = np.uint32(0xFFFFFFFF)
FIELDS_PER_WORD = 32
# Shingles that a pass over the permutations takes along: with one, loads and stores cost four times the arithmetic.
_TOGETHER = 8
_32, _16, _13 = np.uint64(32), np.uint32(16), np.uint32(13)
_MIX_1, _MIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


def signatures(hashes: Hashes, offsets: npt.NDArray[np.int64], *, k: int = 128, seed: int = 1) -> Minima:
    """uint32[n, k]: the k minima of every document; 2^32 − 1 throughout for a document without shingles.

    hashes: uint64[s], the shingles of all documents; offsets: int64[n + 1], where each document's begin.
    """
    factors, summands = permutations(k, seed)
    minima = np.full((len(offsets) - 1, k), EMPTY, np.uint32)
    _take_minima(hashes, offsets, factors, summands, minima)
    return minima


def text_signatures(
    texts: pa.StringArray, ngram: int, *, k: int = 128, seed: int = 1
) -> tuple[Minima, npt.NDArray[np.int32]]:
    """(the signatures of the texts' shingles: uint32[d, k]; words per text: int32[d]), without making the sets."""
    text = strings(texts)
    factors, summands = permutations(k, seed)
    minima = np.full((len(text.offsets) - 1, k), EMPTY, np.uint32)
    words = np.zeros(len(minima), np.int32)
    room = room_for(text.longest)
    _sign(text.octets, text.offsets, ngram, tables(), room, factors, summands, minima, words)
    return minima, words


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
def _sign(
    octets: Octets, offsets: Int64s, ngram: int, tables: Tables, room: Room, factors: Minima, summands: Minima,
    minima: Minima, words: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    for text in range(len(offsets) - 1):
        words[text] = read_words(octets, offsets[text], offsets[text + 1], tables, room)
        _lower(room.hashes[: hash_shingles(words[text], ngram, room)], factors, summands, minima[text])


@kernel
def _take_minima(hashes: Hashes, offsets: Int64s, factors: Minima, summands: Minima, minima: Minima) -> None:
    for document in range(len(offsets) - 1):
        _lower(hashes[offsets[document] : offsets[document + 1]], factors, summands, minima[document])


@kernel
def _lower(hashes: Hashes, factors: Minima, summands: Minima, row: Minima) -> None:
    """Lower one document's minima to those of its shingles; the last one fills up the last few, which changes none."""
    values = np.empty(_TOGETHER, np.uint32)
    for start in range(0, len(hashes), _TOGETHER):
        for place in range(_TOGETHER):
            values[place] = _folded(hashes[min(start + place, len(hashes) - 1)])
        for number in range(len(factors)):
            least, factor, summand = row[number], factors[number], summands[number]
            for place in range(_TOGETHER):
                least = min(least, np.uint32(factor * values[place] + summand))
            row[number] = least


@kernel
def _folded(value: np.uint64) -> np.uint32:
    """32 mixed bits of a shingle's hash."""
    low = np.uint32(value ^ (value >> _32))
    low = np.uint32((low ^ (low >> _16)) * _MIX_1)
    low = np.uint32((low ^ (low >> _13)) * _MIX_2)
    return np.uint32(low ^ (low >> _16))
