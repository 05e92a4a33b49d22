"""From packed windows to token files: shards of one endless stream, and the books that go with them.

`train-00000.bin/.idx/.spans.parquet` and on hold the windows' sequences in order. Where a shard ends shows in nothing
but the file names: `sha256` is that of all `.bin` files end to end. `tokens.json` is written last and makes the folder
valid; writing again gives the same files.

Cost: one pass over the windows in one process, about 120 MB of tokens a second.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.store import Dataset, write_parquet
from curate.tokens.formats import SequenceWriter, write_sequences
from curate.tokens.spans import SPANS
from curate.tokens.windows import Sequences, read_sequences

SHARD_BYTES = 2 << 30


@dataclass
class Tally:
    """Counts over the stream. sequence_length: of packed rows, None for whole documents.

    concatenated: how many documents a plain concatenation in this order would cut, which is what packing avoids.
    """

    sequence_length: int | None
    unk_id: int | None
    counts: dict[str, int] = field(default_factory=dict)
    languages: dict[str, dict[str, int]] = field(default_factory=dict)
    sha256: Any = field(default_factory=hashlib.sha256)

    def add(self, rows: Sequences) -> None:
        """Count some sequences; they must come in the stream's order."""
        length, whole = rows.numbers("length"), rows.numbers("doc_tokens")
        first = rows.numbers("doc_start") == 0
        if self.sequence_length:
            self._count("concatenation_cuts", self._cut_by_concatenation(whole[first], self.sequence_length))
        self._count("sequences", len(rows.lengths))
        self._count("documents", int(first.sum()))
        self._count("cut_documents", int((first & (length < whole)).sum()))
        self._count("tokens", int(length.sum()))
        self._count("padding_tokens", len(rows.tokens) - int(length.sum()))
        if self.unk_id is not None:
            self._count("unknown_tokens", int(np.count_nonzero(rows.tokens == self.unk_id)))
        self._count_languages(rows, length, first)
        self.sha256.update(np.ascontiguousarray(rows.tokens).data)

    def summary(self) -> dict[str, Any]:
        """What `tokens.json` says of the stream as a whole."""
        keys = ("tokens", "documents", "sequences", "unknown_tokens")
        totals: dict[str, Any] = {key: self.counts.get(key, 0) for key in keys}
        languages = {lang: self.languages[lang] for lang in sorted(self.languages)}
        waste = {"packing_waste": self._waste(self.sequence_length)} if self.sequence_length else {}
        return {**totals, "sha256": self.sha256.hexdigest(), "languages": languages, **waste}

    def _waste(self, length: int) -> dict[str, Any]:
        """Padding and cuts, beside what no packing could do better and what plain concatenation would do."""
        rows, padding = self.counts.get("sequences", 0), self.counts.get("padding_tokens", 0)
        fewest = -(-self.counts.get("tokens", 0) // length)
        return {
            "padding_tokens": padding,
            "padding_share": padding / (rows * length) if rows else 0.0,
            "rows": rows,
            "fewest_rows": fewest,
            "cut_documents": self.counts.get("cut_documents", 0),
            "cut_documents_if_concatenated": self.counts.get("concatenation_cuts", 0),
        }

    def _cut_by_concatenation(self, lengths: npt.NDArray[np.int64], row: int) -> int:
        done = self.counts.get("concatenated_tokens", 0)
        ends = done + np.cumsum(lengths)
        self._count("concatenated_tokens", int(lengths.sum()))
        return int(np.count_nonzero((ends - lengths) // row != (ends - 1) // row))

    def _count(self, key: str, n: int) -> None:
        self.counts[key] = self.counts.get(key, 0) + n

    def _count_languages(self, rows: Sequences, length: npt.NDArray[np.int64], first: npt.NDArray[np.bool_]) -> None:
        names, code = rows.languages()
        tokens = np.bincount(code, length, len(names)).astype(np.int64)
        documents = np.bincount(code[first], minlength=len(names))
        for index, name in enumerate(names):
            lang = self.languages.setdefault(name, {"documents": 0, "tokens": 0})
            lang["documents"] += int(documents[index])
            lang["tokens"] += int(tokens[index])


def write_token_files(
    windows: Dataset, out: Path, dtype: np.dtype[Any], tally: Tally, shard_bytes: int = SHARD_BYTES
) -> list[dict[str, Any]]:
    """Write the windows as shards of at most `shard_bytes` of tokens; returns what `tokens.json` says of each.

    A sequence is never divided, so one that is longer makes a larger shard. `tally` counts what is written.
    """
    batches = (batch for window in range(windows.parts) for batch in windows.batches(window))
    shards = groupby(in_shards(batches, shard_bytes), key=lambda item: item[0])
    writer = _ShardWriter(out, dtype, tally, windows)
    return [writer.write(number, (batch for _, batch in group)) for number, group in shards]


def in_shards(batches: Iterable[pa.RecordBatch], shard_bytes: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(shard, batch) of WINDOW rows in order, batches sliced where a shard is full."""
    shard, room = 0, shard_bytes
    for batch in batches:
        rest = batch
        while rest.num_rows:
            sizes = np.cumsum(pc.binary_length(rest["tokens"]).to_numpy(), dtype=np.int64)
            fits = int(np.searchsorted(sizes, room, side="right")) or int(room == shard_bytes)
            if not fits:
                shard, room = shard + 1, shard_bytes
                continue
            yield shard, rest.slice(0, fits)
            room -= int(sizes[fits - 1])
            rest = rest.slice(fits)


@dataclass(frozen=True)
class _ShardWriter:
    out: Path
    dtype: np.dtype[Any]
    tally: Tally
    windows: Dataset

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> dict[str, Any]:
        """Publish one shard; its index is published last."""
        name = f"train-{number:05d}"
        fence = self.windows.fence
        with write_sequences(self.out / name, self.dtype, fence) as writer:
            spans = self._spans(batches, writer)
            _, _, spans_sha256 = write_parquet(self.out / f"{name}.spans.parquet", SPANS, spans, fence)
        tokens = sum(int(lengths.sum(dtype=np.int64)) for lengths in writer.lengths)
        return {
            "name": name,
            "sequences": sum(map(len, writer.lengths)),
            "tokens": tokens,
            "sha256": {"bin": writer.sha256.hexdigest(), "spans.parquet": spans_sha256},
        }

    def _spans(self, batches: Iterable[pa.RecordBatch], writer: SequenceWriter) -> Iterator[pa.RecordBatch]:
        """SPANS rows of the shard; on the way the tokens are written and counted."""
        row = 0
        for batch in batches:
            rows = read_sequences(batch, self.dtype)
            writer.append(rows.tokens, rows.lengths)
            self.tally.add(rows)
            columns = [pa.array(rows.sequence + row), *(rows.spans[name] for name in SPANS.names[1:])]
            yield pa.record_batch(columns, schema=SPANS)
            row += len(rows.lengths)
