"""From a page's UTF-8 bytes to blocks of text in one walk, without a tree: a tokenizer of tag soup.

After the tokenizer of the HTML standard (html.spec.whatwg.org section 13.2.5); which element a text belongs to is in
`stack`. A block is the text between two tags that break lines. Every byte is looked at a bounded number of times, so a
page costs time in proportion to its bytes, whatever it holds: about 3 ns a byte.
"""

import numpy as np

from curate.blocks.attributes import read_attributes
from curate.blocks.characters import put, write_text
from curate.blocks.entities import Entities, entities
from curate.blocks.layout import (
    AFTER_BREAK,
    BOLD_DEPTH,
    CODE_DEPTH,
    DEPTH,
    HAS_HREF,
    INK,
    LINK,
    LINK_COUNT,
    LINK_DEPTH,
    LINKED_DATA,
    MARKS,
    MATH_END,
    META,
    MUTED,
    NEW,
    ROOT,
    SEEN,
    SOURCE,
    SPACE,
    TEX_AT,
    TIME,
    TITLE,
    TOKENS,
    VERBATIM_DEPTH,
    Octets,
    Scan,
    filled,
    room_for,
)
from curate.blocks.stack import close, end_block, end_implied, end_page, push, start_page
from curate.blocks.tags import BLOCK, FNV_OFFSET, IDS, IGNORED, MUTE, RAW, SILENT, VOID, Tags, tag_of, tags
from curate.blocks.words import BANG, GREATER, LESS, MINUS, QUESTION, SLASH, extend, find, is_letter, is_space, lower
from curate.text.kernel import inner

_A, _B, _STRONG, _CODE, _KBD, _SAMP, _BR, _HR, _SCRIPT, _STYLE, _TITLE, _META, _LINK, _HTML, _TIME, _MATH, _SPAN, _P = (
    IDS[name] for name in (
        "a", "b", "strong", "code", "kbd", "samp", "br", "hr", "script", "style", "title", "meta", "link", "html",
        "time", "math", "span", "p")
)  # fmt: skip
_LD_JSON, _MATH_TEX, _DISPLAY, _END_MATH, _X_TEX = (
    np.frombuffer(text, np.uint8)
    for text in (b"ld+json", b"math/tex", b"mode=display", b"</math", b"application/x-tex")
)
_DOLLAR = 0x24
_NOWHERE = -1
_UNENDED = -2


def scan_page(html: bytes) -> Scan:
    """The blocks, elements and marks of a page in UTF-8."""
    src = np.frombuffer(html, np.uint8)
    scan = room_for(len(src), html.count(b"<"))
    run(src, scan, tags(), entities())
    return filled(scan)


@inner
def run(src: Octets, scan: Scan, table: Tags, names: Entities) -> None:
    """Scan a whole page into the room."""
    start_page(scan)
    scan.state[MATH_END] = _NOWHERE
    at, stop = 0, len(src)
    while at < stop:
        if src[at] == LESS:
            after = _markup(src, at, stop, scan, table, names)
            if after > at:
                at = after
                continue
            at = write_text(src, at, at + 1, scan, names, True)
        at = write_text(src, at, stop, scan, names, False)
    end_page(scan, table, stop)


@inner
def _markup(src: Octets, at: int, stop: int, scan: Scan, table: Tags, names: Entities) -> int:
    """Read the tag, comment or declaration at `at`; returns what follows, or `at` where < is a mere character."""
    if at + 1 == stop:
        return at
    octet = src[at + 1]
    if is_letter(octet):
        return _start_tag(src, at, stop, scan, table, names)
    if octet == SLASH:
        if at + 2 < stop and is_letter(src[at + 2]):
            return _end_tag(src, at, stop, scan, table)
        return _after(src, at + 2, stop) if at + 2 < stop else at
    if octet == BANG:
        return _comment(src, at + 2, stop)
    return _after(src, at + 2, stop) if octet == QUESTION else at


