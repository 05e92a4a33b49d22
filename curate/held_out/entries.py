"""Benchmark files as entries: a question, and the answer and the passage that belong to it, where there are any.

JSON lines and Parquet by the names of their fields, text by the line; compressed or not, local or any fsspec URL. An
answer that is a number or a letter is the choice of that number, where the entry has `choices` or `options`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from curate.errors import CurateError, RecipeError
from curate.sources.files import SourceFile, input_from_path, list_files, open_stored
from curate.sources.inflate import open_inflated

_CHOICES = ("choices", "options")


class Fields(NamedTuple):
    """Names of the fields of each component, the first that an entry has counts."""

    question: tuple[str, ...]
    answer: tuple[str, ...]
    passage: tuple[str, ...]


class Entry(NamedTuple):
    """source: the file, with the folder's name, and the line (or row) of it, from 1."""

    source: str
    question: str
    answer: str
    passage: str


def read_entries(paths: Sequence[str], fields: Fields) -> list[Entry]:
    """All entries that have a question, in order of files and lines. Raises RecipeError for what cannot be read."""
    try:
        files = list_files([input_from_path(path) for path in paths])
        return [entry for file in files for entry in _entries(file, fields)]
    except RecipeError as error:
        raise RecipeError(f"decontaminate.benchmarks: {error}") from error
    except (CurateError, OSError, ValueError) as error:  # what stores, JSON and Parquet answer with
        raise RecipeError(f"decontaminate.benchmarks: cannot read {', '.join(paths)}: {error}") from error


def _entries(file: SourceFile, fields: Fields) -> Iterator[Entry]:
    if file.format not in ("jsonl", "parquet", "text"):
        raise RecipeError(f"{file.source!r} is neither JSON lines nor Parquet nor text")
    for number, row in enumerate(_rows(file), 1):
        found = [_component(row, names) for names in fields]
        if found[0]:
            yield Entry(f"{file.source}:{number}", *found)


def _rows(file: SourceFile) -> Iterator[Mapping[str, Any]]:
    if file.format == "parquet":
        import pyarrow.parquet as pq

        with open_stored(file.path) as stored:
            for batch in pq.ParquetFile(stored).iter_batches():
                yield from batch.to_pylist()
        return
    with open_inflated(file.path) as stream:
        for line in stream:
            text = line.decode("utf-8", "replace").strip()
            row = json.loads(text) if file.format == "jsonl" and text else {"text": text}
            yield row if isinstance(row, dict) else {}


def _component(row: Mapping[str, Any], names: Sequence[str]) -> str:
    value = next((row[name] for name in names if row.get(name) is not None), None)
    choices = next((row[name] for name in _CHOICES if isinstance(row.get(name), list)), None)
    if choices and not isinstance(value, list):
        chosen = ord(value) - ord("A") if isinstance(value, str) and len(value) == 1 else value
        if isinstance(chosen, int) and 0 <= chosen < len(choices):
            value = choices[chosen]
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return str(value) if isinstance(value, str | int | float) else ""
