"""Deduplication by page, and the second reading of the input that stages behind it need."""

import gzip
import io
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine
from crawl import article, page, warc_record
from dedup_steps import doc_id, run_wide
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import curate.narrow
from curate.dedup.html import html_dedup, html_id
from curate.digest import digest_run
from curate.engines import Engine
from curate.engines.local import LocalEngine
from curate.errors import EngineError, RecipeError
from curate.inspect.explanation import render_explanation
from curate.inspect.funnel import funnel
from curate.inspect.plan import render_plan
from curate.inspect.rejects import render_rejects
from curate.inspect.run_folder import open_run
from curate.inspect.status import status
from curate.inspect.survey import Tally, survey
from curate.plan import MapStep, Plan, compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import Result, run
from curate.sources import Piece
from curate.stage import stage
from curate.store import Manifest

Row = dict[str, Any]
STAGES: list[Row] = [
    {"use": "urls"},
    {"use": "html_dedup"},
    {"use": "extract", "backend": "resiliparse"},
    {"use": "exact_dedup"},
]
WITHOUT = [table for table in STAGES if table["use"] != "html_dedup"]
BY_URL_FIRST = [STAGES[0], {"use": "url_dedup"}, *STAGES[1:]]
EXTRACT = "extract"


@dataclass(frozen=True)
class Capture:
    """One response: which page, where, on which day of May, stored how."""

    number: int
    url: str
    day: int
    coding: str = ""
    charset: str = "utf-8"

    @property
    def body(self) -> bytes:
        return page(article(self.number), f"Page {self.number}")

    @property
    def record(self) -> bytes:
        body = gzip.compress(self.body, mtime=0) if self.coding == "gzip" else self.body
        kind = "text/html" + (f"; charset={self.charset}" if self.charset else "")
        coding = f"Content-Encoding: {self.coding}\r\n" if self.coding else ""
        http = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{coding}\r\n".encode() + body
        headers = {"WARC-Target-URI": self.url, "WARC-Date": f"2024-05-{self.day:02d}T00:00:00Z",
                   "Content-Type": "application/http; msgtype=response"}  # fmt: skip
        return gzip.compress(warc_record("response", self.number, headers, http), mtime=0)


# Page 1 lies in both crawls, at two addresses, plain and compressed; page 2 is named in two charsets, and once alike in
# another case. Page 4's copies have one address; the last one of page 5 is condemned by its address.
OLD = [Capture(1, "http://a.example/1", 3), Capture(2, "http://a.example/2", 3), Capture(3, "http://a.example/3", 4),
       Capture(1, "http://mirror.example/one", 2, "gzip"), Capture(5, "http://a.example/5", 6)]  # fmt: skip
NEW = [Capture(4, "http://b.example/4", 8), Capture(1, "http://a.example/1", 9), Capture(4, "http://b.example/4", 7),
       Capture(2, "http://a.example/2", 9, charset=""), Capture(2, "http://b.example/2", 9, charset="UTF-8"),
       Capture(5, "http://casino-xxx-porn.example/free-porn-videos", 9)]  # fmt: skip
COPIES = 4  # two of page 1, one of page 2, one of page 4


