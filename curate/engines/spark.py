"""The engine of a Spark cluster: tasks are partitions of a `mapInArrow`, exchanges are Spark's own shuffle.

Under `spark-submit` it uses the session's master, and otherwise starts Spark on this machine for the length of the run.
OUT and the input must be seen by every executor under the same path. A step is handed out in jobs of some partitions,
two jobs at a time, so that nobody waits for the last part of a job. An exchange is one job: emit → `repartitionById`,
which puts exactly one bucket in a partition → reduce, also where a bucket is empty. Rows go from executor to executor;
the driver is told of every task as it ends, by an accumulator, and keeps nothing of it.

Spark tries a task whose worker died again, by itself, and what it has lost with a node. What a task or a reduce raises
is returned instead, since no second try would mend it; what an emit raises cannot be, and is tried TRIES times.
Adaptive execution, which may merge partitions, is off; a reduce that finds rows of another bucket ends the run.
"""

import os
import pickle
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from pyspark import SparkContext
from pyspark.resource import ResourceProfile
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from curate.engines import Exchange, Task, spark_gpus
from curate.engines.attempt import TRIES, label, obituary
from curate.engines.spark_worker import (
    BLOB,
    MARK,
    NOTHING,
    EmitParts,
    Gathered,
    MapItems,
    Outcomes,
    ReduceBlobs,
    ReduceBuckets,
)
from curate.errors import CurateError, DataError, EngineError, LockError, RecipeError
from curate.resources import USUAL, Resources
from curate.store import Manifest
from curate.workers import python_path

JAVA = 17
# A step is cut into about so many jobs, as far as each keeps every core busy for a while.
JOBS = 50
WAITING_PER_CORE = 4
WAITING_ON_CLUSTER = 1000
JOBS_AT_A_TIME = 2
BATCH_BYTES = 64 << 20
# How often the driver looks for results, and asks whether there is anyone to bring them.
HEARTBEAT_S = 0.5
# A cluster that grows on demand may have nobody for a while; after this the run ends.
NOBODY_S = 900.0

# Where Spark is started for the run. Java has little to do: what its second compiler costs is never earned back.
OURS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.python.daemon.module": "curate.spark_daemon",
}
_ERRORS = {kind.__name__: kind for kind in (RecipeError, DataError, EngineError, LockError)}

Job = Callable[[Outcomes], None]


