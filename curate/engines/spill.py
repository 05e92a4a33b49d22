"""An exchange by files: for engines whose workers see the run's folder and have no shuffle of their own.

Every input part is written once, as one Arrow file with its rows ordered by bucket and an index beside it, where a
bucket is found without reading about the others. Where parts are many, those of TOGETHER are then merged into one such
file: a bucket is gathered from few files in pieces worth a read, instead of from every part in crumbs. So files grow
with parts, never with parts × buckets, and a run that was killed uses the ones it has. Rows go from worker to file to
worker; the driver sees manifests.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.engines import Exchange, Reducer, Task
from curate.store import Manifest, atomic_file, gathered
from curate.wide import Emit

# Emitted rows are sorted by bucket in runs of this size; a bucket then has one batch per run.
RUN_BYTES = 64 << 20
# Parts that are merged into one file, and as many open files; with no more parts than that nothing is merged.
TOGETHER = 256

Map = Callable[[Task, Sequence[tuple[Any, ...]]], Iterator[Any]]
# (bucket, rows of it), buckets in any order.
Addressed = Iterable[tuple[int, pa.RecordBatch]]


def exchange_by_spill(job: Exchange, run: Map, together: int = TOGETHER) -> Iterator[Manifest]:
    """Spill what every part emits, merge where parts are many, reduce bucket by bucket, all by `run`, the engine's map.

    Spill files of a killed run are used again; they go when the last bucket is done.
    """
    parts = Spill(job.scratch, "part", job.inputs, job.fingerprint)
    merged = Spill(job.scratch, "merged", -(-job.inputs // together), job.fingerprint)
    many = job.inputs > together
    done = {number for number in range(merged.files) if merged.is_done(number)} if many else set()
    missing = [(part,) for part in range(job.inputs) if part // together not in done and not parts.is_done(part)]
    for _ in run(SpillTask(f"{job.name} emit", job.emit, parts, job.schema), missing):
        pass
    if many:
        unmerged = [(number,) for number in range(merged.files) if number not in done]
        for _ in run(MergeTask(f"{job.name} merge", parts, merged, job.schema, together), unmerged):
            pass
    yield from run(ReduceTask(job.name, job.reduce, merged if many else parts), [(bucket,) for bucket in job.todo])
    shutil.rmtree(job.scratch, ignore_errors=True)


# The index of a file: a row per bucket, in order. The schema's metadata name the exchange that it belongs to.
_INDEX = pa.schema([pa.field("batches", pa.list_(pa.int32()), nullable=False)])


@dataclass(frozen=True)
class Spill:
    """Rows on disk, in `files` of this name: an Arrow file each, and an index, bucket → its record batches."""

    folder: str
    name: str
    files: int
    fingerprint: str

    def path(self, number: int) -> Path:
        """An Arrow file."""
        return Path(self.folder) / f"{self.name}-{number:06d}.arrow"

    def index_path(self, number: int) -> Path:
        """The index of a file; it is written last and makes the file count as done."""
        return Path(self.folder) / f"{self.name}-{number:06d}.index"

    def is_done(self, number: int) -> bool:
        """Whether this file was written already, by this very exchange."""
        try:
            with pa.memory_map(str(self.index_path(number))) as file, pa.ipc.open_file(file) as reader:
                return bool(reader.schema.metadata[b"fingerprint"].decode() == self.fingerprint)
        except FileNotFoundError:
            return False

    def write(self, number: int, schema: pa.Schema, rows: Addressed) -> None:
        """Publish a file, then its index."""
        buckets: dict[int, list[int]] = {}
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            atomic_file(self.path(number), lasting=False) as temporary,
            pa.ipc.new_file(str(temporary), schema, options=options) as writer,
        ):
            for written, (bucket, batch) in enumerate(rows):
                writer.write_batch(batch)
                buckets.setdefault(bucket, []).append(written)
        self._write_index(number, buckets)

    def rows(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """All rows of a bucket, file by file."""
        for number in range(self.files):
            with pa.memory_map(str(self.index_path(number))) as file, pa.ipc.open_file(file) as reader:
                batches = _of_bucket(reader.get_batch(0).column(0), bucket)
            if batches:
                with pa.memory_map(str(self.path(number))) as file, pa.ipc.open_file(file) as reader:
                    yield from map(reader.get_batch, batches)

    def index(self, number: int) -> pa.ListArray:
        """The index of a file, as a whole."""
        with pa.OSFile(str(self.index_path(number))) as file, pa.ipc.open_file(file) as reader:
            return reader.get_batch(0).column(0)

    def remove(self, number: int) -> None:
        """Make a file go that is no longer needed."""
        for path in (self.index_path(number), self.path(number)):
            path.unlink(missing_ok=True)

    def _write_index(self, number: int, buckets: Mapping[int, list[int]]) -> None:
        schema = _INDEX.with_metadata({"fingerprint": self.fingerprint})
        rows = [buckets.get(bucket, []) for bucket in range(max(buckets, default=-1) + 1)]
        with (
            atomic_file(self.index_path(number), lasting=False) as temporary,
            pa.ipc.new_file(str(temporary), schema) as writer,
        ):
            writer.write_batch(pa.record_batch([pa.array(rows, _INDEX.field(0).type)], schema))


def _of_bucket(index: pa.ListArray, bucket: int) -> list[int]:
    """The batches of a bucket in a file with this index."""
    found: list[int] = index[bucket].as_py() if bucket < len(index) else []
    return found


@dataclass(frozen=True)
class SpillTask:
    """Emit one part and write its rows, ordered by bucket."""

    name: str
    emit: Emit
    spill: Spill
    schema: pa.Schema

    def __call__(self, part: int) -> None:
        """Publish the part's rows."""
        self.spill.write(part, self.schema, sorted_runs(self.emit(part), self.schema))


