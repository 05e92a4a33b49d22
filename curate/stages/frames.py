"""Messages over a pipe: a length, then length-prefixed byte strings. Nothing is unpickled or evaluated.

message = body bytes (uint64) + count (uint32) + part bytes (uint64 × count) + parts        all big-endian
"""

import struct
from collections.abc import Sequence
from typing import BinaryIO

_BODY = struct.Struct(">Q")
_COUNT = struct.Struct(">I")
HEAD_BYTES = _BODY.size
# More than any page with its limits comes to; a child that announces more has gone wrong.
MAX_MESSAGE_BYTES = 1 << 30


def pack(parts: Sequence[bytes]) -> bytes:
    """One message."""
    lengths = struct.pack(f">{len(parts)}Q", *map(len, parts))
    body = [_COUNT.pack(len(parts)), lengths, *parts]
    return b"".join([_BODY.pack(sum(map(len, body))), *body])


def message_bytes(head: bytes | bytearray) -> int:
    """Size of the whole message that starts with these HEAD_BYTES bytes. Raises ValueError for an absurd one."""
    size = int(_BODY.unpack(head[:HEAD_BYTES])[0]) + HEAD_BYTES
    if size > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {size} bytes")
    return size


def unpack(message: bytes | bytearray) -> list[bytes]:
    """The parts of a whole message. Raises ValueError if the lengths in it do not fit together."""
    try:
        (count,) = _COUNT.unpack_from(message, HEAD_BYTES)
        at = HEAD_BYTES + _COUNT.size
        lengths = struct.unpack_from(f">{count}Q", message, at)
    except struct.error as error:
        raise ValueError("a message that is cut off") from error
    at += _BODY.size * count
    if at + sum(lengths) != len(message):
        raise ValueError(f"a message of {len(message)} bytes whose parts end at {at + sum(lengths)}")
    parts = []
    for length in lengths:
        parts.append(bytes(message[at : at + length]))
        at += length
    return parts


def read_message(stream: BinaryIO) -> list[bytes]:
    """Wait for one message. Raises EOFError when the other side is gone."""
    head = stream.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        raise EOFError
    rest = stream.read(message_bytes(head) - HEAD_BYTES)
    try:
        return unpack(head + rest)
    except ValueError as error:
        raise EOFError from error


def write_message(stream: BinaryIO, parts: Sequence[bytes]) -> None:
    """Send one message and flush it."""
    stream.write(pack(parts))
    stream.flush()
