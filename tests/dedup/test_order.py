from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.order import days_of, doc_ids, order_keys
from curate.dedup.rows import from_hex, hex_strings, octets, sortable

document = st.tuples(
    st.none() | st.integers(-5, 5) | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.dates().map(date.isoformat),
    st.integers(0, 2**31 - 2),
    st.binary(min_size=16, max_size=16),
)
documents = st.lists(document, max_size=8)
LOWEST = -(2**31)


def keys_of(policy: Any, rows: list[tuple[int | None, str | None, int, bytes]]) -> list[bytes]:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    crawl, day, tokens, name = columns
    names = pa.array([value.hex() for value in name], pa.string())
    made = order_keys(
        policy, pa.array(crawl, pa.int32()), pa.array(day, pa.string()), np.array(tokens, np.int32), names
    )
    assert made.shape == (len(rows), 28)
    assert doc_ids(made).to_pylist() == names.to_pylist()
    return [row.tobytes() for row in made]


def expected_key(policy: str, row: tuple[int | None, str | None, int, bytes]) -> tuple[Any, ...]:
    crawl, day, tokens, name = row
    sign = 1 if policy == "earliest" else -1
    crawl_key = (crawl is None, 0 if crawl is None else sign * crawl)
    day_key = (day is None, 0 if day is None else sign * date.fromisoformat(day).toordinal())
    if policy == "longest":
        return (-tokens, crawl_key, day_key, name)
    return (crawl_key, day_key, -tokens, name)


@pytest.mark.parametrize("policy", ["newest", "earliest", "longest"])
@settings(deadline=None)
@given(rows=documents)
def test_byte_order_is_the_order_of_the_policy(policy: str, rows: list[Any]) -> None:
    rows = [row for row in rows if row[0] != LOWEST and row[0] != 2**31 - 1]
    made = keys_of(policy, rows)
    by_bytes = sorted(range(len(rows)), key=lambda number: made[number])
    assert [expected_key(policy, rows[n]) for n in by_bytes] == sorted(expected_key(policy, row) for row in rows)
    if rows:
        comparable = sortable(np.stack([np.frombuffer(key, np.uint8) for key in made]))
        assert [made[n] for n in np.argsort(comparable, kind="stable")] == sorted(made)


def test_the_extremes_of_a_crawl_still_come_before_a_missing_one() -> None:
    rows = [(None, None, 1, bytes(16)), (LOWEST, None, 1, bytes(16)), (2**31 - 1, None, 1, bytes(16))]
    for policy in ("newest", "earliest"):
        missing, *extremes = keys_of(policy, rows)
        assert all(key < missing for key in extremes)


DAY = date(2024, 2, 29)


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29",
        "20240229",
        "2024-02-29T23:59:59Z",
        "2024-02-29 01:02:03+09:00",
        " 2024-02-29",
        "20240229235959",
        "20240229T235959Z",
        "2024-02-29T10:00:00.123456Z",
    ],
)
def test_dates_in_all_their_forms(text: str) -> None:
    (day,), (known,) = days_of(pa.array([text]))
    (reference,), _ = days_of(pa.array(["2024-02-29"]))
    assert known
    assert day == reference


@pytest.mark.parametrize(
    "text",
    [None, "", "2024", "2024-02", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-00", "1900-02-29", "29.02.2024",
     "1709164800", "2024-1-05", "2024-02-291", "yesterday", "２０２４-02-29", "2024-02-29-01"],
)  # fmt: skip
def test_what_is_no_full_date_is_missing(text: str | None) -> None:
    _, (known,) = days_of(pa.array([text], pa.string()))
    assert not known


def test_days_are_consecutive_numbers() -> None:
    start = date(1895, 1, 1)
    days, known = days_of(pa.array([(start + timedelta(days=n)).isoformat() for n in range(50_000)]))
    assert known.all()
    assert (np.diff(days) == 1).all()


def test_a_doc_id_must_be_32_hex_digits() -> None:
    for bad in ("abc", "g" * 32, "é" * 16):
        with pytest.raises(ValueError, match="every value must"):
            from_hex(pa.array([bad]), 16)
    with pytest.raises(ValueError, match="every value must"):
        octets(pa.array([b"ab", None]), 2)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=3, max_size=3), max_size=6), st.integers(0, 3))
def test_fixed_width_rows_survive_slicing(values: list[bytes], start: int) -> None:
    array = pa.array(values, pa.binary()).slice(start)
    rows = octets(array, 3)
    assert [row.tobytes() for row in rows] == array.to_pylist()
    assert hex_strings(rows).to_pylist() == [value.hex() for value in array.to_pylist()]
    assert (from_hex(hex_strings(rows), 3) == rows).all()
