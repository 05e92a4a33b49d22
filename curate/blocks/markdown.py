"""Kept blocks as Markdown: CommonMark (spec.commonmark.org) with the tables of GitHub's.

Headings, nested lists with the numbers that their items have on the page, quotes, code as it stands in a fence that is
longer than any in it, tables whose first row is their head; a cell that was dropped or is empty keeps its place. Other
signs are not escaped, so the words are those of the plain text. One pass over elements and blocks: .4 µs a block.
"""

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import AFTER_BREAK, VERBATIM_TEXT, Octets, Records, Scan
from curate.blocks.outline import MAX_LEVEL, OUTLINE, digits, find_outline
from curate.blocks.tags import IDS
from curate.text.kernel import inner, kernel

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

_QUOTE, _H1 = IDS["blockquote"], IDS["h1"]
_NEWLINE, _BLANK, _BAR, _TICK, _HASH, _MINUS, _DOT, _GREATER, _BACKSLASH, _ZERO = b"\n |`#-.>\\0"
_PILCROW = "¶".encode()
_SHORTEST_FENCE = 3


def write_markdown(scan: Scan, numbers: Int64s, cells: Int32s) -> bytes:
    """numbers: int64[k], the kept blocks; cells: int32[b], what each is a datum of (cells.py)."""
    outline = np.empty(len(scan.elements), OUTLINE)
    find_outline(scan.elements, outline)
    room = np.empty(room_needed(scan.text, scan.blocks, outline, numbers, cells), np.uint8)
    return room[: write(scan.text, scan.blocks, scan.elements, outline, numbers, cells, room)].tobytes()


@kernel
def room_needed(text: Octets, blocks: Records, outline: Records, numbers: Int64s, cells: Int32s) -> int:
    """At most so many bytes: marks on each line, a fence and escapes no longer than the text, empty cells and heads."""
    total = np.int64(64)
    for number in numbers:
        block = blocks[number]
        lines = 8
        for at in range(block["start"], block["end"]):
            lines += text[at] == _NEWLINE
        total += 3 * (block["end"] - block["start"]) + lines * (outline[block["element"]]["width"] + 2) + 32
        if cells[number] >= 0:
            total += outline[outline[block["element"]]["table"]]["width"]
    for element in outline:
        total += 12 * element["items"]
    return int(total)


@kernel
def write(
    text: Octets, blocks: Records, elements: Records, outline: Records, numbers: Int64s, cells: Int32s, room: Octets
) -> int:
    """Write the blocks into the room; returns how many bytes they are."""
    at = 0
    place = 0
    while place < len(numbers):
        end = _end_of_group(blocks, elements, outline, numbers, cells, place)
        if place:
            at = _separate(blocks, elements, outline, numbers[place - 1], numbers[place], cells, room, at)
        group = numbers[place:end]
        first = blocks[group[0]]
        if is_row(outline, cells, group[0]):
            head = not place or not are_rows(blocks, outline, numbers[place - 1], numbers[place], cells)
            at = _write_row(text, blocks, elements, outline, group, cells, head, room, at)
        elif first["kind"] == VERBATIM_TEXT:
            at = _write_code(text, blocks, elements, outline, group, room, at)
        else:
            at = _write_words(text, blocks, elements, outline, group, room, at)
        place = end
    return at


@kernel
def is_row(outline: Records, cells: Int32s, number: int) -> bool:
    """Whether a block is a datum of a table of several columns."""
    cell = cells[number]
    return bool(cell >= 0 and outline[cell]["table"] >= 0 and outline[outline[cell]["table"]]["columns"] > 1)


@kernel
def are_rows(blocks: Records, outline: Records, before: int, number: int, cells: Int32s) -> bool:
    """Whether two blocks are data of the same table."""
    if not (is_row(outline, cells, before) and is_row(outline, cells, number)):
        return False
    return bool(outline[cells[before]]["table"] == outline[cells[number]]["table"])


@kernel
def _end_of_group(
    blocks: Records, elements: Records, outline: Records, numbers: Int64s, cells: Int32s, place: int
) -> int:
    """Where the kept blocks end that are one row, one piece of code or one heading with that at `place`."""
    first = place
    while place < len(numbers) and _are_one(blocks, elements, outline, numbers[first], numbers[place], cells):
        place += 1
    return place


