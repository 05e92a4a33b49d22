"""What the engine of Spark does in Python workers: tasks, emits and reduces as functions of `mapInArrow`.

Rows cross the shuffle as record batches of one bucket, each a single value, with the slot of the bucket beside it:
Spark moves few large values, and takes no row apart. What tasks and reduces return goes to the driver by an
accumulator, as soon as they have ended; Spark's own result is empty.
"""

import gc
import pickle
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, AccumulatorParam, TaskContext

from curate.engines import Reducer, Task
from curate.engines.attempt import attempt, failure, one_thread
from curate.engines.spark_gpus import show_gpus_of_task
from curate.engines.spill import sorted_runs
from curate.errors import CurateError, EngineError
from curate.store import Manifest
from curate.wide import Emit

# slot: the partition that a blob goes to, the place of its bucket among those that are left. rows: a record batch.
BLOB = pa.schema([pa.field("slot", pa.int32()), pa.field("rows", pa.binary())])
# Rows of a blob, and blobs handed over at a time, weigh about so much: an executor keeps one for every core.
BLOB_BYTES = 8 << 20
# A partition returns nothing to Spark.
NOTHING = pa.schema([pa.field("nothing", pa.bool_())])
MARK = "error of curate: "

Batches = Iterator[pa.RecordBatch]
# Pickled (value, None) or (None, error), one a task.
Outcomes = Accumulator[deque[bytes]]


class Gathered(AccumulatorParam[deque[bytes]]):
    """Outcomes in the order of their arrival; the driver takes them out at the other end."""

    def zero(self, value: deque[bytes]) -> deque[bytes]:
        """None yet."""
        return deque()

    def addInPlace(self, value1: deque[bytes], value2: Iterable[bytes]) -> deque[bytes]:  # noqa: N802  # Spark's name
        """More of them."""
        value1.extend(value2)
        return value1


@dataclass(frozen=True)
class MapItems:
    """The items of a job, one a partition."""

    task: Task
    items: tuple[tuple[Any, ...], ...]
    outcomes: Outcomes

    def __call__(self, batches: Batches) -> Batches:
        """Nothing; the outcome of the item that each row names is told."""
        _settle()
        show_gpus_of_task()
        for batch in batches:
            for number in batch.column(0).to_pylist():
                _tell(self.outcomes, self.task, self.items[number])
        yield from ()


@dataclass(frozen=True)
class EmitParts:
    """What the parts emit for the buckets that have a slot."""

    name: str
    emit: Emit
    schema: pa.Schema
    slots: Mapping[int, int]

    def __call__(self, batches: Batches) -> Batches:
        """Blobs of the parts that the rows name. What is raised carries a CurateError in its message."""
        _settle()
        rows = sorted_runs(self._emitted(batches), self.schema)
        yield from packed((self.slots[bucket], batch) for bucket, batch in rows if bucket in self.slots)

    def _emitted(self, batches: Batches) -> Batches:
        for batch in batches:
            for part in batch.column(0).to_pylist():
                try:
                    yield from self.emit(part)
                except CurateError as error:
                    raise RuntimeError(carried(error)) from error
                except Exception as error:
                    raise RuntimeError(carried(failure(f"{self.name} emit, part {part}", error))) from error


def packed(rows: Iterable[tuple[int, pa.RecordBatch]]) -> Batches:
    """(slot, rows) as blobs, some megabytes of them at a time."""
    blobs: list[tuple[int, bytes]] = []
    size = 0
    for slot, batch in rows:
        count = max(1, batch.num_rows * BLOB_BYTES // max(1, batch.nbytes))
        for start in range(0, batch.num_rows, count):
            blobs.append((slot, batch.slice(start, count).serialize().to_pybytes()))
            size += len(blobs[-1][1])
            if size >= BLOB_BYTES:
                yield pa.record_batch([*zip(*blobs, strict=True)], schema=BLOB)
                blobs, size = [], 0
    if blobs:
        yield pa.record_batch([*zip(*blobs, strict=True)], schema=BLOB)


@dataclass(frozen=True)
class ReduceBlobs:
    """A reduce as a task of its bucket and what Spark hands over."""

    name: str
    reduce: Reducer
    schema: pa.Schema

    def __call__(self, bucket: int, slot: int, batches: Batches) -> Manifest:
        """Reduce the rows as they were emitted."""
        return self.reduce(bucket, self._rows(slot, batches))

    def _rows(self, slot: int, batches: Batches) -> Batches:
        for batch in batches:
            if not pc.all(pc.equal(batch["slot"], slot)).as_py():
                raise EngineError(
                    f"{self.name}: Spark has put several buckets in a partition: a setting or a bug of its"
                )
            for blob in batch["rows"]:
                yield pa.ipc.read_record_batch(pa.py_buffer(blob.as_py()), self.schema)  # a copy, for its alignment


@dataclass(frozen=True)
class ReduceBuckets:
    """One bucket a partition, in the order of `todo`."""

    task: ReduceBlobs
    todo: tuple[int, ...]
    outcomes: Outcomes

    def __call__(self, batches: Batches) -> Batches:
        """Nothing; the outcome of the bucket that this partition holds, be it empty, is told."""
        _settle()
        context = TaskContext.get()
        assert context is not None, "this runs in a task"
        slot = context.partitionId()
        _tell(self.outcomes, self.task, (self.todo[slot], slot, batches))
        yield from ()


def _settle() -> None:
    """Spark collects garbage after every task: leave what has been imported by now out of it, which takes 60 ms."""
    global _modules
    one_thread()
    if len(sys.modules) > _modules:
        _modules = len(sys.modules)
        gc.freeze()


_modules = 0


def _tell(outcomes: Outcomes, task: Task, item: tuple[Any, ...]) -> None:
    outcome: tuple[Any, CurateError | None]
    try:
        outcome = attempt(task, item), None
    except CurateError as error:
        outcome = None, error
    outcomes.add(deque([pickle.dumps(outcome)]))


def carried(error: CurateError) -> str:
    """A message that says an error in digits, which no wrapping of messages changes."""
    return f"{MARK}{type(error).__name__} {str(error).encode(errors='backslashreplace').hex()}"
