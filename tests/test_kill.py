"""A run that is killed, interrupted or out of disk is finished by the same command, with the same digest."""

import os
import random
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from killing import finish, start

from curate.processes import descendants

# How often the long test kills a run.
KILLS = 20


@pytest.fixture(scope="module")
def undisturbed(
    kill_recipe: Path, made_crawl: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], float]:
    """Digest and wall time of a run that nothing happens to."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    started = time.monotonic()
    digest = finish(kill_recipe, made_crawl, out)
    return digest, time.monotonic() - started


def workers_of(driver: int) -> list[int]:
    """The server that workers are forked from, and the workers; neither guards nor processes that extract."""
    found = []
    for pid in descendants(driver):
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def kill_at(moment: float, recipe: Path, crawl: Path, out: Path, how: signal.Signals, whom: str) -> int:
    process = start(recipe, crawl, out)
    time.sleep(moment)
    targets = [process.pid] if whom == "driver" else workers_of(process.pid)[-1:]
    for target in targets:
        os.kill(target, how)
    process.communicate(timeout=300)
    return process.returncode


@pytest.mark.parametrize(
    ("how", "whom", "statuses"),
    [
        (signal.SIGKILL, "driver", {-9, 0}),
        (signal.SIGTERM, "driver", {130, 0, -15}),
        (signal.SIGINT, "driver", {130, 0, -2}),
        (signal.SIGKILL, "worker", {0}),
    ],
    ids=["kill -9", "SIGTERM", "Ctrl-C", "worker killed"],
)
def test_a_stopped_run_is_finished_by_the_same_command(
    how: signal.Signals,
    whom: str,
    statuses: set[int],
    kill_recipe: Path,
    made_crawl: Path,
    tmp_path: Path,
    undisturbed: tuple[dict[str, str], float],
) -> None:
    digest, whole_s = undisturbed
    assert kill_at(0.6 * whole_s, kill_recipe, made_crawl, tmp_path / "out", how, whom) in statuses
    assert finish(kill_recipe, made_crawl, tmp_path / "out") == digest


@pytest.mark.proof
def test_kills_at_random_moments(
    kill_recipe: Path, made_crawl: Path, tmp_path: Path, undisturbed: tuple[dict[str, str], float]
) -> None:
    digest, whole_s = undisturbed
    moments = random.Random(20)
    for _ in range(KILLS):
        kill_at(moments.uniform(0.2, whole_s), kill_recipe, made_crawl, tmp_path / "out", signal.SIGKILL, "driver")
    assert finish(kill_recipe, made_crawl, tmp_path / "out") == digest


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    kill_recipe: Path, made_crawl: Path, tmp_path: Path, undisturbed: tuple[dict[str, str], float]
) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))

    process = start(kill_recipe, made_crawl, tmp_path / "out", small_files)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 4, errors.decode()
    assert "cannot write" in errors.decode()
    assert not (tmp_path / "out" / "corpus").exists()
    assert finish(kill_recipe, made_crawl, tmp_path / "out") == undisturbed[0]


def test_two_runs_do_not_share_a_folder(kill_recipe: Path, made_crawl: Path, tmp_path: Path) -> None:
    first = start(kill_recipe, made_crawl, tmp_path / "out")
    while not (tmp_path / "out" / "parts").exists():
        time.sleep(0.05)
    second = start(kill_recipe, made_crawl, tmp_path / "out")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 4
    assert "another run is working on" in errors.decode()
    first.communicate(timeout=300)
    assert first.returncode == 0
