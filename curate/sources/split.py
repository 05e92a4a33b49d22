"""Where a file may be cut: an index pass over record boundaries, and grouping into parts.

A boundary is where a reader has found the next record, never where bytes look like one. Files that are small enough
are not touched. One-stream compressed files cannot be entered in the middle: they are read once, here, and their raw
records laid down as plain pieces.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from curate.sources.files import WARC_KINDS, Piece, SourceFile, compression_of, open_stored
from curate.sources.inflate import layout_of, open_inflated, trouble_of
from curate.sources.parquet import row_groups
from curate.sources.records import boundaries
from curate.store import atomic_file

# Text and pages shrink to about this share when they are compressed; only used to guess sizes.
_COMPRESSED_SHARE = 5
_BLOCK = 1 << 20


def split(file: SourceFile, part_bytes: int, spill_folder: Path) -> list[Piece]:
    """The pieces of a file, each about `part_bytes` of decompressed records, in order; together they are the file.

    A file that cannot be indexed is one piece: its reader says what is wrong with it.
    """
    whole = whole_of(file)
    if not _may_be_cut(whole, part_bytes):
        return [whole]
    try:
        return _cut(file, part_bytes, spill_folder) or [whole]
    except (OSError, ValueError):
        return [whole]


def head(file: SourceFile, part_bytes: int) -> Piece:
    """The first piece of a file, about `part_bytes` of decompressed records; nothing behind it is read."""
    whole = whole_of(file)
    if not _may_be_cut(whole, part_bytes):
        return whole
    try:
        if file.format == "jsonl":
            return Piece(file, 0, part_bytes, part_bytes)
        runs = _row_group_runs if file.format == "parquet" else _record_runs
        return next(runs(file, part_bytes), whole)
    except (OSError, ValueError):
        return whole


def whole_of(file: SourceFile) -> Piece:
    """A file as one piece."""
    if file.format == "parquet":
        try:
            return Piece(file, estimated_bytes=sum(row_groups(file)))
        except (OSError, ValueError):
            return Piece(file, estimated_bytes=file.size_bytes)
    return Piece(file, estimated_bytes=file.size_bytes * (_COMPRESSED_SHARE if _is_compressed(file) else 1))


def _may_be_cut(whole: Piece, part_bytes: int) -> bool:
    return whole.estimated_bytes > part_bytes and whole.file.format in ("warc", "wet", "jsonl", "parquet")


def group(pieces: Sequence[Piece], part_bytes: int) -> list[list[Piece]]:
    """Consecutive pieces put together to parts of about `part_bytes`."""
    parts: list[list[Piece]] = []
    size = 0
    for piece in pieces:
        if not parts or size + piece.estimated_bytes > part_bytes:
            parts.append([])
            size = 0
        parts[-1].append(piece)
        size += piece.estimated_bytes
    return parts


def _cut(file: SourceFile, part_bytes: int, spill_folder: Path) -> list[Piece]:
    if file.format == "parquet":
        return list(_row_group_runs(file, part_bytes))
    if file.format == "jsonl":
        spilled = _is_compressed(file)
        return list(_spill_lines(file, part_bytes, spill_folder) if spilled else _line_runs(file, part_bytes))
    if layout_of(file.path) == "one_stream":
        return list(_spill_records(file, part_bytes, spill_folder))
    return list(_record_runs(file, part_bytes))


def _record_runs(file: SourceFile, part_bytes: int) -> Iterator[Piece]:
    start, size = 0, 0
    for offset, record_bytes in boundaries(file.path):
        if size >= part_bytes:
            yield Piece(file, start, offset, size)
            start, size = offset, 0
        size += record_bytes
    yield Piece(file, start, None, size)


def _row_group_runs(file: SourceFile, part_bytes: int) -> Iterator[Piece]:
    """As few runs as `part_bytes` allows, of about the same size."""
    ends = np.cumsum(row_groups(file), dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    runs = -(-total // part_bytes)
    start, before = 0, 0
    for run in range(1, runs + 1):
        stop = int(np.searchsorted(ends, total * run // runs)) + 1
        if stop > start:
            size = int(ends[stop - 1])
            yield Piece(file, start, stop, size - before)
            start, before = stop, size


def _line_runs(file: SourceFile, part_bytes: int) -> Iterator[Piece]:
    """Cut at the first line that begins behind each multiple of `part_bytes`."""
    start = 0
    with open_stored(file.path) as stored:
        while start + part_bytes < file.size_bytes:
            stored.seek(start + part_bytes - 1)
            while (block := stored.readline(_BLOCK)) and not block.endswith(b"\n"):
                pass
            end = stored.tell()
            if end >= file.size_bytes:
                break
            yield Piece(file, start, end, end - start)
            start = end
    yield Piece(file, start, None, file.size_bytes - start)


def _spill_lines(file: SourceFile, part_bytes: int, folder: Path) -> Iterator[Piece]:
    """Copy whole lines, decompressed, into plain files. A stream that is cut is left to its reader, whole."""
    with open_inflated(file.path) as stream:
        start, number, more = 0, 0, True
        while more:
            path = folder / f"{number:06d}.jsonl"
            with atomic_file(path) as temporary, open(temporary, "wb") as out:
                while out.tell() < part_bytes and (line := stream.readline()):
                    out.write(line)
                size = out.tell()
            more = bool(stream.peek(1))
            yield Piece(file, start, start + size, size, str(path))
            start, number = start + size, number + 1
        if trouble_of(stream):
            raise OSError("cut off")


def _spill_records(file: SourceFile, part_bytes: int, folder: Path) -> Iterator[Piece]:
    """Copy runs of records out of one compressed stream. A stream that is cut is left to its reader, whole."""
    with open_inflated(file.path) as stream:
        for number, piece in enumerate(list(_record_runs(file, part_bytes))):
            path = folder / f"{number:06d}.warc"
            with atomic_file(path) as temporary, open(temporary, "wb") as out:
                while piece.end is None or piece.start + out.tell() < piece.end:
                    wanted = _BLOCK if piece.end is None else min(_BLOCK, piece.end - piece.start - out.tell())
                    if not (block := stream.read(wanted)):
                        break
                    out.write(block)
                size = out.tell()
            yield Piece(file, piece.start, piece.start + size, size, str(path))
        if trouble_of(stream):
            raise OSError("cut off")


def _is_compressed(file: SourceFile) -> bool:
    if file.format not in (*WARC_KINDS, "jsonl"):
        return False
    try:
        with open_stored(file.path) as stored:
            return compression_of(stored.read(8)) is not None
    except OSError:
        return False
