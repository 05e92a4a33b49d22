"""An exchange by files: for engines whose workers see the run's folder and have no shuffle of their own.

Every input part is written once, as one Arrow file with its rows ordered by bucket and an index beside it, where a
bucket is found without reading about the others. So files grow with parts, never with parts × buckets, and a run that
was killed uses the ones it has. Rows go from worker to file to worker; the driver sees manifests.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
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

Map = Callable[[Task, Sequence[tuple[Any, ...]]], Iterator[Any]]


def exchange_by_spill(job: Exchange, run: Map) -> Iterator[Manifest]:
    """Spill what every part emits, then reduce bucket by bucket, both by `run`, the engine's map.

    Spill files of a killed run are used again; they go when the last bucket is done.
    """
    spill = Spill(job.scratch, job.inputs, job.fingerprint)
    missing = [(part,) for part in range(job.inputs) if not spill.is_done(part)]
    for _ in run(SpillTask(f"{job.name} emit", job.emit, spill, job.schema), missing):
        pass
    yield from run(ReduceTask(job.name, job.reduce, spill), [(bucket,) for bucket in job.todo])
    shutil.rmtree(job.scratch, ignore_errors=True)


# The index of a spilled part: a row per bucket, in order. The schema's metadata name the exchange that it belongs to.
_INDEX = pa.schema([pa.field("batches", pa.list_(pa.int32()), nullable=False)])


@dataclass(frozen=True)
class Spill:
    """Emitted rows on disk: per input part an Arrow file and an index, bucket → its record batches."""

    folder: str
    parts: int
    fingerprint: str

    def path(self, part: int) -> Path:
        """The Arrow file of a part."""
        return Path(self.folder) / f"part-{part:06d}.arrow"

    def index_path(self, part: int) -> Path:
        """The index of a part; it is written last and makes the part count as spilled."""
        return Path(self.folder) / f"part-{part:06d}.index"

    def is_done(self, part: int) -> bool:
        """Whether this part was spilled already, by this very exchange."""
        try:
            with pa.memory_map(str(self.index_path(part))) as file, pa.ipc.open_file(file) as reader:
                return bool(reader.schema.metadata[b"fingerprint"].decode() == self.fingerprint)
        except FileNotFoundError:
            return False

    def write_index(self, part: int, buckets: Mapping[int, list[int]]) -> None:
        """Publish the numbers of each bucket's batches."""
        schema = _INDEX.with_metadata({"fingerprint": self.fingerprint})
        rows = [buckets.get(bucket, []) for bucket in range(max(buckets, default=-1) + 1)]
        with (
            atomic_file(self.index_path(part), lasting=False) as temporary,
            pa.ipc.new_file(str(temporary), schema) as writer,
        ):
            writer.write_batch(pa.record_batch([pa.array(rows, _INDEX.field(0).type)], schema))

    def rows(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """All rows of a bucket, part by part."""
        for part in range(self.parts):
            numbers = self._batches(part, bucket)
            if numbers:
                with pa.memory_map(str(self.path(part))) as file, pa.ipc.open_file(file) as reader:
                    yield from (reader.get_batch(number) for number in numbers)

    def _batches(self, part: int, bucket: int) -> list[int]:
        with pa.memory_map(str(self.index_path(part))) as file, pa.ipc.open_file(file) as reader:
            buckets = reader.get_batch(0).column(0)
            found: list[int] = buckets[bucket].as_py() if bucket < len(buckets) else []
            return found


@dataclass(frozen=True)
class SpillTask:
    """Emit one part and write its rows, ordered by bucket."""

    name: str
    emit: Emit
    spill: Spill
    schema: pa.Schema

    def __call__(self, part: int) -> None:
        """Publish the part's Arrow file, then its index."""
        buckets: dict[int, list[int]] = {}
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        written = 0
        with (
            atomic_file(self.spill.path(part), lasting=False) as temporary,
            pa.ipc.new_file(str(temporary), self.schema, options=options) as writer,
        ):
            for bucket, batch in sorted_runs(self.emit(part), self.schema):
                writer.write_batch(batch)
                buckets.setdefault(bucket, []).append(written)
                written += 1
        self.spill.write_index(part, buckets)


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
