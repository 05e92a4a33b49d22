"""What only the local engine has: the server that workers are forked from, and a pool that may break."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pytest
from contract_tasks import Square
from pebble.pool.base_pool import PoolStatus

from curate.engines import local
from curate.engines.local import LocalEngine
from curate.errors import EngineError


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    pool = LocalEngine(2)
    yield pool
    pool.close()


@dataclass(frozen=True)
class AboutMyself:
    def __call__(self, number: int) -> tuple[int, bool, int]:
        status = Path(f"/proc/{os.getppid()}/status").read_text()
        threads = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:"))
        return os.getppid(), "curate.steps" in sys.modules, threads


def test_workers_are_forked_from_a_server_of_one_thread_that_has_imported_what_they_need(engine: LocalEngine) -> None:
    (about,) = engine.map(AboutMyself(), [(0,)])
    server, warm, threads = about
    assert server != os.getpid()
    assert warm
    assert threads == 1, "forking a process with more is not safe"


@dataclass(frozen=True)
class KillServer:
    """Kills the process that workers are forked from, once."""

    folder: str

    def __call__(self, number: int) -> int:
        mark = Path(self.folder) / "killed"
        if number == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getppid(), signal.SIGKILL)
        return number


def test_a_killed_server_is_replaced(tmp_path: Path) -> None:
    pool = LocalEngine(2)
    try:
        for _ in range(3):
            assert sorted(pool.map(KillServer(str(tmp_path)), [(n,) for n in range(8)])) == list(range(8))
    finally:
        pool.close()


def broken_before_the_second_result(breaking: str, folder: Path) -> list[int]:
    """Squares of 0 to 19 from a pool that breaks while most of them are not yet done."""
    pool = LocalEngine(2)
    try:
        squares = pool.map(Square(str(folder)), [(n,) for n in range(20)])
        found = [next(squares)]
        before = pool._pool
        if breaking == "with a word to every task":
            before._pool_manager.handle_broken_pool(BrokenProcessPool("All workers expired"))
        else:  # tasks that its thread has not yet taken from the queue never end
            before._context.status = PoolStatus.ERROR
        found += squares
        assert pool._pool is not before
        return found
    finally:
        pool.close()


@pytest.mark.parametrize("breaking", ["with a word to every task", "in silence"])
def test_a_pool_that_breaks_gives_way_to_a_new_one(breaking: str, tmp_path: Path) -> None:
    assert sorted(broken_before_the_second_result(breaking, tmp_path)) == [n * n for n in range(20)]


@dataclass(frozen=True)
class Wait:
    """Takes longer than the heartbeat, so that the driver waits for it in vain when the pool has broken."""

    def __call__(self, number: int) -> int:
        time.sleep(0.3)
        return number


def test_tasks_that_a_broken_pool_has_not_seen_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "HEARTBEAT_S", 0.05)
    pool = LocalEngine(1)
    try:
        running = pool.map(Wait(), [(n,) for n in range(4)])
        found = [next(running)]
        pool._pool._context.status = PoolStatus.ERROR
        assert sorted(found + list(running)) == list(range(4))
    finally:
        pool.close()


def test_a_pool_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no process to spare")

    monkeypatch.setattr("multiprocessing.forkserver.connect_to_new_process", refuse)
    pool = LocalEngine(1)
    try:
        with pytest.raises(EngineError, match=r"no worker can be started: .*no process to spare"):
            list(pool.map(Square(str(tmp_path)), [(0,)]))
    finally:
        pool.close()
