"""Fitting: n-grams weighted by what they say of a class, a linear machine for each class, the best n-grams kept.

An n-gram counts with the logarithm of how much more frequent it is in the texts of a class than in the others (Wang and
Manning, ACL 2012: naive Bayes features for a support vector machine). Measured on the sets of the cards, this beats
inverse document frequency: AUC .951 against .948 on COLD, .987 against .981 on Davidson, accuracy .881 against .874 on
THUCNews titles.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.classify.model import Model, Pool
from curate.classify.score import join, logits
from curate.text.grams import GRAM_BITS, Grams, grams
from models.classifiers.examples import Examples
from models.classifiers.solve import solve

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

LEVELS = 127


class Settings(NamedTuple):
    """cost: C of the machine; smoothing: added to the counts of each n-gram; kept: how many n-grams have weights.

    precision: what thresholds are chosen for.
    """

    cost: float = 1.0
    smoothing: float = 2.0
    kept: int = 65_000
    pool: Pool = "mean"
    precision: float = 0.9
    seed: int = 1


class Machine(NamedTuple):
    """weights: float64[2^GRAM_BITS]; bias."""

    weights: Floats
    bias: float


class Task(NamedTuple):
    """Examples with their n-grams. texts: int64[w], the text of every window."""

    examples: Examples
    taken: Grams
    texts: npt.NDArray[np.int64]

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """int64[w + 1]: where the n-grams of each window begin."""
        return np.concatenate(([0], self.taken.ends))


def prepare(examples: Examples) -> Task:
    """Take the n-grams of all texts."""
    taken = grams(pa.array(examples.texts, pa.string()))
    return Task(examples, taken, np.repeat(np.arange(len(examples.texts)), np.diff(taken.windows)))


def fit(task: Task, chosen: Mask, settings: Settings) -> Model:
    """A model, not calibrated, from the texts chosen by bool[n]."""
    rows = np.flatnonzero(chosen[task.texts])
    weights, bias = _machines(task, rows, settings)
    says = (weights**2).sum(0) * _counts(task, rows)
    numbers = np.sort(np.argsort(-says, kind="stable")[: min(settings.kept, np.count_nonzero(says))]).astype(np.int32)
    scale = np.abs(weights).max(1) / LEVELS
    rounded = np.rint(weights[:, numbers] / scale[:, None]).astype(np.int8)
    return Model(
        task.examples.classes, task.examples.of, numbers, np.ascontiguousarray(rounded.T), scale.astype(np.float32),
        bias.astype(np.float32), settings.pool, {"": 0.5},
    )  # fmt: skip


def out_of_fold(task: Task, settings: Settings) -> Floats:
    """float64[w, c]: the logits of every window by models that were taught without the fold of its text."""
    folds = task.examples.folds
    found = np.empty((len(task.texts), len(task.examples.of)))
    for fold in np.unique(folds):
        aside = folds == fold
        (windows,) = logits(task.taken, join([fit(task, ~aside, settings)]))
        found[aside[task.texts]] = windows[aside[task.texts]]
    return found


def _counts(task: Task, rows: Rows) -> Floats:
    """float64[2^GRAM_BITS]: how many of the windows have each n-gram."""
    inside = np.zeros(len(task.texts), np.bool_)
    inside[rows] = True
    numbers = task.taken.numbers[np.repeat(inside, np.diff(task.starts))]
    return np.bincount(numbers, minlength=1 << GRAM_BITS).astype(np.float64)


def _machines(task: Task, rows: Rows, settings: Settings) -> tuple[Floats, Floats]:
    """(weights: float64[c, 2^GRAM_BITS], biases: float64[c]).

    A column has what says that a text is of its notion, and what says of the notion's texts that they are of its class.
    """
    examples = task.examples
    columns = examples.columns[task.texts][rows]
    groups = examples.groups[columns]
    weights, bias = np.zeros((len(examples.of), 1 << GRAM_BITS)), np.zeros(len(examples.of))
    for group in np.unique(examples.groups):
        members, inside = np.flatnonzero(examples.groups == group), groups == group
        if not inside.all():
            of_group = _machine(task, rows, inside, settings)
            weights[members] += of_group.weights
            bias[members] += of_group.bias
        for column in members if len(members) > 2 else members[1:]:
            of_column = _machine(task, rows[inside], columns[inside] == column, settings)
            weights[column] += of_column.weights
            bias[column] += of_column.bias
            if len(members) == 2:
                weights[members[0]] -= of_column.weights
                bias[members[0]] -= of_column.bias
    return weights, bias


def _machine(task: Task, rows: Rows, positive: Mask, settings: Settings) -> Machine:
    """Those of the rows that are `positive` against the others."""
    inside, total = _counts(task, rows[positive]), _counts(task, rows)
    ours, theirs = inside + settings.smoothing, total - inside + settings.smoothing
    factors = np.abs(np.log(ours / ours.sum()) - np.log(theirs / theirs.sum())) * (total > 0)
    weights = np.zeros(len(total))
    signs = np.where(positive, 1.0, -1.0)
    bias = solve(task.taken.numbers, task.starts, rows, factors, signs, settings.cost, weights, settings.seed)
    return Machine(weights * factors, bias)
