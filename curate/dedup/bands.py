"""Bands: two documents become candidates when all `rows` minima of at least one of `bands` bands are equal.

A pair of Jaccard j shares a band with probability 1 − (1 − j^rows)^bands. `python -m curate.dedup.bands` prints what
every choice finds at the threshold and just above it, and what it costs in candidates below.
Source: Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.text.kernel import kernel

Minima = npt.NDArray[np.uint32]
Keys = npt.NDArray[np.uint64]

_SEED, _PRIME = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x9FB21C651E98DF25)
_MIX_1, _MIX_2, _33 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53), np.uint64(33)
MEAN_WIDTH = 0.1
_FAR_BELOW = 0.2
_STEPS = 100


def band_keys(minima: Minima, bands: int, rows: int) -> Keys:
    """uint64[n, bands]: a hash of the number of the band and its `rows` minima, taken from uint32[n, k] in order."""
    keys = np.empty((len(minima), bands), np.uint64)
    _hash_bands(minima, rows, keys)
    return keys


@kernel
def _hash_bands(minima: Minima, rows: int, keys: Keys) -> None:
    for document in range(keys.shape[0]):
        for band in range(keys.shape[1]):
            value = _SEED + np.uint64(band)
            for number in range(band * rows, (band + 1) * rows):
                value = value * _PRIME + np.uint64(minima[document, number])
                value = (value ^ (value >> _33)) * _MIX_1
                value = (value ^ (value >> _33)) * _MIX_2
                value = value ^ (value >> _33)
            keys[document, band] = value


def probability(jaccard: float, bands: int, rows: int) -> float:
    """How likely a pair of this Jaccard meets in at least one band."""
    return float(1 - (1 - jaccard**rows) ** bands)


@dataclass(frozen=True)
class Banding:
    """bands × rows and what it finds. mean: over a pair's Jaccard in [threshold, threshold + .1), evenly spread;
    below: at threshold − .2, candidates that verification has to refuse."""

    bands: int
    rows: int
    at_threshold: float
    mean: float
    below: float


def banding(bands: int, rows: int, threshold: float) -> Banding:
    """The figures of one choice."""
    points = [threshold + MEAN_WIDTH * (step + 0.5) / _STEPS for step in range(_STEPS)]
    mean = sum(probability(min(point, 1.0), bands, rows) for point in points) / _STEPS
    below = probability(max(threshold - _FAR_BELOW, 0.0), bands, rows)
    return Banding(bands, rows, probability(threshold, bands, rows), mean, below)


def bandings(hashes: int, threshold: float) -> list[Banding]:
    """For every number of rows the most bands that `hashes` minima allow, as far as they find 1 % at the threshold."""
    found = [banding(hashes // rows, rows, threshold) for rows in range(1, hashes + 1)]
    return [choice for choice in found if choice.at_threshold >= 0.01]


def cheapest(hashes: int, threshold: float, mean: float) -> Banding | None:
    """Of all bands × rows ≤ `hashes` that reach this mean recall, the one with the fewest candidates below."""
    reaching = [choice for choice in _all(hashes, threshold) if choice.mean >= mean]
    return min(reaching, key=lambda choice: (choice.below, choice.bands), default=None)


def _all(hashes: int, threshold: float) -> Iterator[Banding]:
    for rows in range(1, hashes + 1):
        for bands in range(1, hashes // rows + 1):
            yield banding(bands, rows, threshold)


def describe(hashes: int, threshold: float, mean: float) -> str:
    """The table of `bandings` and the cheapest choice as text."""
    above, below = threshold + MEAN_WIDTH, threshold - _FAR_BELOW
    lines = [f"{'bands × rows':>12}  at {threshold:g}  mean to {above:g}  at {below:g}"]
    for choice in bandings(hashes, threshold):
        name = f"{choice.bands} × {choice.rows}"
        lines.append(f"{name:>12}  {choice.at_threshold:6.3f}  {choice.mean:11.3f}  {choice.below:6.3f}")
    best = cheapest(hashes, threshold, mean)
    named = f"{best.bands} × {best.rows}" if best else "none"
    return "\n".join([*lines, f"cheapest with a mean recall of {mean:g}: {named}"])


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m curate.dedup.bands", description="what bands × rows find")
    parser.add_argument("--hashes", type=int, default=128)
    parser.add_argument("--threshold", type=float, default=0.7)
    parser.add_argument("--mean", type=float, default=0.97, help="mean recall to reach in [threshold, threshold + .1)")
    given = parser.parse_args(arguments)
    print(describe(given.hashes, given.threshold, given.mean))


if __name__ == "__main__":
    main()
