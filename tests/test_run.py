"""The laws of a run: conservation, invariance, resume, and redoing only what changed."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine

from curate.digest import digest_run
from curate.engines.local import LocalEngine
from curate.errors import DataError, RecipeError
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import Result, run
from curate.store import Manifest

STAGES: list[dict[str, Any]] = [
    {"use": "urls"},
    {"use": "extract", "backend": "resiliparse"},
    {"use": "language", "languages": ["en", "zh"]},
    {"use": "normalise"},
    {"use": "score"},
    {"use": "rules", "pack": ["gopher", "fineweb2_zh"]},
    {"use": "exact_dedup"},
    {"use": "fuzzy_dedup"},
]


@dataclass
class Told:
    """Remembers which parts were done; raises at the n-th if asked to."""

    stop_at: int = -1
    done: list[str] = field(default_factory=list)

    def begin(self, step: str, parts: int, done: int) -> None:
        self.step = step

    def advance(self, manifest: Manifest) -> None:
        if len(self.done) == self.stop_at:
            raise KeyboardInterrupt
        self.done.append(self.step)

    def note(self, what: str) -> None:
        """Not remembered."""


def document(crawl: Path, **output: Any) -> dict[str, Any]:
    return {
        "name": "test",
        "input": [{"name": "made", "root": str(crawl)}],
        "stage": STAGES,
        "output": {"max_failed_ratio": 1.0, **output},
    }


def run_here(recipe: dict[str, Any], out: Path, progress: Any = None) -> Result:
    return run(compile_plan(parse_recipe(recipe)), out, AdversaryEngine(5), progress or Silent())


@pytest.fixture(scope="module")
def finished(made_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("run") / "out"
    return run(compile_plan(parse_recipe(document(made_crawl))), out, LocalEngine(2), Silent())


def test_every_record_ends_as_one_row(finished: Result) -> None:
    ledger = pq.read_table(finished.out / "ledger")
    corpus = pq.read_table(finished.out / "corpus")
    kept = ledger.filter(pc.equal(ledger["verdict"], "kept"))
    totals = finished.totals
    assert ledger.num_rows == totals["records_in"] == len(set(ledger["doc_id"].to_pylist()))
    assert sorted(corpus["doc_id"].to_pylist()) == sorted(kept["doc_id"].to_pylist())
    assert totals["kept"] == corpus.num_rows > 20
    dropped = sum(n for reasons in totals["dropped"].values() for n in reasons.values())
    assert totals["records_in"] == totals["kept"] + totals["failed"] + dropped


def test_a_run_says_what_its_exchanges_moved(finished: Result) -> None:
    moved = {step["name"]: step["shuffled_bytes"] for step in finished.summary["steps"]}
    documents = next(step["rows"] for step in finished.summary["steps"])
    assert [name for name, size in moved.items() if not size] == [name for name in moved if "dedup" not in name]
    exact = next(size for name, size in moved.items() if "exact" in name)
    assert 30 * documents < exact < 300 * documents  # 70 bytes on their way, and verdicts on the way home


def test_faults_of_the_crawl_are_named(finished: Result) -> None:
    dropped = {f"{stage}/{reason}" for stage, reasons in finished.totals["dropped"].items() for reason in reasons}
    assert {"read/http_status", "read/content_type", "read/empty"} <= dropped
    assert {"exact_dedup/exact_duplicate", "fuzzy_dedup/near_duplicate"} <= dropped
    assert any(name.startswith("urls/") for name in dropped)
    assert any(name.startswith("language/") for name in dropped)
    assert any(name.startswith("rules/") for name in dropped)
    errors = pq.read_table(finished.out / "ledger").filter(pc.field("verdict") == "failed")["error"].to_pylist()
    codes = {error.partition(":")[0] for error in errors}
    assert {"unsupported_format", "truncated", "bad_json", "missing_text"} <= codes


def test_every_duplicate_names_a_document_its_stage_kept(finished: Result) -> None:
    rows = {row["doc_id"]: row for row in pq.read_table(finished.out / "ledger").to_pylist()}
    duplicates = [row for row in rows.values() if row["duplicate_of"]]
    assert len(duplicates) >= 4
    order = ["exact_dedup", "fuzzy_dedup"]
    for row in duplicates:
        witness = rows[row["duplicate_of"]]
        assert witness["stage"] is None or order.index(witness["stage"]) > order.index(row["stage"])
        assert row["stage"] == "exact_dedup" or row["jaccard"] >= row["threshold"] == 0.7


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_do_not_matter(workers: int, finished: Result, made_crawl: Path, tmp_path: Path) -> None:
    plan = compile_plan(parse_recipe(document(made_crawl)))
    run(plan, tmp_path, LocalEngine(workers), Silent())
    assert digest_run(tmp_path) == digest_run(finished.out)


@pytest.mark.parametrize("part_bytes", [2 << 10, 50 << 10])
def test_part_sizes_do_not_matter(part_bytes: int, finished: Result, made_crawl: Path, tmp_path: Path) -> None:
    run_here(document(made_crawl, part_bytes=part_bytes, shard_bytes=part_bytes), tmp_path)
    assert len(list((tmp_path / "ledger").iterdir())) > 1
    assert digest_run(tmp_path) == digest_run(finished.out)


def test_place_and_order_of_the_input_do_not_matter(finished: Result, made_crawl: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "deep"
    shutil.copytree(made_crawl, moved)
    recipe = document(moved)
    paths = [str(path.relative_to(moved)) for path in sorted(moved.rglob("*")) if path.is_file()]
    recipe["input"][0]["paths"] = list(reversed(paths))
    run_here(recipe, tmp_path / "out")
    assert digest_run(tmp_path / "out") == digest_run(finished.out)


def test_resume_after_a_stop_at_every_part(finished: Result, made_crawl: Path, tmp_path: Path) -> None:
    recipe = document(made_crawl, part_bytes=30 << 10)
    whole = Told()
    run_here(recipe, tmp_path / "whole", whole)
    stops = 0
    while True:
        try:
            run_here(recipe, tmp_path / "out", Told(stop_at=0))
        except KeyboardInterrupt:
            assert not (tmp_path / "out" / "run.json").exists()
            stops += 1
        else:
            break
    assert stops == len(whole.done)
    assert digest_run(tmp_path / "out") == digest_run(finished.out)


def test_a_finished_run_has_nothing_left_to_do(made_crawl: Path, tmp_path: Path) -> None:
    run_here(document(made_crawl), tmp_path)
    again = Told()
    run_here(document(made_crawl), tmp_path, again)
    assert again.done == []


def test_a_changed_rule_does_not_repeat_extraction(made_crawl: Path, tmp_path: Path) -> None:
    run_here(document(made_crawl), tmp_path)
    changed = document(made_crawl)
    changed["stage"] = [
        {**stage, "retune": {"gopher_few_words": {"min": 40}}} if stage["use"] == "rules" else stage for stage in STAGES
    ]
    again = Told()
    run_here(changed, tmp_path, again)
    assert not [step for step in again.done if "extract" in step or "score" in step]
    assert [step for step in again.done if "rules" in step]


def test_a_changed_file_is_read_again(made_crawl: Path, tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    shutil.copytree(made_crawl, crawl)
    run_here(document(crawl), tmp_path / "out")
    (crawl / "notes.txt").write_text("Another text.\n")
    run_here(document(crawl), tmp_path / "out")
    run_here(document(crawl), tmp_path / "fresh")
    assert digest_run(tmp_path / "out") == digest_run(tmp_path / "fresh")


def test_too_many_failures_publish_nothing(tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    lines = ['{"text": "good"}\n' if n % 10 else "not json\n" for n in range(1000)]
    (crawl / "docs.jsonl").write_text("".join(lines))
    recipe = {"name": "t", "input": [{"name": "c", "root": str(crawl)}], "stage": [{"use": "extract"}]}
    with pytest.raises(DataError, match=r"100 of 1000 records failed.*c/docs\.jsonl"):
        run_here(recipe, tmp_path / "out")
    assert not (tmp_path / "out" / "corpus").exists()
    assert not (tmp_path / "out" / "run.json").exists()
    run_here({**recipe, "output": {"max_failed_ratio": 0.1}}, tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "corpus").num_rows == 900


def test_an_empty_input_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    with pytest.raises(RecipeError):
        run_here(document(tmp_path / "crawl"), tmp_path / "out")
