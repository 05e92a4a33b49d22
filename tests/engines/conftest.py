"""Fixtures of the tests that submit jobs."""

import subprocess
import sys
from pathlib import Path

import pytest
from killing import finish, recipe_with
from submitting import ROOT, environment


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that finds all packages that this one has, but not curate: a checkout's own .pth is not followed."""
    home = tmp_path_factory.mktemp("bare") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    packages.joinpath("borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    python = home / "bin" / "python"
    lookup = [python, "-c", "import numba, curate"]
    found = subprocess.run(lookup, cwd=home, env=environment(python), capture_output=True, text=True, check=False)
    if found.returncode == 0:
        pytest.skip("curate is installed here for good, so there is no Python without it")
    assert "No module named 'curate'" in found.stderr
    return python


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a user makes it from a checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("curate-*.whl"))


@pytest.fixture(scope="session")
def small_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of the tests that kill runs, for few parts: what is tested is how workers get the package."""
    return recipe_with(200_000, tmp_path_factory.mktemp("recipe") / "web.toml")


@pytest.fixture(scope="session")
def small_digest(small_recipe: Path, made_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of a local run of it."""
    return finish(small_recipe, made_crawl, tmp_path_factory.mktemp("local") / "out")