@kernel
def _are_one(blocks: Records, elements: Records, outline: Records, number: int, other: int, cells: Int32s) -> bool:
    """Whether two blocks are of one row, one piece of code or one heading, or the same."""
    row, verbatim = is_row(outline, cells, number), blocks[number]["kind"] == VERBATIM_TEXT
    if row != is_row(outline, cells, other):
        return False
    if row:
        return bool(elements[cells[number]]["parent"] == elements[cells[other]]["parent"])
    if verbatim != (blocks[other]["kind"] == VERBATIM_TEXT):
        return False
    one, two = outline[blocks[number]["element"]], outline[blocks[other]["element"]]
    same = one["code"] == two["code"] if verbatim else one["heading"] >= 0 and one["heading"] == two["heading"]
    return bool(number == other or same)


@kernel
def _separate(
    blocks: Records, elements: Records, outline: Records, before: int, number: int, cells: Int32s, room: Octets, at: int
) -> int:
    """End a line; and leave a blank one where what follows would run together with it."""
    room[at] = _NEWLINE
    at += 1
    element, other = blocks[number]["element"], blocks[before]["element"]
    one, last = outline[element], outline[other]
    rows = is_row(outline, cells, before) or is_row(outline, cells, number)
    if are_rows(blocks, outline, before, number, cells):
        return at
    opens = one["holder"] >= 0 and not outline[one["holder"]]["opened"] and elements[one["holder"]]["tag"] != _QUOTE
    if opens and one["list"] == last["list"] and one["list"] >= 0 and _may_follow(outline, one, last):
        return at
    if (
        not opens and not rows and number == before + 1 and blocks[number]["kind"] == AFTER_BREAK
        and blocks[before]["kind"] != VERBATIM_TEXT and one["holder"] == last["holder"]
    ):  # fmt: skip
        return at
    at = _write_shared(elements, outline, last["holder"], one["holder"], room, at)
    room[at] = _NEWLINE
    return at + 1


@kernel
def _may_follow(outline: Records, one: Records, last: Records) -> bool:
    """Whether an item may follow without a blank line: a list that does not begin at 1 ends no paragraph."""
    return bool(outline[one["holder"]]["number"] <= 1 or one["level"] <= last["level"])


@kernel
def _chain(elements: Records, outline: Records, holder: int, chain: Int32s) -> int:
    """Set chain to the holders around, outermost first; returns how many they are."""
    size = 0
    if holder >= 0:
        size = outline[holder]["level"]
        for place in range(size - 1, -1, -1):
            chain[place] = holder
            holder = outline[elements[holder]["parent"]]["holder"]
    return size


@kernel
def _write_shared(elements: Records, outline: Records, before: int, holder: int, room: Octets, at: int) -> int:
    """The marks of a blank line between two holders: those that are around both, without blanks at the end."""
    chain, other = np.empty(MAX_LEVEL, np.int32), np.empty(MAX_LEVEL, np.int32)
    size = min(_chain(elements, outline, before, chain), _chain(elements, outline, holder, other))
    start = at
    for place in range(size):
        if chain[place] != other[place]:
            break
        at = _write_mark(elements, outline, chain[place], room, at)
    while at > start and room[at - 1] == _BLANK:
        at -= 1
    return at


@kernel
def write_marks(elements: Records, outline: Records, holder: int, room: Octets, at: int) -> int:
    """What a line begins with in a quote or list item."""
    if holder < 0:
        return at
    chain = np.empty(MAX_LEVEL, np.int32)
    for place in range(_chain(elements, outline, holder, chain)):
        at = _write_mark(elements, outline, chain[place], room, at)
    return at


@kernel
def _write_mark(elements: Records, outline: Records, holder: int, room: Octets, at: int) -> int:
    """`> `, or the mark of an item where it begins and blanks of the same width from then on."""
    one = outline[holder]
    if elements[holder]["tag"] == _QUOTE:
        room[at], room[at + 1] = _GREATER, _BLANK
        return at + 2
    number = one["number"]
    size = digits(number) + 1 if number else 1
    for place in range(at, at + size + 1):
        room[place] = _BLANK
    if not one["opened"]:
        one["opened"] = 1
        room[at + size - 1] = _DOT if number else _MINUS
        for place in range(at + size - 2, at - 1, -1):
            room[place] = _ZERO + number % 10
            number //= 10
    return at + size + 1


@kernel
def trim(text: Octets, block: Records) -> tuple[int, int]:
    """(start, end) of a block's text without lines in front of it, white space behind it, and a link to itself (¶)."""
    start, end = int(block["start"]), int(block["end"])
    while start < end and text[start] == _NEWLINE:
        start += 1
    end = _without_blanks(text, start, end)
    if block["links"] and end - start > 2 and text[end - 2] == _PILCROW[0] and text[end - 1] == _PILCROW[1]:
        end = _without_blanks(text, start, end - 2)
    return start, end


