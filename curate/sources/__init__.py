"""Readers: from files in any of the formats of the field to RAW rows, one for every record, readable or not.

list_files(inputs)                 what there is to read
split(file, part_bytes, folder)    where it may be cut
head(file, part_bytes)             its beginning, for a sample
group(pieces, part_bytes)          what makes up a part
read(piece, limits, count)         its RAW rows, in batches
"""

from collections.abc import Callable, Iterator

import pyarrow as pa

from curate.sources.files import (
    WARC_KINDS,
    Input,
    Piece,
    SourceFile,
    compression_of,
    input_from_path,
    is_unchanged,
    list_files,
    open_stored,
)
from curate.sources.rows import Limits, Row, batches, dropped, failed, make_row
from curate.sources.split import group, head, split, whole_of

__all__ = [
    "Input", "Limits", "Piece", "SourceFile", "group", "head", "input_from_path", "is_unchanged", "list_files", "read",
    "split", "whole_of",
]  # fmt: skip


def read(piece: Piece, limits: Limits, count: Callable[[str, int], None]) -> Iterator[pa.RecordBatch]:
    """RAW batches of a piece. `count("skipped/request", n)` is told of archive records that are not documents.

    Nothing that a file holds raises: what cannot be read becomes a row with verdict `failed` and an error code.
    """
    if piece.file.format == "parquet":
        yield from _guarded_batches(piece, limits)
    else:
        yield from batches(_guarded(piece, limits, count), limits)


def _guarded_batches(piece: Piece, limits: Limits) -> Iterator[pa.RecordBatch]:
    from curate.sources.parquet import read_parquet

    last = _NO_ROW + piece.start
    try:
        for batch in read_parquet(piece, limits):
            last = batch["offset"][-1].as_py() if batch.num_rows else last
            yield batch
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        why = failed(f"unreadable: {type(error).__name__}")
        row = make_row(piece.file.source, last + 1, crawl=piece.file.crawl, **why)
        yield from batches([row], limits)


def _guarded(piece: Piece, limits: Limits, count: Callable[[str, int], None]) -> Iterator[Row]:
    """The rows of a piece; an error of the local disk becomes the last of them."""
    last = piece.start - 1
    try:
        for row in _rows(piece, limits, count):
            last = max(last, int(row["offset"]))
            yield row
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        kind = type(error).__name__
        yield make_row(piece.file.source, last + 1, crawl=piece.file.crawl, **failed(f"unreadable: {kind}"))


def _rows(piece: Piece, limits: Limits, count: Callable[[str, int], None]) -> Iterator[Row]:
    from curate.sources.jsonl import read_jsonl
    from curate.sources.warc import read_archive
    from curate.sources.whole import read_whole

    kind = piece.file.format
    if kind == "unsupported" or _is_foreign(piece):
        yield make_row(piece.file.source, 0, crawl=piece.file.crawl, **failed("unsupported_format"))
    elif not piece.file.size_bytes and kind in ("html", "text"):
        yield make_row(piece.file.source, 0, crawl=piece.file.crawl, **dropped("empty"))
    elif not piece.file.size_bytes:
        return  # an archive or list without records
    elif kind in WARC_KINDS:
        yield from read_archive(piece, limits, count)
    elif kind == "jsonl":
        yield from read_jsonl(piece, limits)
    else:
        yield from read_whole(piece, limits)


# Before the first row of a Parquet file that cannot be opened; a later piece of it begins at a row nobody knows.
_NO_ROW = -1
_FOREIGN = (b"\x04\x22\x4d\x18", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")


def _is_foreign(piece: Piece) -> bool:
    """Compressions and containers that are not read, by their first bytes, whatever the name says."""
    if piece.spill or piece.start:
        return False
    with open_stored(piece.file.path) as stored:
        head = stored.read(8)
    return compression_of(head) is None and head.startswith(_FOREIGN)
