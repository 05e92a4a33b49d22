"""One child process that parses hostile pages, watched by its parent, replaced when it has to be killed.

A page may use `cpu_limit_s` of the child's CPU time, then it is tried once more, alone, with three times as much; then
it has failed(timeout). CPU time rather than wall time, so that a busy machine does not change the result; a child that
neither works nor answers is killed too.
"""

import atexit
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from curate.stages.frames import read_frame, write_frame

RETRY_FACTOR = 3
# A child that uses no CPU time for so long is stuck; it is treated as one that took too long.
STALL_S = 60.0
_POLL_S = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")


class _DeadError(Exception):
    """The child is gone; the message is an error code."""


class Sandbox:
    """Runs extractors in a child process with limits; not to be shared between threads."""

    def __init__(self, memory_limit_bytes: int, cpu_limit_s: float) -> None:
        self.memory_limit_bytes = memory_limit_bytes
        self.cpu_limit_s = cpu_limit_s
        self._child: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def ask(self, request: Sequence[bytes]) -> tuple[list[str], bool]:
        """(status, text, title, date), and whether a clock has had a say.

        status: "ok", or an error code: timeout, memory, crashed, too_deep, extractor: Name.
        """
        timed = False
        for limit_s in (self.cpu_limit_s, RETRY_FACTOR * self.cpu_limit_s):
            try:
                return [part.decode("utf-8", "replace") for part in self._answer(request, limit_s)], timed
            except _DeadError as death:
                self.close()
                code = str(death)
                timed = timed or code == "timeout"
        return [code, "", "", ""], timed

    def close(self) -> None:
        """Kill the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            for stream in (child.stdin, child.stdout):
                if stream:
                    try:
                        stream.close()
                    except OSError:  # a request that the dead child never read
                        continue
            child.wait()

    def _answer(self, request: Sequence[bytes], limit_s: float) -> list[bytes]:
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        before = cpu_seconds(child.pid)
        try:
            write_frame(child.stdin, request)  # type: ignore[arg-type]  # Popen's pipes are binary streams
            self._wait(child, before + limit_s)
            return read_frame(child.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError) as error:
            raise _DeadError("crashed") from error

    def _wait(self, child: subprocess.Popen[bytes], until_cpu_s: float) -> None:
        """Until the child answers. Raises _DeadError("timeout") when it has used its time, or has stalled."""
        worked, spent = time.monotonic(), cpu_seconds(child.pid)
        assert child.stdout is not None
        while not select.select([child.stdout], [], [], _POLL_S)[0]:
            used = cpu_seconds(child.pid)
            if used > spent:
                worked, spent = time.monotonic(), used
            if used > until_cpu_s or time.monotonic() - worked > STALL_S:
                raise _DeadError("timeout")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            # str hashes are seeded so that sets of strings have one order, whatever extractors do with them
            environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-m", "curate.stages.extract_child", str(self.memory_limit_bytes)]
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        return self._child


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used; where there is no /proc, wall time, which is never less."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return time.monotonic() if sys.platform != "linux" else 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
