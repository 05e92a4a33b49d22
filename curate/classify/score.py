"""Scores of texts by one or more classifiers: n-grams are taken once and looked up once, in all models together.

Cost: 25 ns a byte of English for the n-grams, 10 more for one model, and 5 for every other.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.classify.model import Floats, Model, Pool, load
from curate.text.grams import GRAM_BITS, Grams, grams
from curate.text.kernel import inner, kernel
from curate.text.scan import Int32s, Int64s, pieces

Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.integer[Any]]

# As many n-grams as this many bytes have stay in the processor's cache while they are looked up.
PIECE_BYTES = 1 << 15
# Row 0 is what n-grams without weights have.
_NO_ROW = 0


class Bank(NamedTuple):
    """Models side by side. rows: uint16 or int32[2^GRAM_BITS], the row of an n-gram that any of them knows, 0 else;
    weights: int8[k + 1, c], the columns of the first model, then those of the next."""

    models: tuple[Model, ...]
    rows: Rows
    weights: npt.NDArray[np.int8]


@cache
def bank(*names: str) -> Bank:
    """The classifiers of these names or files, made ready once a process. Raises RecipeError, EngineError."""
    return join([load(name) for name in names])


def join(models: Sequence[Model]) -> Bank:
    """Models made ready to be asked together."""
    known = np.unique(np.concatenate([model.grams for model in models]))
    kind = np.uint16 if len(known) < np.iinfo(np.uint16).max else np.int32
    rows: Rows = np.full(1 << GRAM_BITS, _NO_ROW, kind)
    rows[known] = np.arange(1, len(known) + 1)
    weights = np.zeros((len(known) + 1, sum(len(model.of) for model in models)), np.int8)
    for model, columns in zip(models, _columns(models), strict=True):
        weights[rows[model.grams], columns] = model.weights
    return Bank(tuple(models), rows, weights)


def probabilities(texts: pa.StringArray, bank: Bank) -> list[Floats]:
    """float32[d, classes] for every model: how probable each class is; NaN for a text without characters."""
    found: list[list[Floats]] = [[np.empty((0, len(model.classes)), np.float32)] for model in bank.models]
    for piece in pieces(texts, PIECE_BYTES):
        taken = grams(piece)
        for scores, model, windows in zip(found, bank.models, logits(taken, bank), strict=True):
            scores.append(pooled(of_classes(windows, model), taken.windows, model.pool).astype(np.float32))
    return [np.concatenate(scores) for scores in found]


def logits(taken: Grams, bank: Bank) -> list[Doubles]:
    """float64[w, c] for every model: the logits of each window."""
    sums = np.zeros((len(taken.ends), bank.weights.shape[1]), np.int32)
    found = np.empty_like(bank.rows, shape=len(taken.numbers) + 1)
    _sum(taken.numbers, taken.ends, bank.rows, bank.weights, sums, found)
    scaled = sums / np.sqrt(np.diff(taken.ends, prepend=0))[:, None]
    return [
        scaled[:, columns] * model.scale + model.bias
        for model, columns in zip(bank.models, _columns(bank.models), strict=True)
    ]


def of_classes(windows: Doubles, model: Model) -> Doubles:
    """float64[w, classes]: the probability of every class, from the logits of the columns."""
    found = np.zeros((len(windows), len(model.classes)))
    _share(windows, model.of, found)
    return found


def pooled(windows: Doubles, starts: Int64s, pool: Pool) -> Doubles:
    """float64[d, classes]: the probabilities of every text; NaN for one without windows."""
    found = np.full((len(starts) - 1, windows.shape[1]), np.nan)
    sizes = np.diff(starts)
    some = sizes > 0
    if pool == "max":
        found[some] = np.maximum.reduceat(windows, starts[:-1][some])
    else:
        found[some] = np.add.reduceat(windows, starts[:-1][some]) / sizes[some][:, None]
    return found


def _columns(models: Sequence[Model]) -> list[slice]:
    ends = np.cumsum([len(model.of) for model in models]).tolist()
    return [slice(end - len(model.of), end) for end, model in zip(ends, models, strict=True)]


@kernel
def _sum(
    numbers: Int32s, ends: Int64s, rows: Rows, weights: npt.NDArray[np.int8], sums: npt.NDArray[np.int32], found: Rows
) -> None:
    """Add up the weights of every window. The known n-grams are found first: a loop that guesses at none is faster."""
    start = 0
    for window in range(len(ends)):
        known = 0
        for at in range(start, ends[window]):
            found[known] = rows[numbers[at]]
            known += int(found[known] != _NO_ROW)
        for at in range(known):
            _add(weights[found[at]], sums[window])
        start = ends[window]


@inner
def _add(row: npt.NDArray[np.int8], total: npt.NDArray[np.int32]) -> None:
    for column in range(len(total)):
        total[column] += row[column]


@kernel
def _share(logits: Doubles, of: npt.NDArray[np.int8], found: Doubles) -> None:
    """The softmax of each row, summed by class; term by term, so that a row does not depend on how many there are."""
    for row in range(len(logits)):
        highest, total = logits[row].max(), 0.0
        for column in range(len(of)):
            power = np.exp(logits[row, column] - highest)
            total += power
            if of[column] >= 0:
                found[row, of[column]] += power
        found[row] /= total
