"""Who carries out the tasks of a step on a Ray cluster: Ray tasks, or a pool of actors where it asks for GPUs.

Ray ends the process of a task that had a GPU, so that every part would load its models anew; an actor loads them once
and keeps them for the step. The pool grows to what the cluster has, also while the step runs, and an actor has one part
at a time: nothing waits at one that is not there yet, and when one dies, its part alone is tried again. An actor that
the cluster has no room for yet stands in its queue, which is what makes an autoscaler add nodes.
"""

import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

import ray
from ray.exceptions import RayError

from curate.engines import Task
from curate.engines.attempt import TRIES, attempt, label, one_thread
from curate.engines.machine import show_gpus
from curate.errors import EngineError
from curate.resources import Resources

# How often a wait for results asks whether the cluster has anyone to bring them.
HEARTBEAT_S = 5.0
# A cluster that grows on demand may have nobody for a while; after this the run ends.
NOBODY_S = 900.0

Item = tuple[Any, ...]


class Workers(Protocol):
    """Take items, each with a reference to what comes of it."""

    def has_room(self) -> bool:
        """Whether one more item may be given."""
        ...

    def give(self, item: Item) -> Any:
        """Have an item worked on; a reference to the result."""
        ...

    def ended(self) -> Any:
        """Wait; the reference of an item that has ended, None where something else has happened.

        Raises EngineError when nobody has been there for a quarter of an hour.
        """
        ...

    def result(self, reference: Any) -> Any:
        """What has come of the item. Raises RayError."""
        ...

    def close(self) -> None:
        """End what is still worked on."""
        ...


class Tasks:
    """Every item a Ray task; `most` at a time."""

    def __init__(self, task: Task, needs: Resources, most: Callable[[], int]) -> None:
        self._task, self._needs, self._most = task, needs, most
        self._carried = ray.put(task)
        self._running: set[Any] = set()

    def has_room(self) -> bool:
        """Up to `most`."""
        return len(self._running) < self._most()

    def give(self, item: Item) -> Any:
        """Start a task."""
        room = {"num_cpus": self._needs.cpus, "memory": self._needs.memory_bytes or None}
        reference = _attempt.options(name=label(self._task, item), **room).remote(self._carried, item)
        self._running.add(reference)
        return reference

    def ended(self) -> Any:
        """Wait for a task."""
        return _first_ended(self._running, self._needs)

    def result(self, reference: Any) -> Any:
        """What the task has returned."""
        self._running.discard(reference)
        return ray.get(reference)

    def close(self) -> None:
        """Cancel what is running."""
        for reference in self._running:
            ray.cancel(reference, force=True)


class Actors:
    """A pool of `most` actors with the GPUs that each needs."""

    def __init__(self, task: Task, needs: Resources, most: Callable[[], int]) -> None:
        self._task, self._needs, self._most = task, needs, most
        self._carried = ray.put(task)
        self._starting: dict[Any, Any] = {}  # by the reference that says that it is ready
        self._idle: list[Any] = []
        self._busy: dict[Any, Any] = {}  # by the reference of what it works on
        self._stillborn = 0

    def has_room(self) -> bool:
        """Whether an actor has nothing to do; the pool grows where none has."""
        while not self._idle and len(self._starting) + len(self._busy) < self._most():
            actor = _Worker.options(  # type: ignore[attr-defined]  # the decorator of Ray has no types
                num_cpus=self._needs.cpus, num_gpus=self._needs.gpus, memory=self._needs.memory_bytes or None
            ).remote(self._carried)
            self._starting[actor.ready.remote()] = actor
        return bool(self._idle)

    def give(self, item: Item) -> Any:
        """Have an idle actor work on it."""
        actor = self._idle.pop()
        reference = actor.attempt.options(name=label(self._task, item)).remote(item)
        self._busy[reference] = actor
        return reference

    def ended(self) -> Any:
        """Wait for an item, or for an actor to be ready."""
        reference = _first_ended([*self._busy, *self._starting], self._needs)
        if reference in self._busy:
            return reference
        actor = self._starting.pop(reference)
        try:
            ray.get(reference)
        except RayError as death:
            self._stillborn += 1
            if self._stillborn == TRIES:
                raise EngineError(f"no actor with a GPU can be started: {type(death).__name__}: {death}") from death
        else:
            self._stillborn = 0
            self._idle.append(actor)
        return None

    def result(self, reference: Any) -> Any:
        """What the actor has returned; one that is gone, or cannot be reached, is replaced."""
        actor = self._busy.pop(reference)
        try:
            value = ray.get(reference)
        except RayError:
            ray.kill(actor)
            raise
        self._idle.append(actor)
        return value

    def close(self) -> None:
        """End the actors."""
        for actor in (*self._starting.values(), *self._idle, *self._busy.values()):
            ray.kill(actor)


@ray.remote(max_retries=0)  # tries are counted by the driver, as by every engine
def _attempt(task: Task, item: Item) -> Any:
    one_thread()
    show_gpus()
    return attempt(task, item)


@ray.remote(max_restarts=0, max_task_retries=0)
class _Worker:
    """Ray shows it the GPUs that are its own."""

    def __init__(self, task: Task) -> None:
        one_thread()
        self._task = task

    def ready(self) -> None:
        """Say that it is there."""

    def attempt(self, item: Item) -> Any:
        """Call the task."""
        return attempt(self._task, item)


def _first_ended(references: Collection[Any], needs: Resources) -> Any:
    seen = time.monotonic()
    while True:
        ended, _ = ray.wait(list(references), num_returns=1, timeout=HEARTBEAT_S)
        if ended:
            return ended[0]
        if _has_node_for(needs):
            seen = time.monotonic()
        elif time.monotonic() - seen > NOBODY_S:
            wanted = f"node with {needs}" if str(needs) else "node with a core"
            raise EngineError(f"the Ray cluster has no {wanted}; see `ray status`, then run again")


def _has_node_for(needs: Resources) -> bool:
    """Whether a node of the cluster is large enough, busy or not."""
    least = {"CPU": needs.cpus, "GPU": needs.gpus, "memory": needs.memory_bytes}
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it without types
    return any(
        node["Alive"] and all(node["Resources"].get(name, 0) >= amount for name, amount in least.items())
        for node in nodes
    )
