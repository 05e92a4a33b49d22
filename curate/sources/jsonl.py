"""JSON lines: one row a line, read from any compression, cut anywhere between lines.

offset: of the line in the decompressed stream. A line that is not a JSON object with a text is a failed row.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from curate.sources.files import Piece, open_stored
from curate.sources.inflate import ERROR_OF, open_inflated, trouble_of
from curate.sources.rows import Limits, Row, dropped, failed, make_row

# Their names for our columns where a recipe gives none, first match wins.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "content", "raw_content"),
    "html": ("html",),
    "url": ("url", "uri", "source_url"),
    "date": ("date", "timestamp", "crawl_date", "created"),
    "title": ("title",),
}


def read_jsonl(piece: Piece, limits: Limits) -> Iterator[Row]:
    """RAW rows of the lines that start in a piece."""
    stream, offset = _open(piece)
    with stream:
        while piece.end is None or offset < piece.end:
            line = stream.readline(limits.max_record_bytes + 2)
            length = len(line)
            if not line:
                break
            while not line.endswith(b"\n") and (more := stream.readline(1 << 20)):
                length += len(more)  # the rest of a line that is too long is passed over, not kept
                line = line if len(line) > limits.max_record_bytes else line + more
                if more.endswith(b"\n"):
                    break
            if line.strip():
                yield make_row(piece.file.source, offset, **_columns(piece, line, length, limits))
            offset += length
    trouble = trouble_of(stream)
    if trouble and piece.end is None:
        yield make_row(piece.file.source, offset, crawl=piece.file.crawl, **failed(ERROR_OF[trouble]))


def document_columns(entry: Mapping[str, Any], names: Mapping[str, str], crawl: int | None) -> Row:
    """RAW columns of a mapping that names them in its own way; failed("missing_text") without text or html."""
    values = {column: _pick(entry, column, names) for column in SYNONYMS}
    text, html = values.pop("text"), values.pop("html")
    row: Row = {name: None if value is None else str(value) for name, value in values.items()}
    row["crawl"] = crawl
    if isinstance(text, str):
        return {**row, "text": text} if text.strip() else {**row, **dropped("empty")}
    if isinstance(html, str | bytes) and html:
        return {**row, "html": html.encode("utf-8", "replace") if isinstance(html, str) else html,
                "charset": "utf-8" if isinstance(html, str) else None}  # fmt: skip
    return {**row, **failed("missing_text")}


def _pick(entry: Mapping[str, Any], column: str, names: Mapping[str, str]) -> Any:
    wanted = (names[column],) if column in names else SYNONYMS[column]
    return next((entry[name] for name in wanted if entry.get(name) is not None), None)


def _columns(piece: Piece, line: bytes, length: int, limits: Limits) -> Row:
    if length > limits.max_record_bytes:
        return {"crawl": piece.file.crawl, **dropped("too_large", length, limits.max_record_bytes)}
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {"crawl": piece.file.crawl, **failed("bad_json")}
    if not isinstance(entry, dict):
        return {"crawl": piece.file.crawl, **failed("bad_json: not an object")}
    row = document_columns(entry, piece.file.columns, piece.file.crawl)
    return {name: _clean(value) for name, value in row.items()}


def _clean(value: Any) -> Any:
    """Lone surrogates, which JSON can spell and UTF-8 cannot, become U+FFFD."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _open(piece: Piece) -> tuple[Any, int]:
    if piece.spill:
        return open_stored(piece.spill), piece.start
    stream = open_inflated(piece.file.path)
    if piece.start:
        stream.seek(piece.start)
    return stream, piece.start
