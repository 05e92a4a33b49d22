"""Kept blocks as text: a block a line, cells of a table's row on one line, code as it stands; or Markdown."""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import AFTER_BREAK, VERBATIM_TEXT, Scan
from curate.blocks.tags import CONTEXT_BITS, IDS, NAMES

_CELLS = frozenset((IDS["td"], IDS["th"]))
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
    lines = [list(row) for _, row in groupby(_pieces(scan, keep), key=_line_of)]
    if markdown:
        return "\n".join(_markdown(scan, lines)).strip()
    return "\n".join(" | ".join(piece.text for piece in line) for line in lines)


def _line_of(piece: Piece) -> int:
    """The same for all cells of a row, its own for any other block."""
    return piece.row if piece.row >= 0 else -1 - piece.number


def _pieces(scan: Scan, keep: npt.NDArray[np.bool_]) -> Iterator[Piece]:
    data = scan.text.tobytes()
    columns = scan.blocks[keep]
    in_table = scan.elements["context"][columns["element"]] & CONTEXT_BITS["table"] != 0
    small = (columns["end"] - columns["start"] <= MAX_CELL_BYTES) & in_table
    numbers = np.flatnonzero(keep).tolist()
    spans = (columns[name].tolist() for name in ("start", "end", "element", "kind"))
    for start, end, element, kind, number, cell in zip(*spans, numbers, small.tolist(), strict=True):
        text = data[start:end].decode("utf-8", "replace")
        text = text.strip("\n").rstrip() if kind == VERBATIM_TEXT else text.strip()
        row, table = _cell(scan, element) if cell else (-1, -1)
        yield Piece(text, element, row, table, kind, number)


def _cell(scan: Scan, element: int) -> tuple[int, int]:
    """(row, table) of a cell that holds this element's block alone, or (−1, −1)."""
    elements = scan.elements
    while element > 0 and elements[element]["end"] - elements[element]["first"] == 1:
        if elements[element]["tag"] in _CELLS:
            row = int(elements[element]["parent"])
            return (row, _nearest(scan, row, _TABLE)) if elements[row]["tag"] == _ROW else (-1, -1)
        element = int(elements[element]["parent"])
    return -1, -1


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
