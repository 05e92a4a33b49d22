"""One document's way through a run: what is found out about it."""

import shutil
from pathlib import Path

import pytest
from made_run import by_offset, dropped, text_record, write_run

from curate.errors import RecipeError
from curate.inspect.explain import explain
from curate.inspect.run_folder import RunFolder, open_run


def test_an_unknown_document_is_refused(made_run: RunFolder) -> None:
    with pytest.raises(RecipeError, match="no document"):
        explain(made_run, "0" * 32)


def test_every_rule_is_checked_where_it_applies(made_run: RunFolder) -> None:
    told = explain(made_run, by_offset(72))
    outcomes = {visit.stage: visit.outcome for visit in told.visits}
    assert outcomes == {
        "read": "passed", "extract": "passed", "language": "passed", "rules": "dropped",
        "exact_dedup": "not reached", "fuzzy_dedup": "not reached",
    }  # fmt: skip
    checks = {c.rule.reason: (c.value, c.outcome) for visit in told.visits for c in visit.checks}
    assert checks["other_language"] == ("en", "passes")
    assert checks["few_words"] == (12, "fails")
    assert checks["few_words_zh"] == (12, "other language")
    assert checks["many_symbols"] == (pytest.approx(0.01), "passes")


def test_a_kept_document_passes_everything(made_run: RunFolder) -> None:
    told = explain(made_run, by_offset(5))
    assert told.decision["verdict"] == "kept"
    assert {visit.outcome for visit in told.visits} == {"passed"}
    assert told.duplicates == 2
    assert told.chain == ()


def test_a_missing_score_and_a_float32_threshold(tmp_path: Path) -> None:
    """float32 0.1 is above float64 0.1, but exactly at the threshold of a float32 score: it passes."""
    edge, none = text_record(1, symbols=0.1), text_record(2, symbols=None)
    run = open_run(write_run(tmp_path, [edge, none]))
    outcome = [
        next(c.outcome for v in explain(run, record.doc_id).visits for c in v.checks if c.rule.score == "symbols")
        for record in (edge, none)
    ]
    assert outcome == ["passes", "no score"]


def test_duplicates_are_followed_to_their_end(made_run: RunFolder) -> None:
    chain = explain(made_run, by_offset(94)).chain
    assert [(row["doc_id"], row["verdict"]) for row in chain] == [(by_offset(93), "dropped"), (by_offset(6), "kept")]


def test_a_circle_of_duplicates_ends(tmp_path: Path) -> None:
    """No run makes one; a damaged ledger must not hang a terminal."""
    a, b = text_record(1), text_record(2)
    made = [
        text_record(1, verdict=dropped("exact_dedup", "exact_duplicate", duplicate_of=b.doc_id)),
        text_record(2, verdict=dropped("exact_dedup", "exact_duplicate", duplicate_of=a.doc_id)),
    ]
    run = open_run(write_run(tmp_path, made))
    assert [row["doc_id"] for row in explain(run, a.doc_id).chain] == [b.doc_id]


def test_without_its_scores_nothing_is_said_of_its_rules(made_out: Path, tmp_path: Path) -> None:
    """A document that was dropped before `curate clean` has no language any more: no rule is "for other languages"."""
    shutil.copytree(made_out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "parts")
    run = open_run(tmp_path / "out")
    dropped_, kept = explain(run, by_offset(72)), explain(run, by_offset(5))
    assert [visit.checks for visit in dropped_.visits if visit.outcome != "not reached"] == [()] * 4
    assert sum(len(visit.checks) for visit in kept.visits) == 4
