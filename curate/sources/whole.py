"""Files that are one record each: an HTML page or a plain text, compressed or not."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from curate.sources.charset import decode_text
from curate.sources.files import Piece
from curate.sources.inflate import ERROR_OF, Trouble, open_inflated, trouble_of
from curate.sources.rows import Limits, Row, dropped, failed, make_row


def read_whole(piece: Piece, limits: Limits) -> Iterator[Row]:
    """One RAW row. A page without a URL of its own has none; its place is its source."""
    stream = open_inflated(piece.file.path)
    with stream:
        data = stream.read(limits.max_record_bytes + 1)
        trouble = trouble_of(stream)
    yield make_row(piece.file.source, 0, crawl=piece.file.crawl, **_content(piece, data, trouble, limits))


def _content(piece: Piece, data: bytes, trouble: Trouble | None, limits: Limits) -> Row:
    if trouble:
        return failed(ERROR_OF[trouble])
    if len(data) > limits.max_record_bytes:
        return dropped("too_large", len(data), limits.max_record_bytes)
    if not data.strip():
        return dropped("empty")
    if piece.file.format == "html":
        return {"html": data}
    return {"text": decode_text(data), "title": PurePosixPath(piece.file.source).stem}
