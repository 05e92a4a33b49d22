"""Fixtures that all tests share."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real crawls and labelled text kept beside the checkout; tests that need them skip where they are missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real crawls that lie beside the checkout in ../shared/data")
    return SHARED_DATA
