"""The default engine: a pool of processes on this machine, with spill files between them.

The pool (Pebble) survives workers that die, from the out-of-memory killer for instance: their task is tried again, and
a task that kills its worker three times ends the run with its name. Should the pool itself break, as it does when the
server is killed that its workers are forked from, another takes its place; nothing is waited for that cannot come. Few
tasks wait in the pool at a time, so neither
memory nor queues grow with the number of parts. An exchange writes one Arrow file per input part, its rows ordered by
bucket, and an index beside it, where a bucket is found without reading about the others: files grow with parts, never
with parts × buckets.
"""

import os
import shutil
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import pyarrow as pa
from pebble import ProcessExpired, ProcessPool

from curate import workers
from curate.engines import Exchange, Reducer, Task
from curate.errors import CurateError, EngineError
from curate.store import Manifest, atomic_file, gathered
from curate.wide import Emit

TRIES = 3
WAITING_PER_WORKER = 2
# How often a wait for results asks whether the pool still works: one that has broken leaves some tasks without an end.
HEARTBEAT_S = 1.0
# Emitted rows are sorted by bucket in runs of this size; a bucket then has one batch per run.
RUN_BYTES = 64 << 20


class LocalEngine:
    """A pool of `workers` processes, started at the first task and kept for the whole run."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or usable_cores()
        self._pool: ProcessPool | None = None
        self._futures: WeakSet[Future[Any]] = WeakSet()

    def map(self, task: Task, items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Call `task(*item)` in the pool; results come as they finish, at most a few tasks ahead of the workers."""
        left = iter(items)
        running: dict[Future[Any], tuple[tuple[Any, ...], int]] = {}
        while True:
            while len(running) < self.workers * WAITING_PER_WORKER and (item := next(left, None)) is not None:
                running[self._submit(task, item)] = (item, 1)
            if not running:
                return
            for future in self._finished(running):
                item, tries = running.pop(future)
                try:
                    yield future.result()
                except (ProcessExpired, BrokenProcessPool, CancelledError) as death:
                    if tries == TRIES:
                        raise EngineError(_obituary(task, item, death)) from death
                    running[self._submit(task, item)] = (item, tries + 1)
                except CurateError:
                    raise
                except Exception as error:
                    raise EngineError(f"{_name(task, item)} failed: {type(error).__name__}: {error}") from error

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Spill what every part emits, then reduce bucket by bucket; spill files of a killed run are used again."""
        spill = Spill(job.scratch, job.inputs, job.fingerprint)
        missing = [(part,) for part in range(job.inputs) if not spill.is_done(part)]
        for _ in self.map(SpillTask(job.emit, spill, job.schema), missing):
            pass
        yield from self.map(ReduceTask(job.reduce, spill), [(bucket,) for bucket in job.todo])
        shutil.rmtree(job.scratch, ignore_errors=True)

    def close(self) -> None:
        """Stop the workers at once; unfinished tasks are cancelled and publish nothing."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # Pebble leaves it without types
            self._pool.join()
            self._pool = None
        for future in self._futures:
            future.cancel()

    def _submit(self, task: Task, item: tuple[Any, ...]) -> Future[Any]:
        for tries in range(1, TRIES + 1):
            try:
                future: Future[Any] = self._working_pool().schedule(task, args=item)
                self._futures.add(future)
                return future
            except RuntimeError as error:  # also when it breaks between the question and the task
                if tries == TRIES:
                    raise EngineError(f"no worker can be started: {error.__cause__ or error}") from error
        raise AssertionError("unreachable")

    def _working_pool(self) -> ProcessPool:
        if self._pool is None or not self._pool.active:
            self.close()
            self._pool = ProcessPool(self.workers, initializer=_start_worker, context=workers.server())
        return self._pool

    def _finished(self, running: Collection[Future[Any]]) -> Set[Future[Any]]:
        """Those that have ended, at least one; all of them when the pool has broken."""
        while True:
            wait(running, HEARTBEAT_S, FIRST_COMPLETED)
            if self._pool is not None and not self._pool.active:
                self.close()
            if ended := {future for future in running if future.done()}:
                return ended


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker() -> None:
    """Ctrl-C is the driver's business; one thread a worker, since there is one worker a core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _name(task: Task, item: tuple[Any, ...]) -> str:
    label = getattr(task, "name", type(task).__name__)
    return f"{label}, part {item[0]}"


def _obituary(task: Task, item: tuple[Any, ...], death: Exception) -> str:
    code = death.exitcode if isinstance(death, ProcessExpired) else None
    cause = f"exit code {code}" if code is not None else type(death).__name__
    if code in (-9, 137):
        cause = "killed, most likely for lack of memory"
    return f"{_name(task, item)}: its worker died {TRIES} times ({cause}). Lower --workers or output.part_bytes."


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
