"""Deduplication by page."""

import io
import shutil
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine
from dedup_steps import doc_id, run_wide
from hypothesis import given, settings
from hypothesis import strategies as st
from page_crawls import BY_URL_FIRST, COPIES, NEW, OLD, STAGES, WITHOUT, Row, document, ledger_of, run_here
from rich.console import Console

from curate.dedup.html import html_dedup, html_id
from curate.digest import digest_run
from curate.engines.local import LocalEngine
from curate.errors import RecipeError
from curate.inspect.explanation import render_explanation
from curate.inspect.funnel import funnel
from curate.inspect.rejects import render_rejects
from curate.inspect.run_folder import open_run
from curate.inspect.status import status
from curate.inspect.survey import survey
from curate.inspect.tallies import Tally
from curate.plan import MapStep, Plan, compile_plan
from curate.recipe import parse_recipe
from curate.run import Result


@settings(deadline=None)  # the first call loads what makes arrays of lists
@given(st.lists(st.tuples(st.binary(max_size=3), st.sampled_from([None, "", "gbk", "GBK", "utf-8"])), max_size=8))
def test_an_id_stands_for_bytes_and_charset(pages: list[tuple[bytes, str | None]]) -> None:
    html, charset = (
        pa.array([body for body, _ in pages], pa.binary()),
        pa.array([name for _, name in pages], pa.string()),
    )
    keys = [(body, (name or "").lower()) for body, name in pages]
    ids = html_id(html, charset).to_pylist()
    assert [[one == other for other in ids] for one in ids] == [[one == other for other in keys] for one in keys]
    assert all(len(value) == 32 for value in ids)


def test_no_page_is_no_id() -> None:
    ids = html_id(pa.array([None, b"", b"x"], pa.binary()), pa.nulls(3, pa.string()))
    assert ids.is_null().to_pylist() == [True, False, False]


@pytest.mark.parametrize(("policy", "kept"), [("newest", 2), ("earliest", 0)])
def test_the_first_in_order_stays_and_counts_all(policy: str, kept: int, tmp_path: Path) -> None:
    key = "ab" * 16
    captures = [{"doc_id": doc_id(n), "crawl": n, "html_id": key, "cluster_size": n or None} for n in range(3)]
    others = [{"doc_id": doc_id(8), "crawl": 9}, {"doc_id": doc_id(9), "crawl": 9, "html_id": "cd" * 16}]
    found, _ = run_wide(html_dedup, tmp_path, [captures[:1], [*captures[1:], *others]], policy=policy)
    assert found.pop(doc_id(kept)) == {"cluster_size": 1 + 1 + 2}
    dropped = {name: (row["verdict"], row["reason"], row["duplicate_of"]) for name, row in found.items()}
    rest = [doc_id(n) for n in range(3) if n != kept]
    assert dropped == dict.fromkeys(rest, ("dropped", "same_html", doc_id(kept)))


def copies_by_hand() -> dict[tuple[str, int], tuple[str, int]]:
    """(source, offset) of every copy → that of the capture which stays: the newest crawl, in it the newest day."""
    groups: dict[tuple[bytes, str], list[tuple[int, int, str, int]]] = defaultdict(list)
    for crawl, (name, captures) in enumerate((("old", OLD), ("new", NEW))):
        offset = 0
        for capture in captures:
            if "porn" not in capture.url:
                place = (-crawl, -capture.day, f"{name}/a.warc.gz", offset)
                groups[capture.body, capture.charset.lower()].append(place)
            offset += len(capture.record)
    return {place[2:]: min(group)[2:] for group in groups.values() for place in group if place != min(group)}


def test_copies_across_addresses_crawls_and_codings_name_the_newest(finished: Result) -> None:
    rows = ledger_of(finished.out)
    places = {row["doc_id"]: (row["source"], row["offset"]) for row in rows}
    found = {places[row["doc_id"]]: places[row["duplicate_of"]] for row in rows if row["reason"] == "same_html"}
    expected = copies_by_hand()
    assert len(expected) == COPIES
    assert found == expected | {("old/page.html", 0): ("new/page.html", 0)}


