"""Sizes of parts and shards: from the input alone, and seldom changed by more of it."""

from hypothesis import given
from hypothesis import strategies as st

from curate.parts import PART_BYTES, PIECES, piece_bytes


@given(st.integers(0, 1 << 50))
def test_what_is_large_enough_is_cut_into_many_pieces_and_what_is_larger_into_larger_ones(total: int) -> None:
    size = piece_bytes(total, *PART_BYTES)
    assert PART_BYTES[0] <= size <= PART_BYTES[1]
    assert size & (size - 1) == 0
    assert size <= piece_bytes(total + (1 << 20), *PART_BYTES)
    if size > PART_BYTES[0]:
        assert total >= PIECES * size // 2


def test_large_inputs_have_the_parts_that_the_costs_are_computed_for() -> None:
    assert piece_bytes(10**14, *PART_BYTES) == 256 << 20