@inner
def _after(src: Octets, at: int, stop: int) -> int:
    """What follows the next >."""
    while at < stop and src[at] != GREATER:
        at += 1
    return min(at + 1, stop)


@inner
def _comment(src: Octets, at: int, stop: int) -> int:
    """What follows a comment or declaration whose <! ends at `at`."""
    if at + 1 >= stop or src[at] != MINUS or src[at + 1] != MINUS:
        return _after(src, at, stop)
    at += 2
    if at < stop and src[at] == GREATER:
        return at + 1
    if at + 1 < stop and src[at] == MINUS and src[at + 1] == GREATER:
        return at + 2
    dashes = 0
    while at < stop:
        octet = src[at]
        if octet == GREATER and dashes >= 2:
            return at + 1
        if octet == MINUS:
            dashes += 1
        elif octet != BANG or dashes < 2 or src[at - 1] == BANG:
            dashes = 0
        at += 1
    return stop


@inner
def _name(src: Octets, at: int, stop: int, table: Tags) -> tuple[int, int]:
    """(tag, where its name ends) of the name at `at`."""
    key = FNV_OFFSET
    while at < stop and not (is_space(src[at]) or src[at] == SLASH or src[at] == GREATER):
        key = extend(key, src[at])
        at += 1
    return tag_of(table, key), at


@inner
def _end_tag(src: Octets, at: int, stop: int, scan: Scan, table: Tags) -> int:
    tag, after = _name(src, at + 2, stop, table)
    tokens = scan.state[TOKENS]
    after = read_attributes(src, after, stop, scan)
    scan.state[TOKENS] = tokens
    flags = table.flags[tag]
    if flags & BLOCK:
        end_block(scan, at, AFTER_BREAK if tag == _BR else NEW)
    if (flags & (BLOCK | SILENT) and not flags & IGNORED) or tag == _SPAN:
        close(scan, table, tag)
    elif tag == _A:
        scan.state[LINK_DEPTH] = 0
    elif tag in (_B, _STRONG):
        scan.state[BOLD_DEPTH] = 0
    elif tag in (_CODE, _KBD, _SAMP):
        scan.state[CODE_DEPTH] = 0
    return min(after + 1, stop)


@inner
def _start_tag(src: Octets, at: int, stop: int, scan: Scan, table: Tags, names: Entities) -> int:
    state = scan.state
    tag, after = _name(src, at + 1, stop, table)
    flags = table.flags[tag]
    if flags & BLOCK and not (tag == _BR and state[VERBATIM_DEPTH]):
        end_block(scan, at, AFTER_BREAK if tag == _BR else NEW)
        end_implied(scan, table, tag)
    elif flags & SILENT:
        end_implied(scan, table, tag)
    tokens = state[TOKENS]
    after = min(read_attributes(src, after, stop, scan) + 1, stop)
    _mark(src, at, after, tag, scan)
    if flags & RAW:
        return _raw(src, at, after, stop, tag, scan, names)
    silent = flags & SILENT or state[SEEN] & MUTE or (tag == _SPAN and state[MUTED])
    if (flags & BLOCK or silent) and not flags & (VOID | IGNORED):
        if not (silent and src[after - 2] == SLASH):
            push(scan, table, tag if flags & (BLOCK | SILENT) else _SPAN, tokens)
    else:
        _inline(tag, scan, names)
        if tag == _MATH:
            return _formula(src, after, stop, scan, names)
    return after


@inner
def _inline(tag: int, scan: Scan, names: Entities) -> None:
    state = scan.state
    if tag == _A:
        state[LINK_DEPTH] = state[DEPTH] if state[HAS_HREF] else 0
        state[LINK_COUNT] += state[HAS_HREF]
    elif tag in (_B, _STRONG):
        state[BOLD_DEPTH] = state[DEPTH]
    elif tag in (_CODE, _KBD, _SAMP):
        state[CODE_DEPTH] = state[DEPTH]
    elif tag == _BR and state[VERBATIM_DEPTH] and not state[MUTED]:
        put(scan, 10)


