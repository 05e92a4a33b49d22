"""One document's way through a run."""

import shutil
from pathlib import Path

import pytest
from made_run import dropped, ordinary, text_record, write_run
from rich.console import Console

from curate.errors import RecipeError
from curate.inspect.explain import explain, find_document, render_explanation
from curate.inspect.run_folder import RunFolder, open_run


def by_offset(offset: int) -> str:
    return next(record.doc_id for record in ordinary() if record.offset == offset and "url" in record.columns)


@pytest.mark.parametrize(
    "key",
    [
        "https://www.site0.example/page/72",
        "http://www.site0.example/page/72",
        "www.site0.example/page/72/",
        by_offset(72),
        by_offset(72)[:12],
    ],
)
def test_documents_are_found_by_what_people_have(made_run: RunFolder, key: str) -> None:
    assert find_document(made_run, key) == by_offset(72)


def test_a_source_with_one_record_is_a_key(made_run: RunFolder) -> None:
    assert find_document(made_run, "in/pages/a/2.html") == ordinary()[-3].doc_id


def test_nothing_found_and_too_much_found(made_run: RunFolder) -> None:
    with pytest.raises(RecipeError, match=r"no document 'http://nowhere\.example/'"):
        find_document(made_run, "http://nowhere.example/")
    with pytest.raises(RecipeError, match=r"57 documents are 'in/crawl.warc.gz'; give the doc_id(.|\n)*and 47 more"):
        find_document(made_run, "in/crawl.warc.gz")
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


def test_what_is_printed(made_run: RunFolder, printed: Console) -> None:
    render_explanation(made_run, by_offset(94), printed)
    text = printed.export_text()
    assert "dropped by exact_dedup: exact_duplicate" in text
    assert f"duplicate of {by_offset(93)}" in text
    assert "→ dropped by fuzzy_dedup: near_duplicate" in text
    assert "words 50 … 100,000 (en)" in text
    assert "1 for other languages" in text
    assert "in/crawl.warc.gz, offset 94, 9 bytes as stored" in text


def test_hostile_pages_cannot_write_on_the_terminal(tmp_path: Path, printed: Console) -> None:
    page = text_record(
        1,
        title="[red]title[/red] \x1b]0;pwned\x07",
        url="http://a.example/[bold]\u202e",
        text="[/]\x1b[2J text",
    )
    render_explanation(open_run(write_run(tmp_path, [page])), page.doc_id, printed)
    text = printed.export_text()
    assert "[red]title[/red] ⟦U+001B⟧]0;pwned⟦U+0007⟧" in text
    assert "http://a.example/[bold]⟦U+202E⟧" in text
    assert "[/]⟦U+001B⟧[2J text" in text
    assert "\x1b" not in text


def test_after_clean_the_ledger_still_explains(made_out: Path, tmp_path: Path, printed: Console) -> None:
    shutil.copytree(made_out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "parts")
    render_explanation(open_run(tmp_path / "out"), by_offset(72), printed)
    text = printed.export_text()
    assert "dropped by rules: few_words" in text
    assert "text and scores went with OUT/parts" in text