class SparkEngine:
    """Of `workers` cores where it starts Spark itself; spark-submit knows better."""

    def __init__(self, workers: int | None = None, gpus: int | None = None) -> None:
        self.workers = workers
        self._asked_gpus = gpus
        self._profiles: dict[Resources, ResourceProfile] = {}  # Spark keeps executors for each, were they made anew
        self._session: SparkSession | None = None
        self._ours = False
        self._group = f"curate {secrets.token_hex(4)}"
        check_java()

    def map(self, task: Task, items: Sequence[tuple[Any, ...]], needs: Resources = USUAL) -> Iterator[Any]:
        """Call `task(*item)` in Spark tasks, in jobs of consecutive items; results come job by job."""
        if items:
            size = max(self._tasks_at_hand(), -(-len(items) // JOBS))
            starts = range(0, len(items), size)
            yield from self._results(
                partial(self._map_job, task, items[start : start + size], needs) for start in starts
            )

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Emit, shuffle and reduce in one Spark job."""
        if job.todo:
            yield from self._results([partial(self._exchange_job, job)])

    def gpus(self) -> int:
        """See spark_gpus.py."""
        return spark_gpus.gpus(self._connect().sparkContext, self._asked_gpus)

    def close(self) -> None:
        """End Spark where it was started for this run."""
        if self._session is not None and self._ours:
            self._session.stop()
        self._session = None

    def _results(self, jobs: Iterable[Job]) -> Iterator[Any]:
        """What the tasks of the jobs return, as they end; should anything end sooner, so do they."""
        left = iter(jobs)
        running: set[Future[None]] = set()
        context = self._connect().sparkContext
        outcomes = context.accumulator(deque(), Gathered())
        seen = time.monotonic()
        with ThreadPoolExecutor(JOBS_AT_A_TIME) as threads:
            try:
                while True:
                    while len(running) < JOBS_AT_A_TIME and (job := next(left, None)) is not None:
                        running.add(threads.submit(job, outcomes))
                    if not running:
                        return
                    ended, _ = wait(running, HEARTBEAT_S, FIRST_COMPLETED)
                    yield from _values(outcomes.value)
                    for future in ended:
                        future.result()
                    running -= ended
                    seen = _last_seen(context, seen)
            finally:
                if running:
                    context.cancelJobGroup(self._group)

    def _map_job(self, task: Task, items: Sequence[tuple[Any, ...]], needs: Resources, outcomes: Outcomes) -> None:
        session = self._describe(f"{label(task, items[0])} to {items[-1][0]}")
        numbers = session.range(0, len(items), 1, len(items))
        work = MapItems(task, tuple(items), outcomes)
        mapped = numbers.mapInArrow(work, from_arrow_schema(NOTHING), profile=self._profile(needs))
        _carry_out(mapped, lambda number: label(task, items[number]))

    def _exchange_job(self, job: Exchange, outcomes: Outcomes) -> None:
        session = self._describe(job.name)
        todo = tuple(sorted(job.todo))
        tasks = max(1, min(job.inputs, self._tasks_at_hand()))
        emit = EmitParts(job.name, job.emit, job.schema, {bucket: slot for slot, bucket in enumerate(todo)})
        emitted = session.range(0, job.inputs, 1, tasks).mapInArrow(emit, from_arrow_schema(BLOB))
        reduce = ReduceBuckets(ReduceBlobs(job.name, job.reduce, job.schema), todo, outcomes)
        reduced = emitted.repartitionById(len(todo), "slot").mapInArrow(reduce, from_arrow_schema(NOTHING))
        _carry_out(reduced, lambda number: f"{job.name}, task {number}")

    def _profile(self, needs: Resources) -> ResourceProfile | None:
        if not needs.gpus or not self.gpus():
            return None
        if needs not in self._profiles:
            self._profiles[needs] = spark_gpus.profile(self._connect().sparkContext, needs)
        return self._profiles[needs]

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


def _last_seen(context: SparkContext, seen: float) -> float:
    """When an executor was at work. Raises EngineError when that is a quarter of an hour ago."""
    now = time.monotonic()
    if _is_at_work(context):
        return now
    if now - seen > NOBODY_S:
        raise EngineError("Spark has no executor at work; see what its master says of resources, then run again")
    return seen


def _is_at_work(context: SparkContext) -> bool:
    """Whether tasks are running: where there are none, executors are missing, or those that have what a step needs."""
    infos = context._jsc.sc().statusTracker().getExecutorInfos()
    return _is_local(context) or any(info.numRunningTasks() for info in infos)


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
        settings |= OURS
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise EngineError(f"Spark does not start: {_gist(str(error))}") from error
    if ours:
        session.sparkContext.setLogLevel("OFF")  # errors come as exceptions
    session.conf.set("spark.sql.adaptive.enabled", "false")
    session.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(BATCH_BYTES))
    return session


def _values(outcomes: deque[bytes]) -> Iterator[Any]:
    """What has arrived by now. Raises the error that a task has returned."""
    while outcomes:
        value, failed = pickle.loads(outcomes.popleft())  # noqa: S301  # from a worker of ours
        if failed is not None:
            raise failed
        yield value


def _carry_out(job: DataFrame, name: Callable[[int], str]) -> None:
    """Run a job. Raises what ended it. name: of the task with a number."""
    try:
        job.collect()
    except Exception as error:  # Spark's own, or what the bridge to Java makes of them
        raise _of_curate(str(error), name) from error


def _of_curate(said: str, name: Callable[[int], str]) -> CurateError:
    """What a failed job of Spark becomes. A page may have written some of what is said: nothing of it is unpickled."""
    if found := re.search(rf"{MARK}(\w+) ((?:[0-9a-f]{{2}})+)", said):
        return _ERRORS.get(found[1], EngineError)(bytes.fromhex(found[2]).decode(errors="replace"))
    if missing := re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", said):
        return EngineError(
            f"executors do not find the package {missing[1]}: hand it to them with --py-files (a .zip; Spark passes a "
            ".whl on without importing from it) or with --archives, or install it on every node; see docs/cluster.md"
        )
    if died := re.search(r"Task (\d+) in stage \S+ failed \d+ times, most recent failure: (.{0,300})", said):
        return EngineError(obituary(name(int(died[1])), died[2].rpartition("Exception: ")[2]))
    return EngineError(f"Spark: {_gist(said)}")


def _gist(said: str) -> str:
    """The last line that is no frame of a Java stack."""
    lines = [line.strip() for line in said.strip().splitlines()]
    return next((line.lstrip(": ") for line in reversed(lines) if not line.startswith(("at ", "... "))), said)