@inner
def _mark(src: Octets, at: int, after: int, tag: int, scan: Scan) -> None:
    """Remember tags that say something of the page."""
    if scan.state[MUTED]:
        return
    if tag == _META:
        _remember(scan, META, at, after)
    elif tag == _LINK:
        _remember(scan, LINK, at, after)
    elif tag == _HTML:
        _remember(scan, ROOT, at, after)
    elif tag == _TIME:
        _remember(scan, TIME, at, after)


@inner
def _remember(scan: Scan, kind: int, first: int, last: int) -> None:
    mark = scan.state[MARKS]
    scan.marks[mark, 0] = kind
    scan.marks[mark, 1] = first
    scan.marks[mark, 2] = last
    scan.state[MARKS] += 1


@inner
def _raw(src: Octets, at: int, first: int, stop: int, tag: int, scan: Scan, names: Entities) -> int:
    """Skip what stands between a tag whose content is no markup and its end tag; keep titles, data and formulas.

    Without an end tag a browser would show nothing more; here only scripts and styles swallow the rest of the page.
    Such an element is never open, so that its place in `last` is free to say that no end tag follows.
    """
    last = stop if scan.last[tag] == _UNENDED else _end_of_raw(src, at + 1, first, stop)
    if last == stop and tag != _SCRIPT and tag != _STYLE:
        scan.last[tag] = _UNENDED
        return first
    if tag == _TITLE and not scan.state[MUTED]:
        _remember(scan, TITLE, first, last)
    elif tag == _SCRIPT:
        if find(src, at, first, _LD_JSON) < first:
            _remember(scan, LINKED_DATA, first, last)
        elif find(src, at, first, _MATH_TEX) < first:
            _write_tex(src, first, last, find(src, at, first, _DISPLAY) < first, scan, names)
    return _after(src, last, stop) if last < stop else stop


@inner
def _end_of_raw(src: Octets, name: int, at: int, stop: int) -> int:
    """Where the end tag of the element whose name stands at `name` begins, or `stop`."""
    size = 0
    while is_letter(src[name + size]):
        size += 1
    while at + size + 2 < stop:
        if src[at] == LESS and src[at + 1] == SLASH:
            same = 0
            while same < size and lower(src[at + 2 + same]) == lower(src[name + same]):
                same += 1
            octet = src[at + 2 + size]
            if same == size and (is_space(octet) or octet in (GREATER, SLASH)):
                return at
        at += 1
    return stop


@inner
def _formula(src: Octets, at: int, stop: int, scan: Scan, names: Entities) -> int:
    """Write the TeX that a MathML formula carries and skip to its end; without one its symbols are read as text.

    The ends of formulas are looked for from left to right, never twice over the same bytes.
    """
    state = scan.state
    if state[MATH_END] < at and state[MATH_END] != stop:
        state[MATH_END] = find(src, at, stop, _END_MATH)
        state[TEX_AT] = find(src, at, state[MATH_END], _X_TEX)
    tex = state[TEX_AT]
    if state[MATH_END] == stop or not at <= tex < state[MATH_END]:
        return at
    first = _after(src, tex, stop)
    last = first
    while last < state[MATH_END] and src[last] != LESS:
        last += 1
    _write_tex(src, first, last, False, scan, names)
    return int(state[MATH_END])


@inner
def _write_tex(src: Octets, first: int, last: int, display: bool, scan: Scan, names: Entities) -> None:
    if scan.state[MUTED] or first >= last:
        return
    if not scan.state[INK]:
        scan.state[SOURCE] = first
    for _ in range(2 if display else 1):
        put(scan, _DOLLAR)
    write_text(src, first, last, scan, names, True)
    scan.state[SPACE] = 0
    for _ in range(2 if display else 1):
        put(scan, _DOLLAR)
