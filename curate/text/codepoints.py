"""Arrow strings as arrays of code points, and back.

Everything in this package counts characters, not bytes, so a batch is decoded once, by the interpreter's own UTF-8
codec over the whole buffer, and then worked on with numpy. Cost: about 2 ns a character each way, and four bytes a
character: `pieces` keeps that bounded whatever the batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Codepoints:
    """The texts of a batch behind one another. codes: uint32[c]; offsets: int64[d + 1], where each text begins."""

    codes: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """How many texts."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64[d]: characters per text."""
        return np.diff(self.offsets)

    @property
    def text_of(self) -> npt.NDArray[np.int64]:
        """int64[c]: the text that each character belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)


def decode(texts: pa.Array) -> Codepoints:
    """The code points of a string array; a null counts as an empty text."""
    texts = _plain(texts)
    size = np.dtype(np.int32).itemsize
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * size).astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    data = texts.buffers()[2].slice(first, last - first) if last > first else b""
    octets = np.frombuffer(data, np.uint8)
    codes = np.frombuffer(bytes(data).decode().encode("utf-32-le"), "<u4").astype(np.uint32, copy=False)
    offsets -= first
    if len(codes) != len(octets):
        heads = np.concatenate(([0], np.cumsum((octets & 0xC0) != 0x80)))
        offsets = heads[offsets]
    return Codepoints(codes, offsets)


def encode(text: Codepoints, like: pa.Array | None = None) -> pa.StringArray:
    """The string array with these code points; null where `like` is null."""
    data = text.codes.astype("<u4", copy=False).tobytes().decode("utf-32-le").encode()
    offsets = text.offsets
    if len(data) != len(text.codes):
        widths = 1 + (text.codes >= 0x80).astype(np.int64) + (text.codes >= 0x800) + (text.codes >= 0x10000)
        offsets = np.concatenate(([0], np.cumsum(widths)))[offsets]
    buffers = [pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    validity = None
    if like is not None and like.null_count:
        validity = pa.array(np.asarray(like.is_valid()), pa.bool_()).buffers()[1]
    return pa.StringArray.from_buffers(len(text), *buffers, validity)


def keep(text: Codepoints, mask: npt.NDArray[np.bool_]) -> Codepoints:
    """The text without the characters where `mask` is False."""
    before = np.concatenate(([0], np.cumsum(mask)))
    return Codepoints(text.codes[mask], before[text.offsets])


def pieces(texts: pa.Array, piece_bytes: int = PIECE_BYTES) -> Iterator[pa.Array]:
    """Slices of `texts` of about `piece_bytes`, at least one text each; an empty array is one empty slice."""
    texts = _plain(texts)
    size = np.dtype(np.int32).itemsize
    ends = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * size)
    start = 0
    while start < len(texts):
        stop = max(start + 1, int(np.searchsorted(ends, int(ends[start]) + piece_bytes, side="right")) - 1)
        yield texts.slice(start, stop - start)
        start = stop
    if not len(texts):
        yield texts


def _plain(texts: pa.Array) -> pa.StringArray:
    """One string array without nulls and with an offsets buffer."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.string())
    if texts.null_count:
        texts = texts.fill_null("")
    return texts if len(texts) else pa.array([""], pa.string()).slice(0, 0)
