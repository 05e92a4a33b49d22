"""The engine of a Ray cluster: every task is a Ray task, and exchanges go by spill files in the run's folder.

It joins the cluster that RAY_ADDRESS names, as `ray job submit` sets it (`auto`: the one that this machine is a node
of), and without it starts Ray on this machine for the length of the run. OUT and the input must be seen by every node
under the same path. A node may die at any time: a lost task is tried again elsewhere, and whatever a finished one has
made lies in OUT. The driver sends tasks and gets manifests; few of both are on their way at a time.

Why not Ray Data's own shuffle: in memory it makes one object for every (map task × partition), whose references the
driver holds; on disk (`use_disk_based_hash_shuffle`) the driver holds an entry for each, and a lost node ends the job
(`ShuffleFileServerAnomalyError`, Ray 2.60). Both bring a whole partition into memory, and a killed driver begins again.
Spill files lie where parts lie anyway: nothing of that grows, a lost node costs the tasks that it was at, and a killed
run emits no part twice.
"""

import os
import secrets
import socket
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from curate.engines import Exchange, Task
from curate.engines.attempt import TRIES, attempt, failure, label, obituary, one_thread
from curate.engines.spill import exchange_by_spill
from curate.errors import CurateError, EngineError
from curate.store import Manifest
from curate.workers import python_path

WAITING_PER_CORE = 2
# How often a wait for results asks whether the cluster has anyone to bring them.
HEARTBEAT_S = 5.0
# A cluster that grows on demand may have nobody for a while; after this the run ends.
NOBODY_S = 900.0
KNOCK_S = 10.0
# Nothing travels through Ray's object store but tasks; Ray would take a third of the machine's memory.
OBJECT_STORE_BYTES = 256 << 20


class RayEngine:
    """At most `workers` tasks at a time, by default as many as the cluster has cores."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers
        self._ours = False

    def map(self, task: Task, items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Call `task(*item)` on the cluster; results come as they finish, at most a few tasks ahead of the workers."""
        self._connect()
        carried = ray.put(task)
        left = iter(items)
        running: dict[Any, tuple[tuple[Any, ...], int]] = {}
        try:
            while True:
                while len(running) < self._most() and (item := next(left, None)) is not None:
                    running[_submit(carried, task, item)] = (item, 1)
                if not running:
                    return
                ended = _first_ended(running)
                item, tries = running.pop(ended)
                try:
                    yield ray.get(ended)
                except RayTaskError as error:
                    raise _of_curate(task, item, error) from error
                except RayError as death:
                    if tries == TRIES:
                        raise EngineError(obituary(label(task, item), _cause(death))) from death
                    running[_submit(carried, task, item)] = (item, tries + 1)
        finally:
            if ray.is_initialized():
                for reference in running:
                    ray.cancel(reference, force=True)

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Spill what every part emits, then reduce bucket by bucket."""
        return exchange_by_spill(job, self.map)

    def close(self) -> None:
        """Leave the cluster; end it where it was started for this run."""
        if self._ours:
            ray.shutdown()
            self._ours = False

    def _connect(self) -> None:
        if ray.is_initialized():
            return
        quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address := os.environ.get("RAY_ADDRESS"):
            try:
                _knock(address)
                ray.init(address, **quietly)
            except (OSError, ValueError, RuntimeError) as error:
                raise EngineError(f"no Ray cluster answers at RAY_ADDRESS={address}: {error}") from error
        else:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports home unless told otherwise
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else it keeps one in the home folder
            os.environ["PYTHONPATH"] = python_path()  # workers look for stages where the driver does
            here: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
            ray.init("local", num_cpus=self.workers, **here, **quietly)
        self._ours = True

    def _most(self) -> int:
        return self.workers or max(1, int(_cores())) * WAITING_PER_CORE


def _knock(address: str) -> None:
    """Raises OSError where nobody listens; Ray itself asks again for ten minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


@ray.remote(max_retries=0)  # tries are counted by the driver, as by every engine
def _attempt(task: Task, item: tuple[Any, ...]) -> Any:
    one_thread()
    return attempt(task, item)


def _submit(carried: Any, task: Task, item: tuple[Any, ...]) -> Any:
    return _attempt.options(name=label(task, item)).remote(carried, item)


def _first_ended(running: Collection[Any]) -> Any:
    """Waits for a result. Raises EngineError when the cluster has had no core for a quarter of an hour."""
    seen = time.monotonic()
    while True:
        ended, _ = ray.wait(list(running), num_returns=1, timeout=HEARTBEAT_S)
        if ended:
            return ended[0]
        if _cores():
            seen = time.monotonic()
        elif time.monotonic() - seen > NOBODY_S:
            raise EngineError("the Ray cluster has no node with a core; see `ray status`, then run again")


def _cores() -> float:
    """Cores of the cluster, busy ones too."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it without types
    return resources.get("CPU", 0.0)


def _of_curate(task: Task, item: tuple[Any, ...], error: RayTaskError) -> CurateError:
    """What a task has raised, or why it could not even begin."""
    cause = error.cause
    return cause if isinstance(cause, CurateError) else failure(label(task, item), cause)


def _cause(death: RayError) -> str:
    if isinstance(death, OutOfMemoryError):
        return "killed, most likely for lack of memory"
    return type(death).__name__
