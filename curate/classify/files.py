"""A classifier over a file of JSON lines: `curate classify`."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.classify.ask import label_columns, score_column
from curate.classify.model import load
from curate.classify.score import bank, probabilities
from curate.errors import RecipeError
from curate.sources.inflate import open_inflated
from curate.store import atomic_file

BATCH_ROWS = 1024


def classify(source: str, name: str, out: Path) -> int:
    """Write a line for every line of `source`, in order; returns how many.

    A line is {"score": …} of a classifier with one class, else {"label": …, "score": …}; null for an empty text. Texts
    are taken to be in a language that the classifier knows. Raises RecipeError for a line without a `text`.
    """
    load(name)  # before the first line is read
    lines = 0
    with atomic_file(out) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for texts in _batches(_texts(source)):
            for answer in _answers(pa.array(texts, pa.string()), name):
                file.write(json.dumps(answer, ensure_ascii=False) + "\n")
            lines += len(texts)
    return lines


def _answers(texts: pa.StringArray, name: str) -> Iterator[dict[str, Any]]:
    models = bank(name)
    (scores,) = probabilities(texts, models)
    (model,) = models.models
    if len(model.classes) == 1:
        yield from ({"score": score} for score in score_column(scores).to_pylist())
        return
    labels, best = label_columns(scores, model.classes)
    pairs = zip(labels.to_pylist(), best.to_pylist(), strict=True)
    yield from ({"label": label, "score": score} for label, score in pairs)


def _batches(texts: Iterator[str | None]) -> Iterator[list[str | None]]:
    while batch := list(islice(texts, BATCH_ROWS)):
        yield batch


def _texts(source: str) -> Iterator[str | None]:
    try:
        with open_inflated(source) as lines:
            for number, line in enumerate(lines, 1):
                yield _text(line, f"{source}, line {number}")
    except OSError as error:
        raise RecipeError(f"cannot read {source}: {error.strerror or error}") from error


def _text(line: bytes, where: str) -> str | None:
    try:
        row = json.loads(line)
        text = row["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(f'{where}: not a JSON object with a "text"') from error
    if text is not None and not isinstance(text, str):
        raise RecipeError(f"{where}: the text is no string")
    # Lone surrogates, which JSON can spell and UTF-8 cannot.
    return None if text is None else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
