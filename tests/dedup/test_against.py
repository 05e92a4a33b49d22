"""Crawl after crawl, each compared with the earlier ones, keeps what all crawls at once would have kept."""

import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine
from dedup_steps import Document, deal, run_wide
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_fuzzy import made_corpus

import curate.wide
from curate.dedup.exact import exact_dedup
from curate.dedup.first import HOMEWARD
from curate.dedup.fuzzy import fuzzy_dedup
from curate.dedup.index import files_of, range_buckets, scope_words
from curate.engines import Engine
from curate.engines.local import LocalEngine
from curate.errors import RecipeError
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import run
from curate.store import Dataset
from curate.wide import WideStage

VERDICT_COLUMNS = [name for name in HOMEWARD.names if name not in ("part", "row", "cluster_size")]


def decided(found: Mapping[str, Document]) -> dict[str, Document]:
    """doc_id → verdict of the dropped; sizes of clusters are those of one run."""
    return {
        name: {key: value for key, value in row.items() if key in VERDICT_COLUMNS}
        for name, row in found.items()
        if "verdict" in row
    }


def crawl_after_crawl(
    stage: WideStage, folder: Path, documents: Sequence[Document], seed: int, **params: Any
) -> tuple[dict[str, Document], list[dict[str, Dataset]]]:
    """(what the stage decides of every crawl, given what it has left of the earlier ones; what it has left)"""
    chance = random.Random(seed)
    found: dict[str, Document] = {}
    left: list[dict[str, Dataset]] = []
    for crawl in sorted({document["crawl"] for document in documents}):
        mine = [document for document in documents if document["crawl"] == crawl]
        dealt = deal(mine, chance.choice((1, 2, 4)), seed)
        new, steps = run_wide(stage, folder / str(crawl), dealt, shuffle=seed, against=tuple(left), **params)
        found |= new
        left.append({name: steps.datasets[name] for name in stage.index.exchanges})
    return found, left