@inner
def _without_blanks(text: Octets, start: int, end: int) -> int:
    while end > start and text[end - 1] <= _BLANK:
        end -= 1
    return end


@kernel
def _write_words(
    text: Octets, blocks: Records, elements: Records, outline: Records, group: Int64s, room: Octets, at: int
) -> int:
    """A line of words, or a heading of several."""
    one = outline[blocks[group[0]]["element"]]
    at = write_marks(elements, outline, one["holder"], room, at)
    if one["heading"] >= 0:
        for _ in range(elements[one["heading"]]["tag"] - _H1 + 1):
            room[at] = _HASH
            at += 1
        room[at] = _BLANK
        at += 1
    for place in range(len(group)):
        if place:
            room[at] = _BLANK
            at += 1
        start, end = trim(text, blocks[group[place]])
        room[at : at + end - start] = text[start:end]
        at += end - start
    return at


@kernel
def _write_code(
    text: Octets, blocks: Records, elements: Records, outline: Records, group: Int64s, room: Octets, at: int
) -> int:
    """Code between fences."""
    holder = outline[blocks[group[0]]["element"]]["holder"]
    longest = _SHORTEST_FENCE - 1
    for number in group:
        ticks = 0
        for octet in text[blocks[number]["start"] : blocks[number]["end"]]:
            ticks = ticks + 1 if octet == _TICK else 0
            longest = max(longest, ticks)
    at = write_marks(elements, outline, holder, room, at)
    room[at : at + longest + 1] = _TICK
    at += longest + 1
    for number in group:
        start, end = trim(text, blocks[number])
        room[at] = _NEWLINE
        at = write_marks(elements, outline, holder, room, at + 1)
        for place in range(start, end):
            room[at] = text[place]
            at += 1
            if text[place] == _NEWLINE:
                at = write_marks(elements, outline, holder, room, at)
    room[at] = _NEWLINE
    at = write_marks(elements, outline, holder, room, at + 1)
    room[at : at + longest + 1] = _TICK
    return at + longest + 1


@kernel
def _write_row(
    text: Octets, blocks: Records, elements: Records, outline: Records, group: Int64s, cells: Int32s, head: bool,
    room: Octets, at: int,
) -> int:  # fmt: skip
    """A row of a table, and under a head the line that makes it one.

    A row that is interrupted goes on where it was, and so no place is left empty twice.
    """
    row = outline[elements[cells[group[0]]]["parent"]]
    table = outline[outline[cells[group[0]]]["table"]]
    first = row["columns"]
    at = write_marks(elements, outline, row["holder"], room, at)
    room[at] = _BAR
    at += 1
    before = -1
    for number in group:
        cell = cells[number]
        if cell != before:
            at = _write_empty(outline[cell]["number"] - row["columns"], room, at)
            row["columns"] = outline[cell]["number"] + 1
        else:
            at -= 2  # another line of the same cell
        at = _write_cell(text, blocks[number], room, at)
        before = cell
    if head:
        if not table["opened"]:
            table["opened"] = 1
            at = _write_empty(table["columns"] - row["columns"], room, at)
            row["columns"] = max(row["columns"], table["columns"])
        at = _write_rule(elements, outline, row["holder"], row["columns"] - first, room, at)
    return at


@kernel
def _write_empty(columns: int, room: Octets, at: int) -> int:
    """Cells without text."""
    for _ in range(columns):
        room[at], room[at + 1], room[at + 2] = _BLANK, _BLANK, _BAR
        at += 3
    return at


@kernel
def _write_cell(text: Octets, block: Records, room: Octets, at: int) -> int:
    """A cell's text on one line, its bars escaped."""
    room[at] = _BLANK
    at += 1
    start, end = trim(text, block)
    for place in range(start, end):
        if text[place] == _BAR:
            room[at] = _BACKSLASH
            at += 1
        room[at] = text[place]
        at += 1
    room[at], room[at + 1] = _BLANK, _BAR
    return at + 2


@kernel
def _write_rule(elements: Records, outline: Records, holder: int, columns: int, room: Octets, at: int) -> int:
    """The line under a head."""
    room[at] = _NEWLINE
    at = write_marks(elements, outline, holder, room, at + 1)
    room[at] = _BAR
    at += 1
    for _ in range(columns):
        room[at] = room[at + 4] = _BLANK
        room[at + 1 : at + 4] = _MINUS
        room[at + 5] = _BAR
        at += 6
    return at
