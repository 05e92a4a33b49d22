"""Fixtures that all tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from curate.engines import Engine, open_engine
from curate.errors import RecipeError
from curate.run import Result
from curate.workers import python_path

# Ray makes a token in the home folder where there is none; two processes of tests would do so at once.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
sys.path.insert(0, str(Path(__file__).parent))  # so that tests in any folder can import crawl.py

# The first example of a test may wait for a kernel to be loaded.
settings.register_profile("curate", deadline=None)
settings.load_profile("curate")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real crawls and labelled text kept beside the checkout; tests that need them skip where they are missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real crawls that lie beside the checkout in ../shared/data")
    return SHARED_DATA


@pytest.fixture(scope="module")
def quick_files() -> Iterator[None]:
    """Publish without waiting for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="session")
def made_crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crawl of tests/crawl.py, written once."""
    from crawl import write_crawl

    return write_crawl(tmp_path_factory.mktemp("made") / "crawl")


@pytest.fixture(scope="session")
def kill_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of the tests that kill runs, as a file."""
    from killing import RECIPE

    path = tmp_path_factory.mktemp("recipe") / "kill.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def crawls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crawls of tests/page_crawls.py, written once."""
    from page_crawls import write_crawls

    return write_crawls(tmp_path_factory.mktemp("crawls"))


@pytest.fixture(scope="session")
def finished(crawls: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run over them that deduplicates by page, on two workers."""
    from page_crawls import document, run_here

    from curate.engines.local import LocalEngine

    return run_here(document(crawls), tmp_path_factory.mktemp("finished") / "out", LocalEngine(2))


@pytest.fixture(scope="session")
def ray_here() -> Iterator[None]:
    """A Ray of two cores and, so it is told, two GPUs on this machine, started once; engines join it."""
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'curate[ray]'")
    quietly = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", python_path())
        ray.init("local", num_cpus=2, num_gpus=2, object_store_memory=100 << 20, **quietly)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def spark_here() -> Iterator[None]:
    """A Spark of two cores on this machine, started once; engines join it."""
    pytest.importorskip("pyspark", reason="needs Spark: pip install 'curate[spark]'")
    from curate.engines.spark import SparkEngine

    try:
        engine = SparkEngine(2)
    except RecipeError as error:
        pytest.skip(str(error))
    list(engine.map(len, [("",)]))
    yield
    engine.close()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine that the test's parameter names, with two workers."""
    from adversary import AdversaryEngine

    if request.param in ("ray", "spark"):
        request.getfixturevalue(f"{request.param}_here")
    found = AdversaryEngine(1) if request.param == "adversary" else open_engine(request.param, 2)
    yield found
    found.close()
