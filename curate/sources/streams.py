"""Streams of archive records: how a file is compressed, where it may be entered, and whether its end is missing.

A WARC file is plain, or a chain of gzip members or zstd frames, one a record, or (against the standard, yet common)
one stream around all records. A chain can be entered at any record; one stream only at its beginning.
"""

import io
import zlib
from typing import Any, Literal

from curate.sources.files import compression_of, open_stored

HEADER_BYTES = 64 << 10
_BLOCK = 1 << 18
MAGIC_OF = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5"}
Layout = Literal["plain", "chain", "one_stream"]


class Inflating(io.RawIOBase):
    """Read-only stream over all gzip members or zstd frames of another; ends quietly where the data ends.

    `cut` tells afterwards whether the last member was incomplete or damaged.
    """

    def __init__(self, stored: Any) -> None:
        super().__init__()
        self._stored = stored
        self._kind = compression_of(_peek(stored))
        self._held = b""
        self._member = _member(self._kind)
        self._input = b""
        self._position = 0
        self.cut = False

    def readable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes given out so far: the place in the decompressed stream."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as one step of inflation goes; 0 at the end."""
        data = self._some(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the stored file too."""
        self._stored.close()
        super().close()

    def _some(self, limit: int) -> bytes:
        while not self.cut:
            if self._member.eof:
                rest = self._member.unused_data.lstrip(b"\0") + self._input
                rest = rest or self._stored.read(_BLOCK).lstrip(b"\0")
                if not rest:
                    return b""
                self._member, self._input, self._held = _member(self._kind), rest, b""
            try:
                data = self._step(limit)
            except Exception:  # zlib.error and ZstdError: damaged data end the stream as a cut does
                self.cut = True
                return b""
            if data:
                return data
        return b""

    def _step(self, limit: int) -> bytes:
        if self._kind == "gzip":
            if not self._input and not self._member.eof:
                self._input = self._stored.read(_BLOCK)
                self.cut = not self._input
            data: bytes = self._member.decompress(self._input, limit)
            self._input = self._member.unconsumed_tail
            return data
        return self._zstd_step(limit)

    def _zstd_step(self, limit: int) -> bytes:
        if not self._held:
            block = self._input or self._stored.read(1 << 14)
            self._input, self.cut = b"", not block
            self._held = self._member.decompress(block) if block else b""
        data, self._held = self._held[:limit], self._held[limit:]
        return data


def open_inflated(path: str) -> Any:
    """The decompressed bytes of a file from its beginning; (buffered stream, its Inflating or None if it is plain)."""
    stored = open_stored(path)
    return io.BufferedReader(Inflating(stored), _BLOCK) if compression_of(_peek(stored)) else stored


def layout_of(path: str) -> Layout:
    """How an archive file is put together, from its first record and what follows in the same member."""
    with open_stored(path) as stored:
        if not compression_of(_peek(stored)):
            return "plain"
        first = Inflating(stored)
        data, member = b"", first._member
        end = 0
        while first._member is member and len(data) < HEADER_BYTES + (end or 1 << 24):
            block = first.read(_BLOCK)
            if not block or first._member is not member:
                break
            data += block
            end = end or record_end(data)
            if end and len(data.rstrip()) > end:
                return "one_stream"
    return "chain"


def record_end(data: bytes) -> int:
    """Where the record that begins at 0 ends, by its Content-Length; 0 where its header is incomplete or has none."""
    at, width = header_end(data)
    if at < 0:
        return 0
    for line in data[:at].splitlines():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return at + width + int(value)
    return at + width


def header_end(data: bytes) -> tuple[int, int]:
    """(position, width) of the empty line behind a record's header; (−1, 0) without one."""
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark, 0, HEADER_BYTES)) >= 0]
    return min(ends, default=(-1, 0))


def tail_state(path: str, offset: int) -> tuple[Literal["clean", "record_cut", "rest_cut", "rest"], int]:
    """What the end of a file holds, seen from the last record that was found, which begins at `offset`.

    clean: nothing behind it. record_cut: the record itself is incomplete. rest_cut, rest: something lies behind it,
    from the returned offset on, that is not a whole record, and is or is not cut off.
    """
    with open_stored(path) as stored:
        stored.seek(offset)
        if kind := compression_of(_peek(stored)):
            return _tail_of_chain(stored, offset, kind)
        data = stored.read(HEADER_BYTES)
        end = record_end(data)
        size = stored.seek(0, io.SEEK_END)
        if not end or offset + end > size:
            return "record_cut", offset
        stored.seek(offset + end)
        rest = stored.read(HEADER_BYTES)
        start = offset + end + len(rest) - len(rest.lstrip())
        if not rest.strip():
            return "clean", size
        return ("rest" if header_end(rest.lstrip())[0] >= 0 else "rest_cut"), start


def _tail_of_chain(
    stored: Any, offset: int, kind: str
) -> tuple[Literal["clean", "record_cut", "rest_cut", "rest"], int]:
    member = _member(kind)
    head, inflated, read = b"", 0, 0
    while not member.eof and (block := stored.read(_BLOCK)):
        read += len(block)
        try:
            data = member.decompress(block)
        except Exception:  # zlib.error and ZstdError
            return "record_cut", offset
        inflated += len(data)
        head = (head + data)[:HEADER_BYTES] if len(head) < HEADER_BYTES else head
    if not member.eof:
        end = record_end(head)
        return ("rest_cut", offset + read) if end and inflated >= end else ("record_cut", offset)
    rest = (member.unused_data + stored.read(HEADER_BYTES)).strip(b"\0\r\n ")
    start = offset + read - len(member.unused_data)
    if not rest:
        return "clean", start
    return ("rest_cut" if rest[:2] in (MAGIC_OF[kind], MAGIC_OF[kind][:1]) else "rest"), start


def _member(kind: str | None) -> Any:
    """A decompressor for one gzip member or zstd frame."""
    if kind == "gzip":
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


def _peek(stored: Any) -> bytes:
    at = stored.tell()
    head: bytes = stored.read(8)
    stored.seek(at)
    return head
