"""WARC, WET and ARC: every response, resource, conversion and revisit record becomes one row.

FastWARC reads (9,000 pages/s a core). Where it refuses a file that others can read (bare line feeds, WARC/0.18, ARC),
warcio goes on from there, then FastWARC's lenient mode; what none of them reads is one failed row.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from curate.sources.charset import decode_text
from curate.sources.files import Piece, open_stored
from curate.sources.http import CodingError, Message, looks_like_html, parse_message, payload
from curate.sources.rows import Limits, Row, dropped, failed, make_row
from curate.sources.streams import Inflating, layout_of, tail_state

WANTED = frozenset({"response", "resource", "conversion", "revisit"})
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
TEXT_TYPES = frozenset({"text/plain"})
_KNOWN = WANTED | {"warcinfo", "request", "metadata", "continuation"}
Count = Callable[[str, int], None]


@dataclass(frozen=True)
class Record:
    """One stored record. block: at most the wanted number of bytes of it; size_bytes: what its header promises."""

    offset: int
    kind: str
    headers: dict[str, str]
    block: bytes
    size_bytes: int
    is_cut: bool = False


@dataclass(frozen=True)
class End:
    """Where the decompressed stream around all records ends; the size of the file does not tell."""

    offset: int


Found = Record | Row | End


class UnreadableError(Exception):
    """A reader gives up at or behind `offset`; `seen` says whether the record that begins there was given out."""

    def __init__(self, offset: int, seen: bool) -> None:
        super().__init__(offset)
        self.offset, self.seen = offset, seen


def read_archive(piece: Piece, limits: Limits, count: Count) -> Iterator[Row]:
    """RAW rows of the records that start in a piece."""
    alone = True
    for record, end in _with_ends(piece, _records(piece, limits)):
        if isinstance(record, dict):
            yield record
        elif record.is_cut and (record.kind in WANTED or not alone):
            yield make_row(piece.file.source, record.offset, crawl=piece.file.crawl, **failed("truncated"))
        elif record.kind in WANTED:
            yield _row(piece, record, end - record.offset, limits)
        else:
            count(f"skipped/{record.kind if record.kind in _KNOWN else 'unknown'}", 1)
        alone = False  # a cut request or warcinfo record that is all there is held no document


def _row(piece: Piece, record: Record, stored_bytes: int, limits: Limits) -> Row:
    source = piece.file.source
    place = {"file": source, "offset": record.offset, "length": stored_bytes}
    url = record.headers.get("warc-target-uri", "").strip().strip("<>") or None
    date = record.headers.get("warc-date", "").strip() or None
    columns = {"url": url, "date": date, "crawl": piece.file.crawl, "warc": place}
    return make_row(source, record.offset, **columns, **_content(record, limits))


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


def _with_ends(piece: Piece, records: Iterator[Found]) -> Iterator[tuple[Record | Row, int]]:
    """Each record with the offset at which the next one begins, by one record of lookahead."""
    held: Record | Row | None = None
    for record in records:
        if held is not None:
            yield held, _offset(record)
        held = None if isinstance(record, End) else record
    if held is not None:
        yield held, piece.end or max(piece.file.size_bytes, _offset(held))


def _offset(record: Found) -> int:
    return int(record["offset"]) if isinstance(record, dict) else record.offset


def _records(piece: Piece, limits: Limits) -> Iterator[Found]:
    """Records in order, then what is wrong with the end of the file, if anything."""
    if piece.file.format == "arc":
        yield from _slow_records(piece, limits, piece.start, skip_first=False)
        return
    one_stream = piece.spill is not None or layout_of(piece.file.path) == "one_stream"
    held: Record | None = None
    try:
        for record in _fast_records(piece, limits, piece.start, one_stream, lenient=False):
            if not isinstance(record, Record):
                yield from (held, record) if held else (record,)
                return
            if held:
                yield held
            held = record
    except UnreadableError as stop:
        yield from _after_failure(piece, limits, stop, held, one_stream)
        return
    if held is None and piece.end is None and piece.file.size_bytes:
        yield from _after_failure(piece, limits, UnreadableError(piece.start, False), None, one_stream)
    elif held:
        yield from _last(piece, held, one_stream)


def _last(piece: Piece, record: Record, one_stream: bool) -> Iterator[Found]:
    """The last record of a file, and a row for what lies behind it."""
    if one_stream or piece.end is not None:
        yield record
        return
    state, at = tail_state(piece.file.path, record.offset)
    if state == "record_cut":
        yield Record(record.offset, record.kind, record.headers, b"", record.size_bytes, is_cut=True)
        return
    yield record
    if state != "clean":
        yield make_row(piece.file.source, at, **failed("truncated" if state == "rest_cut" else "malformed_record"))


def _after_failure(
    piece: Piece, limits: Limits, stop: UnreadableError, held: Record | None, one_stream: bool
) -> Iterator[Found]:
    """Cut off, or only too odd for the strict reader?"""
    if held and piece.end is None and not one_stream:
        state, at = tail_state(piece.file.path, held.offset)
        if state == "record_cut":
            yield Record(held.offset, held.kind, held.headers, b"", held.size_bytes, is_cut=True)
            return
        if state == "rest_cut":
            yield held
            yield make_row(piece.file.source, at, **failed("truncated"))
            return
    if held:
        yield held
    yield from _slow_records(piece, limits, stop.offset, skip_first=stop.seen)


def _fast_records(
    piece: Piece, limits: Limits, start: int, one_stream: bool, lenient: bool, skip_first: bool = False
) -> Iterator[Found]:
    """FastWARC's records, and a row where the stream that holds them is cut.

    Raises UnreadableError at the first record that it refuses or misreads.
    """
    from fastwarc.warc import ArchiveIterator
    from fastwarc.warc import WarcRecordType as Type

    any_type = Type.any_type | Type.unknown
    offset, seen, shared, cut = start, False, 0, False
    with _open(piece, start, one_stream) as stream:
        base = piece.start if piece.spill else 0
        try:
            for found in ArchiveIterator(stream, parse_http=False, record_types=any_type, quirks_mode=lenient):
                at = base + int(found.stream_pos)
                if piece.end is not None and at >= piece.end:
                    return
                if skip_first:
                    skip_first = False
                    continue
                headers = {name.lower(): value for name, value in found.headers.items()}
                kind = headers.get("warc-type", "").strip().lower()
                if not kind or "\n" in kind:
                    raise UnreadableError(at, False)
                # records that share a gzip member share its offset: count them up, so that ids stay unique
                shared = shared + 1 if seen and at + shared <= offset else 0
                size = int(found.content_length)
                block = found.reader.read(min(size, limits.max_record_bytes + 1)) if size else b""
                offset, seen = at + shared, True
                cut = len(block) < min(size, limits.max_record_bytes + 1)
                cut = cut or ("content-length" not in headers and _is_cut(stream))
                yield Record(offset, kind, headers, block, size, cut)
        except (OSError, ValueError, RuntimeError) as error:
            raise UnreadableError(offset, seen) from error
        if _is_cut(stream) and not cut:
            yield make_row(piece.file.source, stream.raw.tell(), **failed("truncated"))
        elif isinstance(getattr(stream, "raw", None), Inflating):
            yield End(stream.raw.tell())


def _is_cut(stream: Any) -> bool:
    """Whether the compressed stream that holds all records has ended too early."""
    raw = getattr(stream, "raw", None)
    return isinstance(raw, Inflating) and raw.cut


def _slow_records(piece: Piece, limits: Limits, start: int, skip_first: bool) -> Iterator[Found]:
    """warcio's records from `start`; where it gives up, FastWARC's lenient ones; then one failed row."""
    last, seen = start, skip_first
    try:
        for record in _warcio_records(piece, limits, start):
            if skip_first:
                skip_first = False
                continue
            last, seen = record.offset, True
            yield record
        return
    except _WarcioError as error:
        last = max(last, error.offset) if not seen else last
        trouble = error.code
    if trouble != "truncated" and piece.file.format != "arc":
        found = 0
        try:
            for item in _fast_records(piece, limits, last, _is_one_stream(piece), lenient=True, skip_first=seen):
                found += 1
                last = _offset(item)
                yield item
        except UnreadableError:
            found = 0
        if found:
            return
    yield make_row(piece.file.source, last + int(seen), crawl=piece.file.crawl, **failed(trouble))


class _WarcioError(Exception):
    def __init__(self, offset: int, code: str) -> None:
        super().__init__(code)
        self.offset, self.code = offset, code


def _warcio_records(piece: Piece, limits: Limits, start: int) -> Iterator[Record]:
    """warcio's records; ARC headers under the names that WARC gives them. Raises _WarcioError."""
    from warcio.archiveiterator import ArchiveIterator

    one_stream = _is_one_stream(piece)
    offset = start
    with _open(piece, start, one_stream) as stream:
        try:
            archive = ArchiveIterator(stream, no_record_parse=True, arc2warc=False)
            for found in archive:
                record = _of_warcio(found, limits)
                offset = archive.get_record_offset()  # reads to the end of the record
                if piece.end is not None and offset >= piece.end:
                    return
                yield replace(record, offset=offset)
        except EOFError as error:
            raise _WarcioError(offset, "truncated") from error
        except Exception as error:  # warcio raises AttributeError and others on odd records
            raise _WarcioError(offset, "malformed_record") from error


