"""Megatron-LM's indexed dataset: `.bin` holds token ids end to end, `.idx` says where each sequence lies.

All little-endian. `.idx`: magic `MMIDIDX\\0\\0`, uint64 version 1, uint8 type code, uint64 number of sequences S,
uint64 number of entries D, int32 lengths[S], int64 byte offsets[S], int64 documents[D], where documents holds the
number of each document's first sequence and, last, S. Here one sequence is one document, so D = S + 1. Ids are uint16
for vocabularies below 65,500 and int32 above. Source: Megatron-LM, megatron/core/datasets/indexed_dataset.py.
"""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from curate.errors import RecipeError
from curate.objects import Remote
from curate.store import Fence, atomic_file

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
HEADER = struct.Struct("<9sQBQQ")
TYPE_CODES: dict[int, Any] = {
    1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f8", 7: "<f4", 8: "<u2",
}  # fmt: skip
LARGEST_UINT16_VOCABULARY = 65_499


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """The type of ids on disk, by Megatron's own rule."""
    return np.dtype("<u2" if vocab_size <= LARGEST_UINT16_VOCABULARY else "<i4")


@dataclass
class SequenceWriter:
    """Appends sequences to an open `.bin` and remembers what the `.idx` needs."""

    file: BinaryIO
    dtype: np.dtype[Any]
    lengths: list[npt.NDArray[np.int32]] = field(default_factory=list)
    sha256: Any = field(default_factory=hashlib.sha256)

    def append(self, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> None:
        """Add sequences of these lengths, which follow one another in `tokens`."""
        if int(lengths.sum()) != len(tokens):
            raise ValueError(f"{len(tokens)} tokens do not make sequences of {int(lengths.sum())} tokens together")
        data = np.ascontiguousarray(tokens, self.dtype).data
        self.file.write(data)
        self.sha256.update(data)
        self.lengths.append(lengths.astype(np.int32))

    def index(self) -> bytes:
        """The bytes of the `.idx` file."""
        lengths = np.concatenate([np.empty(0, "<i4"), *self.lengths]).astype("<i4")
        sizes = lengths.astype("<i8") * self.dtype.itemsize
        code = next(code for code, name in TYPE_CODES.items() if np.dtype(name) == self.dtype)
        header = HEADER.pack(MAGIC, VERSION, code, len(lengths), len(lengths) + 1)
        documents = np.arange(len(lengths) + 1, dtype="<i8")
        return b"".join((header, lengths.tobytes(), (np.cumsum(sizes) - sizes).tobytes(), documents.tobytes()))


@contextmanager
def write_sequences(prefix: Path, dtype: np.dtype[Any], fence: Fence | None = None) -> Iterator[SequenceWriter]:
    """Write `prefix.bin` and `prefix.idx`: both appear when the block ends without an error, the index last."""
    with atomic_file(prefix.with_name(prefix.name + ".bin"), fence) as temporary, open(temporary, "wb") as file:
        writer = SequenceWriter(file, dtype)
        yield writer
        file.flush()
    with atomic_file(prefix.with_name(prefix.name + ".idx"), fence) as temporary:
        temporary.write_bytes(writer.index())


class SequenceIndex:
    """`prefix.idx`: where each sequence lies. lengths: int32[S]. documents: int64[D].

    Raises RecipeError for a file that is no index.
    """

    def __init__(self, prefix: Path) -> None:
        path = prefix.with_name(prefix.name + ".idx")
        try:
            index = _map_index(path)
            sequences, entries, self.dtype = _read_header(path, index[: HEADER.size].tobytes())
            self.lengths, self._offsets, self.documents = _read_tables(path, index, sequences, entries)
        except (OSError, ValueError) as error:
            raise RecipeError(f"cannot read the token files {prefix.name}.bin and .idx: {error}") from error
        self.tokens = int(self.lengths.sum(dtype=np.int64))

    def locate(self, token: int) -> tuple[int, int]:
        """(sequence, place in it) of the token at this place of the `.bin`."""
        if not 0 <= token < self.tokens:
            raise IndexError(f"token {token} of {self.tokens}")
        start = token * self.dtype.itemsize
        sequence = int(np.searchsorted(self._offsets, start, side="right")) - 1
        return sequence, (start - int(self._offsets[sequence])) // self.dtype.itemsize


class SequenceReader(SequenceIndex):
    """`prefix.bin` and `prefix.idx`, mapped into memory: `reader[i]` is a view of sequence i.

    Raises RecipeError for files that are no such pair, or that lie in a store and cannot be mapped.
    """

    def __init__(self, prefix: Path) -> None:
        super().__init__(prefix)
        if isinstance(prefix, Remote):
            raise RecipeError(
                f"{prefix}.bin lies in a store: copy the folder {prefix.parent} to a local disk to read it"
            )
        try:
            self._tokens = _map_tokens(prefix.with_name(prefix.name + ".bin"), self.dtype)
        except OSError as error:
            raise RecipeError(f"cannot read the token files {prefix.name}.bin and .idx: {error}") from error
        if self.tokens != len(self._tokens):
            raise RecipeError(
                f"{prefix.name}.bin holds {len(self._tokens)} tokens, but its .idx speaks of {self.tokens}"
            )

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, sequence: int) -> npt.NDArray[Any]:
        if not -len(self) <= sequence < len(self):
            raise IndexError(f"sequence {sequence} of {len(self)}")
        start = int(self._offsets[sequence]) // self.dtype.itemsize
        return self._tokens[start : start + int(self.lengths[sequence])]


def _read_header(path: Path, header: bytes) -> tuple[int, int, np.dtype[Any]]:
    """(sequences, entries of the document table, type of ids). Raises ValueError."""
    if len(header) < HEADER.size:
        raise ValueError(f"{path.name} is too short for an index")
    magic, version, code, sequences, entries = HEADER.unpack(header)
    if magic != MAGIC or version != VERSION or code not in TYPE_CODES:
        raise ValueError(f"{path.name} is not a Megatron index of version {VERSION}")
    return sequences, entries, np.dtype(TYPE_CODES[code])


def _read_tables(path: Path, index: npt.NDArray[np.uint8], sequences: int, entries: int) -> tuple[Any, Any, Any]:
    wanted = HEADER.size + 12 * sequences + 8 * entries
    if len(index) < wanted:
        raise ValueError(f"{path.name} is cut off: {len(index)} of {wanted} bytes")
    tables = []
    start = HEADER.size
    for kind, count in (("<i4", sequences), ("<i8", sequences), ("<i8", entries)):
        size = np.dtype(kind).itemsize * count
        tables.append(index[start : start + size].view(kind))
        start += size
    return tables[0], tables[1], tables[2]


def _map_index(path: Path) -> npt.NDArray[np.uint8]:
    if isinstance(path, Remote):
        return np.frombuffer(path.read_bytes(), np.uint8)
    return np.memmap(path, np.uint8, "r")


def _map_tokens(path: Path, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An empty file cannot be mapped."""
    return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)
