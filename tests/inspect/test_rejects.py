"""Samples of dropped documents."""

import pytest
from made_run import ordinary
from rich.console import Console

from curate.errors import RecipeError
from curate.inspect.rejects import render_rejects, sample_per_reason, sample_rejects
from curate.inspect.run_folder import RunFolder


def test_a_sample_holds_what_was_dropped(made_run: RunFolder) -> None:
    records = {record.doc_id: record for record in ordinary()}
    found = sample_rejects(made_run, n=1000)
    assert len(found) == 16
    for reject in found:
        record = records[reject.decision["doc_id"]]
        assert record.verdict["reason"] == reject.decision["reason"]
        assert reject.text == record.columns.get("text")
    assert [r.decision["doc_id"] for r in sample_rejects(made_run, n=5)] == [r.decision["doc_id"] for r in found[:5]]


def test_a_reason_is_told_with_its_numbers(made_run: RunFolder) -> None:
    few = sample_rejects(made_run, "rules", "few_words", 100)
    assert len(few) == 8
    assert {reject.why for reject in few} == {f"rules / few_words: {n - 60} < 50" for n in range(70, 78)}
    near = sample_rejects(made_run, "fuzzy_dedup")
    assert near[0].why == f"fuzzy_dedup / near_duplicate: Jaccard 0.8 with {ordinary()[6].doc_id}"
    assert sample_rejects(made_run, "language")[0].why == "language / other_language"


def test_every_reason_has_a_sample(made_run: RunFolder) -> None:
    found = sample_per_reason(made_run, 2)
    counts = {key: len(rejects) for key, rejects in found.items()}
    assert counts == {
        ("exact_dedup", "exact_duplicate"): 2,
        ("fuzzy_dedup", "near_duplicate"): 1,
        ("language", "other_language"): 2,
        ("read", "empty"): 1,
        ("rules", "few_words"): 2,
    }
    for (stage, reason), rejects in found.items():
        assert {(r.decision["stage"], r.decision["reason"]) for r in rejects} == {(stage, reason)}


@pytest.mark.parametrize(("stage", "reason", "hint"), [("rule", None, "'rules'"), (None, "few_word", "'few_words'")])
def test_unknown_names_are_refused_with_a_hint(made_run: RunFolder, stage: str, reason: str, hint: str) -> None:
    with pytest.raises(RecipeError, match=f"did you mean {hint}"):
        sample_rejects(made_run, stage, reason)


def test_a_reason_of_another_stage_is_refused(made_run: RunFolder) -> None:
    with pytest.raises(RecipeError, match="no document was dropped for 'few_words'"):
        sample_rejects(made_run, "language", "few_words")


def test_what_is_printed(made_run: RunFolder, printed: Console) -> None:
    render_rejects(made_run, printed, stage="rules", n=2)
    text = printed.export_text()
    assert text.count("rules / few_words") == 2
    assert "https://www.site" in text
    assert "The end." in text
