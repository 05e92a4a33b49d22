"""Calibration and thresholds, from the logits that a text got without having been learned from.

One slope for all columns and a bias for each, by maximum likelihood of the labels (Platt 1999; Guo et al., ICML 2017,
who call it vector scaling). Thresholds are the lowest at which the texts above have the precision that is asked for.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from curate.classify.model import Model
from curate.classify.score import of_classes, pooled
from models.classifiers.fit import Floats, Settings, Task

# Labels that cannot be learned would turn a model around.
LEAST_SLOPE = 1e-3
# A threshold that fewer texts reach is none.
FEWEST = 50


def calibrated(model: Model, task: Task, windows: Floats) -> Model:
    """The model with a slope and biases that make its probabilities true. windows: float64[w, c], out of fold."""
    right = _right(task)

    def loss(values: Floats) -> tuple[float, Floats]:
        shares = _softmax(windows * values[0] + values[1:])
        of_right = shares * right
        sums = np.maximum(of_right.sum(1), 1e-300)
        pull = shares - of_right / sums[:, None]
        return -np.log(sums).mean(), np.r_[(pull * windows).sum(), pull.sum(0)] / len(windows)

    start = np.r_[3.0, np.zeros(windows.shape[1])]
    bounds = [(LEAST_SLOPE, None), *[(None, None)] * windows.shape[1]]
    slope, *shifts = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    return model._replace(
        scale=(model.scale * slope).astype(np.float32),
        bias=(model.bias * slope + np.array(shifts)).astype(np.float32),
    )


def adjusted(windows: Floats, before: Model, after: Model) -> Floats:
    """float64[w, c]: logits of `before` as `after`, which is `before` calibrated, would have given them."""
    slope = float(after.scale[0]) / float(before.scale[0])
    return (windows - before.bias) * slope + after.bias


def thresholds(scores: Floats, task: Task, settings: Settings) -> dict[str, float]:
    """By language: the lowest score from which on at least `precision` of the texts are what the model says.

    scores: float64[n, classes]. A language in which no score is enough has 1: its texts are scored, none is above.
    """
    found = {}
    top = scores.max(1)
    correct = scores.argmax(1) == task.examples.labels
    for language in sorted(set(task.examples.languages.tolist())):
        mine = task.examples.languages == language
        found[language] = lowest(top[mine], correct[mine], settings.precision)
    return found


def lowest(scores: Floats, correct: npt.NDArray[np.bool_], precision: float) -> float:
    """The lowest score at and above which the share of correct ones is at least `precision`; 1 without one."""
    order = np.argsort(-scores, kind="stable")
    shares = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    last = np.r_[np.diff(scores[order]) != 0, True]  # of equal scores all are above or none
    good = np.flatnonzero((shares >= precision) & last)
    good = good[good + 1 >= min(FEWEST, len(order))]
    return float(np.float32(scores[order[good[-1]]])) if len(good) else 1.0


def text_scores(windows: Floats, model: Model, task: Task) -> Floats:
    """float64[n, classes]: what texts score whose windows have these logits."""
    return pooled(of_classes(windows, model), task.taken.windows, model.pool)


def _right(task: Task) -> npt.NDArray[np.bool_]:
    """bool[w, c]: the columns that are of the class of a window's text."""
    return np.asarray(task.examples.of[None, :] == task.examples.labels[task.texts][:, None])


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
