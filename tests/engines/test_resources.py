"""A step that asks for GPUs gets those that there are and works without where there are none, on every engine."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from resourceful import Tell, most_at_once, told

from curate.digest import digest_run
from curate.engines import Engine, local, machine, open_engine
from curate.engines.local import LocalEngine
from curate.errors import EngineError
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.resources import Resources
from curate.run import run
from curate.store import Manifest


@dataclass
class Remember(Silent):
    """Which parts were done, and what was noted."""

    done: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def advance(self, manifest: Manifest) -> None:
        self.done.append(manifest.part)

    def note(self, what: str) -> None:
        self.notes.append(what)


ONE_GPU = Resources(gpus=1)
STAGES = [{"use": "extract", "backend": "blocks"}, {"use": "resourceful:weigh"}, {"use": "resourceful:measure"}]


@pytest.fixture
def gpus_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, as a driver under a batch system finds them; Ray has been told of two as well."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")


with_gpus = pytest.mark.parametrize("engine", ["local", "ray"], indirect=True)


def doubled(engine: Engine, task: Tell, items: int, needs: Resources = ONE_GPU) -> None:
    assert sorted(engine.map(task, [(n,) for n in range(items)], needs)) == [2 * n for n in range(items)]


@with_gpus
def test_each_worker_sees_one_gpu_and_loads_its_model_once(gpus_here: None, engine: Engine, tmp_path: Path) -> None:
    doubled(engine, Tell(str(tmp_path), meet=2), 8)
    tasks = told(tmp_path)
    assert {task.gpus for task in tasks} == {"0", "1"}
    for gpu in "01":
        assert most_at_once([task for task in tasks if task.gpus == gpu]) == 1
    assert most_at_once(tasks) == 2
    workers = (tmp_path / "loaded").read_text().split()
    assert len(workers) == len({task.pid for task in tasks}) == 2, "a model is loaded once a worker, not once a part"


@with_gpus
def test_a_gpu_is_shared_where_each_needs_a_part_of_it(gpus_here: None, engine: Engine, tmp_path: Path) -> None:
    with closing(open_engine(engine_name(engine), 2, gpus=1)) as one:
        doubled(one, Tell(str(tmp_path), meet=2), 6, Resources(gpus=0.5))
    tasks = told(tmp_path)
    assert most_at_once(tasks) == 2
    assert len({task.pid for task in tasks}) == 2


@with_gpus
def test_no_more_gpus_are_used_than_allowed(gpus_here: None, engine: Engine, tmp_path: Path) -> None:
    with closing(open_engine(engine_name(engine), 2, gpus=1)) as one:
        assert one.gpus() == 1
        doubled(one, Tell(str(tmp_path)), 4)
    assert most_at_once(told(tmp_path)) == 1


@pytest.mark.parametrize("engine", ["local", "ray", "spark"], indirect=True)
def test_a_step_that_asks_for_none_sees_none(gpus_here: None, engine: Engine, tmp_path: Path) -> None:
    doubled(engine, Tell(str(tmp_path), 0), 4, Resources())
    assert {task.gpus for task in told(tmp_path)} == {""}


@with_gpus
def test_a_killed_worker_with_a_gpu_is_replaced(gpus_here: None, engine: Engine, tmp_path: Path) -> None:
    doubled(engine, Tell(str(tmp_path), meet=2, deadly=3, times=2), 6)
    assert (tmp_path / "deaths").read_text() == "xxx"
    assert {task.gpus for task in told(tmp_path)} == {"0", "1"}


@with_gpus
def test_a_task_that_always_kills_it_ends_the_run_by_name(gpus_here: None, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="Tell, part 1: its worker died 3 times"):
        list(engine.map(Tell(str(tmp_path), deadly=1, times=9), [(n,) for n in range(3)], ONE_GPU))
    doubled(engine, Tell(str(tmp_path)), 2)


@pytest.mark.parametrize("name", ["local", "ray", "spark"])
def test_a_run_is_the_same_with_and_without_gpus(
    name: str, request: pytest.FixtureRequest, made_crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark on one machine has none to give."""
    if name != "local":
        request.getfixturevalue(f"{name}_here")
    plan = compile_plan(parse_recipe(document(made_crawl)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    notes, digests = [], []
    for number, engine in enumerate((open_engine(name, 2), open_engine(name, 2, gpus=0))):
        progress = Remember()
        run(plan, tmp_path / str(number), engine, progress)
        notes.append(progress.notes)
        digests.append(digest_run(tmp_path / str(number)))
    without = ["no GPU is at hand: works without"]
    assert notes == [without if name == "spark" else [], without]
    assert digests[0] == digests[1] == expected_digest(made_crawl, tmp_path / "expected")


def test_a_run_is_finished_without_gpus_and_repeats_nothing(
    made_crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    run(compile_plan(parse_recipe(document(made_crawl))), tmp_path, LocalEngine(2), Remember())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for asked in ({"gpus": 0}, {"gpus": 0.25, "memory_bytes": 1 << 30}, {"cpus": 2}):
        again = Remember()
        changed = document(made_crawl)
        changed["stage"] = [{**table, "resources": asked} for table in changed["stage"]]
        run(compile_plan(parse_recipe(changed)), tmp_path, LocalEngine(2), again)
        assert again.done == []


def test_fewer_workers_where_memory_or_cores_would_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "usable_memory_bytes", lambda: 5 << 30)
    for name, needs, most in (
        ("memory", Resources(memory_bytes=2 << 30), 2),
        ("cores", Resources(cpus=2), 2),
        ("too much", Resources(cpus=64, memory_bytes=1 << 40), 1),
    ):
        (tmp_path / name).mkdir()
        engine = LocalEngine(4)
        doubled(engine, Tell(str(tmp_path / name), 0.1), 8, needs)
        engine.close()
        assert most_at_once(told(tmp_path / name)) == most, name


LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)
  MIG 1g.5gb      Device  0: (UUID: MIG-a1)
  MIG 1g.5gb      Device  1: (UUID: MIG-a2)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bb)
