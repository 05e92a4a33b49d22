"""WARC, WET and ARC: every response, resource, conversion and revisit record becomes one row.

What the records are is found out in records.py and arc.py; here it is decided what becomes of each of them.
"""

from collections.abc import Callable, Iterator

from curate.sources.arc import arc_records
from curate.sources.charset import decode_text
from curate.sources.files import Piece
from curate.sources.http import CodingError, Message, looks_like_html, parse_message, payload
from curate.sources.records import warc_records
from curate.sources.rows import Limits, Row, dropped, failed, make_row
from curate.sources.salvage import Record

WANTED = frozenset({"response", "resource", "conversion", "revisit"})
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
TEXT_TYPES = frozenset({"text/plain"})
_SKIPPED = frozenset({"warcinfo", "request", "metadata", "continuation"})
Count = Callable[[str, int], None]


def read_archive(piece: Piece, limits: Limits, count: Count) -> Iterator[Row]:
    """RAW rows of the records that begin in a piece."""
    records = arc_records if piece.file.format == "arc" else warc_records
    for record in records(piece, limits.max_record_bytes):
        alone = record.offset == 0 and record.kind in _SKIPPED  # all that such a file holds is no document
        if record.error and not alone:
            yield make_row(piece.file.source, record.offset, **_identity(piece, record), **failed(record.error))
        elif record.kind in WANTED:
            columns = _identity(piece, record)
            yield make_row(piece.file.source, record.offset, **columns, **_content(record, limits))
        else:
            count(f"skipped/{record.kind if record.kind in _SKIPPED else 'unknown'}", 1)


def _identity(piece: Piece, record: Record) -> Row:
    """url, date, crawl and place; null where the record does not say."""
    offset, length = record.place
    url = record.headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">")
    date = record.headers.get("warc-date", "").strip()
    place = {"file": piece.file.source, "offset": offset, "length": length}
    return {"url": url or None, "date": date or None, "crawl": piece.file.crawl, "warc": place}


def _content(record: Record, limits: Limits) -> Row:
    """Payload or verdict of a record."""
    if record.kind == "revisit":
        return dropped("revisit")
    if record.size_bytes > limits.max_record_bytes:
        return dropped("too_large", record.size_bytes, limits.max_record_bytes)
    message = parse_message(record.block) if record.kind == "response" else None
    if message is None:
        media_type = record.headers.get("content-type", "")
        if record.kind == "response" and media_type.lower().startswith("application/http"):
            return failed("malformed_record: no HTTP status line")
        message = Message(None, {"content-type": media_type}, record.block)
    if message.status is not None and message.status not in limits.statuses:
        return dropped("http_status", message.status, limits.statuses[0])
    return _body(message, limits)


def _body(message: Message, limits: Limits) -> Row:
    media_type = message.media_type
    if media_type and media_type not in HTML_TYPES | TEXT_TYPES:
        return dropped("content_type")
    try:
        data = payload(message, limits.max_record_bytes)
    except CodingError as error:
        return failed(str(error))
    if len(data) > limits.max_record_bytes:
        return dropped("too_large", len(data), limits.max_record_bytes)
    if not data.strip():
        return dropped("empty")
    if media_type in TEXT_TYPES:
        return {"text": decode_text(data, message.charset)}
    if media_type not in HTML_TYPES and not looks_like_html(data):
        return dropped("content_type")
    return {"html": data, "charset": message.charset}
