"""How far a run is, also of unfinished ones."""

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from curate.errors import RecipeError
from curate.inspect.status import StepStatus, render_status, status
from curate.lock import lock


@pytest.fixture
def stopped(made_out: Path, tmp_path: Path) -> Path:
    """The made run as it stood when one of two parts of `01-rules` was done."""
    out = tmp_path / "out"
    shutil.copytree(made_out, out)
    (out / "run.json").unlink()
    (out / "parts" / "input").mkdir()
    (out / "parts" / "input" / "parts-00000.jsonl").write_text("{}\n{}\n")
    for name in ("02-exact_dedup", "03-fuzzy_dedup"):
        shutil.rmtree(out / "parts" / name)
    rules = out / "parts" / "01-rules"
    first = (rules / "manifests-00000.jsonl").read_text().splitlines()[0]
    (rules / "manifests-00000.jsonl").unlink()
    (rules / "part-000000.json").write_text(first)
    return out


def test_an_unfinished_run_shows_what_is_done(stopped: Path) -> None:
    found = status(stopped)
    assert found.state == "stopped"
    assert found.parts == 2
    assert [(step.name, step.done, step.parts) for step in found.steps] == [("00-extract", 2, 2), ("01-rules", 1, 2)]
    manifest = json.loads((stopped / "parts" / "01-rules" / "part-000000.json").read_text())
    dropped = sum(n for key, n in manifest["counts"].items() if key.startswith("dropped/"))
    assert found.steps[1] == StepStatus("01-rules", 1, 2, manifest["rows"], manifest["bytes"], dropped, 0.0)
    assert 0 < dropped < 11


def test_a_running_run_is_told_from_a_stopped_one(stopped: Path) -> None:
    with lock(stopped):
        assert status(stopped).state == "running"
    assert status(stopped).state == "stopped"
    with lock(stopped):  # asking has not left a lock behind
        pass


def test_a_finished_run(made_out: Path) -> None:
    found = status(made_out)
    assert found.state == "finished"
    assert sum(step.removed for step in found.steps) == 19


def test_a_cleaned_run_is_finished_and_has_no_steps(made_out: Path, tmp_path: Path) -> None:
    shutil.copytree(made_out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "parts")
    assert status(tmp_path / "out").state == "finished"
    assert status(tmp_path / "out").steps == ()


def test_buckets_of_an_exchange_have_no_known_number(stopped: Path) -> None:
    (stopped / "parts" / "02-exact_dedup.keys").mkdir()
    assert status(stopped).steps[-1].parts is None


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no run"):
        status(tmp_path)


def test_what_is_printed(stopped: Path, printed: Console) -> None:
    render_status(stopped, printed)
    text = printed.export_text()
    assert "not finished, and nobody is working on it; the same command again goes on" in text
    assert "1 of 2" in text
