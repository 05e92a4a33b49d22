"""Samples are the same whatever the order, and lie where they should."""

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.inspect.samples import SEED, sample_rows
from curate.schema import seeded_hash

IDS = [f"{number:032x}" for number in range(200)]


def batches(ids: list[str], size: int) -> list[pa.RecordBatch]:
    groups = [int(doc_id, 16) % 3 for doc_id in ids]
    table = pa.table({"doc_id": ids, "group": groups})
    return table.to_batches(max_chunksize=size)


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(1, 50), st.integers(1, 12))
def test_order_and_batches_do_not_matter(chooser: random.Random, size: int, n: int) -> None:
    ids = chooser.sample(IDS, len(IDS))
    found = sample_rows(batches(ids, size), n, ["group"])
    for group in range(3):
        wanted = sorted((i for i in IDS if int(i, 16) % 3 == group), key=lambda i: seeded_hash(SEED, i))[:n]
        assert [row["doc_id"] for row in found[(group,)]] == wanted


def test_no_rows_no_groups() -> None:
    assert sample_rows([], 3, ["group"]) == {}
    assert sample_rows([], 3) == {}
