"""Spill files in a store: the rows that local ones give, in few requests."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from buckets import Store
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.engines import spill as module
from curate.engines.spill import MERGED, MergeTask, Spill, sorted_runs
from curate.storage import place, remove_tree

SCHEMA = pa.schema([("bucket", pa.int32()), ("n", pa.int64())])
BUCKETS = 7
# Per part some runs of rows, each a bucket.
PARTS = st.lists(st.lists(st.lists(st.integers(0, BUCKETS - 2), max_size=12), max_size=3), min_size=1, max_size=5)


def write(spill: Spill, parts: list[list[list[int]]]) -> None:
    for part, runs in enumerate(parts):
        rows = [
            pair for number, run in enumerate(runs) for pair in sorted_runs(iter([batch(part, number, run)]), SCHEMA)
        ]
        spill.write(part, rows)


def batch(part: int, number: int, run: list[int]) -> pa.RecordBatch:
    values = [part * 10_000 + number * 100 + place for place in range(len(run))]
    return pa.record_batch([pa.array(run, pa.int32()), pa.array(values, pa.int64())], schema=SCHEMA)


def rows_of(spill: Spill, bucket: int) -> list[dict[str, int]]:
    return [row for piece in spill.rows(bucket) for row in piece.to_pylist()]


@settings(max_examples=40)
@given(PARTS)
def test_local_remote_and_merged_files_give_the_rows_that_were_written(parts: list[list[list[int]]]) -> None:
    count = len(parts)
    with tempfile.TemporaryDirectory() as here, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FETCHED_BYTES", 600)  # a request or two at a time
        expected = [
            [row for part, runs in enumerate(parts) for number, run in enumerate(runs)
             for row in batch(part, number, run).to_pylist() if row["bucket"] == bucket]
            for bucket in range(BUCKETS)
        ]  # fmt: skip
        for folder in (here, "memory://spill"):
            single = Spill(folder, "part", count, "f", SCHEMA, BUCKETS)
            merged = Spill(folder, MERGED, 1, "f", SCHEMA, BUCKETS)
            write(single, parts)
            assert single.done() == set(range(count))
            assert [rows_of(single, bucket) for bucket in range(BUCKETS)] == expected
            MergeTask("merge", single, merged, count)(0)
            assert [rows_of(merged, bucket) for bucket in range(BUCKETS)] == expected
            assert single.done() == set(), "the files of the parts are gone"
        remove_tree(place("memory://spill"))


def test_files_of_another_exchange_or_of_fewer_buckets_are_not_used(tmp_path: Path) -> None:
    write(Spill(str(tmp_path), "part", 2, "f", SCHEMA, BUCKETS), [[[1]], [[2]]])
    assert Spill(str(tmp_path), "part", 2, "f", SCHEMA, BUCKETS - 1).done() == {0, 1}
    assert Spill(str(tmp_path), "part", 2, "f", SCHEMA, BUCKETS + 1).done() == set()
    assert Spill(str(tmp_path), "part", 2, "g", SCHEMA, BUCKETS).done() == set()


def test_a_bucket_takes_two_requests_a_file(store: Store) -> None:
    parts = [[[n % 3 for n in range(30)]] for _ in range(20)]
    single = Spill(store.url(), "part", 20, "f", SCHEMA, 3)
    write(single, parts)
    for spill in (single, Spill(store.url(), MERGED, 1, "f", SCHEMA, 3)):
        if spill is not single:
            MergeTask("merge", single, spill, 20)(0)
        store.proxy.asked.clear()
        assert len(rows_of(spill, 1)) == 200
        assert store.proxy.asked == {"GET": 2 * spill.files}
