"""Spill files: a killed run uses the ones it has, merged or not; within a bucket rows keep their order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from contract_tasks import SCHEMA, Numbers, Sum
from page_crawls import document, run_here

from curate.digest import digest_run
from curate.engines import Exchange, Task
from curate.engines.local import LocalEngine
from curate.engines.spill import MergeTask, Spill, SpillTask, exchange_by_spill, sorted_runs
from curate.run import Result
from curate.store import Manifest


def test_spilled_parts_of_the_same_exchange_are_used_again(tmp_path: Path) -> None:
    engine = LocalEngine(1)
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
    engine.close()


def one_by_one(task: Task, items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    return (task(*item) for item in items)


@dataclass(frozen=True)
class Collect:
    """Reduces a bucket to a manifest whose counts are its rows, in the order in which they come."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Manifest:
        found = [n for batch in rows for n in batch["n"].to_pylist()]
        return Manifest(bucket, "", len(found), 0, "", {str(place): n for place, n in enumerate(found)})


@pytest.mark.parametrize("parts", range(8))
def test_merged_parts_give_what_single_ones_give(tmp_path: Path, parts: int) -> None:
    buckets = range(5)  # the last one has no rows
    job = Exchange(Numbers(4), Collect(), parts, SCHEMA, buckets, str(tmp_path / "spill"), "f")
    single, merged = (list(exchange_by_spill(job, one_by_one, together)) for together in (8, 3))
    assert [manifest.rows for manifest in single] == [
        sum(n % 4 == bucket for n in range(10 * parts)) for bucket in buckets
    ]
    assert merged == single
    assert not (tmp_path / "spill").exists()


def test_what_was_merged_before_a_kill_is_used_again(tmp_path: Path) -> None:
    job = Exchange(Numbers(2, str(tmp_path)), Collect(), 7, SCHEMA, [0, 1], str(tmp_path / "spill"), "f")
    whole = list(exchange_by_spill(job, one_by_one, 3))
    for survivors in range(4):  # of the three merged files
        (tmp_path / "emitted").unlink()
        with pytest.raises(Killed):
            list(exchange_by_spill(job, killed_after(7 + survivors), 3))
        assert len(list((tmp_path / "spill").glob("merged-*.index"))) == survivors
        assert list(exchange_by_spill(job, one_by_one, 3)) == whole
        assert len((tmp_path / "emitted").read_text().splitlines()) == 7, "no part was emitted twice"


class Killed(Exception):
    """What a run that is killed does not catch."""


def killed_after(tasks: int) -> Callable[[Task, Sequence[tuple[Any, ...]]], Iterator[Any]]:
    left = iter(range(tasks))

    def run(task: Task, items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        for item in items:
            if next(left, None) is None:
                raise Killed
            yield task(*item)

    return run


class Merging(LocalEngine):
    """Merges the spill files of any two parts."""

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        return exchange_by_spill(job, self.map, together=2)


def test_a_run_with_merged_spill_files_has_the_same_digest(crawls: Path, finished: Result, tmp_path: Path) -> None:
    merged = run_here(document(crawls, part_bytes=2048), tmp_path / "out", Merging(2))
    assert all(step["parts"] > 2 for step in merged.summary["steps"])
    assert digest_run(merged.out) == digest_run(finished.out)


def test_a_merge_that_runs_twice_finds_it_done(tmp_path: Path) -> None:
    parts, merged = (Spill(str(tmp_path), name, n, "f", SCHEMA, 2) for name, n in (("part", 3), ("merged", 1)))
    for part in range(3):
        SpillTask("emit", Numbers(2), parts)(part)
    merge = MergeTask("merge", parts, merged, 3)
    merge(0)
    before = merged.path(0).read_bytes()
    merge(0)
    assert merged.path(0).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged-000000.arrow", "merged-000000.index"]


def test_runs_keep_the_order_within_a_bucket() -> None:
    table = [(bucket, batch["n"].to_pylist()) for bucket, batch in sorted_runs(Numbers(3)(0), SCHEMA)]
    assert table == [(0, [0, 3, 6, 9]), (1, [1, 4, 7]), (2, [2, 5, 8])]