def _of_warcio(found: Any, limits: Limits) -> Record:
    headers = {name.lower(): str(value) for name, value in found.rec_headers.headers}
    if found.format == "arc":
        stamp = headers.get("archive-date", "")
        headers |= {"warc-target-uri": headers.get("uri", ""), "warc-date": _iso(stamp)}
    text = headers.get("content-length") or headers.get("length") or "0"
    size = int(text) if text.strip().isdigit() else 0
    wanted = min(size, limits.max_record_bytes + 1)
    block = found.raw_stream.read(wanted) if wanted else b""
    while len(block) < wanted and (more := found.raw_stream.read(wanted - len(block))):
        block += more
    if found.format == "arc" and block.startswith(b"HTTP/"):
        headers["content-type"] = "application/http"
    kind = (found.rec_type or "unknown").strip().lower().replace("arc_header", "warcinfo")
    # the length of an ARC file's own header counts lines that warcio has taken off
    return Record(0, kind, headers, block, size, len(block) < wanted and found.rec_type != "arc_header")


def _iso(stamp: str) -> str:
    """ARC's 14 digits as ISO 8601."""
    if len(stamp) < 8 or not stamp.isdigit():
        return ""
    time = stamp[8:14].ljust(6, "0")
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"


def _is_one_stream(piece: Piece) -> bool:
    return piece.spill is None and layout_of(piece.file.path) == "one_stream"


def _open(piece: Piece, start: int, one_stream: bool) -> Any:
    if piece.spill:
        stream: Any = open_stored(piece.spill)
        stream.seek(start - piece.start)
        return stream
    stored = open_stored(piece.file.path)
    if not one_stream:
        stored.seek(start)
        return stored
    stream = io.BufferedReader(Inflating(stored), 1 << 18)
    left = start
    while left > 0 and (block := stream.read(min(left, 1 << 20))):
        left -= len(block)
    return stream


def scan_offsets(piece: Piece, limits: Limits) -> Iterator[tuple[int, int]]:
    """(offset, decompressed bytes) of every record, by hopping over contents. Raises UnreadableError."""
    one_stream = layout_of(piece.file.path) == "one_stream"
    before = -2  # no offset comes right behind it
    for record in _fast_records(piece, Limits(max_record_bytes=0), piece.start, one_stream, lenient=False):
        if isinstance(record, End):
            return
        if isinstance(record, dict) or record.offset == before + 1:
            # cut off, or several records in one member: no place to cut
            raise UnreadableError(_offset(record), False)
        before = record.offset
        yield record.offset, record.size_bytes + 512
