"""Parquet batches: whole columns and row by row give the same rows."""

import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources import Limits, parquet
from curate.sources.files import SourceFile
from curate.sources.parquet import raw_batch, row_groups
from curate.sources.split import split

VALUES = st.none() | st.sampled_from(["", " ", "\t\n\x1c\u3000", "a text", " 中文 ", "x" * 50, "é" * 25])
ROWS = st.lists(
    st.fixed_dictionaries(dict.fromkeys(("text", "content", "url", "uri", "date", "title"), VALUES)), max_size=6
)
LIMITS = Limits(max_record_bytes=49)


def file(**columns: str) -> SourceFile:
    return SourceFile("in/a.parquet", "a.parquet", 1, "", "parquet", 7, columns)


@given(
    ROWS, st.sets(st.sampled_from(["text", "content", "uri", "title"]), min_size=1), st.booleans(), st.integers(0, 9)
)
def test_whole_columns_and_single_rows_agree(
    rows: list[dict[str, Any]], names: set[str], large: bool, offset: int
) -> None:
    schema = pa.schema([(name, pa.large_string() if large else pa.string()) for name in sorted(names)])
    batch = pa.RecordBatch.from_pylist([{name: row[name] for name in names} for row in rows], schema)
    whole = raw_batch(batch, file(), offset, LIMITS)
    assert parquet._whole(batch, file(), offset, LIMITS) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "_whole", lambda *given: None)
        assert raw_batch(batch, file(), offset, LIMITS).to_pylist() == whole.to_pylist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 40_000))
def test_pieces_are_whole_row_groups_of_about_the_same_size(rows: list[int], part_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        with pq.ParquetWriter(path, pa.schema([("text", pa.string())]), compression="none") as writer:
            for n in rows:  # random characters, so that dictionaries make nothing smaller
                texts = [random.Random(place).randbytes(500).hex() for place in range(n)]
                writer.write_table(pa.table({"text": pa.array(texts, pa.string())}))
        groups = row_groups(SourceFile("in/a.parquet", str(path), path.stat().st_size, "", "parquet"))
        pieces = split(SourceFile("in/a.parquet", str(path), path.stat().st_size, "", "parquet"), part_bytes, path)
    spans = [(piece.start, piece.end if piece.end is not None else len(groups)) for piece in pieces]
    assert [number for start, end in spans for number in range(start, end)] == list(range(len(groups)))
    assert [piece.estimated_bytes for piece in pieces] == [sum(groups[start:end]) for start, end in spans] or not rows
    fair = sum(groups) / -(-sum(groups) // part_bytes) if groups else 0
    assert all(piece.estimated_bytes <= fair + max(groups, default=0) for piece in pieces) or not rows


def test_white_space_is_that_of_strings() -> None:
    assert sorted(parquet._WHITE) == [char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace()]


def test_names_of_the_recipe_come_first() -> None:
    batch = pa.record_batch({"text": ["not this"], "body": ["this"]})
    assert raw_batch(batch, file(text="body"), 0, LIMITS)["text"].to_pylist() == ["this"]


@pytest.mark.parametrize("column", ["date", "text"])
def test_other_types_are_taken_row_by_row(column: str) -> None:
    values = {"text": ["a text", None], "date": ["2024", "2025"]} | {column: [12, 13]}
    rows = raw_batch(pa.record_batch(values), file(), 0, LIMITS).to_pylist()
    if column == "date":
        assert [row["date"] for row in rows] == ["12", "13"]
    assert [row["error"] for row in rows] == ([None, "missing_text"] if column == "date" else ["missing_text"] * 2)


def test_text_that_is_not_utf8_costs_its_own_row_alone() -> None:
    texts = pa.array([b"good", b"\xff\xfe", b"good too"], pa.binary())
    broken = pa.StringArray.from_buffers(3, texts.buffers()[1], texts.buffers()[2])
    rows = raw_batch(pa.record_batch({"text": broken}), file(), 0, LIMITS).to_pylist()
    assert [row["text"] for row in rows] == ["good", None, "good too"]
    assert [row["error"] for row in rows] == [None, "malformed_record: not_utf8", None]
