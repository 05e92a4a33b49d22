"""Kept blocks as text: a block a line, cells of a table's row on one line, code as it stands; or Markdown."""

import numpy as np
import numpy.typing as npt

from curate.blocks.cells import cells_of
from curate.blocks.layout import Octets, Records, Scan
from curate.blocks.markdown import trim, write_markdown
from curate.text.kernel import kernel

_BAR, _NEWLINE = np.frombuffer(b" | ", np.uint8), 10


def render(scan: Scan, keep: npt.NDArray[np.bool_], markdown: bool = False) -> str:
    """The text of the blocks that bool[b] keeps."""
    numbers = np.flatnonzero(keep)
    cells = cells_of(scan)
    if markdown:
        return write_markdown(scan, numbers, cells).decode("utf-8", "replace")
    room = np.empty(int((scan.blocks["end"] - scan.blocks["start"])[keep].sum()) + 3 * len(numbers), np.uint8)
    end = write_lines(scan.text, scan.blocks, scan.elements, numbers, cells, room)
    return room[:end].tobytes().decode("utf-8", "replace")


@kernel
def write_lines(
    text: Octets, blocks: Records, elements: Records, numbers: npt.NDArray[np.int64], cells: npt.NDArray[np.int32],
    room: Octets,
) -> int:  # fmt: skip
    """Write blocks into the room, a line each, or a line for the cells of a row; returns how many bytes they are."""
    at = 0
    before = -1
    for place in range(len(numbers)):
        cell = cells[numbers[place]]
        if before >= 0 and cell >= 0 and elements[cell]["parent"] == elements[before]["parent"]:
            between = _BAR[:1] if cell == before else _BAR
            room[at : at + len(between)] = between
            at += len(between)
        elif place:
            room[at] = _NEWLINE
            at += 1
        before = cell
        start, end = trim(text, blocks[numbers[place]])
        room[at : at + end - start] = text[start:end]
        at += end - start
    return at
