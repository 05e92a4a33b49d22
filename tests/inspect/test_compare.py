"""Two runs side by side."""

import dataclasses
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


def test_what_is_printed(made_out: Path, other_out: Path, printed: Console) -> None:
    render_comparison(made_out, other_out, printed)
    text = printed.export_text()
    lines = [line.split() for line in text.splitlines()]
    assert ["rules", "few_words", "8", "7", "-1"] in lines
    assert any(line[:1] == ["kept"] and line[-1] == "=" for line in lines)
    assert "kept by both 37 (86.0 % of all kept by either)" in text
    assert "2  the other: dropped by rules: few_words" in text
