"""Arrow strings to code points and back."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.codepoints import decode, encode, keep, pieces

arrays = st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=6)


@settings(deadline=None)
@given(arrays, st.integers(0, 3), st.integers(0, 6))
def test_round_trip_of_a_slice(values: list[str | None], start: int, length: int) -> None:
    array = pa.array(values, pa.string()).slice(min(start, len(values)), length)
    text = decode(array)
    assert text.lengths.tolist() == [len(value or "") for value in array.to_pylist()]
    assert encode(text, array).equals(array)
    assert encode(text).to_pylist() == [value or "" for value in array.to_pylist()]


@settings(deadline=None)
@given(arrays)
def test_keep(values: list[str | None]) -> None:
    text = decode(pa.array(values, pa.string()))
    kept = keep(text, text.codes != ord("a"))
    assert encode(kept).to_pylist() == [(value or "").replace("a", "") for value in values]


@settings(deadline=None)
@given(arrays, st.integers(1, 12))
def test_pieces_are_the_whole_in_order(values: list[str | None], piece_bytes: int) -> None:
    array = pa.array(values, pa.string())
    parts = list(pieces(array, piece_bytes))
    assert [value for part in parts for value in part.to_pylist()] == [value or "" for value in values]
    assert all(len(part) == 1 or part.nbytes <= piece_bytes + 4 * len(part) + 8 for part in parts)


def test_large_and_chunked_strings() -> None:
    chunked = pa.chunked_array([["中"], ["a", None]])
    assert decode(chunked).lengths.tolist() == [1, 1, 0]
    assert decode(pa.array(["é", "b"], pa.large_string())).codes.tolist() == [0xE9, ord("b")]


def test_text_of() -> None:
    assert decode(pa.array(["ab", "", "c"])).text_of.tolist() == [0, 0, 2]
    assert decode(pa.array([], pa.string())).offsets.dtype == np.int64
