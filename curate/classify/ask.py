"""A classifier asked about documents: what stages and the command line have in common."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.classify.model import Floats, Model
from curate.classify.score import bank, probabilities
from curate.rule import Rule


def ask(texts: pa.StringArray, langs: pa.StringArray, *names: str) -> list[Floats]:
    """float32[d, classes] for each classifier, all asked together: how probable its classes are.

    NaN for a null or empty text, and for one in a language that the classifier does not know.
    """
    models = bank(*names)
    found = probabilities(texts, models)
    for scores, model in zip(found, models.models, strict=True):
        scores[~known(langs, model)] = np.nan
    return found


def known(langs: pa.StringArray, model: Model) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """bool[d]: whether the classifier knows the language of each document."""
    if "" in model.thresholds:
        return np.ones(len(langs), np.bool_)
    inside = pc.is_in(langs, value_set=pa.array(list(model.thresholds), pa.string()))
    return np.asarray(inside.to_numpy(zero_copy_only=False), np.bool_)


def score_column(scores: Floats) -> pa.Array:
    """float32[d]: the score of a classifier of one class, null where it has none."""
    return pa.array(scores[:, 0], mask=np.isnan(scores[:, 0]))


def label_columns(scores: Floats, classes: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """(string[d]: the most probable class, float32[d]: how probable it is); null where there is no score."""
    unknown = np.isnan(scores[:, 0])
    best = np.where(unknown, 0, scores.argmax(1))
    labels = pa.DictionaryArray.from_arrays(pa.array(best, pa.int32(), mask=unknown), pa.array(classes, pa.string()))
    return labels.cast(pa.string()), pa.array(scores[np.arange(len(best)), best], mask=unknown)


def rules_above(column: str, reason: str, model: Model) -> tuple[Rule, ...]:
    """Rules that drop what scores above the model's threshold: one, or one for every language."""
    return tuple(
        Rule(column, f"{reason}_{lang}" if lang else reason, max=threshold, langs=(lang,) if lang else None)
        for lang, threshold in model.thresholds.items()
    )
