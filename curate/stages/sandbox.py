"""One child process that parses hostile pages, watched by its parent, replaced when it has to be killed.

A page may use `cpu_limit_s` of the child's CPU time. One that needs more, exhausts the memory limit or kills the child
is tried once more in a fresh child with three times as much time; what it does then is the result. So neither pages
that were worked on before nor a stranger's `kill` decide about a page. CPU time rather than wall time, so that a busy
machine does not change the result; a child that neither works nor answers is treated as one that took too long.

Cost: about half a millisecond a page, and 1 s for each new child.
"""

import atexit
import fcntl
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from curate.errors import EngineError
from curate.processes import cpu_seconds
from curate.stages.frames import HEAD_BYTES, message_bytes, pack, unpack
from curate.workers import python_path

RETRY_FACTOR = 3
# A child is replaced after so many pages: what its parsers leak stays bounded.
PAGES_PER_CHILD = 5000
# Starting must be possible on a machine that is busy with something else.
_START_CPU_S = 60.0
_POLL_S = 0.2
_PIPE_BYTES = 1 << 20
_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Limits:
    """What one page may use: memory of the whole child, CPU seconds, seconds without any work."""

    memory_bytes: int = 1 << 30
    cpu_s: float = 30.0
    stall_s: float = 60.0


class _DeadError(Exception):
    """The child is gone; the message is an error code."""


class Sandbox:
    """Runs one extractor in a child process; `command` is what follows `python -m curate.stages.extract_child`."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        self.command = tuple(command)
        self.limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._pages = 0
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, request: Sequence[bytes]) -> list[str]:
        """[status, …]: "ok" and what the extractor found, or an error code alone.

        Codes: timeout, memory, crashed, too_deep, extractor: Name. Raises EngineError if no child can be started.
        """
        message = pack(request)
        with self._lock:
            for limit_s in (self.limits.cpu_s, RETRY_FACTOR * self.limits.cpu_s):
                try:
                    answer = self._answer(message, limit_s)
                except _DeadError as death:
                    answer = [str(death)]
                if answer[0] not in ("timeout", "memory", "crashed"):
                    break
                self.close()
        return answer

    def start(self) -> None:
        """Have a child ready. Raises EngineError with what it died of."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """Kill the child, if there is one. In a forked copy of this process the child belongs to the original."""
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return
        child.kill()
        for stream in (child.stdin, child.stdout):
            if stream:
                with suppress(OSError):  # a request that the dead child never read
                    stream.close()
        child.wait()

    def _answer(self, message: bytes, limit_s: float) -> list[str]:
        if self._pages >= PAGES_PER_CHILD:
            self.close()
        child = self._running()
        self._pages += 1
        return _converse(child, message, _Watch(child.pid, limit_s, self.limits.stall_s))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._owner != os.getpid() or self._child.poll() is not None:
            self.close()
            self._owner, self._pages = os.getpid(), 0
            self._child = child = _spawn((*self.command, str(self.limits.memory_bytes)))
            try:
                status, *why = _converse(child, b"", _Watch(child.pid, _START_CPU_S, self.limits.stall_s))
            except _DeadError as death:
                status, *why = str(death), str(death)
            if status != "ready":
                self.close()
                raise EngineError(f"the extraction process does not start: {' '.join(why)}")
        return self._child


class _Watch:
    """Notices that a process has used up its CPU time, or has stopped working."""

    def __init__(self, pid: int, limit_s: float, stall_s: float) -> None:
        self.pid = pid
        self.stall_s = stall_s
        self._spent_s = cpu_seconds(pid)
        self._until_s = self._spent_s + limit_s
        self._worked_at = time.monotonic()

    def check(self) -> None:
        """Raises _DeadError("timeout")."""
        spent_s, now = cpu_seconds(self.pid), time.monotonic()
        if spent_s > self._spent_s:
            self._spent_s, self._worked_at = spent_s, now
        if spent_s > self._until_s or now - self._worked_at > self.stall_s:
            raise _DeadError("timeout")


def _spawn(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    # Hashes of strings are seeded so that sets have one order, whatever extractors do with them.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = python_path()
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "curate.stages.extract_child", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert child.stdin is not None
    os.set_blocking(child.stdin.fileno(), False)
    with suppress(AttributeError, OSError):  # Linux alone; most pages then fit into the pipe whole
        fcntl.fcntl(child.stdin.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return child


def _converse(child: subprocess.Popen[bytes], message: bytes, watch: _Watch) -> list[str]:
    """Send `message` and wait for the answer, both at once, so that no full pipe can hang the parent."""
    assert child.stdin is not None
    assert child.stdout is not None
    into, out = child.stdin.fileno(), child.stdout.fileno()
    poll = select.poll()
    poll.register(out, select.POLLIN)
    if message:
        poll.register(into, select.POLLOUT)
    unsent, received = memoryview(message), bytearray()
    try:
        while len(received) < HEAD_BYTES or len(received) < message_bytes(received):
            ready = dict(poll.poll(_POLL_S * 1000))
            if not ready:
                watch.check()
            if into in ready:
                unsent = unsent[os.write(into, unsent) :]
                if not unsent:
                    poll.unregister(into)
            if out in ready:
                received += os.read(out, _READ_BYTES) or _end_of_stream()
        return [part.decode("utf-8", "replace") for part in unpack(received)]
    except (OSError, ValueError) as error:
        raise _DeadError("crashed") from error


def _end_of_stream() -> bytes:
    raise _DeadError("crashed")
