"""Parquet: one row a row. offset: the row's number in the file; pieces are runs of row groups."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from curate.sources.files import Piece, SourceFile, open_stored
from curate.sources.jsonl import SYNONYMS, document_columns
from curate.sources.rows import Limits, Row, dropped, failed, make_row


def read_parquet(piece: Piece, limits: Limits) -> Iterator[Row]:
    """RAW rows of the row groups start..end−1."""
    with open_stored(piece.file.path) as stored, pq.ParquetFile(stored) as file:
        end = file.num_row_groups if piece.end is None else piece.end
        offset = sum(file.metadata.row_group(group).num_rows for group in range(piece.start))
        columns = _columns(file, piece.file)
        for group in range(piece.start, end):
            for entry in _entries(file, group, columns):
                row = entry if "error" in entry else document_columns(entry, piece.file.columns, piece.file.crawl)
                yield make_row(piece.file.source, offset, **_bounded(row, limits))
                offset += 1


def _entries(file: pq.ParquetFile, group: int, columns: list[str]) -> Iterator[Row]:
    """The rows of a row group as mappings, or as failed rows; a damaged page takes the rest of its group along."""
    left = file.metadata.row_group(group).num_rows
    try:
        for batch in file.iter_batches(256, row_groups=[group], columns=columns):
            for row in _mappings(batch) if columns else [{}] * batch.num_rows:
                yield row
                left -= 1
    except (OSError, pa.ArrowException):
        yield from [failed("malformed_record: damaged_row_group")] * left


def _mappings(batch: pa.RecordBatch) -> list[Row]:
    """A batch's rows; those with strings that are not UTF-8, which Parquet does not check, as failed rows."""
    try:
        rows: list[Row] = batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return [failed("malformed_record: not_utf8")]
        return [row for number in range(batch.num_rows) for row in _mappings(batch.slice(number, 1))]
    return rows


def row_groups(file: SourceFile) -> list[int]:
    """Decompressed bytes of each row group."""
    with open_stored(file.path) as stored, pq.ParquetFile(stored) as opened:
        return [opened.metadata.row_group(group).total_byte_size for group in range(opened.num_row_groups)]


def _columns(file: pq.ParquetFile, source: SourceFile) -> list[str]:
    """Only what is read: names that the recipe gives, or the usual ones."""
    wanted = {name for column, names in SYNONYMS.items() for name in (source.columns.get(column), *names) if name}
    return [name for name in file.schema_arrow.names if name in wanted]


def _bounded(row: Row, limits: Limits) -> Row:
    size = len(row.get("html") or b"") + len((row.get("text") or "").encode("utf-8", "surrogatepass"))
    if size <= limits.max_record_bytes:
        return row
    return {**row, "text": None, "html": None, **dropped("too_large", size, limits.max_record_bytes)}
