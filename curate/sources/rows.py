"""RAW rows: one for every input record, gathered into batches of bounded size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curate.schema import RAW, doc_id

Row = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What a reader accepts. max_record_bytes: of one record's payload, stored or inflated."""

    max_record_bytes: int = 32 << 20
    batch_bytes: int = 16 << 20
    batch_rows: int = 512
    statuses: tuple[int, ...] = field(default=(200,))


def make_row(source: str, offset: int, **columns: Any) -> Row:
    """A row with its identity; columns that are not given are null."""
    return {"doc_id": doc_id(source, offset), "source": source, "offset": offset, **columns}


def dropped(reason: str, score: float | None = None, threshold: float | None = None) -> Row:
    """The columns of a reader's verdict on a record that it could read but does not want."""
    return {"verdict": "dropped", "reason": reason, "score": score, "threshold": threshold}


def failed(error: str) -> Row:
    """The columns of a record that could not be read. error: a snake_case code, then ": " and a detail if it helps."""
    return {"verdict": "failed", "error": error}


def batches(rows: Iterable[Row], limits: Limits) -> Iterator[pa.RecordBatch]:
    """RAW batches of at most `batch_rows` rows and, but for one large record, `batch_bytes` of payload."""
    waiting: list[Row] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row.get("html") or b"") + 3 * len(row.get("text") or "")
        if size >= limits.batch_bytes or len(waiting) >= limits.batch_rows:
            yield pa.RecordBatch.from_pylist(waiting, RAW)
            waiting, size = [], 0
    if waiting:
        yield pa.RecordBatch.from_pylist(waiting, RAW)
