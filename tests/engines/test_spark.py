"""What only the Spark engine has: a cluster whose nodes and drivers die, Java, a shuffle that is not rearranged."""

import base64
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from contract_tasks import SCHEMA, Numbers, Square, Sum
from killing import finish, recipe_with, start, wait_for
from resourceful import told
from standalone import BIN, Standalone, slay, with_java

from curate.digest import digest_run
from curate.engines import Exchange, spark_gpus
from curate.engines import spark as engine_of_spark
from curate.engines import spark_worker as worker
from curate.engines.spark import SparkEngine
from curate.engines.spark_worker import MARK, Outcomes, carried
from curate.errors import CurateError, DataError, EngineError, LockError, RecipeError
from curate.resources import Resources
from curate.workers import python_path

ROOT = Path(__file__).parents[2]
# How often the long test kills a node and a driver.
KILLS = 10


@pytest.mark.parametrize("kind", [RecipeError, DataError, EngineError, LockError])
def test_an_error_of_an_emit_arrives_as_it_was_raised(kind: type[CurateError]) -> None:
    said = f"Job aborted: RuntimeError: {carried(kind('part 3: ‘no’ 不'))}\n  at org.apache.spark"
    found = engine_of_spark._of_curate(said, str)
    assert (type(found), str(found)) == (kind, "part 3: ‘no’ 不")


def test_a_package_that_executors_do_not_have_is_named_with_what_to_do() -> None:
    said = "Job aborted: Task 1 in stage 0.0 failed 3 times\nModuleNotFoundError: No module named 'curate'\n"
    found = engine_of_spark._of_curate(said, str)
    assert type(found) is EngineError
    assert re.search(r"executors do not find the package curate: .*--py-files .*--archives", str(found))


def test_what_spark_says_is_told_without_its_stack() -> None:
    said = "An error.\n: org.apache.spark.SparkException: 20 is more than 2!\n\tat a.B.c(B.java:1)\n\t... 9 more"
    assert str(engine_of_spark._of_curate(said, str)) == "Spark: org.apache.spark.SparkException: 20 is more than 2!"


def test_what_a_page_writes_into_an_error_is_text(tmp_path: Path) -> None:
    """An exception may quote a page, and a page may hold whatever this engine looks for in the words of Spark."""
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    for quoted in (trap.hex(), base64.b64encode(trap).decode(), "abc", "Trap 00"):
        found = engine_of_spark._of_curate(f"ValueError: <p>{MARK}Trap {quoted}", str)
        assert type(found) is EngineError
    assert not list(tmp_path.iterdir())


@dataclass
class Trap:
    """Makes a folder when it is unpickled."""

    folder: Path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.folder,)


