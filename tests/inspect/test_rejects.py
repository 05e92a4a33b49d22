"""Samples of dropped documents."""

import dataclasses
from pathlib import Path

import pytest
from made_run import Record, by_offset, dropped, ordinary, text_record, write_run
from rich.console import Console

from curate.errors import RecipeError
from curate.inspect.rejects import render_rejects, sample_per_reason, sample_rejects
from curate.inspect.run_folder import RunFolder, open_run
from curate.inspect.samples import SEED
from curate.schema import seeded_hash


def test_a_sample_holds_what_was_dropped(made_run: RunFolder) -> None:
    records = {record.doc_id: record for record in ordinary()}
    found = sample_rejects(made_run, n=1000)
    assert len(found) == 16
    for reject in found:
        record = records[reject.decision["doc_id"]]
        assert record.verdict["reason"] == reject.decision["reason"]
        assert reject.text == record.columns.get("text")
        assert reject.warc == record.columns.get("warc")
    assert [r.decision["doc_id"] for r in sample_rejects(made_run, n=5)] == [r.decision["doc_id"] for r in found[:5]]


LARGEST_FIRST = ["few_words", "exact_duplicate", "other_language", "near_duplicate", "empty"]


def test_reasons_take_turns_the_most_frequent_first(made_run: RunFolder) -> None:
    """8, 3, 3, 1 and 1 documents: one of each, then of those that have more; equally frequent ones by name."""
    reasons = [reject.decision["reason"] for reject in sample_rejects(made_run, n=12)]
    assert reasons == [*LARGEST_FIRST, *LARGEST_FIRST[:3], *LARGEST_FIRST[:3], "few_words"]
    assert [reject.decision["reason"] for reject in sample_rejects(made_run, n=3)] == LARGEST_FIRST[:3]


@pytest.mark.parametrize("parts", [1, 5])
def test_the_turns_do_not_depend_on_order_or_parts(made_run: RunFolder, tmp_path: Path, parts: int) -> None:
    run = open_run(write_run(tmp_path, ordinary()[::-1], parts=parts))
    ids = [[reject.decision["doc_id"] for reject in sample_rejects(found, n=9)] for found in (made_run, run)]
    assert ids[0] == ids[1]


def test_a_reason_alone_is_sampled_by_hash(made_run: RunFolder) -> None:
    few = sorted((by_offset(n) for n in range(70, 78)), key=lambda doc_id: seeded_hash(SEED, doc_id))
    for found in (sample_rejects(made_run, reason="few_words", n=5), sample_rejects(made_run, "rules", n=5)):
        assert [reject.decision["doc_id"] for reject in found] == few[:5]


def test_a_reason_is_told_with_its_numbers(made_run: RunFolder) -> None:
    few = sample_rejects(made_run, "rules", "few_words", 100)
    assert len(few) == 8
    assert {reject.why for reject in few} == {f"rules / few_words: {n - 60} < 50" for n in range(70, 78)}
    near = sample_rejects(made_run, "fuzzy_dedup")
    assert near[0].why == f"fuzzy_dedup / near_duplicate: Jaccard 0.8 ≥ 0.7 with {ordinary()[6].doc_id}"
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


def test_what_is_printed(made_run: RunFolder, page: Console) -> None:
    render_rejects(made_run, page, stage="rules", n=2)
    text = page.export_text()
    assert text.startswith("2 of 8 documents\n")
    assert text.count("rules / few_words: ") == 2
    assert "https://www.site" in text
    assert "The end." in text


def test_the_extent_says_how_the_sample_was_taken(made_run: RunFolder, printed: Console) -> None:
    render_rejects(made_run, printed, n=7)
    assert printed.export_text().startswith(
        "7 of 16 documents, dropped for 5 reasons that take turns, the most frequent first"
    )


def test_a_run_that_dropped_nothing(tmp_path: Path, printed: Console) -> None:
    render_rejects(open_run(write_run(tmp_path, [text_record(1)])), printed)
    assert printed.export_text() == "nothing was dropped\n"


