"""Exact, then fuzzy deduplication in a recipe, as the driver runs them."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.digest import digest_run
from curate.engines.local import LocalEngine
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import run


def write_crawl(folder: Path) -> int:
    """Families of a page, its exact copies and its near duplicates; returns how many documents."""
    chance = random.Random(8)
    texts = []
    for _ in range(25):
        page = [f"word{chance.randrange(5000)}" for _ in range(80)]
        near = [[*page[:at], "changed", *page[at + 1 :]] for at in chance.sample(range(80), chance.randrange(4))]
        texts += [" ".join(words) for words in (page, *near) for _ in range(chance.choice((1, 1, 3)))]
    chance.shuffle(texts)
    folder.mkdir()
    for number in range(3):
        lines = [json.dumps({"text": text, "date": f"2024-01-0{1 + number}"}) for text in texts[number::3]]
        (folder / f"{number}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return len(texts)


def run_recipe(crawl: Path, out: Path, **output: Any) -> tuple[pa.Table, pa.Table]:
    """(corpus, ledger)."""
    recipe = {
        "name": "dedup",
        "input": [{"name": "made", "root": str(crawl)}],
        "stage": [{"use": "exact_dedup"}, {"use": "fuzzy_dedup"}],
        "output": output,
    }
    run(compile_plan(parse_recipe(recipe)), out, LocalEngine(1), Silent())
    return pq.read_table(out / "corpus"), pq.read_table(out / "ledger")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    folder = tmp_path_factory.mktemp("dedup")
    documents = write_crawl(folder / "crawl")
    run_recipe(folder / "crawl", folder / "out")
    return folder / "crawl", folder / "out", documents


def test_every_document_is_in_exactly_one_cluster(finished: tuple[Path, Path, int]) -> None:
    _, out, documents = finished
    corpus, ledger = pq.read_table(out / "corpus"), pq.read_table(out / "ledger")
    assert corpus.num_rows == ledger["verdict"].to_pylist().count("kept")
    assert sum(size or 1 for size in corpus["cluster_size"].to_pylist()) == documents == ledger.num_rows
    assert max(size or 1 for size in corpus["cluster_size"].to_pylist()) > 5
    reasons = ledger["reason"].to_pylist()
    assert reasons.count("exact_duplicate") > 10
    assert reasons.count("near_duplicate") > 10


def test_duplicates_lead_to_kept_documents(finished: tuple[Path, Path, int]) -> None:
    _, out, _ = finished
    corpus, ledger = pq.read_table(out / "corpus"), pq.read_table(out / "ledger")
    rows = {row["doc_id"]: row for row in ledger.to_pylist()}
    for row in rows.values():
        if row["reason"] == "near_duplicate":
            assert rows[row["duplicate_of"]]["verdict"] == "kept"
            assert row["jaccard"] == row["score"] >= row["threshold"] == 0.7
        elif row["reason"] == "exact_duplicate":
            assert rows[row["duplicate_of"]]["reason"] in (None, "near_duplicate")
            assert row["jaccard"] is None
    sizes = dict(zip(corpus["doc_id"].to_pylist(), corpus["cluster_size"].to_pylist(), strict=True))
    clusters = Counter(survivor_of(row, rows) for row in rows.values() if row["duplicate_of"])
    assert {name: n + 1 for name, n in clusters.items()} == {name: size for name, size in sizes.items() if size}


def survivor_of(row: dict[str, Any], rows: dict[str, dict[str, Any]]) -> str:
    """The document that a chain of `duplicate_of` ends at."""
    while row["duplicate_of"]:
        row = rows[row["duplicate_of"]]
    return str(row["doc_id"])


def test_part_sizes_do_not_show(finished: tuple[Path, Path, int], tmp_path: Path) -> None:
    crawl, out, _ = finished
    run_recipe(crawl, tmp_path / "out", part_bytes=6000)
    assert digest_run(tmp_path / "out") == digest_run(out)
