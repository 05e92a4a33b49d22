from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import candidates as module
from curate.dedup.candidates import (
    BAND_ROWS,
    PAIR_ROWS,
    PAIRS,
    Unite,
    first_distinct,
    pack,
    ranked,
    shared_keys,
    text_slices,
    unpack,
)
from curate.dedup.rows import ToParts, rank_in_runs
from curate.store import Dataset, Draft


def order(number: int) -> bytes:
    return number.to_bytes(28, "big")


def pair(v: int, u: int) -> dict[str, object]:
    """Documents whose place in the order is the negative of their address, to tell the two apart."""
    return {"bucket": 0, "v": v, "v_order": order(1000 - v), "u": u, "u_order": order(1000 - u)}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=80),
    st.integers(1, 6),
    st.integers(1, 90),
    st.integers(1, 40),
)
def test_united_are_the_first_distinct_partners_in_order(
    pairs: list[tuple[int, int]], most: int, batch_rows: int, held_rows: int
) -> None:
    table = pa.Table.from_pylist([pair(v, u) for v, u in pairs], PAIR_ROWS)
    with patch.object(module, "UNITE_ROWS", held_rows):
        united = pa.Table.from_batches(Unite(most)(0, iter(table.to_batches(batch_rows))), PAIRS)
    expected = []
    for v in sorted({v for v, _ in pairs}):
        partners = sorted({u for other, u in pairs if other == v}, reverse=True)
        expected += [(v, u) for u in partners[:most]]
    assert list(zip(united["v"].to_pylist(), united["u"].to_pylist(), strict=True)) == expected
    assert united["u_order"].to_pylist() == [order(1000 - u) for _, u in expected]


def test_pairs_go_to_the_part_of_v(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), 1)
    rows = [
        {"v": v, "v_order": order(1), "u": u, "u_order": order(0)} for v, u in [(3 << 32 | 7, 1 << 32), (5, 4 << 32)]
    ]
    dataset.publish(0, PAIRS, [pa.RecordBatch.from_pylist(rows, PAIRS)], Draft("given"))
    emitted = pa.Table.from_batches(ToParts(dataset, PAIR_ROWS)(0)).to_pylist()
    assert emitted == [{"bucket": row["v"] >> 32, **row} for row in rows]


few = st.integers(0, 5) | st.integers(2**31, 2**31 + 2)


@given(st.lists(st.lists(st.tuples(few, few), max_size=9), max_size=9), st.integers(1, 3), st.integers(1, 20))
def test_first_distinct_pairs(pieces: list[list[tuple[int, int]]], most: int, held_rows: int) -> None:
    columns = [np.array(piece, np.int64).reshape(-1, 2) for piece in pieces]
    with patch.object(module, "UNITE_ROWS", held_rows):
        found = first_distinct((pack(rows[:, 0], rows[:, 1]) for rows in columns), most)
    pairs = sorted({pair for piece in pieces for pair in piece if pair[0] != pair[1]})
    expected = [(v, u) for v, u in pairs if sum(other == v and smaller < u for other, smaller in pairs) < most]
    assert list(zip(*(half.tolist() for half in unpack(found)), strict=True)) == expected


@given(st.lists(st.integers(0, 9), max_size=30))
def test_ranks_are_places_in_the_list_of_distinct_documents(documents: list[int]) -> None:
    orders = np.array([list(order(100 - document)) for document in documents], np.uint8).reshape(-1, 28)
    places, ranks = ranked(np.array(documents, np.int64), orders)
    assert [documents[place] for place in places] == sorted(set(documents), reverse=True)
    assert [documents[places[rank]] for rank in ranks] == documents


@given(st.lists(st.integers(0, 6), max_size=20))
def test_only_keys_that_occur_twice_are_looked_at(keys: list[int]) -> None:
    rows = [
        {"bucket": 0, "key": key, "order": b"", "document": number, "sketch": b""} for number, key in enumerate(keys)
    ]
    shared = shared_keys(pa.Table.from_pylist(rows, BAND_ROWS))
    assert shared["document"].to_pylist() == [number for number, key in enumerate(keys) if keys.count(key) > 1]


@given(st.lists(st.integers(0, 4), max_size=20).map(sorted))
def test_rank_in_runs(values: list[int]) -> None:
    assert rank_in_runs(np.array(values, np.int64)).tolist() == [
        values[:place].count(value) for place, value in enumerate(values)
    ]


@given(st.lists(st.none() | st.text(max_size=9), max_size=20), st.integers(1, 30))
def test_slices_hold_all_rows_and_little_more_than_they_may(texts: list[str | None], size_bytes: int) -> None:
    slices = list(text_slices(pa.table({"text": pa.array(texts, pa.string())}), size_bytes))
    assert [text for piece in slices for text in piece["text"].to_pylist()] == texts
    for piece in slices:
        held = sum(len((text or "").encode()) for text in piece["text"].to_pylist())
        assert piece.num_rows == 1 or held <= size_bytes