def test_rows_cross_the_shuffle_in_values_of_some_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BLOB_BYTES", 120)
    rows = [(slot, pa.record_batch([[slot] * 25, range(25)], schema=SCHEMA)) for slot in (0, 7)]
    batches = list(worker.packed(rows))
    blobs = [blob for batch in batches for blob in batch.to_pylist()]
    found = [(blob["slot"], pa.ipc.read_record_batch(pa.py_buffer(blob["rows"]), SCHEMA)) for blob in blobs]
    assert len(batches) == len(blobs) == 6, "each is larger than is handed over at a time"
    assert max(batch.num_rows for _, batch in found) == 120 // 12
    for slot, batch in rows:
        mine = pa.Table.from_batches([part for other, part in found if other == slot])
        assert mine == pa.Table.from_batches([batch])


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads where Linux lists them")
def test_workers_are_forked_from_a_daemon_of_one_thread_that_has_imported_what_they_need() -> None:
    code = (
        "import curate.spark_daemon as daemon, os, sys; daemon.prepare(); "
        "print(len(os.listdir('/proc/self/task')), 'curate.steps' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.split() == ["1", "True"], "forking a process with more threads is not safe"


@contextmanager
def standalone(folder: Path, **environment: str) -> Iterator[Standalone]:
    """A master without a node."""
    with_java()
    made = Standalone(folder, {**os.environ, "PYTHONPATH": python_path(), **environment})
    made.start_master()
    yield made
    made.close()


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with standalone(tmp_path_factory.mktemp("spark")) as made:
        yield made


@pytest.fixture
def cluster(master: Standalone) -> Standalone:
    """With two worker nodes; what the test before has killed is replaced."""
    while len(master.nodes) < 2:
        master.add_node()
    return master


@pytest.fixture(scope="module")
def coarse_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of the tests that kill runs with fewer parts: a task of Spark takes a tenth of a second."""
    return recipe_with(60_000, tmp_path_factory.mktemp("recipe") / "coarse.toml")


@pytest.fixture(scope="module")
def expected(coarse_recipe: Path, made_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of a local run."""
    return finish(coarse_recipe, made_crawl, tmp_path_factory.mktemp("local") / "out")


def submit(
    cluster: Standalone, recipe: Path, crawl: Path, out: Path, more: Mapping[str, str] = {}
) -> subprocess.Popen[bytes]:
    """The job, as a user submits it from a machine that has the package."""
    settings = {
        "spark.executor.memory": "512m", "spark.ui.enabled": "false", "spark.shuffle.io.retryWait": "1s",
        "spark.driver.host": "127.0.0.1", "spark.log.level": "ERROR", **more,
    }  # fmt: skip
    words = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    job = [ROOT / "pipelines" / "spark_job.py", recipe, "--input", crawl, "--out", out]
    return subprocess.Popen(
        [str(word) for word in (BIN / "spark-submit", "--master", cluster.url, *words, *job)],
        env={**os.environ, "PYTHONPATH": python_path(), "PYSPARK_PYTHON": sys.executable},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[bytes]) -> int:
    """The exit status; what the process said where that is an error."""
    _, errors = process.communicate(timeout=240)
    if process.returncode > 0:
        print(errors.decode())
    return process.returncode


@pytest.mark.parametrize("step", ["00-extract/part-*.json", "*fuzzy_dedup.bands"])
def test_a_run_survives_the_death_of_a_node(
    step: str, cluster: Standalone, coarse_recipe: Path, made_crawl: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    process = submit(cluster, coarse_recipe, made_crawl, tmp_path)
    wait_for(step, tmp_path / "parts")
    cluster.kill_a_node()
    assert process.poll() is None, "the run was too fast for this test"
    assert ended(process) == 0
    assert digest_run(tmp_path) == expected


def test_a_run_whose_driver_was_killed_is_finished_by_the_same_command(
    cluster: Standalone, coarse_recipe: Path, made_crawl: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    process = submit(cluster, coarse_recipe, made_crawl, tmp_path)
    wait_for("*exact_dedup*", tmp_path / "parts")
    slay(process)
    process.communicate(timeout=60)
    assert not (tmp_path / "run.json").exists()
    assert ended(submit(cluster, coarse_recipe, made_crawl, tmp_path)) == 0
    assert digest_run(tmp_path) == expected


@pytest.mark.parametrize(
    ("settings", "asked", "gpus"),
    [
        ({"master": "local[2]", "spark.executor.resource.gpu.amount": "1"}, 2, 0),
        ({"spark.executor.resource.gpu.amount": "2"}, None, 2),
        ({"spark.executor.resource.gpu.amount": "2"}, 0, 0),
        ({"spark.dynamicAllocation.enabled": "true"}, 3, 3),
        ({"spark.dynamicAllocation.enabled": "true"}, None, 0),
        ({}, 3, 0),
    ],
    ids=str,
)
def test_gpus_are_those_of_executors_or_of_some_that_may_come(
    settings: dict[str, str], asked: int | None, gpus: int
) -> None:
    assert spark_gpus.gpus(context_with(settings), asked) == gpus


def context_with(settings: Mapping[str, str]) -> Any:
    """What is asked of a SparkContext, without a cluster."""
    get = settings.get
    return SimpleNamespace(master=get("master", "spark://x:1"), getConf=lambda: SimpleNamespace(get=get))


def test_a_profile_says_what_tasks_take_and_what_executors_are_wanted(spark_here: None) -> None:
    needs = Resources(cpus=2, gpus=0.5, memory_bytes=3 << 30)
    taken = {"cpus": 2.0, "gpu": 0.5}
    there = spark_gpus.profile(context_with({"spark.executor.resource.gpu.amount": "1"}), needs)
    assert {name: one.amount for name, one in there.taskResources.items()} == taken
    assert not there.executorResources
    settings = {"spark.executor.resource.gpu.discoveryScript": "/opt/gpus.sh", "spark.executor.memory": "4g"}
    wanted = spark_gpus.profile(context_with(settings), needs)
    assert {name: one.amount for name, one in wanted.taskResources.items()} == taken
    asked = {name: one.amount for name, one in wanted.executorResources.items()}
    assert asked == {"cores": 4, "memory": 4096, "memoryOverhead": 6144, "gpu": 1}
    assert wanted.executorResources["gpu"].discoveryScript == "/opt/gpus.sh"


GPU_RECIPE = """
name = "gpu"
[[stage]]
use = "extract"
backend = "blocks"
[[stage]]
use = "resourceful:weigh"
folder = "{folder}"
[output]
part_bytes = 200000
max_failed_ratio = 1.0
"""


def test_a_step_that_asks_for_a_gpu_runs_where_spark_has_one(made_crawl: Path, tmp_path: Path) -> None:
    """A node that says it has GPU 5, and a cluster that is asked for an executor with one."""
    script, recipe, out = tmp_path / "gpus.sh", tmp_path / "gpu.toml", tmp_path / "out"
    script.write_text("""#!/bin/sh\necho '{"name": "gpu", "addresses": ["5"]}'\n""")
    script.chmod(0o755)
    recipe.write_text(GPU_RECIPE.format(folder=tmp_path))
    of_node = "spark.worker.resource.gpu"
    options = f"-D{of_node}.amount=1 -D{of_node}.discoveryScript={script}"
    with standalone(tmp_path, SPARK_WORKER_OPTS=options) as cluster:
        cluster.add_node()
        assert ended(submit(cluster, recipe, made_crawl, out, {"spark.executor.resource.gpu.amount": "1"})) == 0
    assert {task.gpus for task in told(tmp_path)} == {"5"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.setenv("PYTHONPATH", python_path())
        assert digest_run(out) == finish(recipe, made_crawl, tmp_path / "local")


@pytest.mark.proof
def test_kills_at_random_moments(
    cluster: Standalone, coarse_recipe: Path, made_crawl: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    moments = random.Random(20)
    for number in range(KILLS):
        out = tmp_path / str(number)
        process = submit(cluster, coarse_recipe, made_crawl, out)
        time.sleep(moments.uniform(5, 25))
        cluster.kill_a_node()
        cluster.add_node()
        time.sleep(moments.uniform(0, 5))
        slay(process)
        process.communicate(timeout=60)
        assert ended(submit(cluster, coarse_recipe, made_crawl, out)) == 0
        assert digest_run(out) == expected, number


def java(folder: Path, version: str) -> Path:
    """A JAVA_HOME whose Java says only what version it is."""
    command = folder / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize(("version", "shown"), [("11.0.22", "Java 11"), ("1.8.0_402", "Java 1"), ("17-ea", "")])
def test_java_must_be_new_enough(version: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path, version)))
    if not shown:
        engine_of_spark.check_java()
        return
    with pytest.raises(
        RecipeError, match=rf"needs Java 17 or later, and .*/bin/java is {shown}\. Install one \(apt-get"
    ):
        SparkEngine(1)


def test_java_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RecipeError, match="needs Java 17 or later, and the PATH holds none"):
        SparkEngine(1)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(RecipeError, match=re.escape(f"{tmp_path}/bin/java does not run")):
        SparkEngine(1)


def test_a_spark_that_does_not_start_says_so(
    made_crawl: Path, coarse_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "java", "21.0.1")))
    process = start(coarse_recipe, made_crawl, tmp_path / "out", engine="spark")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4, errors.decode()
    assert "error: Spark does not start: " in errors.decode()


