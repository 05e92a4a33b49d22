"""Run folders that the tests of inspect look at."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_run import ordinary, write_run
from rich.console import Console

from curate.inspect.run_folder import RunFolder, open_run


@pytest.fixture(scope="session")
def made_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run whose every row is known; nothing may be changed in it."""
    return write_run(tmp_path_factory.mktemp("inspect") / "out", ordinary())


@pytest.fixture(scope="session")
def made_run(made_out: Path) -> RunFolder:
    """The same, opened."""
    return open_run(made_out)


@pytest.fixture
def printed() -> Iterator[Console]:
    """A wide console that shows nothing; `export_text()` gives what was printed on it."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        yield Console(width=160, record=True, file=nowhere)
