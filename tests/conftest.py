"""Fixtures that all tests share."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

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


@pytest.fixture(scope="session")
def made_crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crawl of tests/crawl.py, written once."""
    from crawl import write_crawl

    return write_crawl(tmp_path_factory.mktemp("made") / "crawl")
