"""An exchange by files: for engines whose workers see the run's folder and have no shuffle of their own.

Every input part is written once, as one Arrow file with its rows ordered by bucket and an index beside it, where a
bucket is found without reading about the others. Where parts are many, those of TOGETHER are then merged into one such
file: a bucket is gathered from few files in pieces worth a read, instead of from every part in crumbs. So files grow
with parts, never with parts × buckets, and a run that was killed uses the ones it has. Rows go from worker to file to
worker; the driver sees manifests.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.engines import Exchange, Reducer, Task
from curate.objects import Range, Remote, read_ranges
from curate.storage import local_copies, names_in, place, read_all, remove_tree
from curate.store import Manifest, atomic_file, gathered
from curate.wide import Emit

# Emitted rows are sorted by bucket in runs of this size; a bucket then has one batch per run.
RUN_BYTES = 64 << 20
# Parts that are merged into one file, and as many open files; with no more parts than that nothing is merged.
TOGETHER = 256
# Bytes of a bucket that are fetched from a store together.
FETCHED_BYTES = 64 << 20

Map = Callable[[Task, Sequence[tuple[Any, ...]]], Iterator[Any]]
# (bucket, rows of it), buckets in ascending order, again and again from the first where there are several runs.
Addressed = Iterable[tuple[int, pa.RecordBatch]]
# int64[runs, buckets + 1]: where the rows of each bucket begin in the file, in each run; they end where the next begin.
Starts = npt.NDArray[np.int64]


def exchange_by_spill(job: Exchange, run: Map, together: int = TOGETHER) -> Iterator[Manifest]:
    """Spill what every part emits, merge where parts are many, reduce bucket by bucket, all by `run`, the engine's map.

    Spill files of a killed run are used again; they go when the last bucket is done.
    """
    buckets = max(job.todo, default=-1) + 1
    many = job.inputs > together
    parts = Spill(job.scratch, "part", job.inputs, job.fingerprint, job.schema, buckets)
    merged = Spill(job.scratch, MERGED, -(-job.inputs // together), job.fingerprint, job.schema, buckets)
    done = merged.done() if many else set()
    spilled = parts.done()
    missing = [(part,) for part in range(job.inputs) if part // together not in done and part not in spilled]
    for _ in run(SpillTask(f"{job.name} emit", job.emit, parts), missing):
        pass
    if many:
        unmerged = [(number,) for number in range(merged.files) if number not in done]
        for _ in run(MergeTask(f"{job.name} merge", parts, merged, together), unmerged):
            pass
    yield from run(ReduceTask(job.name, job.reduce, merged if many else parts), [(bucket,) for bucket in job.todo])
    remove_tree(place(job.scratch))


MERGED = "merged"
# An index begins with what it belongs to, the number of buckets that it knows and of runs; Starts follow.
_HEAD = struct.Struct("<32sqq")
_START = np.dtype("<i8")


@dataclass(frozen=True)
class Spill:
    """Rows on disk, in `files` of this name: an Arrow stream each, and an index that says where each bucket lies.

    buckets: how many can be asked for. The index of merged files, which have one run, is entered in the middle.
    """

    folder: str
    name: str
    files: int
    fingerprint: str
    schema: pa.Schema
    buckets: int

    def path(self, number: int) -> Path:
        """An Arrow file."""
        return place(self.folder) / f"{self.name}-{number:06d}.arrow"

    def index_path(self, number: int) -> Path:
        """The index of a file; it is written last and makes the file count as done."""
        return place(self.folder) / f"{self.name}-{number:06d}.index"

    def done(self) -> set[int]:
        """The files that were written already, by this very exchange."""
        there = set(names_in(place(self.folder)))
        numbers = [number for number in range(self.files) if self.index_path(number).name in there]
        heads = read_all([self.index_path(number) for number in numbers], _HEAD.size)
        return {number for number, head in zip(numbers, heads, strict=True) if self._fits(head)}

    def is_done(self, number: int) -> bool:
        """Whether this file is."""
        try:
            return self._fits(read_all([self.index_path(number)], _HEAD.size)[0])
        except FileNotFoundError:
            return False

    def write(self, number: int, rows: Addressed) -> None:
        """Publish a file, then its index."""
        buckets, ends = [], []
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            atomic_file(self.path(number), lasting=False) as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_stream(sink, self.schema, options=options) as writer,
        ):
            writer.write_batch(pa.RecordBatch.from_pylist([], self.schema))  # the schema is written before it
            first = sink.tell()
            for bucket, batch in rows:
                writer.write_batch(batch)
                buckets.append(bucket)
                ends.append(sink.tell())
        starts = _starts(np.array(buckets, np.int64), np.array([first, *ends], _START), self.buckets)
        with atomic_file(self.index_path(number), lasting=False) as temporary:
            temporary.write_bytes(_HEAD.pack(self._mark, starts.shape[1] - 1, len(starts)) + starts.tobytes())

    def rows(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """All rows of a bucket, file by file."""
        fetched = isinstance(place(self.folder), Remote)
        for piece in self._fetched(bucket) if fetched else self._mapped(bucket):
            yield from _batches(piece, self.schema)

    def remove(self, number: int) -> None:
        """Make a file go that is no longer needed."""
        for path in (self.index_path(number), self.path(number)):
            path.unlink(missing_ok=True)

    def _fits(self, head: bytes) -> bool:
        """Whether the index that begins so is of this exchange, and of all buckets."""
        mark, buckets, _ = _HEAD.unpack(head)
        return bool(mark == self._mark and buckets >= self.buckets)

    @property
    def _mark(self) -> bytes:
        return hashlib.sha256(self.fingerprint.encode()).digest()

    def _mapped(self, bucket: int) -> Iterator[pa.Buffer]:
        for number in range(self.files):
            with pa.memory_map(str(self.index_path(number))) as index:
                pieces = _pieces(index_of(index.read_buffer()), bucket)
            if pieces:
                with pa.memory_map(str(self.path(number))) as file:
                    yield from (_view(file, start, end) for start, end in pieces)

    def _fetched(self, bucket: int) -> Iterator[pa.Buffer]:
        """Two requests a file, one for its index and one for each run; many are on their way at a time."""
        waiting: list[Range] = []
        size = 0
        for number, pieces in enumerate(self._asked(bucket)):
            for start, end in pieces:
                waiting.append((cast(Remote, self.path(number)), start, end))
                size += end - start
                if size >= FETCHED_BYTES:
                    yield from map(pa.py_buffer, read_ranges(waiting))
                    waiting, size = [], 0
        yield from map(pa.py_buffer, read_ranges(waiting))

    def _asked(self, bucket: int) -> Iterator[list[tuple[int, int]]]:
        """Where each file in a store has the bucket."""
        indexes = [self.index_path(number) for number in range(self.files)]
        if self.name != MERGED:
            return (_pieces(index_of(pa.py_buffer(index)), bucket) for index in read_all(indexes))
        at = _HEAD.size + bucket * _START.itemsize
        entries = read_ranges([(cast(Remote, index), at, at + 2 * _START.itemsize) for index in indexes])
        return (_pieces(np.frombuffer(entry, _START)[np.newaxis], 0) for entry in entries)


def index_of(index: pa.Buffer) -> Starts:
    """What an index says."""
    _, buckets, runs = _HEAD.unpack_from(index)
    return np.frombuffer(index, _START, offset=_HEAD.size).reshape(runs, buckets + 1)


def _starts(buckets: npt.NDArray[np.int64], bounds: Starts, least: int) -> Starts:
    """Starts of batches that belong to these buckets and lie between these bounds."""
    runs = np.flatnonzero(np.diff(buckets) < 0) + 1
    known = np.arange(max(least, int(buckets.max(initial=-1)) + 1) + 1)
    first = [0, *runs.tolist()]
    last = [*first[1:], len(buckets)]
    places = [start + np.searchsorted(buckets[start:stop], known) for start, stop in zip(first, last, strict=True)]
    return bounds[np.stack(places)]


def _pieces(starts: Starts, bucket: int) -> list[tuple[int, int]]:
    """[start, end) of a bucket's bytes in each run that has some."""
    if bucket + 1 >= starts.shape[1]:
        return []
    pairs = starts[:, bucket : bucket + 2]
    return [(start, end) for start, end in pairs.tolist() if end > start]


