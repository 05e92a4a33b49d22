"""The digest sees data and schema, not files, order or batches."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from curate.digest import canonical, digest_rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def write(folder: Path, *tables: pa.Table) -> Path:
    folder.mkdir()
    for number, table in enumerate(tables):
        pq.write_table(table, folder / f"part-{number}.parquet")
    return folder


def test_order_and_distribution_do_not_matter(tmp_path: Path) -> None:
    rows = pa.table({"id": ["a", "b", "c"], "n": pa.array([1.5, None, float("nan")])})
    whole = digest_rows(write(tmp_path / "whole", rows))
    split = digest_rows(write(tmp_path / "split", rows.slice(2, 1), rows.slice(0, 2)))
    assert whole == split


def test_any_change_shows(tmp_path: Path) -> None:
    variants = [
        pa.table({"id": ["a", "b"]}),
        pa.table({"id": ["a", "a"]}),
        pa.table({"id": ["a", "b", "b"]}),
        pa.table({"id": ["a", None]}),
        pa.table({"id": ["a", ""]}),
        pa.table({"key": ["a", "b"]}),
        pa.table({"id": pa.array(["a", "b"], pa.large_string())}),
    ]
    digests = {digest_rows(write(tmp_path / str(n), table)) for n, table in enumerate(variants)}
    assert len(digests) == len(variants)


def test_duplicate_rows_do_not_cancel(tmp_path: Path) -> None:
    twice = pa.table({"id": ["a", "a", "b", "b"]})
    assert digest_rows(write(tmp_path / "x", twice)) != digest_rows(
        write(tmp_path / "y", pa.table({"id": pa.array([], pa.string())}))
    )


@given(VALUES, VALUES)
def test_canonical_bytes_tell_values_apart(a: object, b: object) -> None:
    assert (canonical(a) == canonical(b)) == (repr(a) == repr(b))
