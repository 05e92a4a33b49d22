"""The engine of a Spark cluster: tasks are partitions of a `mapInArrow`, exchanges are Spark's own shuffle.

Under `spark-submit` it uses the session's master, and otherwise starts Spark on this machine for the length of the run.
OUT and the input must be seen by every executor under the same path. A step is handed out in jobs of some partitions,
two jobs at a time, so that manifests come as parts are done and nobody waits for the last part of a job. An exchange is
one job: emit → `repartitionById`, which puts exactly one bucket in a partition → reduce, also where a bucket is empty.
Rows go from executor to executor; the driver gets one pickled manifest a part.

Spark tries a task whose worker died again, by itself, and what it has lost with a node. What a task or a reduce raises
is returned instead, since no second try would mend it; what an emit raises cannot be, and is tried TRIES times.
Adaptive execution, which may merge partitions, is off; a reduce that finds rows of another bucket ends the run.
"""

import gc
import os
import pickle
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkContext, TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from curate.engines import Exchange, Reducer, Task
from curate.engines.attempt import TRIES, attempt, failure, label, obituary, one_thread
from curate.errors import CurateError, DataError, EngineError, LockError, RecipeError
from curate.store import Manifest
from curate.wide import Emit
from curate.workers import python_path

JAVA = 17
# A step is cut into about so many jobs, as far as each keeps every core busy for a while.
JOBS = 50
WAITING_PER_CORE = 4
WAITING_ON_CLUSTER = 1000
JOBS_AT_A_TIME = 2
BATCH_BYTES = 64 << 20
# How often a wait for results asks whether there is anyone to bring them.
HEARTBEAT_S = 5.0
# A cluster that grows on demand may have nobody for a while; after this the run ends.
NOBODY_S = 900.0

# One pickled (value, None) or (None, error) a task.
OUTCOME = pa.schema([pa.field("outcome", pa.binary())])
# The partition that a row goes to: the place of its bucket among those that are left.
SLOT = pa.field("slot", pa.int32())
_MARK = "error of curate: "
_ERRORS = {kind.__name__: kind for kind in (RecipeError, DataError, EngineError, LockError)}

Batches = Iterator[pa.RecordBatch]
Job = Callable[[], list[Any]]


