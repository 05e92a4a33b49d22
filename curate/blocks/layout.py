"""What the scanner leaves behind: the text, its blocks, the elements around them, marks of what says more of the page.

Arrays are as long as the page could fill them (counted before the scan: bytes and tags), so nothing is truncated and
nothing grows while a page is read; memory that a page does not fill is never touched.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.tags import NAMES

Octets = npt.NDArray[np.uint8]
Records = npt.NDArray[np.void]

# An element: its parent and the blocks [first, end) in it; `path` and `style` name its place in the page by tags, and
# by tags and classes; [tokens, tokens_end) are hashed parts of its class, id, role and itemprop.
ELEMENT = np.dtype(
    [("path", "u8"), ("style", "u8"), ("parent", "i4"), ("depth", "i4"), ("first", "i4"), ("end", "i4"),
     ("tokens", "i4"), ("tokens_end", "i4"), ("context", "u4"), ("child", "i4"), ("children", "i4"), ("tag", "i4")],
    align=True,
)  # fmt: skip
# A block of text: bytes [start, end) of the text, [source, source_end) of the page. element: the one that holds it.
BLOCK = np.dtype(
    [("start", "i4"), ("end", "i4"), ("source", "i4"), ("source_end", "i4"), ("element", "i4"), ("tokens", "i4"),
     ("tokens_end", "i4"), ("link_bytes", "i4"), ("links", "i4"), ("bold_bytes", "i4"), ("code_bytes", "i4"),
     ("kind", "i4")],
    align=True,
)  # fmt: skip
# How a block stands to the one before it.
NEW, AFTER_BREAK, VERBATIM_TEXT = range(3)
# A mark: what, and where in the page [start, end).
META, LINK, TITLE, LINKED_DATA, ROOT, TIME = range(6)

# Places in `Scan.state`.
(TEXT, ELEMENTS, BLOCKS, TOKENS, MARKS, DEPTH, START, FIRST_TOKEN, SOURCE, INK, SPACE, MUTED, LINK_DEPTH, BOLD_DEPTH,
 CODE_DEPTH, VERBATIM_DEPTH, LINK_BYTES, LINK_COUNT, BOLD_BYTES, CODE_BYTES, KIND, MATH_END, TEX_AT, CLASS_HASH, SEEN,
 HAS_HREF, OUTSIDE) = range(27)  # fmt: skip
STATE_SIZE = 27


class Scan(NamedTuple):
    """A scanned page. text: uint8[…]; blocks: BLOCK[…]; elements: ELEMENT[…]; tokens: uint16[…]; marks: int32[…, 3].

    stack: int32[…, 2], the open elements and where the one of the same tag before them stands; last: int32[tags], the
    place in the stack of the last open element of each tag; state: int64[STATE_SIZE]. `filled` cuts them to what the
    page has filled.
    """

    text: Octets
    blocks: Records
    elements: Records
    tokens: npt.NDArray[np.uint16]
    marks: npt.NDArray[np.int32]
    stack: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]
    state: npt.NDArray[np.int64]


def room_for(octets: int, tags: int) -> Scan:
    """Room for a page of so many bytes with so many `<`. No reference grows by more than a quarter when decoded."""
    blocks = min(2 * tags, octets) + 2
    return Scan(
        np.empty(octets + octets // 4 + 64, np.uint8), np.empty(blocks, BLOCK), np.empty(tags + 2, ELEMENT),
        np.empty(octets + tags + 64, np.uint16), np.empty((tags + 2, 3), np.int32), np.empty((tags + 2, 2), np.int32),
        np.empty(len(NAMES), np.int32), np.empty(STATE_SIZE, np.int64),
    )  # fmt: skip


def filled(scan: Scan) -> Scan:
    """The same page without the room that it did not fill; views, not copies."""
    state = scan.state
    return scan._replace(
        text=scan.text[: state[TEXT]],
        blocks=scan.blocks[: state[BLOCKS]],
        elements=scan.elements[: state[ELEMENTS]],
        tokens=scan.tokens[: state[TOKENS]],
        marks=scan.marks[: state[MARKS]],
    )
