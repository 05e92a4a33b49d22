"""Decompressed views of stored files that know where they are, and say how they ended.

An archive is plain, or a chain of gzip members or zstd frames, one a record, or (against the standard, yet common) one
stream around all records. A chain can be entered at any member; one stream only at its beginning. Nothing here raises
for damaged data: the view ends, and `trouble` tells why. Memory is bounded by what is asked for (zstd: 8 MB more),
whatever a bomb inflates to.
"""

import io
from bisect import bisect_right
from functools import cache
from typing import Any, Literal

from zlib_ng import zlib_ng as zlib  # the same stream and the same errors, in half the time

from curate.sources.files import compression_of, open_stored

HEADER_BYTES = 64 << 10
MAGIC = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}
_BLOCK = 1 << 16
# A zstd block of 4 bytes can stand for 128 KB, and its decompressor has no limit on what one call gives out.
_ZSTD_BLOCK = 256
Layout = Literal["plain", "chain", "one_stream"]
Trouble = Literal["cut", "corrupt"]
# What the ledger calls the end of a stream that did not come by itself.
ERROR_OF: dict[Trouble, str] = {"cut": "truncated", "corrupt": "malformed_record: corrupt_stream"}


class Inflating(io.RawIOBase):
    """The decompressed bytes of a stored file from its current position on.

    one: stop behind the first gzip member or zstd frame, and leave the stored file open when this view is closed.
    members: for each member begun, (its place in this view, its place in the stored file).
    stored_end: where the last finished member ended in the stored file.
    """

    def __init__(self, stored: Any, one: bool = False) -> None:
        super().__init__()
        self._stored, self._one = stored, one
        self.stored_end = self._taken = int(stored.tell())
        self._input, self._waiting = self._stored_block(), b""
        self._kind = compression_of(self._input) or "gzip"
        self._position = 0
        self.trouble: Trouble | None = None
        self.members: list[tuple[int, int]] = []
        self._member: Any = None
        self._next_member()

    def readable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes given out so far."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as one step of inflation goes; 0 at the end."""
        data = self._some(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the stored file too, unless only one member of it was asked for."""
        if not self._one:
            self._stored.close()
        super().close()

    def place(self, position: int) -> tuple[int, bool]:
        """(place in the stored file of the member that holds a position of this view, whether it begins there)."""
        start, stored = self.members[bisect_right(self.members, (position, 1 << 62)) - 1]
        return stored, start == position

    def _some(self, limit: int) -> bytes:
        """The next bytes, at least one and at most `limit`; none at the end or where trouble is met."""
        while self.trouble is None and self._member is not None:
            if not self._waiting and self._member.eof:
                self._finish_member()
            elif data := self._step(limit):
                return data
        return b""

    def _step(self, limit: int) -> bytes:
        if not self._waiting and not self._input:
            self._input = self._stored_block()
        at_end = not self._input
        try:
            data = self._inflate(limit)
        except _damage():
            self.trouble = "corrupt"
            return b""
        if at_end and not data and not self._member.eof:
            self.trouble = "cut"
        return data

    def _inflate(self, limit: int) -> bytes:
        if self._kind == "gzip":
            data: bytes = self._member.decompress(self._input, limit)
            # at the end of a member both may hold what lies behind it
            self._input = b"" if self._member.eof else self._member.unconsumed_tail
            return data
        while not self._waiting and self._input and not self._member.eof:
            block, self._input = self._input[:_ZSTD_BLOCK], self._input[_ZSTD_BLOCK:]
            self._waiting = self._member.decompress(block)
        data, self._waiting = self._waiting[:limit], self._waiting[limit:]
        return data

    def _finish_member(self) -> None:
        self._input = self._member.unused_data + self._input
        self.stored_end = self._taken - len(self._input)
        self._member = None
        if not self._one:
            self._next_member()

    def _next_member(self) -> None:
        self._input = self._input.lstrip(b"\0")  # padding to a block of tape or disk
        while not self._input and (block := self._stored_block()):
            self._input = block.lstrip(b"\0")
        if self._input:
            self.members.append((self._position, self._taken - len(self._input)))
            self._member = _decompressor(self._kind)

    def _stored_block(self) -> bytes:
        block: bytes = self._stored.read(_BLOCK)
        self._taken += len(block)
        return block


def open_inflated(path: str) -> Any:
    """A buffered stream over a file's bytes, decompressed if need be; `trouble_of` says how it ended."""
    stored = open_stored(path)
    return io.BufferedReader(Inflating(stored), 1 << 18) if compression_of(peek(stored)) else stored


def trouble_of(stream: Any) -> Trouble | None:
    """Why a stream ended before its data did, if so."""
    raw = stream if isinstance(stream, Inflating) else getattr(stream, "raw", None)
    return raw.trouble if isinstance(raw, Inflating) else None


def layout_of(path: str) -> Layout:
    """How an archive is put together: does anything follow its first record within the same member?"""
    with open_stored(path) as stored:
        if not compression_of(peek(stored)):
            return "chain" if chain_kind(stored, 0) else "plain"
        member = io.BufferedReader(Inflating(stored, one=True), _BLOCK)
        head = member.read(HEADER_BYTES)
        end = record_end(head)
        rest, left = head[end:], end - len(head)
        while left > 0 and (block := member.read(min(left, _BLOCK))):
            left -= len(block)
        return "one_stream" if end and (rest + member.read(64)).strip() else "chain"


def record_end(head: bytes) -> int:
    """Where the record that begins at 0 ends, by the length that its header states; 0 where it states none."""
    if head.startswith(b"filedesc:"):
        line = head.partition(b"\n")[0]
        length = line.split()[-1]
        return len(line) + 1 + int(length) if length.isdigit() else 0
    at, width = header_end(head)
    for line in head[: max(at, 0)].splitlines():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return at + width + int(value)
    return 0


def header_end(data: bytes) -> tuple[int, int]:
    """(position, width) of the empty line behind a record's header; (−1, 0) without one."""
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark, 0, HEADER_BYTES)) >= 0]
    return min(ends, default=(-1, 0))


def next_member(stored: Any, kind: str, start: int, begins: bytes) -> int | None:
    """The first place from `start` on where a member begins whose content begins with `begins`."""
    overlap = len(MAGIC[kind]) - 1
    at, data = start, b""
    stored.seek(start)
    while block := stored.read(1 << 20):
        data += block
        found = data.find(MAGIC[kind])
        while found >= 0:
            stored.seek(at + found)
            if Inflating(stored, one=True).read(len(begins)) == begins:
                return at + int(found)
            found = data.find(MAGIC[kind], found + 1)
        at += len(data) - len(data[-overlap:])
        data = data[-overlap:]
        stored.seek(at + len(data))
    return None


def chain_kind(stored: Any, start: int) -> str | None:
    """gzip or zstd for a chain of members that begins at `start`, or behind damage there; None for plain data."""
    stored.seek(start)
    head = peek(stored)
    if kind := compression_of(head):
        return kind
    if head.startswith(b"WARC/"):
        return None
    return next((kind for kind in MAGIC if next_member(stored, kind, start, b"WARC/") is not None), None)


def peek(stored: Any) -> bytes:
    """The next 8 bytes of a seekable stream, left unread."""
    at = stored.tell()
    head: bytes = stored.read(8)
    stored.seek(at)
    return head


def _decompressor(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


@cache
def _damage() -> tuple[type[Exception], ...]:
    import zstandard

    return zlib.error, zstandard.ZstdError  # type: ignore[return-value]  # its stub has an instance where the class is
