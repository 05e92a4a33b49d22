"""Messages over a pipe: a count, then that many length-prefixed byte strings. Nothing is unpickled or evaluated."""

import struct
from collections.abc import Sequence
from typing import BinaryIO

_COUNT = struct.Struct(">I")
_LENGTH = struct.Struct(">Q")
MAX_PARTS = 64
MAX_PART_BYTES = 1 << 30


def write_frame(stream: BinaryIO, parts: Sequence[bytes]) -> None:
    """Send one message and flush it."""
    stream.write(_COUNT.pack(len(parts)) + b"".join(_LENGTH.pack(len(part)) for part in parts))
    for part in parts:
        stream.write(part)
    stream.flush()


def read_frame(stream: BinaryIO) -> list[bytes]:
    """Receive one message. Raises EOFError when the other side is gone, ValueError for anything else."""
    (count,) = _COUNT.unpack(_exactly(stream, _COUNT.size))
    if count > MAX_PARTS:
        raise ValueError(f"a message of {count} parts")
    lengths = [_LENGTH.unpack(_exactly(stream, _LENGTH.size))[0] for _ in range(count)]
    if max(lengths, default=0) > MAX_PART_BYTES:
        raise ValueError(f"a part of {max(lengths)} bytes")
    return [_exactly(stream, length) for length in lengths]


def _exactly(stream: BinaryIO, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        more = stream.read(wanted - len(data))
        if not more:
            raise EOFError
        data += more
    return data
