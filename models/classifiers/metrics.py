"""Measures of a classifier, each with the interval in which 500 bootstrap samples of the texts put it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

ROUNDS = 500


class Measured(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


def auc(scores: Floats, positive: Mask) -> float:
    """The area under the ROC curve: how often a positive text scores above a negative one; ties count half."""
    ones = int(positive.sum())
    if not 0 < ones < len(positive):
        return float("nan")
    return float((rankdata(scores)[positive].sum() - ones * (ones + 1) / 2) / (ones * (len(positive) - ones)))


def accuracy(predicted: Ints, labels: Ints) -> float:
    """The share of predictions that are right."""
    return float(np.mean(predicted == labels))


def macro_f1(predicted: Ints, labels: Ints) -> float:
    """F1, the mean over the labels that occur."""
    scores = []
    for label in np.unique(labels):
        both = int(np.sum((predicted == label) & (labels == label)))
        scores.append(2 * both / max(int(np.sum(predicted == label)) + int(np.sum(labels == label)), 1))
    return float(np.mean(scores))


def bootstrap(measure: Callable[..., float], *arrays: npt.NDArray[np.generic], rounds: int = ROUNDS) -> Measured:
    """A measure of arrays that belong together, with its interval."""
    rng = np.random.default_rng(0)
    size = len(arrays[0])
    drawn = [measure(*(array[chosen] for array in arrays)) for chosen in rng.integers(0, size, (rounds, size))]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Measured(measure(*arrays), float(low), float(high))


def reliability(probabilities: Floats, right: Mask, bins: int = 10) -> Sequence[tuple[str, int, float, float]]:
    """(bin, texts, mean probability, share that is right) of every bin of probability that has texts."""
    numbers = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        (f"{number / bins:.1f}–{(number + 1) / bins:.1f}", int(mine.sum()), float(probabilities[mine].mean()),
         float(right[mine].mean()))
        for number in range(bins)
        if (mine := numbers == number).any()
    ]  # fmt: skip


def calibration_error(probabilities: Floats, right: Mask) -> float:
    """How far probabilities are from shares, weighted by texts (expected calibration error, 10 bins)."""
    bins = reliability(probabilities, right)
    return float(sum(n * abs(mean - share) for _, n, mean, share in bins) / len(probabilities))
