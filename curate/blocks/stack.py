"""Open elements and blocks: which element a piece of text belongs to, and where a block begins and ends.

A tree is not built; an element is a row that knows its parent. Ends that a page leaves out are implied as the standard
says; every lookup is O(1), because for each tag the last open element is known, and every element is closed once.
"""

import numpy as np

from curate.blocks.layout import (
    BLOCKS,
    BOLD_BYTES,
    BOLD_DEPTH,
    CLASS_HASH,
    CODE_BYTES,
    CODE_DEPTH,
    DEPTH,
    ELEMENTS,
    FIRST_TOKEN,
    INK,
    KIND,
    LINK_BYTES,
    LINK_COUNT,
    LINK_DEPTH,
    MUTED,
    NEW,
    OUTSIDE,
    SEEN,
    SOURCE,
    SPACE,
    START,
    TEXT,
    TOKENS,
    VERBATIM_DEPTH,
    VERBATIM_TEXT,
    Scan,
)
from curate.blocks.tags import (
    ENDS_P,
    FENCE,
    FNV_OFFSET,
    GROUP_SIZE,
    HEADING,
    IDS,
    INHERITED,
    MUTE,
    SILENT,
    VERBATIM,
    Tags,
)
from curate.blocks.words import mix
from curate.text.kernel import inner

_P, _TABLE, _TD, _TH, _CAPTION, _TEMPLATE, _BUTTON, _H1, _H6 = (
    IDS[name] for name in ("p", "table", "td", "th", "caption", "template", "button", "h1", "h6")
)


@inner
def start_page(scan: Scan) -> None:
    """Make the room empty but for the root, which everything is in."""
    scan.state[:] = 0
    scan.last[:] = -1
    scan.state[ELEMENTS] = 1
    scan.state[DEPTH] = 1
    scan.stack[0, 0] = 0
    scan.stack[0, 1] = -1
    root = scan.elements[0]
    root["parent"] = -1
    root["path"] = root["style"] = FNV_OFFSET
    root["tag"] = root["context"] = root["depth"] = root["child"] = root["children"] = 0
    root["first"] = root["end"] = root["tokens"] = root["tokens_end"] = 0


@inner
def end_block(scan: Scan, at: int, kind: int) -> None:
    """What has been written since the last block ended is a block, if it is more than white space.

    at: where in the page it ends. kind: how the next block will stand to this one.
    """
    state = scan.state
    if state[INK]:
        block = scan.blocks[state[BLOCKS]]
        state[BLOCKS] += 1
        block["start"] = state[START]
        block["end"] = state[TEXT]
        block["source"] = state[SOURCE]
        block["source_end"] = at
        block["element"] = state[OUTSIDE] if state[MUTED] else scan.stack[state[DEPTH] - 1, 0]
        block["tokens"] = state[FIRST_TOKEN]
        block["tokens_end"] = state[TOKENS]
        block["link_bytes"] = state[LINK_BYTES]
        block["links"] = state[LINK_COUNT]
        block["bold_bytes"] = state[BOLD_BYTES]
        block["code_bytes"] = state[CODE_BYTES]
        block["kind"] = VERBATIM_TEXT if state[VERBATIM_DEPTH] else state[KIND]
        state[KIND] = kind
        state[START] = state[TEXT]
    elif kind == NEW:
        state[KIND] = NEW
    state[TEXT] = state[START]
    state[FIRST_TOKEN] = state[TOKENS]
    state[INK] = 0
    state[SPACE] = 0
    state[LINK_BYTES] = 0
    state[LINK_COUNT] = 0
    state[BOLD_BYTES] = 0
    state[CODE_BYTES] = 0


