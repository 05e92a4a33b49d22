"""What every engine keeps: tasks survive dead workers, errors keep their kind, exchanges lose and double nothing."""

from pathlib import Path

import pytest
from contract_tasks import (
    ALL_ROWS,
    ALL_TYPES,
    SCHEMA,
    AllTypes,
    Describe,
    Numbers,
    Raise,
    RaiseDemanding,
    RaiseInEmit,
    RaiseInReduce,
    Square,
    Sum,
)

from curate.engines import Engine, Exchange
from curate.errors import EngineError, RecipeError

pytestmark = pytest.mark.parametrize("engine", ["local", "ray", "spark"], indirect=True)


def test_map_calls_every_item_once(engine: Engine, tmp_path: Path) -> None:
    assert sorted(engine.map(Square(str(tmp_path)), [(n,) for n in range(20)])) == [n * n for n in range(20)]


def test_map_of_nothing_is_nothing(engine: Engine, tmp_path: Path) -> None:
    assert list(engine.map(Square(str(tmp_path)), [])) == []


def test_a_killed_worker_is_replaced_and_its_task_tried_again(engine: Engine, tmp_path: Path) -> None:
    task = Square(str(tmp_path), deadly=3, times=2)
    assert sorted(engine.map(task, [(n,) for n in range(6)])) == [n * n for n in range(6)]
    assert (tmp_path / "deaths").read_text() == "xxx"


def test_a_task_that_always_kills_its_worker_ends_the_run_by_name(engine: Engine, tmp_path: Path) -> None:
    task = Square(str(tmp_path), deadly=1, times=9)
    with pytest.raises(EngineError, match="Square, part 1: its worker died 3 times"):
        list(engine.map(task, [(n,) for n in range(3)]))


def test_errors_of_a_task_keep_their_kind(engine: Engine) -> None:
    with pytest.raises(RecipeError, match=r"^no such list$"):
        list(engine.map(Raise(RecipeError("no such list")), [(0,)]))
    with pytest.raises(EngineError, match=r"^Raise, part 0 failed: ZeroDivisionError: oops$"):
        list(engine.map(Raise(ZeroDivisionError("oops")), [(0,)]))


def test_an_error_that_does_not_survive_pickling_is_told(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"^RaiseDemanding, part 0 failed: DemandingError: a fault in the works$"):
        list(engine.map(RaiseDemanding(), [(0,)]))


def test_an_engine_is_of_use_after_an_error(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        list(engine.map(Raise(KeyError("x")), [(n,) for n in range(9)]))
    assert sorted(engine.map(Square(str(tmp_path)), [(2,), (3,)])) == [4, 9]


def test_exchange_brings_all_rows_of_a_bucket_together(engine: Engine, tmp_path: Path) -> None:
    job = Exchange(Numbers(4), Sum(), 5, SCHEMA, range(6), str(tmp_path / "spill"), "f")
    found = {m.part: (m.rows, m.bytes) for m in engine.exchange(job)}
    expected = {b: [v for v in range(50) if v % 4 == b] for b in range(6)}
    assert found == {b: (len(values), sum(values)) for b, values in expected.items()}
    assert not (tmp_path / "spill").exists()


def test_exchange_does_only_the_buckets_that_are_left(engine: Engine, tmp_path: Path) -> None:
    job = Exchange(Numbers(4), Sum(), 3, SCHEMA, [3, 1], str(tmp_path / "spill"), "f")
    found = {m.part: m.rows for m in engine.exchange(job)}
    assert found == {1: len(range(1, 30, 4)), 3: len(range(3, 30, 4))}


def test_exchange_of_no_parts_gives_every_bucket(engine: Engine, tmp_path: Path) -> None:
    job = Exchange(Numbers(4), Sum(), 0, SCHEMA, range(3), str(tmp_path / "spill"), "f")
    assert {m.part: m.rows for m in engine.exchange(job)} == {0: 0, 1: 0, 2: 0}


def test_every_type_crosses_an_exchange_unchanged(engine: Engine, tmp_path: Path) -> None:
    (found,) = engine.exchange(Exchange(AllTypes(), Describe(), 1, ALL_TYPES, [0], str(tmp_path / "spill"), "f"))
    (expected,) = [Describe()(0, AllTypes()(0))]
    assert found == expected
    assert found.rows == len(ALL_ROWS)


def test_errors_of_an_emit_keep_their_kind(engine: Engine, tmp_path: Path) -> None:
    scratch = str(tmp_path / "04-a.b" / "s")
    job = Exchange(RaiseInEmit(RecipeError("no such list")), Sum(), 1, SCHEMA, [0], scratch, "f")
    with pytest.raises(RecipeError, match=r"^no such list$"):
        list(engine.exchange(job))
    job = Exchange(RaiseInEmit(ValueError("x")), Sum(), 1, SCHEMA, [0, 1], scratch, "f")
    with pytest.raises(EngineError, match=r"^04-a\.b emit, part 0 failed: ValueError: x$"):
        list(engine.exchange(job))


def test_errors_of_a_reduce_keep_their_kind(engine: Engine, tmp_path: Path) -> None:
    job = Exchange(Numbers(4), RaiseInReduce(RecipeError("no such list")), 2, SCHEMA, [0], str(tmp_path / "s"), "f")
    with pytest.raises(RecipeError, match=r"^no such list$"):
        list(engine.exchange(job))
    job = Exchange(Numbers(4), RaiseInReduce(ValueError("x")), 2, SCHEMA, [2], str(tmp_path / "04-a.b" / "s"), "f")
    with pytest.raises(EngineError, match=r"^04-a\.b, part 2 failed: ValueError: x$"):
        list(engine.exchange(job))
