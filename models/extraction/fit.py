"""Fitting: weights out of fold, the first trees, their probabilities out of fold, the second trees.

Everything that a later step learns from was predicted by an earlier one that had not seen the page's site.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.page import measured, rows_of
from curate.blocks.second import second_look, second_rows
from models.extraction.samples import Sample, balanced, folds
from models.extraction.weights import NO_WEIGHTS, Bags, Weights, block_weights, fit_weights

Floats = npt.NDArray[np.float32]


class Settings(NamedTuple):
    """Sizes of both ensembles, and the folds in which the first's probabilities are made."""

    first: tuple[int, int] = (160, 24)
    second: tuple[int, int] = (100, 16)
    weight_folds: int = 4
    inner_folds: int = 3


class Fitted(NamedTuple):
    """What was learned. first, second: LightGBM boosters."""

    weights: Weights
    first: Any
    second: Any


def fit(samples: Sequence[Sample], bags: Sequence[Bags], settings: Settings) -> Fitted:
    """Learn from these pages."""
    samples = balanced(samples)
    rows = _rows_out_of_fold(samples, bags, settings.weight_folds)
    labels = [one.labels.positive.astype(np.float32) for one in samples]
    pulls = [block_weights(one) for one in samples]
    inner = folds(samples, settings.inner_folds, "inner")
    second = [np.empty(0, np.float32)] * len(samples)
    for fold in range(settings.inner_folds):
        seen = np.flatnonzero(inner != fold).tolist()
        trees = boost([rows[i] for i in seen], [labels[i] for i in seen], [pulls[i] for i in seen], settings.first)
        for page in np.flatnonzero(inner == fold).tolist():
            second[page] = _with_second(samples[page], rows[page], trees)
    weights = fit_weights(samples, bags)
    return Fitted(weights, boost(rows, labels, pulls, settings.first), boost(second, labels, pulls, settings.second))


def predict(fitted: Fitted, one: Sample) -> Floats:
    """float32[b]: the probability of each block."""
    if not len(one.scan.blocks):
        return np.empty(0, np.float32)
    rows = rows_of(measured(one.scan, one.title, *fitted.weights))
    return np.asarray(fitted.second.predict(_with_second(one, rows, fitted.first)), np.float32)


def predict_first(fitted: Fitted, one: Sample) -> Floats:
    """float32[b]: what the first trees alone say."""
    if not len(one.scan.blocks):
        return np.empty(0, np.float32)
    return np.asarray(fitted.first.predict(rows_of(measured(one.scan, one.title, *fitted.weights))), np.float32)


def _rows_out_of_fold(samples: Sequence[Sample], bags: Sequence[Bags], count: int) -> list[Floats]:
    """The features of every page with weights that were fitted without its site."""
    fold_of = folds(samples, count, "weights")
    rows = [np.empty(0, np.float32)] * len(samples)
    for fold in range(count):
        seen = np.flatnonzero(fold_of != fold).tolist()
        weights = fit_weights([samples[i] for i in seen], [bags[i] for i in seen])
        for page in np.flatnonzero(fold_of == fold).tolist():
            rows[page] = rows_of(measured(samples[page].scan, samples[page].title, *weights))
    return rows


def _with_second(one: Sample, rows: Floats, trees: Any) -> Floats:
    page = measured(one.scan, one.title, *NO_WEIGHTS)
    if not len(rows):
        return np.empty(0, np.float32)
    first = np.asarray(trees.predict(rows), np.float32)
    return np.hstack([rows, second_rows(page, second_look(page, first))])


def boost(rows: Sequence[Floats], labels: Sequence[Floats], pulls: Sequence[Floats], size: tuple[int, int]) -> Any:
    """Gradient-boosted trees (Ke et al., NeurIPS 2017); the same data give the same trees."""
    import lightgbm

    trees, leaves = size
    parameters = {
        "objective": "binary", "num_leaves": leaves, "max_depth": 7, "learning_rate": 16 / (trees + 40),
        "feature_fraction": 0.35, "bagging_fraction": 0.6, "bagging_freq": 1, "min_data_in_leaf": 60,
        "lambda_l2": 5.0, "max_bin": 127, "num_threads": 1, "deterministic": True, "force_row_wise": True,
        "seed": 1, "verbosity": -1,
    }  # fmt: skip
    kept = [i for i, page in enumerate(rows) if len(page)]
    data = lightgbm.Dataset(
        np.vstack([rows[i] for i in kept]), np.concatenate([labels[i] for i in kept]),
        weight=np.concatenate([pulls[i] for i in kept]),
    )  # fmt: skip
    return lightgbm.train(parameters, data, num_boost_round=trees)
