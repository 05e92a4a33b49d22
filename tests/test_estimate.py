"""Estimates from a sample: which records are looked at, and what is concluded of the rest."""

import random
from math import sqrt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import warc_record
from hypothesis import given
from hypothesis import strategies as st

from curate.estimate import LEAST_FILES, distinct_bounds, take_sample
from curate.sources import Limits, SourceFile, head, input_from_path, list_files, read


def test_bounds_hold_for_what_was_drawn() -> None:
    """10,000 documents in groups of known sizes, a tenth of them drawn, many times."""
    chance = random.Random(4)
    population = [group for group in range(4000) for _ in range(1 + (group % 5 == 0) * 7)]
    distinct, share = len(set(population)), 0.1
    for _ in range(20):
        drawn = chance.sample(population, int(len(population) * share))
        alone = sum(drawn.count(group) == 1 for group in set(drawn))
        fewest, expected, most = distinct_bounds(alone, len(set(drawn)) - alone, share)
        assert fewest <= distinct <= most
        assert distinct / sqrt(1 / share) <= expected <= distinct * sqrt(1 / share)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_whole_sample_leaves_no_doubt(alone: int, groups: int) -> None:
    assert distinct_bounds(alone, groups, 1.0) == (alone + groups,) * 3


def write_pages(folder: Path, files: int, lines: int) -> list[SourceFile]:
    folder.mkdir()
    for number in range(files):
        page = '{"text": "' + "word " * 50 + '"}\n'
        (folder / f"{number:02d}.jsonl").write_text(page * lines, encoding="utf-8")
    return list_files([input_from_path(str(folder))])


def test_a_sample_is_the_beginning_of_several_files(tmp_path: Path) -> None:
    files = write_pages(tmp_path / "crawl", 20, 100)
    size = files[0].size_bytes
    sample = take_sample(files, 4 * size)
    assert len(sample.pieces) == LEAST_FILES
    assert sample.share == pytest.approx(4 / 20, rel=0.05)
    assert sample.pieces == take_sample(files[::-1], 4 * size).pieces
    records = sum(batch.num_rows for piece in sample.pieces for batch in read(piece, Limits(), lambda key, n=1: None))
    assert records == pytest.approx(400, rel=0.05)


def test_of_few_files_all_are_looked_at(tmp_path: Path) -> None:
    sample = take_sample(write_pages(tmp_path / "crawl", 3, 10), 1 << 30)
    assert (len(sample.pieces), sample.share, sample.files) == (3, pytest.approx(1.0), 3)


def test_the_head_of_a_file_is_what_its_reader_would_begin_with(tmp_path: Path) -> None:
    folder = tmp_path / "crawl"
    folder.mkdir()
    uri = {"WARC-Target-URI": "http://a.example/"}
    records = [warc_record("resource", n, uri, b"x" * 3000) for n in range(30)]
    (folder / "a.warc").write_bytes(b"".join(records))
    pq.write_table(pa.table({"text": ["word " * 200] * 90}), folder / "b.parquet", row_group_size=10)
    for file in list_files([input_from_path(str(folder))]):
        piece = head(file, 20_000)
        assert piece.start == 0
        assert piece.end is not None
        assert 10_000 <= piece.estimated_bytes < 40_000  # Parquet is cut into even pieces
        rows = sum(batch.num_rows for batch in read(piece, Limits(), lambda key, n=1: None))
        assert 5 <= rows < 90
