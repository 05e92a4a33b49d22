"""`ray job submit` as the documentation has it: a head whose Python lacks the package, and a folder with a wheel."""

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from submitting import ROOT, environment, free_port

from curate import __version__
from curate.digest import digest_run

pytest.importorskip("ray", reason="needs Ray: pip install 'curate[ray]'")
pytest.importorskip("aiohttp_cors", reason="needs Ray's job server: pip install 'ray[default]'")

CLUSTER = ROOT / "pipelines" / "cluster"


@pytest.fixture
def head(bare: Path, tmp_path: Path) -> Iterator[str]:
    """Where jobs are sent to: a head as pipelines/cluster starts it, with two cores and ports of its own."""
    jobs, said = free_port(), tmp_path / "head.log"
    folder = mkdtemp(prefix="ray", dir="/tmp")  # Ray's sockets lie in it, and their paths must be short
    mine = {"--port": free_port(), "--dashboard-port": jobs, "--dashboard-agent-listen-port": free_port()}
    mine |= {"--ray-client-server-port": free_port(), "--num-cpus": 2, "--temp-dir": folder}
    words = [f"{name}={value}" for name, value in mine.items()]
    with said.open("wb") as log:
        process = subprocess.Popen(
            [CLUSTER / "ray-10.sh", "head", *words],
            cwd=tmp_path,
            env=with_ray(bare),
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_answer(f"http://127.0.0.1:{jobs}/api/version", process, said)
        yield f"http://127.0.0.1:{jobs}"
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def with_ray(bare: Path) -> dict[str, str]:
    """The environment of a machine that has the command `ray`, in a Python without the package."""
    command = bare.parent / "ray"
    command.write_text(f'#!/bin/sh\nexec {bare} -m ray.scripts.scripts "$@"\n')
    command.chmod(0o755)
    return environment(bare, RAY_AUTH_MODE="disabled", RAY_USAGE_STATS_ENABLED="0")


def wait_for_answer(url: str, process: subprocess.Popen[bytes], said: Path) -> None:
    until = time.monotonic() + 90
    while True:
        try:
            return urlopen(url, timeout=5).close()
        except (URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until, said.read_text()
            time.sleep(0.2)


def documented(text: str) -> list[str]:
    """The words of the command in a page or docstring."""
    found = re.search(r"(?m)^ *ray job submit(?:.*\\+\n)*.*", text)
    assert found
    return shlex.split(re.sub(r"\\+\n", " ", found[0]))


def test_the_docstring_says_the_command_that_the_page_says() -> None:
    page, job = (ROOT / "docs" / "cluster.md").read_text(), (ROOT / "pipelines" / "ray_job.py").read_text()
    assert documented(job) == documented(page)


@pytest.mark.proof
def test_a_job_is_submitted_with_a_wheel_alone(
    head: str,
    bare: Path,
    wheel: Path,
    small_recipe: Path,
    made_crawl: Path,
    tmp_path: Path,
    small_digest: dict[str, str],
) -> None:
    """The documented words in a folder that holds no checkout; address, recipe and folders alone are the test's."""
    laptop = tmp_path / "laptop"
    (laptop / "dist").mkdir(parents=True)
    (laptop / "pipelines").mkdir()
    shutil.copy(wheel, laptop / "dist")
    shutil.copy(ROOT / "pipelines" / "ray_job.py", laptop / "pipelines")
    shutil.copy(small_recipe, laptop / "pipelines")
    mine = {"http://HEAD:8265": head, "/data/crawl": str(made_crawl), "/data/out": str(tmp_path / "out")}
    words = [mine.get(word, word) for word in documented((ROOT / "docs" / "cluster.md").read_text())]
    assert mine.keys().isdisjoint(words)
    done = subprocess.run(words, cwd=laptop, env=with_ray(bare), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert digest_run(tmp_path / "out") == small_digest


def test_the_documented_wheel_is_of_this_version() -> None:
    words = documented((ROOT / "docs" / "cluster.md").read_text())
    environment_of_job = json.loads(words[words.index("--runtime-env-json") + 1])
    assert environment_of_job == {"py_modules": [f"dist/curate-{__version__}-py3-none-any.whl"]}
