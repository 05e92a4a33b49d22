"""A process beside each worker, which ends the worker when a stage takes too long over one batch of documents.

A stage may loop for ever in Python, or in C with the interpreter's lock in its hands, or wait for what never comes:
nothing inside the process is sure to get a turn then. So the worker writes what it is at on a board, a file that both
have open, and its guard, a small process of its own, looks at it twice a second. What counts is the worker's CPU time,
so that a busy machine decides nothing. A worker that only waits, while no child works for it as one does in extraction,
may do so for as many seconds of the clock.

Before the guard ends the worker it leaves word in OUT. The engine tries the part again, as it does whenever a worker
dies, finds the word and ends the run with it: any engine, and without a second wait.

Cost: 40 ms of a core and 9 MB for each worker, 17 microseconds for each batch and stage.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from curate.errors import EngineError
from curate.processes import cpu_seconds, descendants
from curate.storage import place
from curate.workers import python_path

_POLL_S = 0.5
_BOARD_BYTES = 1 << 14
# Who uses less of the clock's time than this is waiting: threads of an engine beat now and then.
_IDLE_SHARE = 0.02


@dataclass(frozen=True)
class Deadline:
    """What a stage may take for one batch of a part, in seconds of CPU time, and of the clock for one that only waits.

    part: the step and part, as people read them. word: the file that says it when a stage took more. run: a token of
    the run; what an earlier one has left says nothing.
    """

    part: str
    limit_s: float
    word: str
    run: str

    def check(self) -> None:
        """Raises EngineError when a guard has ended a worker of this run for the same part."""
        with suppress(FileNotFoundError):
            left = json.loads(place(self.word).read_text(encoding="utf-8"))
            if left["run"] == self.run:
                raise EngineError(left["why"])
            place(self.word).unlink(missing_ok=True)

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Have the guard look on while this stage works at a batch."""
        guard = _guard()
        guard.write({**vars(self), "stage": stage})
        try:
            yield
        finally:
            guard.wipe()


class _Guard:
    """The guard of this process, as this process sees it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._calls = 0
        self._board = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        handle = self._board.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "curate.guard", str(self.owner), str(handle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[handle],
            env={**os.environ, "PYTHONPATH": python_path()},
        )

    @property
    def is_there(self) -> bool:
        """Whether it watches this very process, and not the one that this was forked from."""
        return self.owner == os.getpid() and self._process.poll() is None

    def write(self, call: dict[str, Any]) -> None:
        """Say what begins."""
        self._calls += 1
        os.pwrite(self._board.fileno(), json.dumps({**call, "call": self._calls}).encode() + b"\n", 0)

    def wipe(self) -> None:
        """Say that it has ended."""
        os.pwrite(self._board.fileno(), b"\n", 0)

    def close(self) -> None:
        """Let it go; it ends when its input does."""
        if self.is_there and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()


_guards: list[_Guard] = []


def _guard() -> _Guard:
    if not _guards or not _guards[-1].is_there:
        _guards[:] = [_Guard()]
        atexit.register(_guards[-1].close)
    return _guards[-1]


class _Watch:
    """One call of a stage, watched from outside."""

    def __init__(self, worker: int, limit_s: float) -> None:
        self._worker, self._limit_s = worker, limit_s
        self._until_s = cpu_seconds(worker) + limit_s
        self._look_at = time.monotonic() + limit_s / 2
        self._work_s: float | None = None

    def verdict(self) -> str:
        """What is wrong with it, if anything is."""
        if cpu_seconds(self._worker) > self._until_s:
            return f"has used more than {self._limit_s:g} s of CPU time for one batch of documents"
        if time.monotonic() < self._look_at:
            return ""
        before, self._work_s = self._work_s, self._work()
        self._look_at = time.monotonic() + self._limit_s / 2
        waits = before is not None and abs(self._work_s - before) < _IDLE_SHARE * self._limit_s / 2
        return f"has waited for {self._limit_s:g} s and done nothing" if waits else ""

    def _work(self) -> float:
        """CPU time of the worker and all that it has started, but this process."""
        others = (pid for pid in descendants(self._worker) if pid != os.getpid())
        return sum(map(cpu_seconds, (self._worker, *others)))


def main(worker: int, board: int) -> None:
    """Watch the process that has started this one, as long as it lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's business
    seen, watch = b"", None
    while not select.select([sys.stdin], [], [], _POLL_S)[0]:  # its end of the pipe closes when it ends
        line = os.pread(board, _BOARD_BYTES, 0).partition(b"\n")[0]
        if line != seen:
            seen, watch = line, None
            with suppress(ValueError):  # nothing, or half of what is being written
                watch = _Watch(worker, json.loads(line)["limit_s"])
        elif watch and (wrong := watch.verdict()) and os.getppid() == worker:
            try:
                _leave_word(json.loads(line), wrong)
            finally:  # also where OUT cannot be written; the engine then tries again, as often as it does
                os.kill(worker, signal.SIGKILL)
            return


def _leave_word(call: dict[str, Any], wrong: str) -> None:
    from curate.store import write_json  # takes a moment and memory, which no guard needs before

    why = f"{call['part']}: stage {call['stage']!r} {wrong}. If it is to go on, raise output.stage_limit_s."
    write_json(place(call["word"]), {"run": call["run"], "why": why}, lasting=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
