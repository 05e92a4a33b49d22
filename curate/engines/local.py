"""The default engine: a pool of processes on this machine, with spill files between them.

The pool (Pebble) survives workers that die, from the out-of-memory killer for instance: their task is tried again, and
a task that kills its worker three times ends the run with its name. Should the pool itself break, as it does when the
server is killed that its workers are forked from, another takes its place; nothing is waited for that cannot come. Few
tasks wait in the pool at a time, so neither memory nor queues grow with the number of parts. Exchanges go by spill
files (spill.py).

A step that asks for GPUs has a pool with a worker for each, and one that asks for memory or cores as many workers as
there is room for.
"""

import signal
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import IO, Any
from weakref import WeakSet

from pebble import ProcessExpired, ProcessPool

from curate import workers
from curate.engines import Exchange, Task
from curate.engines.attempt import TRIES, attempt, failure, label, obituary, one_thread
from curate.engines.machine import gpu_slots, lease, show_gpus, usable_cores, usable_memory_bytes, visible_gpus
from curate.engines.spill import exchange_by_spill
from curate.errors import CurateError, EngineError
from curate.resources import USUAL, Resources
from curate.store import Manifest

WAITING_PER_WORKER = 2
# How often a wait for results asks whether the pool still works: one that has broken leaves some tasks without an end.
HEARTBEAT_S = 1.0
# A server that was just killed is not gone yet, and no other takes its place before.
LAST_BREATH_S = 0.2


@dataclass(frozen=True)
class Crew:
    """What a pool consists of: so many workers, each with one of the slots where there are GPUs for them."""

    workers: int
    slots: tuple[str, ...] = ()


class LocalEngine:
    """A pool of `workers` processes, started at the first task and kept as long as steps need the same workers."""

    def __init__(self, workers: int | None = None, gpus: int | None = None) -> None:
        self.workers = workers or usable_cores()
        self._most_gpus = gpus
        self._crew = Crew(self.workers)
        self._pool: ProcessPool | None = None
        self._leases: IO[bytes] | None = None
        self._futures: WeakSet[Future[Any]] = WeakSet()

    def map(self, task: Task, items: Sequence[tuple[Any, ...]], needs: Resources = USUAL) -> Iterator[Any]:
        """Call `task(*item)` in the pool; results come as they finish, at most a few tasks ahead of the workers."""
        self._hire(self._crew_for(needs))
        left = iter(items)
        running: dict[Future[Any], tuple[tuple[Any, ...], int]] = {}
        while True:
            while len(running) < self._crew.workers * WAITING_PER_WORKER and (item := next(left, None)) is not None:
                running[self._submit(task, item)] = (item, 1)
            if not running:
                return
            for future in self._finished(running):
                item, tries = running.pop(future)
                try:
                    yield future.result()
                except (ProcessExpired, BrokenProcessPool, CancelledError) as death:
                    if tries == TRIES:
                        raise EngineError(obituary(label(task, item), _cause(death))) from death
                    running[self._submit(task, item)] = (item, tries + 1)
                except CurateError:
                    raise
                except Exception as error:
                    raise failure(label(task, item), error) from error

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Spill what every part emits, then reduce bucket by bucket."""
        return exchange_by_spill(job, self.map)

    def gpus(self) -> int:
        """Those that this process sees."""
        return len(self._gpus())

    def close(self) -> None:
        """Stop the workers at once; unfinished tasks are cancelled and publish nothing."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # Pebble leaves it without types
            self._pool.join()
            self._pool = None
        if self._leases is not None:
            self._leases.close()
            self._leases = None
        for future in self._futures:
            future.cancel()

    def _gpus(self) -> tuple[str, ...]:
        return () if self._most_gpus == 0 else visible_gpus()[: self._most_gpus]

    def _crew_for(self, needs: Resources) -> Crew:
        """As many workers as there is room for, at least one."""
        room = self.workers // needs.cpus
        if needs.memory_bytes:
            room = min(room, usable_memory_bytes() // needs.memory_bytes)
        slots = gpu_slots(self._gpus(), needs) if needs.gpus else ()
        return Crew(max(1, min(room, len(slots)) if slots else room), slots)

    def _hire(self, crew: Crew) -> None:
        if crew != self._crew:
            self.close()
            self._crew = crew

    def _submit(self, task: Task, item: tuple[Any, ...]) -> Future[Any]:
        for tries in range(1, TRIES + 1):
            try:
                future: Future[Any] = self._working_pool().schedule(attempt, args=(task, item))
                self._futures.add(future)
                return future
            except RuntimeError as error:  # also when it breaks between the question and the task
                if tries == TRIES:
                    raise EngineError(f"no worker can be started: {error.__cause__ or error}") from error
                time.sleep(LAST_BREATH_S)
        raise AssertionError("unreachable")

    def _working_pool(self) -> ProcessPool:
        if self._pool is None or not self._pool.active:
            self.close()
            start: tuple[Any, ...] = ()
            if self._crew.slots:
                self._leases = tempfile.NamedTemporaryFile(prefix="curate-gpus-")  # noqa: SIM115  # as long as the pool
                start = (self._crew.slots, self._leases.name)
            self._pool = ProcessPool(
                self._crew.workers, initializer=_start_worker, initargs=start, context=workers.server()
            )
        return self._pool

    def _finished(self, running: Collection[Future[Any]]) -> Set[Future[Any]]:
        """Those that have ended, at least one; all of them when the pool has broken."""
        while True:
            wait(running, HEARTBEAT_S, FIRST_COMPLETED)
            if self._pool is not None and not self._pool.active:
                self.close()
            if ended := {future for future in running if future.done()}:
                return ended


def _start_worker(slots: Sequence[str] = (), leases: str = "") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's business
    one_thread()
    if slots:
        lease(slots, leases)
    else:
        show_gpus()


def _cause(death: Exception) -> str:
    code = death.exitcode if isinstance(death, ProcessExpired) else None
    if code in (-9, 137):
        return "killed, most likely for lack of memory"
    return f"exit code {code}" if code is not None else type(death).__name__