def _view(file: pa.MemoryMappedFile, start: int, end: int) -> pa.Buffer:
    """Bytes of a mapped file where they lie."""
    file.seek(start)
    return file.read_buffer(end - start)


def _batches(piece: pa.Buffer, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The record batches that these bytes of an Arrow stream are."""
    reader = pa.BufferReader(piece)
    while reader.tell() < piece.size:
        yield pa.ipc.read_record_batch(pa.ipc.read_message(reader), schema)


@dataclass(frozen=True)
class SpillTask:
    """Emit one part and write its rows, ordered by bucket."""

    name: str
    emit: Emit
    spill: Spill

    def __call__(self, part: int) -> None:
        """Publish the part's rows."""
        self.spill.write(part, sorted_runs(self.emit(part), self.spill.schema))


@dataclass(frozen=True)
class MergeTask:
    """Put the rows of consecutive parts into one file, bucket by bucket; the files of the parts go.

    Memory: the indexes of the parts, and 64 MB of a bucket. From a store the parts are copied here first.
    """

    name: str
    parts: Spill
    merged: Spill
    together: int

    def __call__(self, number: int) -> None:
        """Publish a merged file; a task that runs twice finds it done."""
        if self.merged.is_done(number):
            return
        parts = range(number * self.together, min((number + 1) * self.together, self.parts.files))
        indexes = [index_of(pa.py_buffer(index)) for index in read_all([self.parts.index_path(part) for part in parts])]
        with ExitStack() as stack:
            paths = stack.enter_context(local_copies([self.parts.path(part) for part in parts]))
            files = [stack.enter_context(pa.memory_map(str(path))) for path in paths]
            self.merged.write(number, self._rows(indexes, files))
        for part in parts:
            self.parts.remove(part)

    def _rows(self, indexes: Sequence[Starts], files: Sequence[pa.MemoryMappedFile]) -> Addressed:
        schema = self.parts.schema
        for bucket in range(max(starts.shape[1] for starts in indexes) - 1):
            batches = (
                batch
                for starts, file in zip(indexes, files, strict=True)
                for start, end in _pieces(starts, bucket)
                for batch in _batches(_view(file, start, end), schema)
            )
            for table in gathered(schema, batches, RUN_BYTES):
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
