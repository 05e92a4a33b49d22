"""The way back from a token to its document, and the borders between documents in a packed row.

Beside `train-00000.bin` and `.idx` lies `train-00000.spans.parquet`: one row for every piece of a document, sorted by
(row, start). A training loop masks attention and labels at these borders; tokens of a row behind its last span are
padding.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import RecipeError
from curate.store import parquet_batches
from curate.tokens.formats import SequenceIndex

SPANS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),  # sequence number in this file pair
        pa.field("start", pa.int32(), nullable=False),  # first token, counted in the row
        pa.field("length", pa.int32(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("doc_start", pa.int64(), nullable=False),  # the same token, counted in the document
    ]
)


@dataclass(frozen=True)
class Span:
    """A piece of a document in a row: `length` tokens from `start` of the row, from `doc_start` of the document."""

    start: int
    length: int
    doc_id: str
    doc_start: int


def spans_of_row(prefix: Path, row: int) -> list[Span]:
    """The spans of one row of the files `prefix.*`, in order."""
    path = prefix.with_name(prefix.name + ".spans.parquet")
    batches = [batch.filter(pc.equal(batch["row"], row)) for batch in parquet_batches(path, 1 << 16, SPANS.names)]
    rows = pa.Table.from_batches(batches, SPANS).sort_by("start").drop_columns("row")
    return [Span(**span) for span in rows.to_pylist()]


def document_at(folder: Path, token: int) -> tuple[str, int]:
    """(doc_id, place in the document) of a token, counted over all files of a tokens folder, padding included.

    The place counts the document's own tokens, BOS and EOS among them. Raises RecipeError where there is no such token
    or it is padding.
    """
    place = token
    for file in read_tokens_json(folder)["files"]:
        if 0 <= place < file["tokens"]:
            return _document_in(folder / file["name"], place, token)
        place -= file["tokens"]
    raise RecipeError(f"there is no token {token}: {folder.name} holds tokens 0 to {token - place - 1}")


def read_tokens_json(folder: Path) -> dict[str, Any]:
    """What `tokens.json` says. Raises RecipeError where the folder holds no finished token files."""
    try:
        found: dict[str, Any] = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(
            f"{folder} holds no tokens.json: the run has no [tokens] in its recipe, or is not finished"
        ) from error
    return found


def _document_in(prefix: Path, place: int, token: int) -> tuple[str, int]:
    row, start = SequenceIndex(prefix).locate(place)
    for span in spans_of_row(prefix, row):
        if span.start <= start < span.start + span.length:
            return span.doc_id, span.doc_start + start - span.start
    raise RecipeError(f"token {token} is padding at the end of row {row} of {prefix.name}")
