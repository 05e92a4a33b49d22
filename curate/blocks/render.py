"""Kept blocks as text: a block a line, cells of a table's row on one line, code as it stands; or Markdown."""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import AFTER_BREAK, VERBATIM_TEXT, Octets, Records, Scan
from curate.blocks.tags import CONTEXT_BITS, IDS, NAMES
from curate.text.kernel import kernel

_TD, _TH = IDS["td"], IDS["th"]
_IN_TABLE = np.uint32(CONTEXT_BITS["table"])
_BAR, _NEWLINE = np.frombuffer(b" | ", np.uint8), 10
_ROW, _TABLE, _LIST_ITEM, _QUOTE = IDS["tr"], IDS["table"], IDS["li"], IDS["blockquote"]
_HEADINGS = {IDS[f"h{level}"]: level for level in range(1, 7)}
_LISTS = frozenset((IDS["ul"], IDS["ol"], IDS["menu"], IDS["dir"]))
# A cell that holds more is no datum but a piece of the page.
MAX_CELL_BYTES = 400
# So far up is looked for what an element is in.
_MOST_LEVELS = 48


class Piece(NamedTuple):
    """A kept block. element: the one that says what it is; row, table: those that it is a cell in, or −1."""

    text: str
    element: int
    row: int
    table: int
    kind: int
    number: int


def render(scan: Scan, keep: npt.NDArray[np.bool_], markdown: bool = False) -> str:
    """The text of the blocks that bool[b] keeps."""
    numbers = np.flatnonzero(keep)
    rows = np.full(len(numbers), -1, np.int32)
    find_rows(scan.blocks, scan.elements, numbers, rows)
    if markdown:
        lines = [list(row) for _, row in groupby(_pieces(scan, numbers, rows), key=_line_of)]
        return "\n".join(_markdown(scan, lines)).strip()
    room = np.empty(int((scan.blocks["end"] - scan.blocks["start"])[keep].sum()) + 3 * len(numbers), np.uint8)
    return room[: write_lines(scan.text, scan.blocks, numbers, rows, room)].tobytes().decode("utf-8", "replace")


@kernel
def find_rows(blocks: Records, elements: Records, numbers: npt.NDArray[np.int64], rows: npt.NDArray[np.int32]) -> None:
    """Set rows to the table row of each block that is alone in a small cell."""
    for place in range(len(numbers)):
        block = blocks[numbers[place]]
        element = block["element"]
        if block["end"] - block["start"] > MAX_CELL_BYTES or not elements[element]["context"] & _IN_TABLE:
            continue
        while element > 0 and elements[element]["end"] - elements[element]["first"] == 1:
            parent = elements[element]["parent"]
            if elements[element]["tag"] == _TD or elements[element]["tag"] == _TH:  # of other widths
                if elements[parent]["tag"] == _ROW:
                    rows[place] = parent
                break
            element = parent


@kernel
def write_lines(
    text: Octets, blocks: Records, numbers: npt.NDArray[np.int64], rows: npt.NDArray[np.int32], room: Octets
) -> int:
    """Write blocks into the room, a line each, or a line for the cells of a row; returns how many bytes they are."""
    at = 0
    for place in range(len(numbers)):
        block = blocks[numbers[place]]
        start, end = block["start"], block["end"]
        if place and rows[place] >= 0 and rows[place] == rows[place - 1]:
            for octet in _BAR:
                room[at] = octet
                at += 1
        elif place:
            room[at] = _NEWLINE
            at += 1
        while end > start and text[end - 1] <= 32:
            end -= 1
        while start < end and text[start] == _NEWLINE:
            start += 1
        room[at : at + end - start] = text[start:end]
        at += end - start
    return at


def _line_of(piece: Piece) -> int:
    """The same for all cells of a row, its own for any other block."""
    return piece.row if piece.row >= 0 else -1 - piece.number


def _pieces(scan: Scan, numbers: npt.NDArray[np.int64], rows: npt.NDArray[np.int32]) -> Iterator[Piece]:
    data = scan.text.tobytes()
    columns = scan.blocks[numbers]
    spans = (columns[name].tolist() for name in ("start", "end", "element", "kind"))
    for start, end, element, kind, number, row in zip(*spans, numbers.tolist(), rows.tolist(), strict=True):
        text = data[start:end].decode("utf-8", "replace").strip("\n").rstrip()
        yield Piece(text, element, row, _nearest(scan, row, _TABLE), kind, number)


def _nearest(scan: Scan, element: int, tag: int) -> int:
    """The nearest of an element and its ancestors that is a `tag`, or −1."""
    for _ in range(_MOST_LEVELS):
        if element <= 0:
            break
        if scan.elements[element]["tag"] == tag:
            return element
        element = int(scan.elements[element]["parent"])
    return -1


def _markdown(scan: Scan, lines: list[list[Piece]]) -> Iterator[str]:
    """Lines of Markdown; blank ones between what would run together."""
    before: Piece | None = None
    for line, after in pairwise([*lines, None]):
        assert line is not None
        piece = line[0]
        if before is not None and _apart(scan, before, piece):
            yield ""
        if piece.row >= 0:
            yield "| " + " | ".join(cell.text.replace("|", "\\|") for cell in line) + " |"
            if before is None or before.table != piece.table:
                yield "|" + " --- |" * len(line)
        elif piece.kind == VERBATIM_TEXT:
            yield from _code(before, piece, after[0] if after else None)
        else:
            yield _prefix(scan, piece.element) + piece.text
        before = line[-1]


def _code(before: Piece | None, piece: Piece, after: Piece | None) -> Iterator[str]:
    """A piece of code, with the fences where it begins and ends."""
    if before is None or not _same_code(before, piece):
        yield "```"
    yield piece.text
    if after is None or not _same_code(piece, after):
        yield "```"


def _same_code(one: Piece, other: Piece) -> bool:
    return one.kind == VERBATIM_TEXT and other.kind == VERBATIM_TEXT and one.element == other.element


def _apart(scan: Scan, before: Piece, piece: Piece) -> bool:
    """Whether a blank line stands between two pieces."""
    if piece.table >= 0 and piece.table == before.table:
        return False
    if _same_code(before, piece):
        return False
    if piece.kind == AFTER_BREAK and piece.number == before.number + 1:
        return False
    items = [_nearest(scan, one.element, _LIST_ITEM) for one in (before, piece)]
    return min(items) < 0


def _prefix(scan: Scan, element: int) -> str:
    """What Markdown puts in front of a block for the elements that it is in."""
    marks, depth = "", 0
    for _ in range(_MOST_LEVELS):
        if element <= 0:
            break
        tag = int(scan.elements[element]["tag"])
        if tag in _HEADINGS:
            return "#" * _HEADINGS[tag] + " "
        if tag == _QUOTE:
            marks = "> " + marks
        if tag == _LIST_ITEM and not depth:
            ordered = NAMES[scan.elements[scan.elements[element]["parent"]]["tag"]] == "ol"
            marks = f"{scan.elements[element]['child'] + 1}. " if ordered else "- "
        depth += tag in _LISTS
        element = int(scan.elements[element]["parent"])
    return "  " * (depth - 1) + marks
