"""The exchange that turns kept documents into sequences: tokenise part by part, pack window by window.

A window is a range of hash(seed, doc_id), so documents come in random order and neither the parts nor the workers
that tokenised them show in the result: the number of windows depends on the bytes of kept text alone. Within a window
documents are sorted by (hash, doc_id), packed, and leave as whole sequences with the spans that lead back to them.

Memory: a slice of 8 MB of text in emit; in reduce a window's tokens twice, about 130 MB for 64 MB of text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import EngineError
from curate.schema import seeded_hash
from curate.store import View
from curate.tokens.pack import IntArray, Packing, Pieces, pack
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.wide import BUCKET

PackingName = Literal["best_fit", "none"]

SLICE_BYTES = 8 << 20
SEQUENCES_PER_BATCH = 256

# What emit yields: hash big-endian, so that it sorts as bytes; tokens little-endian int32, EOS included.
TOKENISED = pa.schema(
    [
        BUCKET,
        pa.field("hash", pa.binary(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("lang", pa.string()),
        pa.field("tokens", pa.binary(), nullable=False),
    ]
)

SPAN = pa.struct(
    [
        pa.field("start", pa.int32()),
        pa.field("length", pa.int32()),
        pa.field("doc_id", pa.string()),
        pa.field("doc_start", pa.int64()),
        pa.field("doc_tokens", pa.int64()),
        pa.field("lang", pa.string()),
    ]
)

# What reduce yields: one row a sequence, its tokens in the type of the token files, padding included.
WINDOW = pa.schema([pa.field("tokens", pa.binary(), nullable=False), pa.field("spans", pa.list_(SPAN), nullable=False)])


@dataclass(frozen=True)
class EmitTokens:
    """Tokenises the kept documents of a part. `fingerprint` is that of the vocabulary every worker must find."""

    view: View
    tokenizer_path: str
    fingerprint: str
    seed: int
    windows: int
    add_bos: bool

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """TOKENISED rows; a document without text is its EOS alone, so that none is lost."""
        tokenizer = _opened(self.tokenizer_path, self.fingerprint)
        for documents in kept_documents(self.view, part):
            yield self._tokenise(documents, tokenizer)

    def _tokenise(self, documents: pa.Table, tokenizer: Tokenizer) -> pa.RecordBatch:
        ids = documents["doc_id"].to_pylist()
        hashes = [seeded_hash(self.seed, doc_id) for doc_id in ids]
        first = [tokenizer.special.bos] if self.add_bos else []
        head, tail = (np.array(ends, "<i4").tobytes() for ends in (first, [tokenizer.eos_id]))
        encoded = tokenizer.encode_batch(documents["text"].to_pylist())
        columns = [
            pa.array([window_of(number, self.windows) for number in hashes], pa.int32()),
            pa.array([number.to_bytes(8, "big") for number in hashes], pa.binary()),
            pa.array(ids, pa.string()),
            documents["lang"].combine_chunks(),
            pa.array([head + tokens.astype("<i4").tobytes() + tail for tokens in encoded], pa.binary()),
        ]
        return pa.record_batch(columns, schema=TOKENISED)


@dataclass(frozen=True)
class PackWindow:
    """Packs the documents of a window. dtype: of the ids in the token files, as numpy writes it."""

    sequence_length: int
    packing: PackingName
    pad_id: int
    dtype: str

    def __call__(self, window: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """WINDOW rows in their order."""
        names = TOKENISED.names[1:]
        schema = pa.schema([TOKENISED.field(name) for name in names])
        arrived = pa.Table.from_batches([batch.select(names).cast(schema) for batch in rows], schema)
        documents = arrived.sort_by([("hash", "ascending"), ("doc_id", "ascending")])
        tokens, offsets = flat_values(documents["tokens"].combine_chunks(), "<i4")
        if self.packing == "best_fit":
            packing = pack(np.diff(offsets), self.sequence_length)
        else:
            packing = one_sequence_each(np.diff(offsets))
        for first in range(0, packing.rows, SEQUENCES_PER_BATCH):
            yield self._sequences(packing, first, documents, tokens, offsets)

    def _sequences(
        self, packing: Packing, first: int, documents: pa.Table, tokens: npt.NDArray[Any], offsets: IntArray
    ) -> pa.RecordBatch:
        """Sequences `first` to `first` + 255."""
        last = min(first + SEQUENCES_PER_BATCH, packing.rows)
        low, high = np.searchsorted(packing.row, (first, last))
        row, start = packing.row[low:high] - first, packing.start[low:high]
        length = packing.pieces.length[low:high]
        document, document_start = packing.pieces.document[low:high], packing.pieces.document_start[low:high]
        sizes = np.full(last - first, self.sequence_length) if self.packing == "best_fit" else length
        ends = np.concatenate(([0], np.cumsum(sizes)))
        laid = np.full(ends[-1], self.pad_id, self.dtype)
        for to, source, count in zip(ends[row] + start, offsets[document] + document_start, length, strict=True):
            laid[to : to + count] = tokens[source : source + count]
        of = documents.take(pa.array(document))
        parts = [
            pa.array(start, pa.int32()),
            pa.array(length, pa.int32()),
            of["doc_id"].combine_chunks(),
            pa.array(document_start, pa.int64()),
            pa.array(np.diff(offsets)[document], pa.int64()),
            of["lang"].combine_chunks(),
        ]
        spans = pa.StructArray.from_arrays(parts, fields=list(SPAN))
        bounds = pa.array(np.searchsorted(row, np.arange(last - first + 1)), pa.int32())
        columns = [_binary(laid, ends), pa.ListArray.from_arrays(bounds, spans, type=WINDOW.field("spans").type)]
        return pa.record_batch(columns, schema=WINDOW)


@dataclass(frozen=True)
class Sequences:
    """A WINDOW batch opened up: tokens of all sequences end to end, int64 length of each, the spans of all, and the
    index of the sequence that each span lies in."""

    tokens: npt.NDArray[Any]
    lengths: IntArray
    spans: pa.RecordBatch
    sequence: IntArray

    def numbers(self, name: str) -> IntArray:
        """A column of `spans` as int64."""
        return np.asarray(self.spans[name].to_numpy(zero_copy_only=False), np.int64)

    def languages(self) -> tuple[list[str], IntArray]:
        """The languages that occur, and the index among them of every span; documents without one are "und"."""
        coded = pc.fill_null(self.spans["lang"], "und").dictionary_encode()
        return coded.dictionary.to_pylist(), np.asarray(coded.indices.to_numpy(), np.int64)


def read_sequences(batch: pa.RecordBatch, dtype: np.dtype[Any]) -> Sequences:
    """Open up WINDOW rows whose ids are of this type."""
    tokens, offsets = flat_values(batch["tokens"], dtype)
    spans = pa.RecordBatch.from_struct_array(batch["spans"].flatten())
    counts = batch["spans"].value_lengths().to_numpy(zero_copy_only=False)
    return Sequences(tokens, np.diff(offsets), spans, np.repeat(np.arange(batch.num_rows), counts))


def window_of(number: int, windows: int) -> int:
    """Which of `windows` equal ranges of 64-bit hashes a hash lies in."""
    return number * windows >> 64


def window_count(text_bytes: int, window_bytes: int) -> int:
    """How many windows a corpus of this size is packed in."""
    return max(1, -(-text_bytes // window_bytes))


def kept_documents(view: View, part: int, limit: int = 1 << 64, seed: int = 0) -> Iterator[pa.Table]:
    """doc_id, text ("" for null) and lang of a part's kept documents, in slices of about 8 MB of text.

    limit: only documents whose hash with `seed` is below it. lang is null where the recipe finds no languages.
    """
    known = [name for name in ("doc_id", "text", "lang") if name in view.columns]
    for piece in view.undecided_slices(part, known):
        table = piece.select(known)
        if "lang" not in known:
            table = table.append_column("lang", pa.nulls(table.num_rows, pa.string()))
        if limit < 1 << 64:
            chosen = [seeded_hash(seed, doc_id) < limit for doc_id in table["doc_id"].to_pylist()]
            table = table.filter(pa.array(chosen, pa.bool_()))
        table = table.set_column(table.schema.get_field_index("text"), "text", pc.fill_null(table["text"], ""))
        size = np.cumsum(pc.binary_length(table["text"]).to_numpy())
        starts = [*np.unique(size // SLICE_BYTES, return_index=True)[1].tolist(), table.num_rows]
        for start, stop in pairwise(starts):
            yield table.slice(start, stop - start)


def one_sequence_each(document_lengths: IntArray) -> Packing:
    """Every document as a sequence of its own, whole."""
    number = np.arange(len(document_lengths), dtype=np.int64)
    none = np.zeros_like(number)
    return Packing(number, none, Pieces(number, none, document_lengths), len(number))


def flat_values(column: pa.BinaryArray, dtype: Any) -> tuple[npt.NDArray[Any], IntArray]:
    """The numbers in a binary column end to end, and int64 offsets[n + 1] of its rows, counted in numbers."""
    if not len(column):
        return np.empty(0, dtype), np.zeros(1, np.int64)
    _, ends, values = column.buffers()
    offsets = np.frombuffer(ends, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    bytes_ = np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]] if values else np.empty(0, np.uint8)
    return bytes_.view(dtype), (offsets - offsets[0]) // np.dtype(dtype).itemsize


def _binary(numbers: npt.NDArray[Any], offsets: IntArray) -> pa.BinaryArray:
    """Rows of numbers as a binary column."""
    ends = pa.py_buffer((offsets * numbers.itemsize).astype(np.int32))
    return pa.BinaryArray.from_buffers(pa.binary(), len(offsets) - 1, [None, ends, pa.py_buffer(numbers)])


@lru_cache(maxsize=2)
def _opened(path: str, fingerprint: str) -> Tokenizer:
    """The vocabulary, read once a process."""
    tokenizer = load_tokenizer(path)
    if tokenizer.fingerprint != fingerprint:
        raise EngineError(
            f"the vocabulary {tokenizer.name!r} differs between the driver and this worker; put the same file on both"
        )
    return tokenizer
