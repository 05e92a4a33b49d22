"""What each element is for Markdown: in which quote, list item, heading, table or code it stands.

An element comes after its parent, so one pass from the first to the last hands everything down: O(elements), however
deep they are nested.
"""

import numpy as np

from curate.blocks.layout import Records
from curate.blocks.tags import CONTEXT_BITS, IDS
from curate.text.kernel import kernel

# holder: the innermost quote or list item, −1 outside; level, width: how many are around it with that, and how many
# bytes their marks take. heading, table, code, list: the heading, the innermost table, the outermost code and the
# outermost list that it is in, −1 outside. items: how many items a list or row has had so far; number: that of an item
# in an ordered list, 0 in others, and the column of a cell. columns: of a table its widest row, of a row those that are
# written. opened: whether its mark, or a table's head, is written.
OUTLINE = np.dtype(
    [(name, "i4") for name in (
        "holder", "level", "width", "heading", "table", "code", "list", "items", "number", "columns", "opened")]
)  # fmt: skip
# Quotes and list items further in are written as if they were not there, so that no mark is repeated without end.
MAX_LEVEL = 8

_ITEM, _QUOTE, _OL, _UL, _MENU, _DIR, _TABLE, _ROW, _TD, _TH, _H1, _H6 = (
    IDS[name] for name in ("li", "blockquote", "ol", "ul", "menu", "dir", "table", "tr", "td", "th", "h1", "h6")
)
_CODE = np.uint32(CONTEXT_BITS["pre"])


@kernel
def find_outline(elements: Records, outline: Records) -> None:
    """Fill the outline, OUTLINE[e]."""
    root = outline[0]
    root["holder"] = root["heading"] = root["table"] = root["code"] = root["list"] = -1
    root["level"] = root["width"] = root["items"] = root["number"] = root["columns"] = root["opened"] = 0
    for number in range(1, len(elements)):
        tag, parent = elements[number]["tag"], elements[number]["parent"]
        outline[number] = outline[parent]
        one = outline[number]
        one["items"] = one["number"] = one["columns"] = one["opened"] = 0
        if _H1 <= tag <= _H6:
            one["heading"] = number
        elif tag == _TABLE:
            one["table"] = number
        elif tag in (_UL, _OL, _MENU, _DIR):
            if one["list"] < 0:
                one["list"] = number
        elif tag in (_TD, _TH) and elements[parent]["tag"] == _ROW:
            _add_cell(outline, number, parent)
        elif tag == _QUOTE:
            _hold(outline, number, 2)
        elif tag == _ITEM:
            _add_item(elements, outline, number, parent)
        if one["code"] < 0 and elements[number]["context"] & _CODE:
            one["code"] = number


@kernel
def _add_cell(outline: Records, number: int, row: int) -> None:
    outline[number]["number"] = outline[row]["items"]
    outline[row]["items"] += 1
    table = outline[number]["table"]
    if table >= 0:
        outline[table]["columns"] = max(outline[table]["columns"], outline[row]["items"])


@kernel
def _add_item(elements: Records, outline: Records, number: int, parent: int) -> None:
    one = outline[number]
    outline[parent]["items"] += 1
    if one["list"] < 0:
        one["list"] = parent
    width = 2
    if elements[parent]["tag"] == _OL:
        one["number"] = outline[parent]["items"]
        width += digits(one["number"])
    _hold(outline, number, width)


@kernel
def _hold(outline: Records, number: int, width: int) -> None:
    one = outline[number]
    if one["level"] < MAX_LEVEL:
        one["holder"] = number
        one["level"] += 1
        one["width"] += width


@kernel
def digits(number: int) -> int:
    """How many decimal digits a number has."""
    size = 1
    while number >= 10:
        number //= 10
        size += 1
    return size