class SparkEngine:
    """Of `workers` cores where it starts Spark itself; spark-submit knows better."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers
        self._session: SparkSession | None = None
        self._ours = False
        self._group = f"curate {secrets.token_hex(4)}"
        check_java()

    def map(self, task: Task, items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Call `task(*item)` in Spark tasks, in jobs of consecutive items; results come job by job."""
        if items:
            size = max(self._tasks_at_hand(), -(-len(items) // JOBS))
            starts = range(0, len(items), size)
            yield from self._results(partial(self._map_job, task, items[start : start + size]) for start in starts)

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Emit, shuffle and reduce in one Spark job."""
        if job.todo:
            yield from self._results([partial(self._exchange_job, job)])

    def close(self) -> None:
        """End Spark where it was started for this run."""
        if self._session is not None and self._ours:
            self._session.stop()
        self._session = None

    def _results(self, jobs: Iterable[Job]) -> Iterator[Any]:
        """What the jobs return, as they end; should anything end sooner, so do they."""
        left = iter(jobs)
        running: set[Future[list[Any]]] = set()
        context = self._connect().sparkContext
        with ThreadPoolExecutor(JOBS_AT_A_TIME) as threads:
            try:
                while True:
                    while len(running) < JOBS_AT_A_TIME and (job := next(left, None)) is not None:
                        running.add(threads.submit(job))
                    if not running:
                        return
                    ended = _first_ended(running, context)
                    running -= ended
                    for future in ended:
                        yield from future.result()
            finally:
                if running:
                    context.cancelJobGroup(self._group)

    def _map_job(self, task: Task, items: Sequence[tuple[Any, ...]]) -> list[Any]:
        session = self._describe(f"{label(task, items[0])} to {items[-1][0]}")
        numbers = session.range(0, len(items), 1, len(items))
        outcomes = numbers.mapInArrow(MapItems(task, tuple(items)), from_arrow_schema(OUTCOME))
        return _values(outcomes, lambda number: label(task, items[number]))

    def _exchange_job(self, job: Exchange) -> list[Any]:
        session = self._describe(job.name)
        todo = tuple(sorted(job.todo))
        tasks = max(1, min(job.inputs, self._tasks_at_hand()))
        emitted = session.range(0, job.inputs, 1, tasks).mapInArrow(
            EmitParts(job.name, job.emit, todo), from_arrow_schema(pa.schema([*job.schema, SLOT]))
        )
        reduce = ReduceBuckets(Reduced(job.name, job.reduce, job.schema), todo)
        outcomes = emitted.repartitionById(len(todo), "slot").mapInArrow(reduce, from_arrow_schema(OUTCOME))
        return _values(outcomes, lambda number: f"{job.name}, task {number}")

    def _tasks_at_hand(self) -> int:
        """How many to hand out at a time. A cluster may have few cores just because little has waited for them."""
        context = self._connect().sparkContext
        return max(WAITING_PER_CORE * context.defaultParallelism, 0 if _is_local(context) else WAITING_ON_CLUSTER)

    def _describe(self, what: str) -> SparkSession:
        """The session, its next job of this thread called so."""
        session = self._connect()
        session.sparkContext.setJobGroup(self._group, what)
        return session

    def _connect(self) -> SparkSession:
        if self._session is None:
            self._ours = SparkSession.getActiveSession() is None
            self._session = _session(self.workers)
        return self._session


def _first_ended(running: set[Future[list[Any]]], context: SparkContext) -> set[Future[list[Any]]]:
    """Waits for a job. Raises EngineError when there has been no executor for a quarter of an hour."""
    seen = time.monotonic()
    while True:
        ended, _ = wait(running, HEARTBEAT_S, FIRST_COMPLETED)
        if ended:
            return ended
        if _has_executors(context):
            seen = time.monotonic()
        elif time.monotonic() - seen > NOBODY_S:
            raise EngineError("Spark has no executor; see what its master says of resources, then run again")


def _has_executors(context: SparkContext) -> bool:
    """The driver counts as one, and is one on a single machine."""
    return _is_local(context) or len(context._jsc.sc().statusTracker().getExecutorInfos()) > 1


def _is_local(context: SparkContext) -> bool:
    return str(context.master).startswith("local")


def check_java() -> None:
    """Raises RecipeError where Spark would have to start Java and finds none that is new enough."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started it
        return
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else shutil.which("java")
    version = _java_version(java) if java else 0
    if version < JAVA:
        found = f"{java} is Java {version}" if version else f"{java} does not run" if java else "the PATH holds none"
        raise RecipeError(
            f"--engine spark needs Java {JAVA} or later, and {found}. Install one (apt-get install "
            f"openjdk-{JAVA}-jre-headless, dnf install java-{JAVA}-openjdk-headless, conda install openjdk) and set "
            "JAVA_HOME to where it lies."
        )


def _java_version(java: str) -> int:
    """17 for 17.0.15; 1 for the old 1.8; 0 where it does not run."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def _session(workers: int | None) -> SparkSession:
    """The session of spark-submit, or a new one on this machine."""
    settings: dict[str, Any] = {"spark.task.maxFailures": TRIES}
    builder = SparkSession.builder.appName("curate")
    ours = "PYSPARK_GATEWAY_PORT" not in os.environ
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if ours:
        os.environ["PYTHONPATH"] = python_path()  # workers look for stages where the driver does
        builder = builder.master(f"local[{workers or '*'},{TRIES}]")
        settings |= {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.driver.memory": "2g"}
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise EngineError(f"Spark does not start: {str(error).strip().splitlines()[-1]}") from error
    if ours:
        session.sparkContext.setLogLevel("OFF")  # errors come as exceptions
    session.conf.set("spark.sql.adaptive.enabled", "false")
    session.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(BATCH_BYTES))
    return session


@dataclass(frozen=True)
class MapItems:
    """The items of a job, one a partition."""

    task: Task
    items: tuple[tuple[Any, ...], ...]

    def __call__(self, batches: Batches) -> Batches:
        """The outcome of the item that each row names."""
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield _outcome(self.task, self.items[number])


@dataclass(frozen=True)
class EmitParts:
    """What the parts emit for the buckets in `todo`, with the slot of each row."""

    name: str
    emit: Emit
    todo: tuple[int, ...]

    def __call__(self, batches: Batches) -> Batches:
        """Rows of the parts that each row names. What is raised carries a CurateError in its message."""
        _settle()
        for batch in batches:
            for part in batch.column(0).to_pylist():
                try:
                    yield from map(self._addressed, self.emit(part))
                except CurateError as error:
                    raise RuntimeError(_carried(error)) from error
                except Exception as error:
                    raise RuntimeError(_carried(failure(f"{self.name} emit, part {part}", error))) from error

    def _addressed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        todo, buckets = np.array(self.todo), batch["bucket"].to_numpy()
        slots = np.searchsorted(todo, buckets).astype(np.int32)
        wanted = todo[np.minimum(slots, len(todo) - 1)] == buckets
        return batch.append_column(SLOT, pa.array(slots)).filter(pa.array(wanted))


@dataclass(frozen=True)
class Reduced:
    """A reduce as a task of its bucket and what Spark hands over."""

    name: str
    reduce: Reducer
    schema: pa.Schema

    def __call__(self, bucket: int, slot: int, batches: Batches) -> Manifest:
        """Reduce the rows as they were emitted."""
        return self.reduce(bucket, map(partial(self._own, slot), batches))

    def _own(self, slot: int, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not pc.all(pc.equal(batch["slot"], slot)).as_py():
            raise EngineError(f"{self.name}: Spark has put several buckets in a partition: a setting or a bug of its")
        return pa.record_batch([batch[item.name].cast(item.type) for item in self.schema], schema=self.schema)


@dataclass(frozen=True)
class ReduceBuckets:
    """One bucket a partition, in the order of `todo`."""

    task: Reduced
    todo: tuple[int, ...]

    def __call__(self, batches: Batches) -> Batches:
        """The outcome of the bucket that this partition holds, be it empty."""
        context = TaskContext.get()
        assert context is not None, "this runs in a task"
        slot = context.partitionId()
        yield _outcome(self.task, (self.todo[slot], slot, batches))


def _settle() -> None:
    """Spark collects garbage after every task: leave what is imported by now out of it, which takes 30 ms each time."""
    one_thread()
    if not gc.get_freeze_count():
        gc.freeze()


def _outcome(task: Task, item: tuple[Any, ...]) -> pa.RecordBatch:
    _settle()
    outcome: tuple[Any, CurateError | None]
    try:
        outcome = attempt(task, item), None
    except CurateError as error:
        outcome = None, error
    return pa.record_batch([[pickle.dumps(outcome)]], schema=OUTCOME)


def _values(outcomes: DataFrame, name: Callable[[int], str]) -> list[Any]:
    """Run the job; raises the first error that a task has returned. name: of the task with a number."""
    try:
        rows = outcomes.collect()
    except Exception as error:  # Spark's own, or what the bridge to Java makes of them
        raise _of_curate(str(error), name) from error
    found = []
    for row in rows:
        value, failed = pickle.loads(row["outcome"])  # noqa: S301  # from a worker of ours
        if failed is not None:
            raise failed
        found.append(value)
    return found


def _carried(error: CurateError) -> str:
    """A message that says an error in digits, which no wrapping of messages changes."""
    return f"{_MARK}{type(error).__name__} {str(error).encode(errors='backslashreplace').hex()}"


def _of_curate(said: str, name: Callable[[int], str]) -> CurateError:
    """What a failed job of Spark becomes. A page may have written some of what is said: nothing of it is unpickled."""
    if found := re.search(rf"{_MARK}(\w+) ((?:[0-9a-f]{{2}})+)", said):
        return _ERRORS.get(found[1], EngineError)(bytes.fromhex(found[2]).decode(errors="replace"))
    if died := re.search(r"Task (\d+) in stage \S+ failed \d+ times, most recent failure: (.{0,300})", said):
        return EngineError(obituary(name(int(died[1])), died[2].rpartition("Exception: ")[2]))
    return EngineError(f"Spark: {said.strip().splitlines()[-1]}")
