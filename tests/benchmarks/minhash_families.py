"""Which family of MinHash signatures: error of the estimated Jaccard, recall of the bands, and cost, side by side.

    python tests/benchmarks/minhash_families.py [--quick] [--pairs 4000] [--hashes 128] [--bands 21] [--rows 6]

Pairs of random sets with a known Jaccard are signed by

    affine       k affine permutations of a mixed 32-bit hash: what `curate.dedup.minhash` does
    mersenne     k maps (a·h + b) mod (2^61 − 1), folded to 32 bits: datasketch before version 2
    circulant    C-MinHash-(σ, π): one permutation, shifted k times, mixed again (Li and Li 2022,
                 "C-MinHash", section 3)
    one          one permutation in k bins, empty bins filled from the next full one (Shrivastava and Li 2014,
                 "Densifying One Permutation Hashing", section 4.3)

Error is the root of the mean squared error over the pairs, beside that of independent permutations, √(J (1 − J) / k).
Recall is the share of pairs that agree in all rows of at least one band: at 0.5 it is what verification has to refuse.
Cost is in ns a shingle and signature of k numbers, one core, the best of 5.
"""

import argparse
import time
from collections.abc import Callable
from math import sqrt

import numba
import numpy as np
import numpy.typing as npt
from harness import Table, arguments, parse

from curate.dedup.bands import probability
from curate.dedup.minhash import signatures

Hashes = npt.NDArray[np.uint64]
Minima = npt.NDArray[np.uint32]
Family = Callable[[Hashes, int], Minima]

SIZES = (30, 120, 600)
JACCARDS = (0.5, 0.7, 0.8, 0.9)
_EMPTY = np.uint32(0xFFFFFFFF)
_PRIME, _32 = np.uint64((1 << 61) - 1), np.uint64(32)
_MIX_1, _MIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


def affine(hashes: Hashes, k: int) -> Minima:
    """What the product does."""
    return signatures(hashes, np.array([0, len(hashes)]), k=k)[0]


def mersenne(hashes: Hashes, k: int) -> Minima:
    """uint32[k] by maps modulo a Mersenne prime."""
    factors = np.random.default_rng(1).integers(1, 1 << 61, (2, k)).astype(np.uint64)
    return np.asarray(_mersenne(hashes, factors[0] >> np.uint64(29), factors[1]))


def circulant(hashes: Hashes, k: int) -> Minima:
    """uint32[k] by shifts of one permutation."""
    return np.asarray(_circulant(hashes, k))


def one(hashes: Hashes, k: int) -> Minima:
    """uint32[k] by one permutation in k bins; k is a power of two."""
    return np.asarray(_one(hashes, k))


@numba.njit
def _mix(value: np.uint32) -> np.uint32:
    value = np.uint32((value ^ (value >> np.uint32(16))) * _MIX_1)
    value = np.uint32((value ^ (value >> np.uint32(13))) * _MIX_2)
    return np.uint32(value ^ (value >> np.uint32(16)))


@numba.njit
def _mersenne(hashes: Hashes, factors: Hashes, summands: Hashes) -> Minima:
    minima = np.full(len(factors), _EMPTY)
    for hash_ in hashes:
        low = hash_ & np.uint64(0xFFFFFFFF)
        for number in range(len(factors)):
            value = factors[number] * low + summands[number]  # below 2^64: a 32-bit factor
            value = (value & _PRIME) + (value >> np.uint64(61))
            minima[number] = min(minima[number], np.uint32(value & np.uint64(0xFFFFFFFF)))
    return minima


@numba.njit
def _circulant(hashes: Hashes, k: int) -> Minima:
    minima = np.full(k, _EMPTY)
    for hash_ in hashes:
        place = _mix(np.uint32(hash_ ^ (hash_ >> _32)))
        for number in range(k):
            minima[number] = min(minima[number], _mix(np.uint32(place + np.uint32(number))))
    return minima


@numba.njit
def _one(hashes: Hashes, k: int) -> Minima:
    minima = np.full(k, _EMPTY)
    shift = np.uint32(32 - int(np.log2(k)))
    for hash_ in hashes:
        value = _mix(np.uint32(hash_ ^ (hash_ >> _32)))
        number = value >> shift
        minima[number] = min(minima[number], value)
    full = minima != _EMPTY
    filled = minima.copy()
    for number in range(k):
        distance = 0
        while not full[(number + distance) % k]:
            distance += 1
        if distance:  # the distance goes in, so that two sets agree only where they borrow from as far
            filled[number] = _mix(np.uint32(minima[(number + distance) % k] + np.uint32(distance)))
    return filled


FAMILIES: dict[str, Family] = {"affine": affine, "mersenne": mersenne, "circulant": circulant, "one": one}


def pair_of(size: int, jaccard: float, rng: np.random.Generator) -> tuple[Hashes, Hashes, float]:
    """Two random sets of about `size` hashes, and their Jaccard."""
    shared = round(2 * size * jaccard / (1 + jaccard))
    union = 2 * size - shared
    hashes = rng.integers(0, 1 << 64, union, dtype=np.uint64)
    return hashes[:size], hashes[size - shared :], shared / union


def measure(family: Family, size: int, jaccard: float, given: argparse.Namespace) -> tuple[float, float, float]:
    """(root mean squared error, recall of the bands, the Jaccard of the pairs)."""
    rng = np.random.default_rng(size)
    squares, met, exact = 0.0, 0, 0.0
    for _ in range(given.pairs):
        left, right, exact = pair_of(size, jaccard, rng)
        equal = family(left, given.hashes) == family(right, given.hashes)
        squares += (equal.mean() - exact) ** 2
        met += bool(equal[: given.bands * given.rows].reshape(given.bands, given.rows).all(axis=1).any())
    return sqrt(squares / given.pairs), met / given.pairs, exact


def cost_ns(family: Family, k: int) -> float:
    """ns a shingle, of a set so large that nothing else counts."""
    hashes = np.random.default_rng(0).integers(0, 1 << 64, 200_000, dtype=np.uint64)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        family(hashes, k)
        best = min(best, time.perf_counter() - started)
    return best / len(hashes) * 1e9


def main() -> None:
    """Print one table: a line per family and size."""
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=4000)
    parser.add_argument("--hashes", type=int, default=128)
    parser.add_argument("--bands", type=int, default=21)
    parser.add_argument("--rows", type=int, default=6)
    given = parse(parser, pairs=200)
    heads = [
        "family",
        "shingles",
        *(f"{what} at {j}" for j in JACCARDS for what in ("error", "recall")),
        "ns a shingle",
    ]
    table = Table(f"{given.pairs} pairs, {given.hashes} hashes, {given.bands} × {given.rows}:", heads, given.markdown)
    for name, family in FAMILIES.items():
        cost = cost_ns(family, given.hashes)
        for size in SIZES:
            found = [measure(family, size, jaccard, given)[:2] for jaccard in JACCARDS]
            table.add(name, str(size), *_cells(found), f"{cost:.1f}")
    exact = [(sqrt(j * (1 - j) / given.hashes), probability(j, given.bands, given.rows)) for j in JACCARDS]
    table.add("in theory", "", *_cells(exact), "")
    table.show()


def _cells(pairs: list[tuple[float, float]]) -> list[str]:
    return [f"{value:.4f}" for pair in pairs for value in pair]


if __name__ == "__main__":
    main()
