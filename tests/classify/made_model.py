"""Classifiers made by hand, of a few words whose weights a test knows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from curate.classify.model import Model, Pool
from curate.text.grams import grams


def word_gram(word: str) -> int:
    """The number that a word has as a token: the last but one that a text of the word twice adds."""
    once = set(grams(pa.array([word])).numbers.tolist())
    ordered = grams(pa.array([word])).numbers.tolist()
    assert len(once) == len(ordered)
    return int(ordered[-1])


def made(
    words: Mapping[str, Sequence[int]], *, classes: Sequence[str] = ("thing",), of: Sequence[int] | None = None,
    bias: Sequence[float] | None = None, pool: Pool = "mean", thresholds: Mapping[str, float] | None = None,
) -> Model:  # fmt: skip
    """A model that knows these words, each with a weight in every column."""
    rows = sorted((word_gram(word), list(weights)) for word, weights in words.items())
    columns = len(rows[0][1])
    return Model(
        tuple(classes), np.array(of if of is not None else [*range(-1, columns - 1)], np.int8),
        np.array([number for number, _ in rows], np.int32), np.array([weights for _, weights in rows], np.int8),
        np.ones(columns, np.float32), np.array(bias or [0] * columns, np.float32), pool, dict(thresholds or {"": 0.5}),
    )  # fmt: skip
