"""Run folders that the tests of inspect look at."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_run import ordinary, write_run
from rich.console import Console

from curate.engines.local import LocalEngine
from curate.inspect.run_folder import RunFolder, open_run
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import run


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


@pytest.fixture(params=[80, 120])
def page(request: pytest.FixtureRequest) -> Iterator[Console]:
    """The same in the widths that terminals have."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        yield Console(width=request.param, record=True, file=nowhere)


@pytest.fixture(scope="session")
def real_out(made_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crawl carried out with every stage and token files."""
    out = tmp_path_factory.mktemp("real") / "out"
    recipe = parse_recipe(
        {
            "name": "real",
            "input": [{"name": "made", "root": str(made_crawl)}],
            "stage": [
                {"use": "urls"},
                {"use": "extract", "backend": "resiliparse"},
                {"use": "language", "languages": ["en", "zh"]},
                {"use": "normalise"},
                {"use": "score"},
                {"use": "rules", "pack": ["gopher", "fineweb2_zh"]},
                {"use": "exact_dedup"},
                {"use": "fuzzy_dedup"},
            ],
            "output": {"max_failed_ratio": 1.0, "part_bytes": 50 << 10},
            "tokens": {"vocab_size": 1000, "sequence_length": 128},
        }
    )
    run(compile_plan(recipe), out, LocalEngine(1), Silent())
    return out