"""


def test_gpus_are_found_as_cuda_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert machine.listed_gpus(LISTING) == ("MIG-a1", "MIG-a2", "GPU-bb")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: some (UUID: GPU-cc)'\n")
    tool.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.visible_gpus() == ("GPU-cc",)
    tool.write_text("#!/bin/sh\necho 'Failed to initialize NVML' && exit 9\n")
    assert machine.visible_gpus() == ()
    for value, found in (("", ()), ("-1", ()), ("3, GPU-cc", ("3", "GPU-cc"))):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert machine.visible_gpus() == found


@pytest.mark.parametrize(
    ("gpus", "slots"),
    [(1, ("a", "b", "c")), (0.5, ("a", "b", "c") * 2), (2, ("a,b",)), (8, ("a,b,c",)), (0.4, ("a", "b", "c") * 2)],
)
def test_what_workers_are_given(gpus: float, slots: tuple[str, ...]) -> None:
    assert machine.gpu_slots(("a", "b", "c"), Resources(gpus=gpus)) == slots
    assert machine.gpu_slots((), Resources(gpus=gpus)) == ()


def document(crawl: Path) -> dict[str, Any]:
    inputs = [{"name": "made", "root": str(crawl)}]
    return {
        "name": "r", "input": inputs, "stage": STAGES, "output": {"part_bytes": 40000, "max_failed_ratio": 1.0}
    }  # fmt: skip


def expected_digest(crawl: Path, out: Path) -> dict[str, str]:
    """Of a run with one worker and no GPU."""
    run(compile_plan(parse_recipe(document(crawl))), out, LocalEngine(1, gpus=0), Remember())
    return digest_run(out)


def engine_name(engine: Engine) -> str:
    return type(engine).__name__.removesuffix("Engine").lower()
