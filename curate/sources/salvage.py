"""Records out of WARC data that are damaged, cut, odd or only old: every one that can be found, and what is between.

The slow path of records.py, and the judge of how a file ends. Headers may end their lines with a bare line feed and
state any version (ClueWeb09's WARC/0.18 does both). A record counts as whole when an empty line, the next record or the
end follows behind the length that its header states. Where that length is wrong, the record ends at the next line
`WARC/…`: only here, where a header has been proved wrong already, is a boundary searched for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curate.sources.files import open_stored
from curate.sources.inflate import (
    ERROR_OF,
    HEADER_BYTES,
    MAGIC,
    Inflating,
    Layout,
    chain_kind,
    next_member,
    peek,
    trouble_of,
)
from curate.sources.window import Window

_BLOCK = 1 << 16
_BEGIN = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n")
_NEXT = re.compile(rb"\n(?=WARC/\d+\.\d+[ \t]*\r?\n)")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_CLOSED = re.compile(rb"\r?\n\r?\n|\s*WARC/\d")
_BLANK = b"\r\n \t\0"
_SLACK_BYTES = 64


@dataclass(frozen=True)
class Record:
    """One stored record, or what is left of one.

    offset: what its document id is made of. place: (offset, length) in the stored file, or in the decompressed stream
    of a one-stream file. block: its content, one byte more than wanted if there is more. size_bytes: of all of it.
    error: a ledger code where the record cannot be used.
    """

    offset: int
    place: tuple[int, int]
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    block: bytes = b""
    size_bytes: int = 0
    error: str | None = None


def salvage(path: str, layout: Layout, start: int, end: int | None, max_bytes: int) -> Iterator[Record]:
    """The records that begin in [start, end) of a file, in order.

    Data between records that are none are a record with error "malformed_record"; where the file is cut off, the last
    one has error "truncated".
    """
    with open_stored(path) as stored:
        stored.seek(0 if layout == "one_stream" else start)
        if layout == "chain":
            records = _from_chain(stored, start, max_bytes)
        else:
            stream = stored if layout == "plain" else _skipped(Inflating(stored), start)
            records = _from_stream(stream, start, max_bytes)
        for record in records:
            if end is not None and record.place[0] >= end:
                return
            yield record


def _skipped(stream: Inflating, count: int) -> Inflating:
    while stream.tell() < count and stream.read(min(_BLOCK, count - stream.tell())):
        pass
    return stream


def _from_stream(stream: Any, start: int, max_bytes: int) -> Iterator[Record]:
    window = Window(stream, start)
    error = None
    for record in _records(window, max_bytes):
        error = record.error
        yield record
    trouble = trouble_of(stream)
    if trouble and not (trouble == "cut" and error == "truncated"):
        yield Record(window.position, (window.position, 0), error=ERROR_OF[trouble])


def _from_chain(stored: Any, start: int, max_bytes: int) -> Iterator[Record]:
    """Member by member; the k-th record of a member gets the member's offset + k, so that ids stay unique."""
    kind = chain_kind(stored, start) or "gzip"
    at: int | None = start
    while at is not None and (head := _behind_padding(stored, at)):
        at = stored.tell()
        if not MAGIC[kind].startswith(head[: len(MAGIC[kind])]):
            found = next_member(stored, kind, at + 1, b"WARC/")
            yield Record(at, (at, (found or at) - at), error="malformed_record: between_records")
            at = found
            continue
        member = Inflating(stored, one=True)
        records = list(_bounded(_records(Window(member, 0), max_bytes), max_bytes))
        while member.read(_BLOCK):
            pass
        following = next_member(stored, kind, at + 1, b"WARC/") if member.trouble else member.stored_end
        yield from _placed(records, at, following, member.trouble)
        at = following


def _behind_padding(stored: Any, at: int) -> bytes:
    """The first bytes behind the blank ones at `at`, with `stored` put before them; empty at the end of the file."""
    stored.seek(at)
    while (block := stored.read(_BLOCK)) and not block.strip(_BLANK):
        at += len(block)
    stored.seek(at + len(block) - len(block.lstrip(_BLANK)))
    return peek(stored) if block else b""


def _bounded(records: Iterator[Record], max_bytes: int) -> Iterator[Record]:
    """A member's records are held together: blocks beyond what one record may hold are let go."""
    held = 0
    for record in records:
        held += len(record.block)
        yield record if held <= max_bytes + 1 else replace(record, block=b"", error="malformed_record: shared_member")