def test_a_long_reason_is_not_cut(made_run: RunFolder, page: Console) -> None:
    """The id of the other document is what one needs to look at it."""
    render_rejects(made_run, page, reason="near_duplicate")
    lines = page.export_text().splitlines()
    words = " ".join(" ".join(lines).split())
    assert f"fuzzy_dedup / near_duplicate: Jaccard 0.8 ≥ 0.7 with {by_offset(6)} {by_offset(93)} en" in words
    assert max(map(len, lines)) <= page.width


def test_excerpts_and_whole_texts(tmp_path: Path, page: Console) -> None:
    long, short = "again " * 1000 + "the end", "a few words"
    made = [
        text_record(n, text=text, verdict=dropped("rules", "few_words", score=1.0, threshold=50.0))
        for n, text in enumerate((long, short))
    ]
    run = open_run(write_run(tmp_path, made))
    render_rejects(run, page)
    text = page.export_text()
    assert "the beginning of 6,007 characters; --full prints all" in text
    assert "╰─ 11 characters ─" in text
    assert "the end" not in text
    render_rejects(run, page, full=True)
    text = page.export_text()
    assert "the end " in text
    assert text.count("again") == 1000
    assert "the beginning of" not in text


def no_text_run(tmp_path: Path, **columns: object) -> RunFolder:
    verdict = dropped("extract", "no_text", score=0.0, threshold=1.0)
    return open_run(write_run(tmp_path, [text_record(7, verdict=verdict, **columns)]))


@pytest.mark.parametrize("text", [None, "", " \n "])
def test_a_document_without_text_has_a_place_in_the_crawl_instead(
    tmp_path: Path, page: Console, text: str | None
) -> None:
    render_rejects(no_text_run(tmp_path, text=text), page, reason="no_text")
    lines = [line.rstrip() for line in page.export_text().splitlines()]
    assert lines[-2:] == ["there was no text", "the record: in/crawl.warc.gz, offset 7, 9 bytes as stored"]
    assert not [line for line in lines if "╭" in line]


def test_a_record_without_url_is_named_by_its_place_once(tmp_path: Path, page: Console) -> None:
    render_rejects(no_text_run(tmp_path, text=None, url=None), page)
    assert page.export_text().count("in/crawl.warc.gz, offset 7, 9 bytes as stored") == 1


def test_a_text_that_was_not_kept_is_not_called_empty(tmp_path: Path, page: Console) -> None:
    run = no_text_run(tmp_path, text=None)
    summary = {**run.summary, "recipe": {**run.summary["recipe"], "output": {"keep_dropped_text": False}}}
    render_rejects(dataclasses.replace(run, summary=summary), page)
    text = " ".join(page.export_text().split())
    assert "no text is stored: the recipe does not keep that of dropped documents (output.keep_dropped_text)" in text
    assert "there was no text" not in text


@pytest.mark.parametrize("full", [False, True])
def test_hostile_pages_cannot_write_on_the_terminal(tmp_path: Path, page: Console, full: bool) -> None:
    record = text_record(
        1,
        title="[red]title[/red] \x1b]0;pwned\x07",
        url="http://a.example/[bold]\u202e",
        text="[/]\x1b[2J text",
        lang="[b]\x1b",
        verdict=dropped("language", "other_language"),
    )
    nameless = Record("in/\x1b[2J.html", 0, {"url": None}, dropped("read", "empty"))
    render_rejects(open_run(write_run(tmp_path, [record, nameless])), page, full=full)
    text = page.export_text()
    for shown in ("[red]title[/red] ⟦U+001B⟧]0;pwned⟦U+0007⟧", "http://a.example/[bold]⟦U+202E⟧",
                  "[/]⟦U+001B⟧[2J text", "[b]⟦U+001B⟧", "in/⟦U+001B⟧[2J.html, offset 0"):  # fmt: skip
        assert shown in text
    assert "\x1b" not in text
