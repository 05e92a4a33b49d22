"""Who survives, read from whatever a tool writes, and figures of runs that were made by hand."""

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import fuzzy_dedup
import planted
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from environments import Peer
from fuzzy_dedup import Corpus, convert, curate_tool, kept_ids, measure, show
from harness import FailedError, Watched, watch


def given(**others: Any) -> argparse.Namespace:
    settings = {"workers": 1, "repeat": 3, "markdown": None, "set": [], "banding": ["21x6"]}
    return argparse.Namespace(**settings | others)


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write_text(out: Path) -> None:
    (out / "kept.txt").write_text("d1\nd2\n")


def write_jsonl(out: Path) -> None:
    (out / "kept").mkdir()
    # A line may hold what other readers take for its end.
    (out / "kept/0.jsonl").write_bytes(json.dumps({"id": "d1", "text": "a\u2028b\x85c"}, ensure_ascii=False).encode())
    (out / "kept/1.jsonl").write_bytes(lines({"text": "b", "id": "d2"}))
    (out / "kept/2.jsonl").touch()


def write_arrow(out: Path) -> None:
    (out / "kept").mkdir()
    for number, names in enumerate((["d1"], [], ["d2"])):
        table = pa.table({"text": pa.array(names, pa.string()), "id": pa.array(names, pa.string())})
        with pa.ipc.new_stream(out / f"kept/data-{number}.arrow", table.schema) as writer:
            writer.write_table(table)


def write_attributes(out: Path) -> None:
    folder = out / "attributes" / "seen"
    folder.mkdir(parents=True)
    dropped = {"id": "d3", "attributes": {"seen": [[0, 12, 0.9]]}}
    kept = [{"id": "d1", "attributes": {"seen": []}}, {"id": "d2", "attributes": {}}]
    (folder / "0.jsonl.gz").write_bytes(gzip.compress(lines(kept[0], dropped)))
    (folder / "1.jsonl").write_bytes(lines(kept[1]))


@pytest.mark.parametrize("write", [write_text, write_jsonl, write_arrow, write_attributes])
def test_survivors_are_read_from_what_a_tool_writes(write: Any, tmp_path: Path) -> None:
    write(tmp_path)
    assert kept_ids(tmp_path) == {"d1", "d2"}


def test_a_tool_that_writes_nothing_has_not_kept_nothing(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="has not written"):
        kept_ids(tmp_path)
    (tmp_path / "kept.txt").touch()
    assert kept_ids(tmp_path) == set()


def test_parquet_holds_the_rows_of_the_jsonl_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzy_dedup, "GROUP_BYTES", 25)
    source = tmp_path / "texts"
    source.mkdir()
    rows = [{"id": f"d{number}", "text": "é" * 10, "more": 1} for number in range(7)]
    (source / "b.jsonl").write_bytes(lines(*rows[:5]))
    (source / "a.jsonl").write_bytes(lines(*rows[5:]))
    (source / "c.jsonl").touch()
    corpus = convert(source, tmp_path / "parquet")
    assert corpus.ids == {"a.parquet": ["d5", "d6"], "b.parquet": ["d0", "d1", "d2", "d3", "d4"], "c.parquet": []}
    assert (corpus.documents, corpus.size, corpus.truth) == (7, 140, [])
    assert pq.read_table(corpus.parquet / "b.parquet").to_pylist() == [
        {"id": row["id"], "text": row["text"]} for row in rows[:5]
    ]
    assert pq.read_metadata(corpus.parquet / "b.parquet").num_row_groups == 2


def test_a_folder_without_jsonl_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no \*\.jsonl"):
        convert(tmp_path, tmp_path / "parquet")


def test_our_run_on_a_planted_corpus_drops_copies_and_nothing_else(made_text: Path, tmp_path: Path) -> None:
    corpus = convert(planted.plant(tmp_path, 240, [made_text]), tmp_path / "parquet")
    tool = curate_tool(corpus, "21x6", given())
    watch(tool.command(tmp_path))
    kept = tool.survivors(tmp_path)
    ids = [name for names in corpus.ids.values() for name in names]
    assert len(set(ids)) == 240
    assert kept < set(ids)
    found = planted.score(corpus.truth, ids, kept)
    assert found.precision == 1.0
    assert found.recall[2] == 1.0
    assert found.recall[0] > 0.5


def table_of(page: Path) -> list[dict[str, str]]:
    """The rows of its only table."""
    head, _, *rows = [
        [cell.strip() for cell in line[1:-2].split("|")] for line in page.read_text().splitlines() if line[:1] == "|"
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_medians_and_ratios_of_runs(tmp_path: Path) -> None:
    ids = {"a.parquet": ["d0000000", "d0000001"], "b.parquet": ["d0000002", "d0000003"]}
    corpus = Corpus(tmp_path, tmp_path, ids, 8_000_000, [(0, 1, 0.9), (2, 3, 0.72), (1, 2, 0.1)])
    runs = {
        "ours": [Watched(9.0, 100_000_000, 1, 1), Watched(2.0, 900_000_000, 1, 1), Watched(4.0, 300_000_000, 1, 1)],
        "theirs": [Watched(6.0, 5_000_000, 1, 1), Watched(8.0, 7_000_000, 1, 1), Watched(1.0, 6_000_000, 1, 1)],
    }
    kept = {"ours": {"d0000000", "d0000002", "d0000003"}, "theirs": {"d0000000", "d0000001"}}
    show(corpus, runs, kept, given(markdown=tmp_path / "page.md"))
    ours, theirs = table_of(tmp_path / "page.md")
    assert list(ours.values()) == (
        ["ours", "4.0", "1", "2.0", "300", "1.0", "3", "0.0000", "nan", "1.0000", "1.0000", "9.0, 2.0, 4.0"]
    )
    assert list(theirs.values()) == (
        ["theirs", "6.0", "1", "1.3", "6", "1.5", "2", "1.0000", "nan", "0.0000", "1.0000", "6.0, 8.0, 1.0"]
    )


class Failing(Peer):
    """Says why, and ends."""

    def command(self, job: str, source: Path, out: Path, workers: int) -> list[str]:
        return ["sh", "-c", "echo out of luck; exit 3"]


def made_tool(command: list[str]) -> fuzzy_dedup.Tool:
    return fuzzy_dedup.Tool("ours", lambda out: command, lambda out: {"d0000000"})


def test_another_tool_that_fails_is_skipped_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzzy_dedup, "curate_tool", lambda *given: made_tool(["true"]))
    corpus = Corpus(tmp_path, tmp_path, {"a.parquet": ["d0000000"]}, 1, [])
    measure(corpus, [Failing("rensa", tmp_path)], tmp_path, given(markdown=tmp_path / "page.md"))
    assert [row["kept"] for row in table_of(tmp_path / "page.md")] == ["1"]
    assert capsys.readouterr().err.count("rensa 0.5.0 is skipped: exit status 3: out of luck") == 1


def test_no_table_is_made_without_our_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzy_dedup, "curate_tool", lambda *given: made_tool(["false"]))
    corpus = Corpus(tmp_path, tmp_path, {"a.parquet": ["d0000000"]}, 1, [])
    with pytest.raises(FailedError, match="exit status 1"):
        measure(corpus, [], tmp_path, given())