def _placed(records: list[Record], at: int, following: int | None, trouble: str | None) -> Iterator[Record]:
    """The records of one member with their offsets; where it is damaged, the last one is lost."""
    code = None
    if trouble:
        code = "truncated" if trouble == "cut" and following is None else "malformed_record: corrupt_member"
        records = records or [Record(0, (0, 0))]
    for index, record in enumerate(records):
        error = code if code and index == len(records) - 1 else record.error
        if error == "truncated" and not trouble:  # the member is whole, so it is the stated length that is wrong
            error = None if record.block else "malformed_record: wrong_length"
        yield replace(record, offset=at + index, place=(at, max((following or at) - at, 0)), error=error)


def _records(window: Window, max_bytes: int) -> Iterator[Record]:
    """Records of a stream; place and offset are positions in it."""
    window.skip_any(_BLANK)
    while head := window.ahead(HEADER_BYTES):
        start = window.position
        at_end = len(head) < HEADER_BYTES
        header = _EMPTY_LINE.search(head) if _BEGIN.match(head) else None
        if header:
            record = _content(window, header.end(), _headers(head[: header.start()]), max_bytes)
        elif at_end and _could_begin(head) and not _NEXT.search(head):
            record = _only_header(_headers(head))
            window.skip(len(head))
        else:
            record = Record(0, (0, 0), error="malformed_record: no_header")
            window.skip_until(_NEXT, _SLACK_BYTES)
        window.skip_any(_BLANK)
        yield replace(record, offset=start, place=(start, window.position - start))


def _could_begin(head: bytes) -> bool:
    """Whether a file that is cut off may have been cut within this header."""
    return bool(_BEGIN.match(head)) or b"WARC/1.0\r\n".startswith(head) or b"WARC/1.1\r\n".startswith(head)


def _only_header(headers: dict[str, str]) -> Record:
    """A record at the end of a file, of which there is no more than (a part of) a header."""
    kind = headers.get("warc-type", "").strip().lower()
    return Record(0, (0, 0), kind, headers, error=None if headers.get("content-length") == "0" else "truncated")


def _content(window: Window, at: int, headers: dict[str, str], max_bytes: int) -> Record:
    """The record at the window's beginning, whose content begins `at` bytes on; moves the window behind it."""
    text = headers.get("content-length", "")
    size = int(text) if text.isdigit() and len(text) < 19 else -1
    record = Record(0, (0, 0), headers.get("warc-type", "").strip().lower(), headers, b"", max(size, 0))
    if size > max_bytes:
        return _too_large(window, at, record, max_bytes)
    data = window.ahead(at + max(size, 0) + _SLACK_BYTES)
    tail = data[at + size :]
    if 0 <= size <= len(data) - at and (not tail.strip(_BLANK) or _CLOSED.match(tail)):
        window.skip(at + size)
        return replace(record, block=data[at : at + size])
    return _mended(window, at, record, size, max_bytes)


def _too_large(window: Window, at: int, record: Record, max_bytes: int) -> Record:
    """A record with more than the wanted bytes, unless the next record shows that its stated length is wrong."""
    data = window.ahead(at + max_bytes + 1)
    if len(data) <= at + max_bytes:
        return _mended(window, at, record, record.size_bytes, max_bytes)
    if not window.skip(at + record.size_bytes):
        return replace(record, error="truncated")
    return replace(record, block=data[at:])


def _mended(window: Window, at: int, record: Record, size: int, max_bytes: int) -> Record:
    """A record whose stated length does not lead to the next one: it ends before the next line `WARC/…`."""
    data = window.ahead(at + max_bytes + _SLACK_BYTES)
    at_end = len(data) < at + max_bytes + _SLACK_BYTES
    found = _NEXT.search(data, at - 1)
    if not found and at_end and size > len(data) - at:
        window.skip(len(data))
        return replace(record, block=data[at:], size_bytes=len(data) - at, error="truncated")
    stop = found.start() + 1 if found else len(data) if at_end else at + max(size, 0)
    window.skip(stop)
    block = data[at : max(stop, at)]
    for line_end in (b"\r\n", b"\r\n") if block.endswith(b"\r\n") else (b"\n", b"\n"):
        block = block.removesuffix(line_end)
    return replace(record, block=block, size_bytes=len(block))


def _headers(head: bytes) -> dict[str, str]:
    """Header lines after the first by lower-case name, folded lines joined; the first of a repeated name counts."""
    headers: dict[str, str] = {}
    name = ""
    for line in head.decode("utf-8", "replace").split("\n")[1:]:
        if line[:1] in (" ", "\t") and name:
            headers[name] += " " + line.strip()
        elif ":" in line:
            key, value = line.split(":", 1)
            name = key.strip().lower()
            headers.setdefault(name, value.strip())
    return headers
