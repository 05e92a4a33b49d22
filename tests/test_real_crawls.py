"""The laws on real crawls: 304 archives, whole, odd and broken, through all stages of pipelines/web.toml.

Run in any way, they give one digest; of every file, every record is on the books; nothing that is in them raises.
"""

import importlib.util
import json
import shutil
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine

from curate.digest import digest_run
from curate.engines import Engine
from curate.engines.local import LocalEngine
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import Result, run

WEB = Path(__file__).parents[1] / "pipelines" / "web.toml"
WANTED = {"response", "resource", "conversion", "revisit"}
PART_BYTES = 8 << 20
# Where a length is missing or too short, warcio goes on within the content and takes lines of it for responses. The
# last file holds a request that is cut off, and nothing else.
COUNTED_BY_HAND = {
    "edge_cases/netarchivesuite+jwat__jwat-warc__src__test__resources__invalid-warcfile-fields-empty.warc": 0,
    "edge_cases/netarchivesuite+jwat__jwat-warc__src__test__resources__invalid-warcfile-fields-invalidformat.warc": 0,
    "edge_cases/oduwsdl+ipwb__samples__warcs__broken.warc": 2,
    "edge_cases/toimik+WarcProtocol__tests__Toimik.WarcProtocol.Tests__Data__Invalid__short_content_block.warc": 0,
}
# Codes that stand for an exception or a dead process; the readers' own codes say what is wrong with the file.
UNFORESEEN = ("unreadable", "extractor", "crashed", "memory", "timeout")
# The quick tests take every fifth file below this size.
SMALL_BYTES = 30_000

Row = dict[str, Any]


@pytest.fixture(scope="module")
def crawls(shared_data: Path) -> Path:
    root = shared_data / "warc"
    if not (root / "index.jsonl").is_file():
        pytest.skip("needs the real crawls that lie beside the checkout in ../shared/data/warc")
    return root


