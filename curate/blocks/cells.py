"""Which blocks are data of a table: those in rows of small cells; what lays out a page by a table is none.

Rows of data are kept whole.
"""

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import AFTER_BREAK, VERBATIM_TEXT, Octets, Records, Scan
from curate.blocks.tags import IDS
from curate.text.kernel import kernel

Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_TD, _TH, _ROW, _TABLE = IDS["td"], IDS["th"], IDS["tr"], IDS["table"]
# A cell that holds more is no datum but a piece of the page; one that is broken into lines may hold as much in all
# lines together as this many bytes divided by the lines.
MAX_CELL_BYTES = 1000
_NEWLINE = 10


def cells_of(scan: Scan) -> Int32s:
    """int32[b]: the td or th that each block is a datum of, −1 for all other blocks."""
    cells = np.empty(len(scan.blocks), np.int32)
    find_cells(scan.text, scan.blocks, scan.elements, cells)
    return cells


def whole_rows(scan: Scan, keep: Bools, tokens: Floats) -> Bools:
    """bool[b]: what is kept, but of a row of data all or nothing: all if half of its tokens are. tokens: float32[b].

    A row without its figures, or figures without their row, say something else than the page does.
    """
    rows = keep.copy()
    complete_rows(scan.elements, cells_of(scan), tokens, rows)
    return rows


@kernel
def complete_rows(elements: Records, cells: Int32s, tokens: Floats, keep: Bools) -> None:
    """Set keep for all blocks of a row to what holds for half of its tokens or more."""
    balance = np.zeros(len(elements), np.float64)
    for number in range(len(cells)):
        if cells[number] >= 0:
            size = max(tokens[number], np.float32(1))
            balance[elements[cells[number]]["parent"]] += size if keep[number] else -size
    for number in range(len(cells)):
        if cells[number] >= 0:
            keep[number] = balance[elements[cells[number]]["parent"]] >= 0


@kernel
def find_cells(text: Octets, blocks: Records, elements: Records, cells: Int32s) -> None:
    """Set cells, int32[b], to the td or th that each block is a datum of, −1 for all other blocks.

    A row is all data or none: each of its cells is a block, or lines of one, and neither long nor code of some lines.
    A table in which no row has two cells with text holds no data.
    """
    nearest = np.empty(len(elements), np.int32)
    tables = np.zeros(len(elements), np.int32)  # the innermost table, 0 outside
    held = np.zeros(len(elements), np.int32)
    filled = np.zeros(len(elements), np.int32)
    wide = np.zeros(len(elements), np.bool_)
    apart = np.zeros(len(elements), np.bool_)
    for number in range(len(elements)):
        nearest[number] = _nearest(elements, number, nearest)
        if number:
            tables[number] = number if elements[number]["tag"] == _TABLE else tables[elements[number]["parent"]]
    for number in range(len(blocks)):
        cell = nearest[blocks[number]["element"]]
        cells[number] = cell
        if cell >= 0:
            held[cell] += 1
            first = elements[cell]["first"]
            if (number > first and blocks[number]["kind"] != AFTER_BREAK) or _has_lines(text, blocks[number]):
                apart[cell] = True
    for number in range(len(elements)):
        row = elements[number]["parent"]
        if nearest[number] == number and (apart[number] or not _is_datum(blocks, elements, number, held[number])):
            apart[row] = True
        if nearest[number] == number and held[number]:
            filled[row] += 1
            wide[tables[row]] |= filled[row] > 1
    for number in range(len(blocks)):
        cell = cells[number]
        if cell >= 0 and (apart[elements[cell]["parent"]] or not wide[tables[cell]]):
            cells[number] = -1


@kernel
def _nearest(elements: Records, number: int, nearest: Int32s) -> int:
    """The innermost cell that an element is in, itself included, without a table between them; −1 if there is none."""
    tag, parent = elements[number]["tag"], elements[number]["parent"]
    if parent < 0 or tag == _TABLE:
        return -1
    if tag in (_TD, _TH) and elements[parent]["tag"] == _ROW:
        return number
    return int(nearest[parent])


@kernel
def _has_lines(text: Octets, block: Records) -> bool:
    """Whether a block is code of several lines."""
    if block["kind"] != VERBATIM_TEXT:
        return False
    start, end = block["start"], block["end"]
    while end > start and text[end - 1] <= 32:
        end -= 1
    while start < end and text[start] <= 32:
        start += 1
    while start < end and text[start] != _NEWLINE:
        start += 1
    return bool(start < end)


@kernel
def _is_datum(blocks: Records, elements: Records, cell: int, held: int) -> bool:
    first, end = elements[cell]["first"], elements[cell]["end"]
    if end - first != held:
        return False
    if held == 0:
        return True
    if held > 1 and elements[elements[cell]["parent"]]["children"] < 2:
        return False
    return bool((blocks[end - 1]["end"] - blocks[first]["start"]) * held <= MAX_CELL_BYTES)