@dataclass(frozen=True)
class MergeTask:
    """Put the rows of consecutive parts into one file, bucket by bucket; the files of the parts go.

    Memory: the indexes of the parts, and 64 MB of a bucket.
    """

    name: str
    parts: Spill
    merged: Spill
    schema: pa.Schema
    together: int

    def __call__(self, number: int) -> None:
        """Publish a merged file; a task that runs twice finds it done."""
        if self.merged.is_done(number):
            return
        parts = range(number * self.together, min((number + 1) * self.together, self.parts.files))
        with ExitStack() as stack:
            files = [stack.enter_context(pa.memory_map(str(self.parts.path(part)))) for part in parts]
            readers = [stack.enter_context(pa.ipc.open_file(file)) for file in files]
            indexes = [self.parts.index(part) for part in parts]
            self.merged.write(number, self.schema, self._rows(indexes, readers))
        for part in parts:
            self.parts.remove(part)

    def _rows(self, indexes: Sequence[pa.ListArray], readers: Sequence[pa.RecordBatchFileReader]) -> Addressed:
        files = list(zip(readers, indexes, strict=True))
        for bucket in range(max(map(len, indexes))):
            batches = (reader.get_batch(number) for reader, index in files for number in _of_bucket(index, bucket))
            for table in gathered(self.schema, batches, RUN_BYTES):
                yield from ((bucket, batch) for batch in table.combine_chunks().to_batches())


@dataclass(frozen=True)
class ReduceTask:
    """Reduce one bucket from the spill files."""

    name: str
    reduce: Reducer
    spill: Spill

    def __call__(self, bucket: int) -> Manifest:
        """Publish the bucket's part."""
        return self.reduce(bucket, self.spill.rows(bucket))


def sorted_runs(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(bucket, its rows) for each bucket in each run of about 64 MB; the order within a bucket is kept."""
    for table in gathered(schema, batches, RUN_BYTES):
        yield from _by_bucket(table)


def _by_bucket(table: pa.Table) -> Iterator[tuple[int, pa.RecordBatch]]:
    if not table.num_rows:
        return
    buckets = table["bucket"].to_numpy()
    order = np.argsort(buckets, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    values, starts = np.unique(buckets[order], return_index=True)
    ends = [*starts[1:].tolist(), table.num_rows]
    for bucket, start, end in zip(values.tolist(), starts.tolist(), ends, strict=True):
        yield from ((bucket, batch) for batch in table.slice(start, end - start).to_batches())
