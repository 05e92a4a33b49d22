"""How far a run is, also of unfinished ones."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from made_run import STAGES, STEPS, ordinary
from rich.console import Console

from curate.errors import RecipeError
from curate.inspect.funnel import funnel
from curate.inspect.run_folder import RunFolder, open_run
from curate.inspect.status import StepStatus, render_status, status
from curate.lock import lock
from curate.store import Manifest

TOTALS = "59 records: 40 kept (67.8 %), 16 dropped (27.1 %), 3 failed (5.1 %)"


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
    before = sum(1 for record in ordinary()[::2] if record.verdict.get("stage") in ("read", "extract"))
    reached = manifest["rows"] - before
    assert found.steps[1] == StepStatus("01-rules", 1, 2, reached, manifest["bytes"], 0, dropped, 0.0)
    assert 0 < before < 4
    assert 0 < dropped < 11
    assert found.totals is None


def test_a_running_run_is_told_from_a_stopped_one(stopped: Path) -> None:
    with lock(stopped):
        assert status(stopped).state == "running"
    assert status(stopped).state == "stopped"
    with lock(stopped):  # asking has not left a lock behind
        pass


def test_a_finished_run(made_out: Path) -> None:
    found = status(made_out)
    assert found.state == "finished"
    assert found.parts == 2
    assert found.totals == open_run(made_out).totals
    assert sum(step.removed for step in found.steps) == 19


def test_a_step_counts_what_reached_it_as_the_funnel_does(made_run: RunFolder) -> None:
    """A step removes what its stages remove, of what came into the first of them."""
    stages = {stage.stage: stage for stage in funnel(made_run)}
    for step in status(made_run.out).steps:
        mine = [stages[name] for name, number in STAGES.items() if list(STEPS)[number] == step.name]
        assert (step.records, step.removed) == (mine[0].records_in, sum(stage.removed for stage in mine))
    assert [step.records for step in status(made_run.out).steps] == [59, 55, 44, 41]


def test_rows_of_an_exchange_are_its_own(stopped: Path, printed: Console) -> None:
    """They are no records: nothing is taken off them for what earlier steps have decided."""
    folder = stopped / "parts" / "02-exact_dedup.keys"
    folder.mkdir()
    counts = {"dropped/exact_dedup/exact_duplicate": 1, "shuffled_bytes": 70_000_000}
    manifest = Manifest(0, "f" * 64, 7, 10, "0" * 64, counts)
    (folder / "part-000000.json").write_text(json.dumps(dataclasses.asdict(manifest)))
    step = status(stopped).steps[-1]
    assert (step.records, step.shuffled_bytes) == (7, 70_000_000)
    render_status(stopped, printed)
    assert "70.0" in printed.export_text()


def test_a_cleaned_run_is_finished_and_has_no_steps(made_out: Path, tmp_path: Path, page: Console) -> None:
    shutil.copytree(made_out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "parts")
    found = status(tmp_path / "out")
    assert (found.state, found.parts, found.steps) == ("finished", 2, ())
    render_status(tmp_path / "out", page)
    text = page.export_text()
    assert TOTALS in text
    assert "parts done" not in text


def test_the_totals_of_a_finished_run_are_printed(made_out: Path, page: Console) -> None:
    render_status(made_out, page)
    text = page.export_text()
    assert TOTALS in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "01-rules 2 of 2 55 0.0 11 (20.0 %)" in lines
    assert max(len(line) for line in text.splitlines()[1:]) <= page.width


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
    assert " kept" not in text
