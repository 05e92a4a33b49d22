"""Spill files: a killed run uses the ones it has; within a bucket rows keep their order."""

from pathlib import Path

from contract_tasks import SCHEMA, Numbers, Sum

from curate.engines import Exchange
from curate.engines.local import LocalEngine
from curate.engines.spill import sorted_runs


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


def test_runs_keep_the_order_within_a_bucket() -> None:
    table = [(bucket, batch["n"].to_pylist()) for bucket, batch in sorted_runs(Numbers(3)(0), SCHEMA)]
    assert table == [(0, [0, 3, 6, 9]), (1, [1, 4, 7]), (2, [2, 5, 8])]
