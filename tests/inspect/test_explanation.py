"""What `curate explain` prints, on terminals of eighty and of a hundred and twenty columns."""

import shutil
from pathlib import Path

import pytest
from made_run import RULES, by_offset, dropped, failed, ordinary, text_record, write_run
from rich.console import Console

from curate.inspect.explanation import render_explanation
from curate.inspect.run_folder import RunFolder, open_run
from curate.rule import Rule


def words_of(lines: list[str]) -> list[str]:
    """Lines with their padding taken off."""
    return [" ".join(line.split()) for line in lines]


def told(run: RunFolder, doc_id: str, console: Console, every: bool = False, full: bool = False) -> list[str]:
    render_explanation(run, doc_id, console, every=every, full=full)
    return words_of(console.export_text().splitlines())


def test_the_verdict_has_the_numbers_that_decided(made_run: RunFolder, page: Console) -> None:
    assert "verdict dropped by rules: few_words, 12 < 50" in told(made_run, by_offset(72), page)


def test_the_verdict_names_the_duplicate(made_run: RunFolder, page: Console) -> None:
    text = " ".join(told(made_run, by_offset(93), page))
    assert f"verdict dropped by fuzzy_dedup: near_duplicate, Jaccard 0.8 ≥ 0.7 with {by_offset(6)} url" in text
    assert f"because near_duplicate: Jaccard 0.8 ≥ 0.7 with {by_offset(6)} --all" in text


def test_a_verdict_on_a_word_names_the_word(made_run: RunFolder, page: Console) -> None:
    """The ledger has no score for it."""
    lines = told(made_run, by_offset(80), page)
    assert "verdict dropped by language: other_language, lang de is none of en, zh" in lines
    assert "fails other_language: lang de is none of en, zh" in lines


def test_one_line_a_stage_and_what_decided_comes_first(made_run: RunFolder, page: Console) -> None:
    lines = told(made_run, by_offset(72), page)
    start = lines.index("read passed")
    assert lines[start : start + 9] == [
        "read passed",
        "extract passed 1 value stored",
        "language passed 1 rule passes, 2 values stored",
        "rules dropped",
        "fails few_words: words 12 < 50 (en)",
        "1 rule passes, 1 rule is for another language",
        "exact_dedup not reached",
        "fuzzy_dedup not reached",
        "--all lists every rule and every stored value",
    ]


def test_rules_behind_the_one_that_decided_fail_too(tmp_path: Path, page: Console) -> None:
    verdict = dropped("rules", "few_words", score=3.0, threshold=50.0)
    record = text_record(1, words=3, symbols=0.5, verdict=verdict)
    lines = told(open_run(write_run(tmp_path, [record])), record.doc_id, page)
    at = lines.index("rules dropped")
    assert lines[at + 1 : at + 3] == ["fails few_words: words 3 < 50 (en)", "fails too many_symbols: symbols 0.5 > 0.1"]


def test_errors_are_told_in_full(made_run: RunFolder, page: Console) -> None:
    slow = next(record for record in ordinary() if record.verdict == failed("extract", "timeout: 30 s"))
    lines = told(made_run, slow.doc_id, page)
    assert "verdict failed by extract: timeout: 30 s" in lines
    at = lines.index("extract failed")
    assert lines[at + 1] == "because timeout: 30 s"


def test_all_lists_every_rule_and_every_value(made_run: RunFolder, page: Console) -> None:
    lines = told(made_run, by_offset(72), page, every=True)
    at = lines.index("rules dropped")
    assert lines[at + 1 : at + 5] == [
        "fails few_words: words 12 < 50 (en)",
        "1 rule passes, 1 rule is for another language",
        "passes many_symbols: symbols 0.01, asked for ≤ 0.1",
        "skipped few_words_zh: words 12, asked for ≥ 30 (zh)",
    ]
    assert "passes other_language: lang en, asked for en, zh" in lines
    assert "lang_score 0.9" in lines
    assert "title Page 72" in lines
    assert not [line for line in lines if line.startswith("--all")]


LONG = "a_reason_with_a_name_that_is_as_long_as_those_of_packs"


