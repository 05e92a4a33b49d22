"""Exact Jaccard of shingle sets, in integers. Cost: one step per shingle of either set, 1 µs for two sets of 600."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.dedup.rows import Int64s, Mask, lookup
from curate.text.kernel import kernel
from curate.text.shingles import shingle_sets as hash_sets

Hashes = npt.NDArray[np.uint64]

# p and q of a threshold p / q; times the shingles of two documents they must fit 64 bits.
MAX_DENOMINATOR = 10**9


@dataclass(frozen=True)
class ShingleSets:
    """documents: int64[d], ascending addresses; hashes: uint64[s], ascending within a set; offsets: int64[d + 1]."""

    documents: Int64s
    hashes: Hashes
    offsets: Int64s

    def sizes(self, places: Int64s) -> Int64s:
        """int64[n]: shingles of the sets at these places."""
        return np.diff(self.offsets)[places]


def shingle_sets(documents: Int64s, texts: pa.StringArray, ngram: int) -> ShingleSets:
    """The shingle sets of texts; `documents` are their addresses, ascending."""
    return ShingleSets(documents, *hash_sets(texts, ngram=ngram))


def compare(left: ShingleSets, right: ShingleSets, v: Int64s, u: Int64s) -> tuple[Int64s, Int64s]:
    """(shingles in both, shingles in either) of the pairs (v in `left`, u in `right`), each int64[n]."""
    at_left, at_right = lookup(left.documents, v), lookup(right.documents, u)
    inter = np.empty(len(v), np.int64)
    _intersect(left.hashes, left.offsets, at_left, right.hashes, right.offsets, at_right, inter)
    return inter, left.sizes(at_left) + right.sizes(at_right) - inter


def at_or_over(inter: Int64s, union: Int64s, threshold: Fraction) -> Mask:
    """bool[n]: inter / union ≥ threshold, exactly."""
    return inter * np.int64(threshold.denominator) >= union * np.int64(threshold.numerator)


@kernel
def _intersect(
    left: Hashes, left_offsets: Int64s, at_left: Int64s, right: Hashes, right_offsets: Int64s, at_right: Int64s,
    inter: Int64s,
) -> None:  # fmt: skip
    for pair in range(len(inter)):
        one, one_end = left_offsets[at_left[pair]], left_offsets[at_left[pair] + 1]
        other, other_end = right_offsets[at_right[pair]], right_offsets[at_right[pair] + 1]
        both = 0
        while one < one_end and other < other_end:
            mine, theirs = left[one], right[other]
            both += mine == theirs
            one += mine <= theirs
            other += theirs <= mine
        inter[pair] = both
