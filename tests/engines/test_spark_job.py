"""`spark-submit` as the documentation has it: executors whose Python lacks the package, and what brings it there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standalone import BIN, Standalone, with_java
from submitting import ROOT, environment, package

from curate.digest import digest_run

CLUSTER = ROOT / "pipelines" / "cluster"
# What is smaller here than on a cluster.
SCALED = {
    "spark.executor.instances": "1", "spark.executor.cores": "1", "spark.executor.memory": "512m",
    "spark.dynamicAllocation.minExecutors": "1", "spark.dynamicAllocation.maxExecutors": "2",
    "spark.driver.memory": "1g", "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false", "spark.log.level": "ERROR",
}  # fmt: skip


@pytest.fixture
def master(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with_java()
    made = Standalone(tmp_path_factory.mktemp("spark"), environment(bare))
    made.start_master()
    made.add_node()
    yield made
    made.close()


def submit(master: Standalone, python: Path, folder: Path, words: list[object], **more: str) -> tuple[int, str]:
    """The exit status of spark-submit in this folder, and what it said."""
    settings = [word for name, value in SCALED.items() for word in ("--conf", f"{name}={value}")]
    command = [BIN / "spark-submit", "--master", master.url, *settings, *words]
    variables = environment(python, **{"PYSPARK_PYTHON": str(python), **more})
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def laptop(tmp_path: Path, small_recipe: Path) -> Path:
    """A folder that holds the job and a recipe: what a driver finds where it is started, in cluster mode too."""
    folder = tmp_path / "laptop"
    folder.mkdir()
    shutil.copy(ROOT / "pipelines" / "spark_job.py", folder)
    shutil.copy(small_recipe, folder)
    return folder


@pytest.mark.parametrize("settings", ["spark-10.conf", pytest.param("spark-1000.conf", marks=pytest.mark.proof)])
def test_a_zip_brings_the_package_to_executors(
    settings: str, master: Standalone, bare: Path, laptop: Path, made_crawl: Path, small_digest: dict[str, str]
) -> None:
    """Kernels and data of the package are found in it, by workers and by the processes that extract."""
    out = laptop / "out"
    words = ["--properties-file", CLUSTER / settings, "--py-files", package(laptop / "curate.zip"), "spark_job.py"]
    status, said = submit(master, bare, laptop, [*words, "web.toml", "--input", made_crawl, "--out", out])
    assert status == 0, said
    assert digest_run(out) == small_digest


@pytest.mark.proof
def test_an_archive_brings_a_whole_environment(
    master: Standalone, bare: Path, laptop: Path, wheel: Path, made_crawl: Path, small_digest: dict[str, str]
) -> None:
    """Packed by venv-pack; the packages that curate stands on are borrowed here, and in the archive elsewhere."""
    pytest.importorskip("venv_pack", reason="needs venv-pack: pip install venv-pack")
    home = laptop / "environment-to-pack"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    install = [sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet", "--no-deps"]
    subprocess.run([*install, wheel], env=environment(home / "bin" / "python"), check=True)
    archive = laptop / "environment.tar.gz"
    subprocess.run([sys.executable, "-m", "venv_pack", "--quiet", "--prefix", home, "--output", archive], check=True)
    borrowed = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    out = laptop / "out"
    words = ["--archives", f"{archive}#environment", "--conf", f"spark.executorEnv.PYTHONPATH={borrowed}"]
    pythons = {"PYSPARK_DRIVER_PYTHON": str(home / "bin" / "python"), "PYSPARK_PYTHON": "./environment/bin/python"}
    job = [*words, "spark_job.py", "web.toml", "--input", made_crawl, "--out", out]
    status, said = submit(master, bare, laptop, job, PYTHONPATH=borrowed, **pythons)
    assert status == 0, said
    assert digest_run(out) == small_digest


@pytest.mark.proof
def test_executors_without_the_package_end_the_run_with_what_to_do(
    master: Standalone, bare: Path, laptop: Path, made_crawl: Path
) -> None:
    """Spark hands a wheel to executors, but only what is called .zip or .egg do they import from."""
    wheel = package(laptop / "curate.zip").rename(laptop / "curate-0.1.0-py3-none-any.whl")
    job = ["--py-files", wheel, "spark_job.py", "web.toml", "--input", made_crawl, "--out", laptop / "out"]
    status, said = submit(master, bare, laptop, job)
    assert status == 4, said
    assert "executors do not find the package curate" in said