@pytest.fixture(scope="module")
def index(crawls: Path) -> dict[str, Row]:
    """What is known of each file, by its path: `records` by type and `warcio_error`, both by warcio."""
    entries = [json.loads(line) for line in (crawls / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    return {entry["file"]: entry for entry in entries}


@pytest.fixture(scope="module")
def few(index: dict[str, Row]) -> list[str]:
    return sorted(file for file, entry in index.items() if entry["bytes"] < SMALL_BYTES)[::5]


@pytest.fixture(scope="module")
def few_out(crawls: Path, few: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over a few small files."""
    out = tmp_path_factory.mktemp("few") / "out"
    run_web(crawls, few, out, LocalEngine(2))
    return out


@pytest.fixture(scope="module")
def whole(crawls: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The run over all files that all others are held against: 2 workers, some 30 parts."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return run_web(crawls, ["crawls", "edge_cases"], out, LocalEngine(2), part_bytes=PART_BYTES)


def run_web(
    root: Path, paths: Sequence[str], out: Path, engine: Engine, extract: Row | None = None, **output: Any
) -> Result:
    """The stages of web.toml, and tokens fit for few documents. extract: parameters of that stage to change."""
    stages = tomllib.loads(WEB.read_text(encoding="utf-8"))["stage"]
    recipe = {
        "name": "real",
        "input": [{"name": "warc", "root": str(root), "paths": list(paths)}],
        "stage": [{**stage, **(extract or {})} if stage["use"] == "extract" else stage for stage in stages],
        "output": {"max_failed_ratio": 1.0, **output},
        "tokens": {"vocab_size": 1000, "sequence_length": 512},
    }
    return run(compile_plan(parse_recipe(recipe)), out, engine, Silent())


def rows_of(folder: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(folder).to_pylist()
    return rows


def differences(out: Path, reference: Path) -> list[str]:
    """Which rows of which files are not the same in both, and in what; none where only the tokens differ."""
    found = []
    for kind in ("ledger", "corpus"):
        one, other = ({row["doc_id"]: row for row in rows_of(folder / kind)} for folder in (out, reference))
        for key in sorted(one.keys() | other.keys()):
            row, expected = one.get(key, {}), other.get(key, {})
            columns = [name for name in {**row, **expected} if repr(row.get(name)) != repr(expected.get(name))]
            if columns:
                place = row or expected
                found.append(f"{kind}: {place['source']} at {place['offset']} differs in {', '.join(columns)}")
    return found


def assert_same(out: Path, reference: Path) -> None:
    assert digest_run(out) == digest_run(reference), "\n".join(differences(out, reference))


def faults_of_books(out: Path, entries: Sequence[Row]) -> list[str]:
    """What is wrong with the ledger, file by file: rows against warcio's count, verdicts, ids, the corpus."""
    ledger: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(out / "ledger"):
        ledger[row["source"].partition("/")[2]].append(row)
    corpus = Counter(row["source"].partition("/")[2] for row in rows_of(out / "corpus"))
    ids = Counter(row["doc_id"] for rows in ledger.values() for row in rows)
    faults = [f"{file} was not given" for file in ledger.keys() - {entry["file"] for entry in entries}]
    for entry in entries:
        file, rows = entry["file"], ledger[entry["file"]]
        verdicts = Counter(row["verdict"] for row in rows)
        expected = sum(n for kind, n in entry["records"].items() if kind.strip().lower() in WANTED)
        expected = COUNTED_BY_HAND.get(file, expected)
        # where warcio gives up there are at least the records before, and one for the file itself
        read_by_warcio = entry["warcio_error"] is None or file in COUNTED_BY_HAND
        if len(rows) != expected if read_by_warcio else len(rows) < max(expected, 1):
            faults.append(f"{file}: {len(rows)} rows, warcio counts {expected} ({entry['warcio_error']})")
        if len(rows) != verdicts["kept"] + verdicts["dropped"] + verdicts["failed"]:
            faults.append(f"{file}: rows with verdicts {dict(verdicts)}")
        if verdicts["kept"] != corpus[file]:
            faults.append(f"{file}: {verdicts['kept']} rows say kept, {corpus[file]} are in the corpus")
        faults += [f"{file}: id {row['doc_id']} is there {ids[row['doc_id']]} times" for row in rows
                   if ids[row["doc_id"]] > 1]  # fmt: skip
    return faults


def unforeseen(out: Path) -> list[str]:
    """Failed rows behind which there is an exception that was caught, or a child that died."""
    return [
        f"{row['source']} at {row['offset']}: {row['stage']}: {row['error']}"
        for row in rows_of(out / "ledger")
        if row["error"] and row["error"].partition(":")[0] in UNFORESEEN
    ]


def test_every_record_of_a_few_files_is_on_the_books(few_out: Path, few: list[str], index: dict[str, Row]) -> None:
    assert faults_of_books(few_out, [index[file] for file in few]) == []
    assert unforeseen(few_out) == []
    verdicts = Counter(row["verdict"] for row in rows_of(few_out / "ledger"))
    assert min(verdicts["kept"], verdicts["dropped"], verdicts["failed"]) > 0
    assert sum(verdicts.values()) > 50


def test_a_few_files_give_one_digest_however_they_are_run(
    few_out: Path, few: list[str], crawls: Path, tmp_path: Path
) -> None:
    copy(crawls, few, tmp_path / "moved")
    run_web(tmp_path / "moved", few[::-1], tmp_path / "out", AdversaryEngine(3), part_bytes=50_000, shard_bytes=50_000)
    assert_same(tmp_path / "out", few_out)


@pytest.mark.proof
def test_every_record_of_every_file_is_on_the_books(whole: Result, index: dict[str, Row]) -> None:
    assert faults_of_books(whole.out, list(index.values())) == []
    totals = whole.totals
    dropped = sum(n for reasons in totals["dropped"].values() for n in reasons.values())
    assert totals["records_in"] == totals["kept"] + totals["failed"] + dropped == len(rows_of(whole.out / "ledger"))
    assert totals["records_in"] > 3000
    print(f"{len(index)} files, {totals['records_in']} records: {totals['kept']} kept, {dropped} dropped, "
          f"{totals['failed']} failed; {digest_run(whole.out)}")  # fmt: skip


@pytest.mark.proof
def test_nothing_unforeseen_happens(whole: Result) -> None:
    assert unforeseen(whole.out) == []
    assert whole.summary["timing_dependent"] == 0


@pytest.mark.proof
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_do_not_matter(workers: int, whole: Result, crawls: Path, tmp_path: Path) -> None:
    assert whole.summary["steps"][0]["parts"] > 10
    run_web(crawls, ["crawls", "edge_cases"], tmp_path, LocalEngine(workers), part_bytes=PART_BYTES)
    assert_same(tmp_path, whole.out)


@pytest.mark.proof
@pytest.mark.parametrize("part_bytes", [1 << 20, 256 << 20])
def test_part_sizes_do_not_matter(part_bytes: int, whole: Result, crawls: Path, tmp_path: Path) -> None:
    sizes = {"part_bytes": part_bytes, "shard_bytes": part_bytes}
    run_web(crawls, ["crawls", "edge_cases"], tmp_path, LocalEngine(2), **sizes)
    assert_same(tmp_path, whole.out)


@pytest.mark.proof
def test_place_and_order_of_the_files_do_not_matter(
    whole: Result, index: dict[str, Row], crawls: Path, tmp_path: Path
) -> None:
    copy(crawls, list(index), tmp_path / "moved" / "elsewhere")
    files = sorted(index, key=lambda file: index[file]["sha256"])
    run_web(tmp_path / "moved" / "elsewhere", files, tmp_path / "out", LocalEngine(2), part_bytes=PART_BYTES)
    assert_same(tmp_path / "out", whole.out)


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["trafilatura", "resiliparse", "magic_html"])
def test_nothing_unforeseen_happens_in_other_extractors(
    backend: str, index: dict[str, Row], crawls: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs {backend}")
    run_web(crawls, ["crawls", "edge_cases"], tmp_path, LocalEngine(2), {"backend": backend}, part_bytes=PART_BYTES)
    assert unforeseen(tmp_path) == []
    assert faults_of_books(tmp_path, list(index.values())) == []


def copy(root: Path, files: Sequence[str], to: Path) -> None:
    """The files under a new root, with new dates."""
    for file in files:
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, to / file)