def rows_left(left: Sequence[Mapping[str, Dataset]], name: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """Some columns of what runs have left, sorted."""
    datasets = [datasets[name] for datasets in left]
    rows = [row for dataset in datasets for part in range(dataset.parts) for row in dataset.table(part).to_pylist()]
    return sorted(tuple(row[column] for column in columns) for row in rows)


def crawls(seed: int, families: int) -> list[Document]:
    """A corpus of families of near duplicates that are spread over three crawls."""
    chance = random.Random(seed)
    return [{**document, "crawl": chance.choice((1, 2, 5))} for document in made_corpus(seed, families)]


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([0, 3, 20_000_000]),
    st.sampled_from([{}, {"hubs": 1, "key_hubs": 2, "partners": 2}, {"hubs": 2, "key_hubs": 3, "partners": 1}]),
    st.integers(1, 4),
)
def test_fuzzy_deduplication_crawl_after_crawl_equals_all_at_once(
    seed: int, finish_rows: int, caps: dict[str, int], buckets: int
) -> None:
    documents = crawls(seed, 10)
    params = {"policy": "earliest", "finish_rows": finish_rows, **caps}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        at_once, steps = run_wide(fuzzy_dedup, Path(folder) / "all", deal(documents, 3, seed), **params)
        patch.setattr(curate.wide, "BUCKET_BYTES", len(documents) * 21 * 88 // buckets)
        one_by_one, left = crawl_after_crawl(fuzzy_dedup, Path(folder) / "each", documents, seed, **params)
        hub = ["key", "order", "sketch", "kept"]
        assert rows_left(left, "hubs", hub) == rows_left([steps.datasets], "hubs", hub)
        assert rows_left(left, "kept", ["text"]) == rows_left([steps.datasets], "kept", ["text"])
    assert decided(one_by_one) == decided(at_once)


def test_later_crawls_are_found_to_be_duplicates_of_earlier_ones(tmp_path: Path) -> None:
    documents = crawls(7, 30)
    found, _ = crawl_after_crawl(fuzzy_dedup, tmp_path, documents, 7, policy="earliest")
    crawl_of = {document["doc_id"]: document["crawl"] for document in documents}
    crossing = [name for name, row in decided(found).items() if crawl_of[row["duplicate_of"]] < crawl_of[name]]
    assert len(crossing) > 10


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_exact_deduplication_crawl_after_crawl_equals_all_at_once(seed: int, buckets: int) -> None:
    chance = random.Random(seed)
    documents = [
        {**document, "content_id": f"{chance.randrange(12) << chance.choice((0, 120)):032x}", "content_words": 3}
        for document in crawls(seed, 6)
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        at_once, steps = run_wide(exact_dedup, Path(folder) / "all", deal(documents, 3, seed), policy="earliest")
        patch.setattr(curate.wide, "BUCKET_BYTES", len(documents) * 72 // buckets)
        one_by_one, left = crawl_after_crawl(exact_dedup, Path(folder) / "each", documents, seed, policy="earliest")
        assert rows_left(left, "keys", ["key", "order"]) == rows_left([steps.datasets], "keys", ["key", "order"])
    assert decided(one_by_one) == decided(at_once)
    assert decided(at_once)


@pytest.mark.parametrize("stage", [exact_dedup, fuzzy_dedup])
def test_within_the_scope_of_a_crawl_nothing_of_another_is_dropped(tmp_path: Path, stage: WideStage) -> None:
    documents = [{**document, "content_id": "ab" * 16, "content_words": 3} for document in crawls(3, 20)]
    found, _ = run_wide(stage, tmp_path / "all", deal(documents, 3, 3), scope="crawl")
    each: dict[str, Document] = {}
    for crawl in (1, 2, 5):
        mine = [document for document in documents if document["crawl"] == crawl]
        each |= run_wide(stage, tmp_path / str(crawl), [mine])[0]
    assert found == each
    assert decided(found)


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.integers(0, 2**64 - 1), min_size=1))
@example(7, 3, [0, 2**64 - 1])
@settings(deadline=None)
def test_a_bucket_reads_the_files_that_hold_its_keys(buckets: int, files: int, keys: list[int]) -> None:
    array = np.array(keys, np.uint64)
    for bucket, file in zip(range_buckets(array, buckets), range_buckets(array, files), strict=True):
        assert int(file) in files_of(int(bucket), buckets, files)
    read = [file for bucket in range(buckets) for file in files_of(bucket, buckets, files)]
    assert len(read) <= buckets + files - 1


def test_a_crawl_without_a_number_is_a_crawl_of_its_own() -> None:
    import pyarrow as pa

    words = scope_words("crawl", pa.array([None, 0, -1, 1, None], pa.int32())).tolist()
    assert words[0] == words[4]
    assert len(set(words)) == 4


# Whole runs.


def write_crawls(folder: Path) -> list[int]:
    """Three crawls as JSON lines: exact and near duplicates within each and across."""
    chance = random.Random(11)
    pages = [[f"word{chance.randrange(5000)}" for _ in range(60)] for _ in range(40)]
    for crawl in (1, 2, 3):
        lines = []
        for page in chance.sample(pages, 25):
            changed = [*page[:9], chance.choice(("same", "other", page[9])), *page[10:]]
            lines.append(json.dumps({"text": " ".join(changed), "date": f"2024-0{crawl}-01"}))
        folder.joinpath(f"crawl{crawl}").mkdir(parents=True)
        for half in (0, 1):
            (folder / f"crawl{crawl}" / f"{half}.jsonl").write_text("\n".join(lines[half::2]), encoding="utf-8")
    return [1, 2, 3]


def recipe(folder: Path, numbers: Sequence[int | None], **stage: Any) -> dict[str, Any]:
    params = {"policy": "earliest", **stage}
    return {
        "name": f"crawls {numbers}",
        "input": [
            {"name": f"c{number}", "root": str(folder / f"crawl{number or 1}")}
            | ({} if number is None else {"crawl": number})
            for number in numbers
        ],
        "stage": [{"use": "exact_dedup", **params}, {"use": "fuzzy_dedup", **params}],
        "output": {"part_bytes": 4000},
    }


def carry_out(made: dict[str, Any], out: Path, against: Sequence[Path] = (), engine: Engine | None = None) -> None:
    run(compile_plan(parse_recipe(made)), out, engine or LocalEngine(1), Silent(), against)


def books(*outs: Path) -> dict[str, tuple[Any, ...]]:
    """doc_id → what was decided and why, over all runs."""
    columns = ["verdict", "stage", "reason", "score", "threshold", "duplicate_of", "jaccard"]
    rows = [row for out in outs for row in pq.read_table(out / "ledger").to_pylist()]
    assert len({row["doc_id"] for row in rows}) == len(rows)
    return {row["doc_id"]: tuple(row[name] for name in columns) for row in rows}


def kept(*outs: Path) -> dict[str, str]:
    return {row["doc_id"]: row["text"] for out in outs for row in pq.read_table(out / "corpus").to_pylist()}


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    folder = tmp_path_factory.mktemp("against")
    outs: list[Path] = []
    for number in write_crawls(folder):
        carry_out(recipe(folder, [number]), folder / f"out{number}", outs)
        outs.append(folder / f"out{number}")
    return folder, outs


@pytest.mark.parametrize("engine", [LocalEngine(2), AdversaryEngine(3)])
def test_three_runs_keep_and_drop_what_one_run_does(
    three_runs: tuple[Path, list[Path]], tmp_path: Path, engine: Engine
) -> None:
    folder, outs = three_runs
    carry_out(recipe(folder, [1, 2, 3]), tmp_path / "all", engine=engine)
    assert books(*outs) == books(tmp_path / "all")
    assert kept(*outs) == kept(tmp_path / "all")
    reasons = [row[2] for row in books(outs[2]).values()]
    assert reasons.count("exact_duplicate") > 5
    assert reasons.count("near_duplicate") > 5


@pytest.mark.parametrize("engine", ["adversary", "ray", "spark"], indirect=True)
def test_every_engine_finds_the_same_against_earlier_runs(
    three_runs: tuple[Path, list[Path]], tmp_path: Path, engine: Engine
) -> None:
    folder, outs = three_runs
    changed = recipe(folder, [3])
    changed["output"] = {"part_bytes": 4000 if isinstance(engine, AdversaryEngine) else 40000}
    carry_out(changed, tmp_path / "again", outs[:2], engine)
    assert books(tmp_path / "again") == books(outs[2])


def test_the_index_stands_alone(three_runs: tuple[Path, list[Path]], tmp_path: Path) -> None:
    """A run that was cleaned, and whose corpus has moved away, still serves later ones."""
    import shutil

    folder, outs = three_runs
    for out in outs[:2]:
        shutil.copytree(out / "index", tmp_path / out.name / "index")
        shutil.copy(out / "run.json", tmp_path / out.name / "run.json")
    carry_out(recipe(folder, [3]), tmp_path / "again", [tmp_path / out.name for out in outs[:2]])
    assert books(tmp_path / "again") == books(outs[2])


def test_run_json_names_the_runs_that_it_was_compared_with(three_runs: tuple[Path, list[Path]]) -> None:
    _, outs = three_runs
    summary = json.loads((outs[2] / "run.json").read_text(encoding="utf-8"))
    assert summary["against"] == ["crawls [1]", "crawls [2]"]


def test_only_the_newest_policy_leaves_no_index(three_runs: tuple[Path, list[Path]], tmp_path: Path) -> None:
    folder, _ = three_runs
    carry_out(recipe(folder, [1]), tmp_path / "out")
    assert (tmp_path / "out" / "index" / "index.json").is_file()
    carry_out(recipe(folder, [1], policy="newest"), tmp_path / "out")
    assert not (tmp_path / "out" / "index").exists()


@pytest.mark.parametrize(
    ("numbers", "stage", "against", "message"),
    [
        ([3], {"policy": "newest"}, ["out1", "out2"], r'--against needs policy = "earliest"; with \'newest\''),
        ([None], {}, ["out1"], "every \\[\\[input\\]\\] needs a `crawl` number, and this recipe has one without"),
        ([2], {}, ["out1", "out2"], "its crawls go up to 2, and this run begins with 2"),
        ([3], {}, ["out2"], "was compared with an earlier one, 'crawls \\[1\\]'"),
        ([3], {}, ["nowhere"], "there is no finished run in it"),
        ([3], {}, ["out1", "here"], "cannot be compared with itself"),
        ([3], {"scope": "crawl"}, ["out1"], "its stage 'exact_dedup' had scope = 'global', here 'crawl'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_read(
    three_runs: tuple[Path, list[Path]], numbers: list[int], stage: dict[str, Any], against: list[str], message: str
) -> None:
    folder, _ = three_runs
    with pytest.raises(RecipeError, match=message):
        carry_out(recipe(folder, numbers, **stage), folder / "here", [folder / name for name in against])
    assert not (folder / "here").exists()


def test_a_run_without_an_index_says_how_to_make_one(three_runs: tuple[Path, list[Path]], tmp_path: Path) -> None:
    folder, _ = three_runs
    carry_out(recipe(folder, [1], policy="newest"), tmp_path / "old")
    with pytest.raises(RecipeError, match=r'left no index. Give its dedup stages policy = "earliest"'):
        carry_out(recipe(folder, [2]), tmp_path / "new", [tmp_path / "old"])


def test_a_changed_earlier_run_is_noticed(three_runs: tuple[Path, list[Path]], tmp_path: Path) -> None:
    folder, outs = three_runs
    carry_out(recipe(folder, [3]), tmp_path / "out", [outs[0]])
    alone = books(tmp_path / "out")
    carry_out(recipe(folder, [3]), tmp_path / "out", outs[:2])
    assert books(tmp_path / "out") == books(outs[2]) != alone