def test_no_name_is_broken(tmp_path: Path, page: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of forty letters and more: each stands on one line, and no line but that of a URL is over the edge."""
    monkeypatch.setitem(RULES, "rules", (Rule("words", LONG, min=50), Rule("symbols", f"{LONG}_2", max=0.1)))
    url = "https://www.site.example/" + "a-very-long-path-in-the-address-" * 5
    verdict = dropped("rules", LONG, score=3.0, threshold=50.0)
    record = text_record(1, words=3, symbols=0.5, url=url, title="Wort " * 40, verdict=verdict)
    run = open_run(write_run(tmp_path, [record]))
    for every in (False, True):
        render_explanation(run, record.doc_id, page, every=every)
        lines = [line.rstrip() for line in page.export_text().splitlines()]
        words = {word for line in lines for word in line.split()}
        assert {f"{LONG},", f"{LONG}:", f"{LONG}_2:", url, record.doc_id} <= words
        assert {word for word in words if word.startswith("Wort")} == {"Wort"}
        assert [line for line in lines if len(line) > page.width] == [f"url{' ' * 9}{url}"]


def test_duplicates_and_their_fates_are_followed(made_run: RunFolder, page: Console) -> None:
    lines = told(made_run, by_offset(94), page)
    text = " ".join(lines)
    assert f"dropped by exact_dedup: exact_duplicate, same as {by_offset(93)}" in text
    assert f"duplicate of {by_offset(93)} → dropped by fuzzy_dedup: near_duplicate" in text
    assert f"duplicate of {by_offset(6)}, Jaccard 0.8 → kept https://www.site0.example/page/6" in text
    assert "place in/crawl.warc.gz, offset 94, 9 bytes as stored" in lines
    assert "2 documents were dropped for repeating this one" in told(made_run, by_offset(5), page)
    assert "1 document was dropped for repeating this one" in told(made_run, by_offset(6), page)


def test_a_text_is_an_excerpt_unless_all_of_it_is_asked_for(tmp_path: Path, page: Console) -> None:
    text = "first " + "word " * 1000 + "\n\n  last line, indented\n"
    record = text_record(1, text=text)
    run = open_run(write_run(tmp_path, [record]))
    render_explanation(run, record.doc_id, page)
    shown = page.export_text()
    assert "text, the beginning of 5,030 characters (--full prints all of it)" in shown
    assert "last line" not in shown
    assert max(map(len, shown.splitlines())) <= page.width
    render_explanation(run, record.doc_id, page, full=True)
    shown = page.export_text()
    assert shown.endswith(f"\n{text}\n")
    assert "text, 5,030 characters" in shown


def test_a_short_text_is_no_excerpt(tmp_path: Path, page: Console) -> None:
    record = text_record(1, text="All of it.")
    lines = told(open_run(write_run(tmp_path, [record])), record.doc_id, page)
    assert lines[-2:] == ["text, 10 characters", "All of it."]


def test_a_document_without_text_says_so(tmp_path: Path, page: Console) -> None:
    record = text_record(1, text=" \n", verdict=dropped("extract", "no_text", score=0.0, threshold=1.0))
    lines = told(open_run(write_run(tmp_path, [record])), record.doc_id, page)
    assert lines[-1] == "there was no text"
    assert "place in/crawl.warc.gz, offset 1, 9 bytes as stored" in lines


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("full", [False, True])
def test_hostile_pages_cannot_write_on_the_terminal(tmp_path: Path, page: Console, every: bool, full: bool) -> None:
    record = text_record(
        1,
        title="[red]title[/red] \x1b]0;pwned\x07",
        url="http://a.example/[bold]\u202e",
        text="[/]\x1b[2J text",
        lang="[b]\x1b",
        verdict=dropped("language", "other_language"),
    )
    render_explanation(open_run(write_run(tmp_path, [record])), record.doc_id, page, every=every, full=full)
    text = page.export_text()
    assert "[red]title[/red] ⟦U+001B⟧]0;pwned⟦U+0007⟧" in text
    assert "http://a.example/[bold]⟦U+202E⟧" in text
    assert "[/]⟦U+001B⟧[2J text" in text
    assert "lang [b]⟦U+001B⟧ is none of en, zh" in text
    assert "\x1b" not in text


def test_after_clean_the_ledger_still_explains(made_out: Path, tmp_path: Path, page: Console) -> None:
    shutil.copytree(made_out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "parts")
    lines = told(open_run(tmp_path / "out"), by_offset(72), page)
    assert "verdict dropped by rules: few_words, 12 < 50" in lines
    at = lines.index("rules dropped")
    assert lines[at + 1] == "because few_words: 12 < 50"
    assert lines[-1] == "its text and scores went with OUT/parts (curate clean)"
    assert not [line for line in lines if "other languages" in line or line.startswith("--all")]
