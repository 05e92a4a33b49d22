"""A run that is killed, interrupted or out of disk is finished by the same command, with the same digest."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from curate.digest import digest_run

RECIPE = """
name = "kill"
[[stage]]
use = "extract"
backend = "resiliparse"
[[stage]]
use = "language"
[[stage]]
use = "normalise"
[[stage]]
use = "score"
[[stage]]
use = "exact_dedup"
[[stage]]
use = "fuzzy_dedup"
[output]
part_bytes = 20000
max_failed_ratio = 1.0
[tokens]
vocab_size = 400
sequence_length = 128
"""
# How often the long test kills a run.
KILLS = 20


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "kill.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def undisturbed(
    recipe: Path, made_crawl: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], float]:
    """Digest and wall time of a run that nothing happens to."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    started = time.monotonic()
    digest = finish(recipe, made_crawl, out)
    return digest, time.monotonic() - started


def start(recipe: Path, crawl: Path, out: Path, before: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "curate", "run", str(recipe), "--input", str(crawl), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        start_new_session=True,
    )


def descendants(pid: int) -> list[int]:
    """Processes below `pid`, from /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def finish(recipe: Path, crawl: Path, out: Path) -> dict[str, str]:
    process = start(recipe, crawl, out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    return digest_run(out)


def kill_at(moment: float, recipe: Path, crawl: Path, out: Path, how: signal.Signals, whom: str) -> int:
    process = start(recipe, crawl, out)
    time.sleep(moment)
    targets = [process.pid] if whom == "driver" else descendants(process.pid)[-1:]
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
    recipe: Path,
    made_crawl: Path,
    tmp_path: Path,
    undisturbed: tuple[dict[str, str], float],
) -> None:
    digest, whole_s = undisturbed
    assert kill_at(0.6 * whole_s, recipe, made_crawl, tmp_path / "out", how, whom) in statuses
    assert finish(recipe, made_crawl, tmp_path / "out") == digest


@pytest.mark.proof
def test_kills_at_random_moments(
    recipe: Path, made_crawl: Path, tmp_path: Path, undisturbed: tuple[dict[str, str], float]
) -> None:
    digest, whole_s = undisturbed
    moments = random.Random(20)
    for _ in range(KILLS):
        kill_at(moments.uniform(0.2, whole_s), recipe, made_crawl, tmp_path / "out", signal.SIGKILL, "driver")
    assert finish(recipe, made_crawl, tmp_path / "out") == digest


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    recipe: Path, made_crawl: Path, tmp_path: Path, undisturbed: tuple[dict[str, str], float]
) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))

    process = start(recipe, made_crawl, tmp_path / "out", small_files)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 4, errors.decode()
    assert "cannot write" in errors.decode()
    assert not (tmp_path / "out" / "corpus").exists()
    assert finish(recipe, made_crawl, tmp_path / "out") == undisturbed[0]


def test_two_runs_do_not_share_a_folder(recipe: Path, made_crawl: Path, tmp_path: Path) -> None:
    first = start(recipe, made_crawl, tmp_path / "out")
    while not (tmp_path / "out" / "parts").exists():
        time.sleep(0.05)
    second = start(recipe, made_crawl, tmp_path / "out")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 4
    assert "another run is working on" in errors.decode()
    first.communicate(timeout=300)
    assert first.returncode == 0
