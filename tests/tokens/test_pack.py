"""Packing against its definition (a plain O(n²) best-fit-decreasing) and its laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.tokens.pack import IntArray, Packing, best_fit_decreasing, cut, pack


def naive_best_fit_decreasing(lengths: list[int], capacity: int) -> list[int]:
    """Word by word: longest first, into the fullest row that still takes it, the earliest of equals."""
    room: list[int] = []
    row_of = [-1] * len(lengths)
    for piece in sorted(range(len(lengths)), key=lambda piece: (-lengths[piece], piece)):
        fitting = [row for row in range(len(room)) if room[row] >= lengths[piece]]
        if fitting:
            row = min(fitting, key=lambda row: (room[row], row))
        else:
            row = len(room)
            room.append(capacity)
        room[row] -= lengths[piece]
        row_of[piece] = row
    return row_of


def array(numbers: list[int]) -> IntArray:
    return np.array(numbers, np.int64)


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[int], int]:
    capacity = draw(st.integers(1, 40))
    return draw(st.lists(st.integers(0, 3 * capacity), max_size=60)), capacity


@given(corpora())
def test_rows_are_those_of_the_definition(corpus: tuple[list[int], int]) -> None:
    documents, capacity = corpus
    pieces = [min(length, capacity) for length in documents if length]
    assert best_fit_decreasing(array(pieces), capacity).tolist() == naive_best_fit_decreasing(pieces, capacity)


def test_rows_of_the_definition_on_a_long_list() -> None:
    chance = np.random.default_rng(7)
    pieces = np.minimum(chance.lognormal(4, 1.2, 2_000).astype(np.int64) + 1, 512)
    assert best_fit_decreasing(pieces, 512).tolist() == naive_best_fit_decreasing(pieces.tolist(), 512)


def tokens_of_rows(packing: Packing, documents: list[int], capacity: int) -> dict[int, list[int]]:
    """document → its token places in the order in which the stream's pieces, sorted by doc_start, give them."""
    found: dict[int, list[int]] = {number: [] for number in range(len(documents))}
    pieces = packing.pieces
    for index in np.lexsort((pieces.document_start, pieces.document)).tolist():
        start, length = int(pieces.document_start[index]), int(pieces.length[index])
        found[int(pieces.document[index])] += range(start, start + length)
        assert int(packing.start[index]) + length <= capacity
    return found


@given(corpora())
def test_every_token_is_packed_exactly_once(corpus: tuple[list[int], int]) -> None:
    documents, capacity = corpus
    found = tokens_of_rows(pack(array(documents), capacity), documents, capacity)
    assert found == {number: list(range(length)) for number, length in enumerate(documents)}


@given(corpora())
def test_pieces_of_a_row_follow_one_another_from_its_start(corpus: tuple[list[int], int]) -> None:
    documents, capacity = corpus
    packing = pack(array(documents), capacity)
    filled = [0] * packing.rows
    for row, start, length in zip(packing.row, packing.start, packing.pieces.length, strict=True):
        assert start == filled[row]
        filled[row] += int(length)
    assert all(0 < used <= capacity for used in filled)
    assert packing.row.tolist() == sorted(packing.row.tolist())


@given(corpora())
def test_only_documents_longer_than_a_row_are_cut_and_only_at_full_rows(corpus: tuple[list[int], int]) -> None:
    documents, capacity = corpus
    pieces = cut(array(documents), capacity)
    for number, length in enumerate(documents):
        own = pieces.length[pieces.document == number].tolist()
        assert own == [capacity] * (length // capacity) + [length % capacity] * (length % capacity > 0)


def fewest_rows(lengths: list[int], capacity: int) -> int:
    """The true optimum, by trying everything."""
    best = len(lengths)

    def place(index: int, rooms: list[int]) -> None:
        nonlocal best
        if len(rooms) >= best:
            return
        if index == len(lengths):
            best = len(rooms)
            return
        for row, room in enumerate(rooms):
            if room >= lengths[index]:
                place(index + 1, [*rooms[:row], room - lengths[index], *rooms[row + 1 :]])
        place(index + 1, [*rooms, capacity - lengths[index]])

    place(0, [])
    return best


@given(st.lists(st.integers(1, 12), max_size=8))
def test_rows_stay_within_the_bound_of_best_fit_decreasing(lengths: list[int]) -> None:
    """At most 11/9 of the optimum and 6/9 of a row more."""
    rows = pack(array(lengths), 12).rows
    best = fewest_rows(lengths, 12)
    assert best <= rows <= (11 * best + 6) / 9


@given(corpora())
def test_no_two_rows_could_be_poured_together(corpus: tuple[list[int], int]) -> None:
    documents, capacity = corpus
    packing = pack(array(documents), capacity)
    used = sorted(np.bincount(packing.row, packing.pieces.length, packing.rows).tolist())
    assert packing.rows >= -(-sum(documents) // capacity)
    assert len(used) < 2 or used[0] + used[1] > capacity


def test_rows_come_in_the_order_of_the_documents_that_opened_them() -> None:
    # Row of 10: document 1 opens the first row that is opened (9 tokens), document 0 the second (6), 2 joins 0.
    packing = pack(array([6, 9, 4, 1]), 10)
    rows = [packing.pieces.document[packing.row == row].tolist() for row in range(packing.rows)]
    assert rows == [[0, 2], [1, 3]]


def test_a_long_document_keeps_its_pieces_in_order_and_shares_its_last_row() -> None:
    packing = pack(array([25, 5]), 10)
    shown = list(zip(packing.row, packing.start, packing.pieces.document, packing.pieces.document_start, strict=True))
    assert shown == [(0, 0, 0, 0), (1, 0, 0, 10), (2, 0, 0, 20), (2, 5, 1, 0)]


def test_packing_hardly_wastes_on_lengths_like_those_of_web_pages() -> None:
    chance = np.random.default_rng(1)
    lengths = (chance.lognormal(6.3, 1.1, 20_000) + 1).astype(np.int64)
    rows = pack(lengths, 4096).rows
    fewest = -(-int(lengths.sum()) // 4096)
    assert rows / fewest - 1 < 0.001


@pytest.mark.parametrize("documents", [[], [0], [0, 0]])
def test_nothing_to_pack_gives_no_rows(documents: list[int]) -> None:
    packing = pack(array(documents), 8)
    assert packing.rows == 0
    assert len(packing.row) == 0