def test_the_books_close_stage_by_stage(finished: Result) -> None:
    rows, totals = ledger_of(finished.out), finished.totals
    assert totals["dropped"]["html_dedup"] == {"same_html": COPIES + 1}
    assert totals["dropped"]["urls"] == {"strict_url_word": 1}
    assert len(rows) == totals["records_in"] == len(OLD) + len(NEW) + 2 + 3
    told = funnel(open_run(finished.out))
    assert [row.stage for row in told] == ["read", "urls", "html_dedup", "extract", "exact_dedup"]
    assert [row.removed for row in told] == [1, 1, COPIES + 1, 0, 2]  # page 2 in the other charset, and the text
    assert told[-1].records_out == totals["kept"]
    sizes = pq.read_table(finished.out / "corpus")["cluster_size"].to_pylist()
    assert sum(size or 1 for size in sizes) == len(rows) - 2
    steps = status(finished.out).steps
    assert sum(step.removed for step in steps) == len(rows) - totals["kept"]


def test_what_rules_remove_between_two_deduplications_is_laid_to_neither(crawls: Path, tmp_path: Path) -> None:
    chinese = {"use": "language", "languages": ["zh"]}
    run_here(document(crawls, [*STAGES[1:3], chinese, STAGES[3]]), tmp_path)
    tally = survey(open_run(tmp_path)).sources["old/a.warc.gz"]
    assert tally == Tally(records_in=5, kept=0, duplicates=4, before_dedup=1, unread=0)  # page 3 alone is no copy
    assert tally.duplicate_share == 1


def test_texts_that_are_no_pages_take_no_part(finished: Result) -> None:
    rows = [row for row in ledger_of(finished.out) if row["source"] == "old/texts.jsonl"]
    assert sorted(str(row["reason"]) for row in rows) == ["None", "None", "exact_duplicate"]
    assert [row["error"] for row in rows if row["verdict"] == "failed"] == ["bad_json"]


def test_the_corpus_holds_the_same_texts_as_without(finished: Result, crawls: Path, tmp_path: Path) -> None:
    plain = run_here(document(crawls, WITHOUT), tmp_path)
    texts = [sorted(pq.read_table(out / "corpus")["text"].to_pylist()) for out in (finished.out, plain.out)]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 7


@pytest.mark.parametrize("stages", [STAGES, BY_URL_FIRST], ids=["html", "url, html"])
def test_the_same_data_however_it_runs(stages: list[Row], crawls: Path, tmp_path: Path) -> None:
    expected = run_here(document(crawls, stages), tmp_path / "one", LocalEngine(1))
    shutil.copytree(crawls, tmp_path / "moved")
    moved = document(tmp_path / "moved", stages, part_bytes=4000, keep_dropped_text=False)
    moved["input"].reverse()
    other = run_here(moved, tmp_path / "other", AdversaryEngine(9))
    assert other.summary["steps"][0]["parts"] > 3
    assert digest_run(other.out) == digest_run(expected.out)


def test_a_copy_is_shown_with_its_address_and_its_survivor(finished: Result) -> None:
    found = open_run(finished.out)
    row = next(row for row in ledger_of(finished.out) if row["reason"] == "same_html" and row["url"])
    for render in (
        lambda console: render_explanation(found, row["doc_id"], console),
        lambda console: render_rejects(found, console, reason="same_html"),
    ):
        console = Console(file=io.StringIO(), width=100, record=True)
        render(console)
        text = console.export_text()
        assert row["url"] in text
        assert row["duplicate_of"] in text
        assert "no text" in text


def compiled(*stages: str) -> Plan:
    tables = [{"use": use} for use in stages]
    return compile_plan(parse_recipe({"name": "r", "input": [{"name": "i", "root": "/"}], "stage": tables}))


def test_what_it_prepares_belongs_to_the_first_step() -> None:
    for stages, steps in (
        (("html_dedup", "extract"), 3),
        (("urls", "url_dedup", "html_dedup"), 3),
        (("extract", "html_dedup"), 2),
    ):
        plan = compiled(*stages)
        assert len(plan.steps) == steps
        assert isinstance(plan.steps[0], MapStep)
        assert "html_dedup.html_id" in [call.name for call in plan.steps[0].calls]


def test_text_is_not_made_behind_a_stage_that_has_compared_it() -> None:
    with pytest.raises(RecipeError, match="'extract' makes the text, but 'exact_dedup' compares texts before it"):
        compiled("html_dedup", "exact_dedup", "extract")