def test_buckets_that_spark_has_merged_end_the_run(
    spark_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As adaptive execution would; nothing is written from rows of another bucket."""
    from pyspark.sql.classic.dataframe import DataFrame

    monkeypatch.setattr(DataFrame, "repartitionById", lambda self, number, slot: self.repartition(1))
    job = Exchange(Numbers(2), Sum(), 2, SCHEMA, [0, 1], str(tmp_path / "05-x" / "s"), "f")
    with pytest.raises(EngineError, match="05-x: Spark has put several buckets in a partition"):
        list(SparkEngine(2).exchange(job))


def test_a_long_step_is_handed_out_in_jobs_of_some_parts(
    spark_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_of_spark, "WAITING_PER_CORE", 1)
    engine = SparkEngine(2)
    sizes: list[int] = []
    whole = SparkEngine._map_job

    def counted(self: SparkEngine, task: Square, some: list[tuple[int]], needs: Resources, outcomes: Outcomes) -> None:
        sizes.append(len(some))
        whole(self, task, some, needs, outcomes)

    monkeypatch.setattr(SparkEngine, "_map_job", counted)
    assert sorted(engine.map(Square(str(tmp_path)), [(n,) for n in range(7)])) == [n * n for n in range(7)]
    assert sorted(sizes) == [1, 2, 2, 2]


def test_a_cluster_without_an_executor_is_not_waited_for_for_ever(
    spark_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_of_spark, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(engine_of_spark, "NOBODY_S", 0.05)
    monkeypatch.setattr(engine_of_spark, "_is_at_work", lambda _: False)
    with pytest.raises(EngineError, match="Spark has no executor"):
        list(SparkEngine(2).map(Linger(), [(1,)]))


@dataclass(frozen=True)
class Linger:
    """Longer than is waited."""

    def __call__(self, seconds: int) -> None:
        time.sleep(seconds)