def write_crawls(folder: Path) -> Path:
    """Two crawls; beside the captures a page without address, its copy, texts that are no pages, and a broken line."""
    for name, captures in (("old", OLD), ("new", NEW)):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.warc.gz").write_bytes(b"".join(capture.record for capture in captures))
        (folder / name / "page.html").write_bytes(page(article(6), "Page 6"))
    lines = [json.dumps({"text": article(7), "url": "http://j.example/7"})] * 2 + ['{"text": "cut']
    (folder / "old" / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def document(crawls: Path, stages: Sequence[Row] = STAGES, **output: Any) -> Row:
    inputs = [{"name": name, "root": str(crawls / name), "crawl": n} for n, name in enumerate(("old", "new"), 1)]
    return {"name": "r", "input": inputs, "stage": list(stages), "output": {"max_failed_ratio": 1.0, **output}}


def run_here(recipe: Row, out: Path, engine: Engine | None = None, progress: Any = None) -> Result:
    return run(compile_plan(parse_recipe(recipe)), out, engine or AdversaryEngine(4), progress or Silent())


def ledger_of(out: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(out / "ledger").to_pylist()
    return rows


@dataclass
class Told:
    """Remembers which parts were done; stops the run at the first, or does something when a step begins."""

    stop: bool = False
    at: str = ""
    act: Callable[[], object] = bool
    done: list[str] = field(default_factory=list)

    def begin(self, step: str, parts: int, done: int) -> None:
        self.step = step
        if self.at and step.endswith(self.at):
            self.act()

    def advance(self, manifest: Manifest) -> None:
        if self.stop:
            raise KeyboardInterrupt
        self.done.append(self.step)


@pytest.fixture(scope="module")
def crawls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crawls(tmp_path_factory.mktemp("crawls"))


@pytest.fixture(scope="module")
def finished(crawls: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_here(document(crawls), tmp_path_factory.mktemp("finished") / "out", LocalEngine(2))


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


def test_the_input_is_read_once_more_and_counted_once(crawls: Path, tmp_path: Path) -> None:
    plan = compile_plan(parse_recipe(document(crawls, BY_URL_FIRST)))
    names = ["00-urls", "01-url_dedup", "02-html_dedup", "03-extract", "04-exact_dedup-content_id", "05-exact_dedup"]
    assert [step.name for step in plan.steps] == names
    assert [step.name for step in plan.steps if isinstance(step, MapStep) and step.reads_again] == ["03-extract"]
    page = io.StringIO()
    render_plan(plan, Console(file=page, width=80))
    assert "03-extract\n    reads the input again, for charset, html" in page.getvalue()
    steps = run(plan, tmp_path, LocalEngine(1), Silent()).summary["steps"]
    assert [step["name"] for step in steps if "read" in step["seconds"]] == ["00-urls", "03-extract"]
    counted = [name for step in steps[1:] for name in step["counts"] if "/read/" in name or name.startswith("skipped")]
    assert counted == []
    assert ["read_bytes" in step["counts"] for step in steps] == [True] + [False] * 5


def test_a_recipe_without_it_reads_once(crawls: Path) -> None:
    plan = compile_plan(parse_recipe(document(crawls, WITHOUT)))
    assert not any(step.reads_again for step in plan.steps if isinstance(step, MapStep))


def test_dropped_text_is_not_kept_where_it_is_not_wanted(crawls: Path, tmp_path: Path) -> None:
    run_here(document(crawls, keep_dropped_text=False), tmp_path)
    run_ = open_run(tmp_path)
    texts = [run_.view.table(part, ["text"])["text"] for part in range(run_.parts)]
    kept = sum(len(column) - column.null_count for column in texts)
    assert kept == run_.totals["kept"] + run_.totals["dropped"]["exact_dedup"]["exact_duplicate"]


def test_resume_after_a_stop_at_every_part(finished: Result, crawls: Path, tmp_path: Path) -> None:
    recipe = document(crawls, part_bytes=4000)
    stops = 0
    while True:
        try:
            run_here(recipe, tmp_path, progress=Told(stop=True))
        except KeyboardInterrupt:
            stops += 1
        else:
            break
    assert stops > 15
    assert digest_run(tmp_path) == digest_run(finished.out)


def cut(file: Path) -> None:
    file.write_bytes(b"".join(capture.record for capture in OLD[:-1]))


def rewrite(file: Path) -> None:
    """Other bytes in the same places: nothing but the file's date tells."""
    file.write_bytes(file.read_bytes())
    os.utime(file, (1, 1))


@pytest.mark.parametrize("change", [cut, rewrite, Path.unlink, lambda file: file.write_bytes(b"")])
def test_an_input_that_changes_between_the_two_readings_ends_the_run(
    change: Callable[[Path], object], crawls: Path, tmp_path: Path
) -> None:
    shutil.copytree(crawls, tmp_path / "crawls")
    file = tmp_path / "crawls" / "old" / "a.warc.gz"
    recipe = document(tmp_path / "crawls")
    with pytest.raises(EngineError, match=r"old/a\.warc\.gz is not what it was"):
        run_here(recipe, tmp_path / "out", progress=Told(at=EXTRACT, act=lambda: change(file)))
    assert not (tmp_path / "out" / "run.json").exists()
    run_here(recipe, tmp_path / "out")
    run_here(recipe, tmp_path / "fresh")
    assert digest_run(tmp_path / "out") == digest_run(tmp_path / "fresh")


@pytest.mark.parametrize("rows", [slice(0, 1), slice(None, None, -1)], ids=["fewer", "in another order"])
def test_a_second_reading_must_bring_back_every_document_in_its_place(
    rows: slice, crawls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that does not yield the same again, from a file that has not changed."""
    first = curate.narrow.read

    def unsteady(piece: Piece, *rest: Any) -> Iterator[pa.RecordBatch]:
        for batch in first(piece, *rest):
            changed = piece.file.source == "old/texts.jsonl"
            yield pa.RecordBatch.from_pylist(batch.to_pylist()[rows], batch.schema) if changed else batch

    act = partial(monkeypatch.setattr, curate.narrow, "read", unsteady)
    with pytest.raises(EngineError, match="is not what it was when this run first read it"):
        run_here(document(crawls), tmp_path, progress=Told(at=EXTRACT, act=act))


def test_files_of_copies_alone_are_not_opened_again(
    crawls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    first = curate.narrow.read

    def noting(piece: Piece, *rest: Any) -> Iterator[pa.RecordBatch]:
        opened.append(piece.file.source)
        return first(piece, *rest)

    monkeypatch.setattr(curate.narrow, "read", noting)
    run_here(document(crawls), tmp_path, progress=Told(at=EXTRACT, act=opened.clear))
    assert set(opened) == {"old/a.warc.gz", "old/texts.jsonl", "new/a.warc.gz", "new/page.html"}


@pytest.mark.parametrize("length", [3, 4], ids=["extract last", "exact_dedup last"])
@pytest.mark.parametrize(("policy", "again"), [("earliest", 1), ("newest", 2)])
def test_one_more_file_repeats_no_extraction_but_where_it_decides(
    policy: str, again: int, length: int, crawls: Path, tmp_path: Path
) -> None:
    """Page 3 once more: by `earliest` that leaves the others as they are, by `newest` its part has one page less."""
    shutil.copytree(crawls, tmp_path / "crawls")
    stages = [{**table, "policy": policy} if table["use"] == "html_dedup" else table for table in STAGES[:length]]
    recipe = document(tmp_path / "crawls", stages, part_bytes=4000, shard_bytes=1024)
    run_here(recipe, tmp_path / "out")
    (tmp_path / "crawls" / "old" / "z.warc.gz").write_bytes(Capture(3, "http://z.example/", 30).record)
    told = Told()
    run_here(recipe, tmp_path / "out", progress=told)
    assert [step for step in told.done if step.endswith(EXTRACT)] == ["02-extract"] * again
    run_here(recipe, tmp_path / "fresh")
    assert digest_run(tmp_path / "out") == digest_run(tmp_path / "fresh")


def test_a_page_of_an_earlier_run_is_not_extracted_again(crawls: Path, tmp_path: Path) -> None:
    """Crawl after crawl keeps what both at once keep; a run that is compared later throws away what it has to."""
    stages = [{**table, "policy": "earliest"} if "dedup" in table["use"] else table for table in STAGES]
    both = document(crawls, stages, keep_dropped_text=False)
    old, new = ({**both, "input": [one]} for one in both["input"])
    whole = run_here(both, tmp_path / "both")
    run_here(old, tmp_path / "old")
    run_here(new, tmp_path / "new")
    plan = compile_plan(parse_recipe(new))
    later = run(plan, tmp_path / "new", AdversaryEngine(2), Silent(), [tmp_path / "old"])
    fresh = run(plan, tmp_path / "fresh", AdversaryEngine(3), Silent(), [tmp_path / "old"])
    assert digest_run(later.out) == digest_run(fresh.out)
    kept = [
        {row["doc_id"] for out in outs for row in ledger_of(tmp_path / out) if row["verdict"] == "kept"}
        for outs in (["both"], ["old", "new"])
    ]
    assert kept[0] == kept[1]
    assert later.totals["dropped"]["html_dedup"]["same_html"] == 4  # pages 1, 2, 6, and page 4 of the same crawl
    assert whole.totals["kept"] == len(kept[0])


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


@stage(needs=["html"], adds={"html_bytes": pa.int32()})
def html_bytes(html: pa.BinaryArray) -> pa.Array:
    """Bytes of the page."""
    return pa.compute.binary_length(html)


def test_a_stage_may_want_pages_behind_any_step(crawls: Path, tmp_path: Path) -> None:
    own = {"use": f"{__name__}:html_bytes"}
    first = run_here(document(crawls, [own, *STAGES]), tmp_path / "first")
    last = run_here(document(crawls, [*STAGES, own]), tmp_path / "last")
    sizes = [
        {row["doc_id"]: row["html_bytes"] for row in pq.read_table(done.out / "corpus").to_pylist()}
        for done in (first, last)
    ]
    assert sizes[0] == sizes[1]
    assert sum(size is not None for size in sizes[0].values()) == 6


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