@inner
def end_implied(scan: Scan, tags: Tags, tag: int) -> None:
    """Close what the start of `tag` ends without saying so."""
    last = scan.last
    if tags.flags[tag] & ENDS_P and last[_P] > _fence(scan):
        pop_to(scan, tags, last[_P])
    if tags.ends[tag, 0] < 0:
        return
    fence = -1
    for place in range(GROUP_SIZE):
        if tags.fences[tag, place] >= 0:
            fence = max(fence, last[tags.fences[tag, place]])
    for place in range(GROUP_SIZE):
        other = tags.ends[tag, place]
        if other >= 0 and last[other] > fence:
            pop_to(scan, tags, last[other])


@inner
def _fence(scan: Scan) -> int:
    """Where in the stack the innermost element stands that end tags inside it do not reach beyond."""
    last = scan.last
    return int(max(last[_TABLE], last[_TD], last[_TH], last[_CAPTION], last[_TEMPLATE], last[_BUTTON]))


@inner
def push(scan: Scan, tags: Tags, tag: int, first_token: int) -> None:
    """Open an element; its attributes have just been read into the tokens from `first_token` on."""
    state = scan.state
    number = state[ELEMENTS]
    depth = state[DEPTH]
    state[ELEMENTS] += 1
    parent_number = scan.stack[depth - 1, 0]
    parent = scan.elements[parent_number]
    silent = tags.flags[tag] & SILENT or state[SEEN] & MUTE
    element = scan.elements[number]
    element["parent"] = parent_number
    element["depth"] = parent["depth"] + 1
    element["child"] = parent["children"]
    parent["children"] += 1
    element["children"] = 0
    element["tag"] = tag
    element["path"] = mix(parent["path"], np.uint64(tag))
    element["style"] = mix(parent["style"], np.uint64(state[CLASS_HASH]) ^ np.uint64(tag))
    element["context"] = (parent["context"] | tags.contexts[tag] | np.uint32(state[SEEN])) & np.uint32(INHERITED)
    element["tokens"] = first_token
    element["tokens_end"] = state[TOKENS]
    element["first"] = state[BLOCKS]
    if silent:
        if not state[MUTED]:
            state[OUTSIDE] = parent_number
        element["context"] |= np.uint32(MUTE)
        state[MUTED] += 1
    if tags.flags[tag] & VERBATIM:
        state[VERBATIM_DEPTH] += 1
    scan.stack[depth, 0] = number
    scan.stack[depth, 1] = scan.last[tag]
    scan.last[tag] = depth
    state[DEPTH] = depth + 1
    state[FIRST_TOKEN] = state[TOKENS]


@inner
def close(scan: Scan, tags: Tags, tag: int) -> None:
    """An end tag: close the last open element of its name and all in it, if the end tag reaches that far."""
    last = scan.last
    place = last[tag]
    if tags.flags[tag] & HEADING:
        for other in range(_H1, _H6 + 1):
            place = max(place, last[other])
    if place < 0:
        return
    fence = last[_TABLE] if tags.flags[tag] & FENCE or tags.ends[tag, 0] >= 0 else _fence(scan)
    if place >= fence:
        pop_to(scan, tags, place)


@inner
def pop_to(scan: Scan, tags: Tags, place: int) -> None:
    """Close all elements from `place` in the stack on."""
    state = scan.state
    while state[DEPTH] > place:
        depth = state[DEPTH] - 1
        element = scan.elements[scan.stack[depth, 0]]
        element["end"] = state[BLOCKS]
        if element["context"] & np.uint32(MUTE):
            state[MUTED] -= 1
            element["end"] = element["first"]  # the block around it may have ended since it began
        if tags.flags[element["tag"]] & VERBATIM:
            state[VERBATIM_DEPTH] -= 1
        scan.last[element["tag"]] = scan.stack[depth, 1]
        state[DEPTH] = depth
    for name in (LINK_DEPTH, BOLD_DEPTH, CODE_DEPTH):
        if state[name] > state[DEPTH]:
            state[name] = 0


@inner
def end_page(scan: Scan, tags: Tags, at: int) -> None:
    """Close the last block and all that is open."""
    end_block(scan, at, NEW)
    pop_to(scan, tags, 0)
