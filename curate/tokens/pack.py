"""Best-fit-decreasing packing: documents into rows of one length, cutting none that fits into a row.

Plain concatenation cuts nearly every document somewhere; packing cuts only those longer than a row, and uses their
tails too. The pieces, longest first, each go into the row with the least room that still takes them. Source: Ding et
al. 2024, "Fewer Truncations Improve Language Modeling" (arXiv 2404.10830), section 3.

Cost: O(N log L) for N pieces and rows of L tokens: distinct capacities are kept in a sorted list, rows of one capacity
in a heap. About 1.5 µs a piece.
"""

import heapq
from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """Parts of documents, int64[n] each: which document, from which of its tokens, how many tokens."""

    document: IntArray
    document_start: IntArray
    length: IntArray


@dataclass(frozen=True)
class Packing:
    """Where every piece lies. Sorted by (row, start): int64[n] each, and how many rows there are."""

    row: IntArray
    start: IntArray
    pieces: Pieces
    rows: int


def pack(document_lengths: IntArray, sequence_length: int) -> Packing:
    """Pack documents of these lengths (tokens, EOS included) into rows of `sequence_length` tokens.

    Rows come in the order of the pieces that opened them, document by document, and so do pieces within a row:
    the order tells nothing about lengths where documents come in random order. Documents without tokens vanish.
    """
    pieces = cut(document_lengths, sequence_length)
    opened_in = best_fit_decreasing(pieces.length, sequence_length)
    row = _by_first_piece(opened_in, _decreasing(pieces.length))
    order = np.lexsort((np.arange(len(row)), row))
    row = row[order]
    length = pieces.length[order]
    arranged = Pieces(pieces.document[order], pieces.document_start[order], length)
    begin = np.cumsum(length) - length
    first_of_row = np.searchsorted(row, row, side="left")
    return Packing(row, begin - begin[first_of_row], arranged, int(row[-1]) + 1 if len(row) else 0)


def cut(document_lengths: IntArray, sequence_length: int) -> Pieces:
    """Documents as pieces of at most `sequence_length` tokens, in order: full pieces, then the tail."""
    count = -(-document_lengths // sequence_length)
    document = np.repeat(np.arange(len(document_lengths), dtype=np.int64), count)
    place = np.arange(len(document), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    start = place * sequence_length
    return Pieces(document, start, np.minimum(document_lengths[document] - start, sequence_length))


def best_fit_decreasing(lengths: IntArray, capacity: int) -> IntArray:
    """The row of each piece. Rows are numbered as they are opened; lengths are between 1 and `capacity`.

    Equal pieces go in their order; among rows with equally little room, the one opened first takes the piece.
    """
    rows_with: dict[int, list[int]] = {}  # room left → heap of rows
    rooms: list[int] = []  # the keys of rows_with, sorted
    row_of = np.empty(len(lengths), np.int64)
    rows = 0
    for piece in _decreasing(lengths).tolist():
        length = int(lengths[piece])
        at = bisect_left(rooms, length)
        if at == len(rooms):
            row, room = rows, capacity
            rows += 1
        else:
            room = rooms[at]
            row = heapq.heappop(rows_with[room])
            if not rows_with[room]:
                del rows_with[room], rooms[at]
        row_of[piece] = row
        left = room - length
        if left and left not in rows_with:
            rows_with[left] = []
            insort(rooms, left)
        if left:
            heapq.heappush(rows_with[left], row)
    return row_of


def _decreasing(lengths: IntArray) -> IntArray:
    """Indices by falling length, equal lengths in order."""
    return np.argsort(-lengths, kind="stable")


def _by_first_piece(row_of: IntArray, opening_order: IntArray) -> IntArray:
    """Rows numbered anew by the index of the piece that opened each of them."""
    _, first = np.unique(row_of[opening_order], return_index=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(opening_order[first])] = np.arange(len(first))
    return number[row_of]
