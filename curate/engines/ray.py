"""The engine of a Ray cluster: tasks are Ray tasks, or go to actors with GPUs (ray_workers.py), and exchanges go by
spill files in the run's folder.

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
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from curate.engines import Exchange, Task
from curate.engines.attempt import TRIES, failure, label, obituary
from curate.engines.ray_workers import Actors, Tasks, Workers
from curate.engines.spill import exchange_by_spill
from curate.errors import CurateError, EngineError
from curate.resources import USUAL, Resources
from curate.store import Manifest
from curate.workers import python_path

WAITING_PER_CORE = 2
KNOCK_S = 10.0
# Nothing travels through Ray's object store but tasks; Ray would take a third of the machine's memory.
OBJECT_STORE_BYTES = 256 << 20


class RayEngine:
    """At most `workers` tasks at a time, by default as many as the cluster has cores."""

    def __init__(self, workers: int | None = None, gpus: int | None = None) -> None:
        self.workers = workers
        self._asked_gpus = gpus
        self._ours = self._alone = False

    def map(self, task: Task, items: Sequence[tuple[Any, ...]], needs: Resources = USUAL) -> Iterator[Any]:
        """Call `task(*item)` on the cluster; results come as they finish, at most a few tasks ahead of the workers."""
        self._connect()
        hands = self._workers_for(task, needs, len(items))
        left = ((item, 1) for item in items)
        again: list[tuple[tuple[Any, ...], int]] = []
        running: dict[Any, tuple[tuple[Any, ...], int]] = {}
        due = next(left, None)
        try:
            while due or running:
                while due and hands.has_room():
                    running[hands.give(due[0])] = due
                    due = again.pop() if again else next(left, None)
                ended = hands.ended()
                if ended is None:
                    continue
                item, tries = running.pop(ended)
                try:
                    yield hands.result(ended)
                except RayTaskError as error:
                    raise _of_curate(task, item, error) from error
                except RayError as death:
                    if tries == TRIES:
                        raise EngineError(obituary(label(task, item), _cause(death))) from death
                    again.append((item, tries + 1))
                    due = due or again.pop()
        finally:
            if ray.is_initialized():
                hands.close()

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Spill what every part emits, then reduce bucket by bucket."""
        return exchange_by_spill(job, self.map)

    def close(self) -> None:
        """Leave the cluster; end it where it was started for this run."""
        if self._ours:
            ray.shutdown()
            self._ours = self._alone = False

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
            self._alone = True
        self._ours = True

    def gpus(self) -> int:
        """Those of the cluster, or as many as are asked for: a cluster may have to add nodes for them."""
        self._connect()
        there = int(_have("GPU"))
        if self._asked_gpus is None:
            return there
        return min(self._asked_gpus, there) if self._alone else self._asked_gpus

    def _workers_for(self, task: Task, needs: Resources, items: int) -> Workers:
        if needs.gpus and self.gpus():
            most = min(items, self.workers or items)
            return Actors(task, needs, lambda: max(1, min(most, needs.workers_at(self.gpus()))))
        return Tasks(task, replace(needs, gpus=0), lambda: self.workers or max(1, int(_have("CPU"))) * WAITING_PER_CORE)


def _knock(address: str) -> None:
    """Raises OSError where nobody listens; Ray itself asks again for ten minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


def _have(resource: str) -> float:
    """What all nodes of the cluster have of it, in use or not."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it without types
    return resources.get(resource, 0.0)


def _of_curate(task: Task, item: tuple[Any, ...], error: RayTaskError) -> CurateError:
    """What a task has raised, or why it could not even begin."""
    cause = error.cause
    return cause if isinstance(cause, CurateError) else failure(label(task, item), cause)


def _cause(death: RayError) -> str:
    if isinstance(death, OutOfMemoryError):
        return "killed, most likely for lack of memory"
    return type(death).__name__
