"""Parquet: one row a row. offset: the row's number in the file; pieces are runs of row groups.

A batch whose columns are plain strings goes over whole, which is nearly every batch; any other is taken row by row, by
the rules that JSON lines follow. Both give the same rows. Cost: 3 µs a row, or 60.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.schema import RAW, doc_id
from curate.sources.files import Piece, SourceFile, open_stored
from curate.sources.jsonl import SYNONYMS, document_columns
from curate.sources.rows import Limits, Row, dropped, failed, make_row

BATCH_ROWS = 512
# What str.strip takes off.
_WHITE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def read_parquet(piece: Piece, limits: Limits) -> Iterator[pa.RecordBatch]:
    """RAW batches of the row groups start..end−1."""
    with open_stored(piece.file.path) as stored, pq.ParquetFile(stored) as file:
        end = file.num_row_groups if piece.end is None else piece.end
        offset = sum(file.metadata.row_group(group).num_rows for group in range(piece.start))
        columns = _columns(file, piece.file)
        for group in range(piece.start, end):
            left = file.metadata.row_group(group).num_rows
            try:
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns):
                    yield raw_batch(batch, piece.file, offset, limits)
                    offset, left = offset + batch.num_rows, left - batch.num_rows
            except (OSError, pa.ArrowException):  # a damaged page takes the rest of its group along
                yield _rows([failed("malformed_record: damaged_row_group")] * left, piece.file, offset)
                offset += left


def raw_batch(batch: pa.RecordBatch, source: SourceFile, offset: int, limits: Limits) -> pa.RecordBatch:
    """The RAW rows of a batch whose first row is number `offset` of its file."""
    whole = _whole(batch, source, offset, limits)
    if whole is not None:
        return whole
    # a batch without columns that are read has rows all the same
    entries = _mappings(batch) if batch.num_columns else [{}] * batch.num_rows
    rows = [entry if "error" in entry else document_columns(entry, source.columns, source.crawl) for entry in entries]
    return _rows([_bounded(row, limits) for row in rows], source, offset)


def row_groups(file: SourceFile) -> list[int]:
    """Decompressed bytes of each row group."""
    with open_stored(file.path) as stored, pq.ParquetFile(stored) as opened:
        return [opened.metadata.row_group(group).total_byte_size for group in range(opened.num_row_groups)]


def _whole(batch: pa.RecordBatch, source: SourceFile, offset: int, limits: Limits) -> pa.RecordBatch | None:
    """The batch by whole columns; None where one is not of valid strings, or pages are in it."""
    found = {}
    for column in SYNONYMS:
        values = _strings(batch, source, column)
        if values is None or (column == "html" and values.null_count < batch.num_rows):
            return None
        found[column] = values
    text = found["text"]
    missing = text.is_null()
    size = pc.binary_length(text).cast(pa.float64())
    large = pc.fill_null(pc.greater(size, limits.max_record_bytes), False)
    blank = pc.fill_null(pc.equal(pc.utf8_trim(text, characters=_WHITE), ""), False)
    unwanted = pc.or_(large, blank)
    nothing, number = pa.scalar(None, pa.string()), pa.scalar(None, pa.float64())
    n = batch.num_rows
    given = {
        "doc_id": [doc_id(source.source, row) for row in range(offset, offset + n)],
        "source": pa.repeat(source.source, n),
        "offset": np.arange(offset, offset + n),
        "crawl": pa.repeat(pa.scalar(source.crawl, pa.int32()), n),
        **{name: found[name] for name in ("url", "date", "title")},
        "text": pc.if_else(unwanted, nothing, text),
        "verdict": pc.if_else(missing, "failed", pc.if_else(unwanted, "dropped", nothing)),
        "reason": pc.if_else(blank, "empty", pc.if_else(large, "too_large", nothing)),
        "score": pc.if_else(pc.and_not(large, blank), size, number),
        "threshold": pc.if_else(pc.and_not(large, blank), float(limits.max_record_bytes), number),
        "error": pc.if_else(missing, "missing_text", nothing),
    }
    arrays = [given.get(item.name, pa.nulls(n, item.type)) for item in RAW]
    arrays = [pa.array(values, item.type) if not isinstance(values, pa.Array) else values
              for values, item in zip(arrays, RAW, strict=True)]  # fmt: skip
    return pa.record_batch(arrays, schema=RAW)


def _strings(batch: pa.RecordBatch, source: SourceFile, column: str) -> pa.Array | None:
    """The first of a column's names that has a value, row by row; None where one of them is not of valid strings."""
    names = (source.columns[column],) if column in source.columns else SYNONYMS[column]
    present = [batch.column(name) for name in names if name in batch.schema.names]
    try:
        for values in present:
            if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
                return None
            values.validate(full=True)  # Parquet does not see to it that its strings are UTF-8
    except pa.ArrowInvalid:
        return None
    plain = [values.cast(pa.string()) for values in present]
    return pc.coalesce(*plain) if plain else pa.nulls(batch.num_rows, pa.string())


def _rows(rows: Sequence[Row], source: SourceFile, offset: int) -> pa.RecordBatch:
    made = [make_row(source.source, offset + number, **row) for number, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(made, RAW)


def _mappings(batch: pa.RecordBatch) -> list[Row]:
    """A batch's rows; those with strings that are not UTF-8, which Parquet does not check, as failed rows."""
    try:
        rows: list[Row] = batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return [failed("malformed_record: not_utf8")]
        return [row for number in range(batch.num_rows) for row in _mappings(batch.slice(number, 1))]
    return rows


def _columns(file: pq.ParquetFile, source: SourceFile) -> list[str]:
    """Only what is read: names that the recipe gives, or the usual ones."""
    wanted = {name for column, names in SYNONYMS.items() for name in (source.columns.get(column), *names) if name}
    return [name for name in file.schema_arrow.names if name in wanted]


def _bounded(row: Row, limits: Limits) -> Row:
    size = len(row.get("html") or b"") + len((row.get("text") or "").encode("utf-8", "surrogatepass"))
    if size <= limits.max_record_bytes:
        return row
    return {**row, "text": None, "html": None, **dropped("too_large", size, limits.max_record_bytes)}
