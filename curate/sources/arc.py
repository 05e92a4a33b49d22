"""ARC version 1 and 2, the format before WARC, read by warcio. Such files are old and few: they are never cut.

Where warcio gives up, the rest of the file is one failed record: an ARC header line has no mark to search for.
"""

from collections.abc import Iterator
from typing import Any

from curate.sources.files import Piece, open_stored
from curate.sources.inflate import layout_of, open_inflated, trouble_of
from curate.sources.salvage import Record


def arc_records(piece: Piece, max_bytes: int) -> Iterator[Record]:
    """The records of an ARC file, their header fields under the names that WARC gives them."""
    from warcio.archiveiterator import ArchiveIterator

    path = piece.file.path
    offset, passed_over = -1, 0
    error: str | None = None
    with open_inflated(path) if layout_of(path) == "one_stream" else open_stored(path) as stream:
        archive = ArchiveIterator(stream, no_record_parse=True, arc2warc=False)
        archive.INC_RECORD = ""  # what warcio prints when it passes over a line between records
        try:
            for found in archive:
                headers, block, size, is_cut = _content(found, max_bytes)
                offset, length = archive.get_record_offset(), archive.get_record_length()
                kind = "warcinfo" if found.rec_type == "arc_header" else "response"
                error = "truncated" if is_cut else None
                yield Record(offset, (offset, length), kind, headers, block, size, error)
                if archive.err_count > passed_over:
                    passed_over, offset = archive.err_count, offset + 1
                    error = "malformed_record: between_records"
                    yield Record(offset, (offset, 0), error=error)
        except Exception as problem:  # warcio raises AttributeError, ValueError and others for odd records
            error = "truncated" if isinstance(problem, EOFError) else "malformed_record: arc"
            yield Record(offset + 1, (offset + 1, 0), error=error)
        if error is None and trouble_of(stream):
            yield Record(offset + 1, (offset + 1, 0), error="truncated")


def _content(found: Any, max_bytes: int) -> tuple[dict[str, str], bytes, int, bool]:
    """(headers, block, size, whether the block is cut) of one of warcio's records."""
    stated = {name.lower(): str(value) for name, value in found.rec_headers.headers}
    text = stated.get("length", "").strip()
    size = int(text) if text.isdigit() else 0
    block = _read(found.raw_stream, min(size, max_bytes + 1))
    media_type = "application/http" if block.startswith(b"HTTP/") else stated.get("content-type", "")
    date = _iso(stated.get("archive-date", ""))
    headers = {"warc-target-uri": stated.get("uri", ""), "warc-date": date, "content-type": media_type}
    # the length of a file's own header counts lines that warcio has taken off
    return headers, block, size, len(block) < min(size, max_bytes + 1) and found.rec_type != "arc_header"


def _read(stream: Any, wanted: int) -> bytes:
    blocks: list[bytes] = []
    while wanted > 0 and (block := stream.read(wanted)):
        blocks.append(block)
        wanted -= len(block)
    return b"".join(blocks)


def _iso(stamp: str) -> str:
    """ARC's 14 digits as ISO 8601; some crawlers wrote fewer."""
    if len(stamp) < 8 or not stamp.isdigit():
        return ""
    time = stamp[8:14].ljust(6, "0")
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"
