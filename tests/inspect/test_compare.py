"""Two runs side by side."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from made_run import dropped, ordinary, write_run
from rich.console import Console

from curate.inspect import compare as module
from curate.inspect.compare import compare, render_comparison


@pytest.fixture(scope="module")
def other_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without record 3, with 1 and 2 dropped, and with 70 to 72 kept."""
    records = [record for record in ordinary() if record.offset != 3]
    few = dropped("rules", "few_words", score=3.0, threshold=50.0)
    changes = {1: few, 2: few, 70: {}, 71: {}, 72: {}}
    made = [dataclasses.replace(r, verdict=changes.get(r.offset, r.verdict)) for r in records]
    return write_run(tmp_path_factory.mktemp("other") / "out", made, parts=3)


@pytest.mark.parametrize("ids_a_pass", [1, 7, 1000])
def test_who_kept_what(made_out: Path, other_out: Path, ids_a_pass: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDS_A_PASS", ids_a_pass)
    found = compare(made_out, other_out)
    assert (found.both, found.only_a, found.only_b) == (37, 3, 3)
    assert found.lost_in_b == {"dropped by rules: few_words": 2, "not in its input": 1}
    assert found.lost_in_a == {"dropped by rules: few_words": 3}
    ids = {offset: next(r.doc_id for r in ordinary() if r.offset == offset) for offset in (1, 2, 3, 70, 71, 72)}
    assert {d.doc_id: d.fate for d in found.sample_a} == {
        ids[1]: "dropped by rules: few_words", ids[2]: "dropped by rules: few_words", ids[3]: None,
    }  # fmt: skip
    assert {d.doc_id for d in found.sample_b} == {ids[70], ids[71], ids[72]}


def test_a_run_equals_itself(made_out: Path) -> None:
    found = compare(made_out, made_out)
    assert (found.both, found.only_a, found.only_b) == (40, 0, 0)
    assert found.sample_a == found.sample_b == ()


def test_samples_are_bounded(made_out: Path, other_out: Path) -> None:
    assert len(compare(made_out, other_out, sample=1).sample_b) == 1


def test_what_is_printed(made_out: Path, other_out: Path, page: Console) -> None:
    render_comparison(made_out, other_out, page)
    text = page.export_text()
    lines = [line.split() for line in text.splitlines()]
    assert ["rules", "few_words", "8", "7", "-1"] in lines
    assert "kept by both 37 (86.0 % of all kept by either)" in text
    assert "2  the other: dropped by rules: few_words" in text


def test_only_what_differs_is_listed(made_out: Path, other_out: Path, page: Console) -> None:
    """And the totals, whether they differ or not."""
    render_comparison(made_out, other_out, page)
    lines = [" ".join(line.split()) for line in page.export_text().splitlines()]
    at = lines.index("stage reason A B difference")
    assert lines[at + 2 : at + 7] == [
        "rules few_words 8 7 -1",
        "records_in 59 58 -1",
        "kept 40 40 =",
        "failed 3 3 =",
        "6 of 7 reasons have removed equally many in both",
    ]


def test_settings_that_differ_stand_above_the_counts(made_out: Path, tmp_path: Path, page: Console) -> None:
    recipe = {
        "name": "made",
        "input": [{"name": "in", "root": "crawl", "paths": ["x" * 30, "[b]\x1b", "y" * 30, "z" * 30]}],
        "stage": [{"use": "rules", "retune": {"few_words": {"min": 40.0}}}],
    }
    shutil.copytree(made_out, tmp_path / "b")
    summary = json.loads((made_out / "run.json").read_text())
    rules = next(stage for stage in summary["stages"] if stage["name"] == "rules")["rules"]
    next(rule for rule in rules if rule["reason"] == "few_words")["min"] = 40.0
    (tmp_path / "b" / "run.json").write_text(json.dumps({**summary, "recipe": recipe}))
    render_comparison(made_out, tmp_path / "b", page)
    text = page.export_text()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    at = lines.index("rules.few_words.min")
    assert lines[at + 1 : at + 3] == ["A 50", "B 40"]
    assert lines[lines.index("input.in.paths") + 1] == "A –"
    assert f'"{"x" * 30}", "[b]\\u001b"' in text
    assert max(len(line) for line in text.splitlines()[3:]) <= page.width
    assert at < lines.index("stage reason A B difference")


def test_equal_runs_have_nothing_to_list(made_out: Path, page: Console) -> None:
    render_comparison(made_out, made_out, page)
    text = page.export_text()
    assert "the settings are the same" in text
    assert "7 of 7 reasons have removed equally many in both" in text
    assert "few_words" not in text
