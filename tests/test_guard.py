"""The guard of a worker ends it for no other reason than its deadline, and ends with it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from curate import guard
from curate.engines.local import LocalEngine
from curate.errors import EngineError
from curate.guard import Deadline

BUSY = "import time\nwhile time.process_time() < 2.5: pass"


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    found = LocalEngine(1)
    yield found
    found.close()


def deadline(folder: Path, limit_s: float = 1, run: str = "this") -> Deadline:
    return Deadline("00-x, part 0", limit_s, str(folder / "part-000000.overdue"), run)


@dataclass(frozen=True)
class WaitForChild:
    """Is at one batch for longer than the limit, and waits for a child that works all the time."""

    deadline: Deadline

    def __call__(self, part: int) -> int:
        with self.deadline.on("patient"):
            return subprocess.run([sys.executable, "-c", BUSY], check=True).returncode


def test_a_stage_whose_child_works_is_left_alone(engine: LocalEngine, tmp_path: Path) -> None:
    assert list(engine.map(WaitForChild(deadline(tmp_path)), [(0,)])) == [0]
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class ManyBatches:
    """Is longer at all batches together than the limit, and pauses between two of them for as long."""

    deadline: Deadline

    def __call__(self, part: int) -> int:
        for _ in range(4):
            with self.deadline.on("quick"):
                until = time.process_time() + 0.4
                while time.process_time() < until:
                    pass
        time.sleep(2.5)
        return 4


def test_the_limit_is_one_of_each_batch_and_not_of_what_lies_between(engine: LocalEngine, tmp_path: Path) -> None:
    assert list(engine.map(ManyBatches(deadline(tmp_path)), [(0,)])) == [4]
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class PidOfGuard:
    """Starts the guard; kills it at the first part."""

    deadline: Deadline

    def __call__(self, part: int) -> tuple[int, int]:
        with self.deadline.on("any"):
            pid = guard._guards[-1]._process.pid
        if part == 0:
            os.kill(pid, signal.SIGKILL)
            guard._guards[-1]._process.wait()
        return part, pid


def test_a_guard_that_is_gone_is_replaced_and_ends_with_its_worker(engine: LocalEngine, tmp_path: Path) -> None:
    pids = dict(engine.map(PidOfGuard(deadline(tmp_path)), [(0,), (1,), (2,)]))
    first, second, third = (pids[part] for part in range(3))
    assert first != second == third
    assert is_alive(second)
    engine.close()
    until = time.monotonic() + 30
    while is_alive(second):
        assert time.monotonic() < until, "the guard has outlived its worker"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether it still runs; one that nobody has asked about is only a name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_only_a_word_of_this_run_counts(tmp_path: Path) -> None:
    word = Path(deadline(tmp_path).word)
    deadline(tmp_path).check()
    word.write_text(json.dumps({"run": "this", "why": "00-x, part 0: stage 'slow' has …"}))
    with pytest.raises(EngineError, match=r"^00-x, part 0: stage 'slow' has …$"):
        deadline(tmp_path).check()
    deadline(tmp_path, run="the next").check()
    assert not word.exists()
