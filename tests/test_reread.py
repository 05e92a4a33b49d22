"""The second reading of the input, which stages behind an exchange need where they want a page."""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine
from page_crawls import BY_URL_FIRST, EXTRACT, OLD, STAGES, WITHOUT, Capture, Told, document, ledger_of, run_here
from rich.console import Console

import curate.narrow
from curate.digest import digest_run
from curate.engines.local import LocalEngine
from curate.errors import EngineError
from curate.inspect.plan import render_plan
from curate.inspect.run_folder import open_run
from curate.plan import MapStep, compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import Result, run
from curate.sources import Piece
from curate.stage import stage

pytestmark = pytest.mark.usefixtures("quick_files")


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
