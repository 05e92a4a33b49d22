"""Exports: WanJuan-CC's record, and JSON lines with everything."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from made_run import ordinary, text_record, write_run

from curate.errors import EngineError, RecipeError
from curate.inspect.export import export, to_wanjuan

WANJUAN_FIELDS = [
    "id", "content", "title", "language", "date", "token_num", "cbytes_num", "line_num", "char_num", "toxic_score",
    "porn_score", "fluency_score", "not_ad_score",
]  # fmt: skip


def rows_of(paths: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in gzip.open(path, "rt", encoding="utf-8")]


def test_the_record_counts_as_wanjuan_cc_does() -> None:
    """As its published sample: for ASCII text bytes are characters, and lines are what newlines separate."""
    text = "\n".join(["x" * 178] * 6)
    record = to_wanjuan({"doc_id": "d", "text": text, "lang": "en", "title": None, "date": None}, 244)
    assert list(record) == WANJUAN_FIELDS
    assert record["cbytes_num"] == record["char_num"] == 1073
    assert record["line_num"] == 6
    assert record["token_num"] == 244
    assert record["toxic_score"] is None


@pytest.mark.parametrize(
    ("text", "size", "characters", "lines"), [("中文\n字", 10, 4, 2), ("", 0, 0, 1), ("a\r\n\n", 4, 4, 3)]
)
def test_bytes_characters_and_lines(text: str, size: int, characters: int, lines: int) -> None:
    record = to_wanjuan({"doc_id": "d", "text": text})
    assert (record["cbytes_num"], record["char_num"], record["line_num"]) == (size, characters, lines)


def test_scores_are_taken_over_where_a_stage_gives_them() -> None:
    assert to_wanjuan({"doc_id": "d", "text": "", "toxic_score": 0.25})["toxic_score"] == 0.25


def test_all_kept_documents_come_out(made_out: Path, tmp_path: Path) -> None:
    rows = rows_of(export(made_out, tmp_path / "wj"))
    kept = {record.doc_id: record.columns for record in ordinary() if not record.verdict}
    assert {row["id"]: row["content"] for row in rows} == {doc_id: c["text"] for doc_id, c in kept.items()}
    assert {row["id"]: row["language"] for row in rows} == {doc_id: c["lang"] for doc_id, c in kept.items()}
    assert {row["token_num"] for row in rows} == {None}


def test_jsonl_has_every_column(made_out: Path, tmp_path: Path) -> None:
    rows = rows_of(export(made_out, tmp_path / "jl", format="jsonl"))
    assert len(rows) == 40
    assert rows[0]["warc"]["file"] == "crawl.warc.gz"
    assert {"words", "symbols", "lang_score", "source", "offset"} <= rows[0].keys()


def test_numbers_that_json_has_not_become_null(tmp_path: Path) -> None:
    records = [text_record(1, symbols=float("nan")), text_record(2, symbols=float("inf"))]
    out = write_run(tmp_path / "out", records, parts=1)
    assert [row["symbols"] for row in rows_of(export(out, tmp_path / "x", format="jsonl"))] == [None, None]


def test_the_same_corpus_gives_the_same_bytes(made_out: Path, tmp_path: Path) -> None:
    first, second = (export(made_out, tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert export(made_out, tmp_path / "a") == first


def test_shards_of_a_larger_export_are_not_mixed_in(made_out: Path, tmp_path: Path) -> None:
    (tmp_path / "part-00007.jsonl.gz").write_bytes(b"")
    with pytest.raises(RecipeError, match=r"part-00007\.jsonl\.gz.*delete them"):
        export(made_out, tmp_path)


def test_errors(made_out: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no export format"):
        export(made_out, tmp_path, format="csv")
    with pytest.raises(EngineError, match="not finished"):
        export(tmp_path, tmp_path / "x")
