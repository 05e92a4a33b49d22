"""HTTP messages as crawlers stored them: status, headers, and the payload with its codings undone.

Stored messages lie: a crawler may have undone the chunking or the compression and left the header. A coding is undone
where the bytes show it, and believed to be undone already where they do not.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zlib_ng import zlib_ng as zlib

MAX_HEADER_BYTES = 256 << 10
_STATUS = re.compile(rb"(?:HTTP/\d(?:\.\d)?\s+)+(\d{3})")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w.:+-]+)""", re.I)
_LOOKS_LIKE_HTML = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)", re.I | re.S
)


class CodingError(Exception):
    """A payload that cannot be decoded as its header says; the message is an error code for the ledger."""


@dataclass(frozen=True)
class Message:
    """An HTTP response. headers: lower-case names, the last value of each; body: with its codings still on."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Lower-case `type/subtype` of Content-Type, "" without one."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The charset that Content-Type names."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return found[1] if found else None


def parse_message(data: bytes) -> Message | None:
    """Split a stored response into header and body; None where it does not begin like one."""
    status = _STATUS.match(data)
    if not status:
        return None
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark, 0, MAX_HEADER_BYTES)) >= 0]
    at, width = min(ends, default=(len(data), 0))
    return Message(int(status[1]), parse_headers(data[:at]), data[at + width :])


def parse_headers(head: bytes) -> dict[str, str]:
    """Header lines after the first, folded lines joined, names in lower case."""
    headers: dict[str, str] = {}
    name = ""
    for line in head.decode("utf-8", "replace").splitlines()[1:]:
        if line[:1] in " \t" and name:
            headers[name] += " " + line.strip()
        elif ":" in line:
            name, value = (part.strip() for part in line.split(":", 1))
            name = name.lower()
            headers[name] = value
    return headers


def looks_like_html(data: bytes) -> bool:
    """Whether bytes begin as an HTML page does."""
    return _LOOKS_LIKE_HTML.match(data[:4096]) is not None


def payload(message: Message, max_bytes: int) -> bytes:
    """The body with transfer and content codings undone, at most `max_bytes` + 1 long.

    Raises CodingError("bad_content_encoding: …") for bytes that are neither coded as declared nor plain.
    """
    data = message.body
    if "chunked" in message.headers.get("transfer-encoding", "").lower():
        data = dechunk(data)
    codings = [word.strip().lower() for word in message.headers.get("content-encoding", "").split(",")]
    for coding in reversed(codings):
        decode = _DECODERS.get(coding)
        if decode and data:
            data = decode(data, max_bytes + 1)
        elif coding not in ("", "identity", "utf-8", "none") and data and not looks_like_html(data):
            raise CodingError(f"bad_content_encoding: {coding[:20]}")
    return data[: max_bytes + 1]


def dechunk(data: bytes) -> bytes:
    """Undo chunked transfer coding; bytes that are not chunked come back as they are, a cut chunk as far as it goes."""
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = _CHUNK.match(data, at)
        if not size:
            break
        length = int(size[1], 16)
        if length == 0:
            return b"".join(chunks)
        chunks.append(data[size.end() : size.end() + length])
        at = size.end() + length
        if data[at : at + 2] == b"\r\n":
            at += 2
        elif data[at : at + 1] == b"\n":
            at += 1
    return b"".join(chunks) if chunks else data


def _inflate(data: bytes, limit: int) -> bytes:
    """gzip, zlib and raw deflate; a stream that is cut gives what it has."""
    for window_bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        inflater = zlib.decompressobj(window_bits)
        try:
            result = inflater.decompress(data, limit)
        except zlib.error:  # type: ignore[misc]  # its stub has an instance where the class is
            continue
        if result or inflater.eof:
            return result
    return _plain(data, "gzip")


def _brotli(data: bytes, limit: int) -> bytes:
    import brotli

    decoder = brotli.Decompressor()
    try:
        result: bytes = decoder.process(data, output_buffer_limit=limit)
    except brotli.error:
        return _plain(data, "br")
    return result


def _zstd(data: bytes, limit: int) -> bytes:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            return bytes(reader.read(limit))
    except zstandard.ZstdError:
        return _plain(data, "zstd")


def _plain(data: bytes, coding: str) -> bytes:
    """The crawler has undone the coding and left the header; anything else is an error."""
    text = data[:2048]
    if looks_like_html(data) or (text and b"<" in text and b"\0" not in text and _printable(text)):
        return data
    raise CodingError(f"bad_content_encoding: {coding}")


def _printable(text: bytes) -> bool:
    return sum(byte < 9 or 13 < byte < 32 for byte in text) * 50 < len(text)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _inflate, "x-gzip": _inflate, "deflate": _inflate, "br": _brotli, "zstd": _zstd,
}  # fmt: skip
