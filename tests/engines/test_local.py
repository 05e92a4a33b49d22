"""The local engine: tasks survive dead workers, exchanges survive a killed run, queues stay short."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from pebble.pool.base_pool import PoolStatus

from curate.engines import Exchange, local
from curate.engines.local import LocalEngine, sorted_runs
from curate.errors import EngineError, RecipeError
from curate.store import Manifest

SCHEMA = pa.schema([pa.field("bucket", pa.int32()), pa.field("n", pa.int64())])


@dataclass(frozen=True)
class Square:
    folder: str
    deadly: int = -1
    times: int = 0

    def __call__(self, number: int) -> int:
        if number == self.deadly:
            marks = Path(self.folder) / "deaths"
            with marks.open("a") as file:
                file.write("x")
            if len(marks.read_text()) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        return number * number


@dataclass(frozen=True)
class Raise:
    error: Exception

    def __call__(self, number: int) -> int:
        raise self.error


@dataclass(frozen=True)
class Numbers:
    buckets: int
    folder: str = ""

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        if self.folder:
            with (Path(self.folder) / "emitted").open("a") as file:
                file.write(f"{part}\n")
        values = list(range(part * 10, part * 10 + 10))
        for start in range(0, 10, 3):
            some = values[start : start + 3]
            yield pa.RecordBatch.from_pydict({"bucket": [v % self.buckets for v in some], "n": some}, SCHEMA)


@dataclass(frozen=True)
class Sum:
    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Manifest:
        values = [row["n"] for batch in rows for row in batch.to_pylist() if row["bucket"] == bucket]
        return Manifest(bucket, "f", len(values), sum(values), "")


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    pool = LocalEngine(2)
    yield pool
    pool.close()


def test_map_calls_every_item_once(engine: LocalEngine, tmp_path: Path) -> None:
    assert sorted(engine.map(Square(str(tmp_path)), [(n,) for n in range(20)])) == [n * n for n in range(20)]


def test_a_killed_worker_is_replaced_and_its_task_tried_again(engine: LocalEngine, tmp_path: Path) -> None:
    task = Square(str(tmp_path), deadly=3, times=2)
    assert sorted(engine.map(task, [(n,) for n in range(6)])) == [n * n for n in range(6)]
    assert (tmp_path / "deaths").read_text() == "xxx"


def test_a_task_that_always_kills_its_worker_ends_the_run_by_name(engine: LocalEngine, tmp_path: Path) -> None:
    task = Square(str(tmp_path), deadly=1, times=9)
    with pytest.raises(EngineError, match="Square, part 1: its worker died 3 times"):
        list(engine.map(task, [(n,) for n in range(3)]))


def test_errors_of_a_task_keep_their_kind(engine: LocalEngine) -> None:
    with pytest.raises(RecipeError, match="no such list"):
        list(engine.map(Raise(RecipeError("no such list")), [(0,)]))
    with pytest.raises(EngineError, match="Raise, part 0 failed: ZeroDivisionError: oops"):
        list(engine.map(Raise(ZeroDivisionError("oops")), [(0,)]))


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


def test_exchange_brings_all_rows_of_a_bucket_together(engine: LocalEngine, tmp_path: Path) -> None:
    job = Exchange(Numbers(4), Sum(), 5, SCHEMA, range(6), str(tmp_path / "spill"), "f")
    found = {m.part: (m.rows, m.bytes) for m in engine.exchange(job)}
    expected = {b: [v for v in range(50) if v % 4 == b] for b in range(6)}
    assert found == {b: (len(values), sum(values)) for b, values in expected.items()}
    assert not (tmp_path / "spill").exists()


def test_spilled_parts_of_the_same_exchange_are_used_again(engine: LocalEngine, tmp_path: Path) -> None:
    job = Exchange(Numbers(2, str(tmp_path)), Sum(), 4, SCHEMA, [0], str(tmp_path / "spill"), "f")
    running = engine.exchange(job)
    next(running)
    running.close()  # as if killed before the scratch folder was removed
    assert len((tmp_path / "emitted").read_text().splitlines()) == 4
    assert [m.rows for m in engine.exchange(job)] == [20]
    assert len((tmp_path / "emitted").read_text().splitlines()) == 4
    changed = Exchange(job.emit, job.reduce, 4, SCHEMA, [0], job.scratch, "other")
    list(engine.exchange(changed))
    assert len((tmp_path / "emitted").read_text().splitlines()) == 8


def test_runs_keep_the_order_within_a_bucket() -> None:
    table = [(bucket, batch["n"].to_pylist()) for bucket, batch in sorted_runs(Numbers(3)(0), SCHEMA)]
    assert table == [(0, [0, 3, 6, 9]), (1, [1, 4, 7]), (2, [2, 5, 8])]
