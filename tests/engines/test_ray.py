"""What only the Ray engine has: a cluster whose nodes and drivers die, tasks with names, nobody to work."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from contract_tasks import Square
from killing import finish, start, wait_for
from resourceful import told

from curate.digest import digest_run
from curate.errors import EngineError
from curate.processes import descendants
from curate.resources import Resources
from curate.workers import python_path

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'curate[ray]'")

from ray.cluster_utils import Cluster  # noqa: E402  # there is none without Ray

from curate.engines import ray_workers  # noqa: E402  # the same
from curate.engines.ray import RayEngine  # noqa: E402  # the same

ROOT = Path(__file__).parents[2]
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_log_monitor": False}
# How often the long test kills a node and a driver.
KILLS = 10


@pytest.fixture(scope="module")
def head() -> Iterator[Cluster]:
    """A cluster whose head works at nothing; commands started meanwhile join it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", python_path())
        made = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "include_dashboard": False})
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
        made.shutdown()


@pytest.fixture
def cluster(head: Cluster) -> Cluster:
    """With two worker nodes of one core; what the test before has killed is replaced."""
    while len(head.worker_nodes) < 2:
        head.add_node(**NODE)
    return head


@pytest.fixture(scope="module")
def expected(kill_recipe: Path, made_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of a local run."""
    return finish(kill_recipe, made_crawl, tmp_path_factory.mktemp("local") / "out")


@pytest.mark.parametrize("step", ["00-extract/part-*.json", "*fuzzy_dedup.bands", "tokens.windows"])
def test_a_run_survives_the_death_of_a_node(
    step: str, cluster: Cluster, kill_recipe: Path, made_crawl: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    process = start(kill_recipe, made_crawl, tmp_path, engine="ray")
    wait_for(step, tmp_path / "parts")
    kill_a_node(cluster)
    assert process.poll() is None, "the run was too fast for this test"
    assert ended(process) == 0
    assert digest_run(tmp_path) == expected


@pytest.mark.parametrize("step", ["00-extract/part-*.json", "*fuzzy_dedup.bands"])
def test_a_run_whose_driver_was_killed_is_finished_by_the_same_command(
    step: str, cluster: Cluster, kill_recipe: Path, made_crawl: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    process = start(kill_recipe, made_crawl, tmp_path, engine="ray")
    wait_for(step, tmp_path / "parts")
    process.kill()
    assert ended(process) == -signal.SIGKILL
    assert finish(kill_recipe, made_crawl, tmp_path, "ray") == expected


GPU_RECIPE = """
name = "gpu"
[[stage]]
use = "extract"
backend = "blocks"
[[stage]]
use = "resourceful:weigh"
folder = "{folder}"
seconds = 0.5
meet = 2
[output]
part_bytes = 20000
max_failed_ratio = 1.0
"""


def test_gpus_that_come_late_are_waited_for_and_used_and_their_death_survived(
    cluster: Cluster, made_crawl: Path, tmp_path: Path
) -> None:
    """What a cluster does that adds GPU nodes on demand and takes them away again."""
    recipe, out = tmp_path / "gpu.toml", tmp_path / "out"
    recipe.write_text(GPU_RECIPE.format(folder=tmp_path))
    process = start(recipe, made_crawl, out, engine="ray", more=["--gpus", "2"])
    wait_for("00-extract/manifests-*", out / "parts")
    nodes = [cluster.add_node(**NODE, num_gpus=1)]
    wait_for("loaded", tmp_path)
    nodes.append(cluster.add_node(**NODE, num_gpus=1))
    wait_for("told", tmp_path)
    cluster.remove_node(nodes[0], allow_graceful=False)
    try:
        assert process.poll() is None, "the run was too fast for this test"
        assert ended(process) == 0
    finally:
        cluster.remove_node(nodes[1])
    assert {task.gpus for task in told(tmp_path)} == {"0"}
    assert len((tmp_path / "loaded").read_text().split()) == 2, "an actor on each node, which keeps its model"
    recipe.write_text(GPU_RECIPE.format(folder=tmp_path).replace("0.5", "0"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert digest_run(out) == finish(recipe, made_crawl, tmp_path / "here")


@pytest.mark.proof
def test_kills_at_random_moments(
    cluster: Cluster, kill_recipe: Path, made_crawl: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    moments = random.Random(20)
    for number in range(KILLS):
        out = tmp_path / str(number)
        process = start(kill_recipe, made_crawl, out, engine="ray")
        time.sleep(moments.uniform(1, 7))
        kill_a_node(cluster)
        cluster.add_node(**NODE)
        time.sleep(moments.uniform(0, 2))
        process.kill()
        process.communicate(timeout=120)
        assert finish(kill_recipe, made_crawl, out, "ray") == expected, number


def test_a_job_without_a_cluster_starts_ray_and_ends_it(
    kill_recipe: Path, made_crawl: Path, tmp_path: Path, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    words = [ROOT / "pipelines" / "ray_job.py", kill_recipe, "--input", made_crawl, "--out", tmp_path, "--workers", "2"]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for("00-extract/part-*.json", tmp_path / "parts")
    below = descendants(process.pid)
    assert ended(process) == 0
    assert digest_run(tmp_path) == expected
    assert below
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


def test_an_address_that_nobody_answers_at_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(EngineError, match=r"no Ray cluster answers at RAY_ADDRESS=127\.0\.0\.1:1"):
        list(RayEngine(1).map(Square(str(tmp_path)), [(1,)]))


@dataclass(frozen=True)
class OwnName:
    """What the dashboard calls the task."""

    name = "03-own"

    def __call__(self, part: int) -> str:
        return str(ray.get_runtime_context().get_task_name())


def test_tasks_have_the_names_of_their_steps_and_parts(ray_here: None) -> None:
    assert set(RayEngine(2).map(OwnName(), [(7,), (8,)])) == {"03-own, part 7", "03-own, part 8"}


def test_a_cluster_without_a_core_is_not_waited_for_for_ever(
    ray_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_workers, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(ray_workers, "NOBODY_S", 0.05)
    monkeypatch.setattr(ray, "wait", lambda references, **_: ([], references))
    monkeypatch.setattr(ray, "nodes", list)
    with pytest.raises(EngineError, match="has no node with a core"):
        list(RayEngine(1).map(Square(str(tmp_path)), [(1,)]))


def test_gpus_that_never_come_are_not_waited_for_for_ever(
    ray_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_workers, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(ray_workers, "NOBODY_S", 0.05)
    engine = RayEngine(1, gpus=8)
    with pytest.raises(EngineError, match="the Ray cluster has no node with 8 GPUs; see `ray status`"):
        list(engine.map(Square(str(tmp_path)), [(1,)], Resources(gpus=8)))
    assert list(RayEngine(1).map(Square(str(tmp_path)), [(2,)], Resources(gpus=1))) == [4]


def kill_a_node(cluster: Cluster) -> None:
    """SIGKILL to all processes of a worker node."""
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)


def ended(process: subprocess.Popen[bytes]) -> int:
    """The exit status; what the process said where that is an error."""
    _, errors = process.communicate(timeout=120)
    if process.returncode > 0:
        print(errors.decode())
    return process.returncode
