"""Characters of a text as a browser shows them: references decoded, white space collapsed unless it is verbatim."""

from curate.blocks.entities import Entities, reference_at
from curate.blocks.layout import (
    BOLD_BYTES,
    BOLD_DEPTH,
    CODE_BYTES,
    CODE_DEPTH,
    INK,
    LINK_BYTES,
    LINK_DEPTH,
    MUTED,
    SOURCE,
    SPACE,
    TEXT,
    VERBATIM_DEPTH,
    Octets,
    Scan,
)
from curate.blocks.words import AMPERSAND, LESS
from curate.text.kernel import inner

_NO_BREAK, _WIDE_SPACE = 0xA0, 0x3000
_RETURN, _NEWLINE, _TAB = 13, 10, 9


@inner
def write_text(src: Octets, at: int, stop: int, scan: Scan, names: Entities, through: bool) -> int:
    """Write the text from `at` to `stop`, or to the next < unless `through`; returns where it ends."""
    state = scan.state
    if state[MUTED]:
        while at < stop and (through or src[at] != LESS):
            at += 1
        return at
    before = state[TEXT]
    while at < stop:
        octet = src[at]
        if octet == LESS and not through:
            break
        if octet == AMPERSAND:
            at = _reference(src, at, stop, scan, names)
        elif octet <= 32 or octet == 0x7F:
            _white(scan, octet)
            at += 1
        elif octet == 0xC2 and at + 1 < stop and src[at + 1] == _NO_BREAK:
            _white(scan, 32)
            at += 2
        elif octet == 0xE3 and at + 2 < stop and src[at + 1] == 0x80 and src[at + 2] == 0x80:
            _white(scan, 32)
            at += 3
        else:
            at = _plain(src, at, stop, scan)
    _account(scan, state[TEXT] - before)
    return at


@inner
def _plain(src: Octets, at: int, stop: int, scan: Scan) -> int:
    """Copy what needs no thought: to the next white space, reference, tag or lead byte of a wide space."""
    state = scan.state
    if not state[INK]:
        state[SOURCE] = at
    put(scan, src[at])
    at += 1
    end = state[TEXT]
    while at < stop:
        octet = src[at]
        if octet <= 32 or octet in (LESS, AMPERSAND, 0xC2, 0xE3, 0x7F):
            break
        scan.text[end] = octet
        end += 1
        at += 1
    state[TEXT] = end
    return at


@inner
def _account(scan: Scan, written: int) -> None:
    state = scan.state
    if state[LINK_DEPTH]:
        state[LINK_BYTES] += written
    if state[BOLD_DEPTH]:
        state[BOLD_BYTES] += written
    if state[CODE_DEPTH]:
        state[CODE_BYTES] += written


@inner
def _white(scan: Scan, octet: int) -> None:
    """White space: written as it is where it is verbatim, else one space in front of the next character."""
    state = scan.state
    if not state[VERBATIM_DEPTH]:
        state[SPACE] = 1
    elif octet in (_NEWLINE, _TAB, 32):
        scan.text[state[TEXT]] = octet
        state[TEXT] += 1


@inner
def put(scan: Scan, octet: int) -> None:
    """Write one byte of a character that is not white space, behind the space that is due."""
    state = scan.state
    if state[SPACE]:
        if state[INK]:
            scan.text[state[TEXT]] = 32
            state[TEXT] += 1
        state[SPACE] = 0
    scan.text[state[TEXT]] = octet
    state[TEXT] += 1
    if octet > 32:
        state[INK] = 1


@inner
def _reference(src: Octets, at: int, stop: int, scan: Scan, names: Entities) -> int:
    """Write what the & at `at` stands for; returns what follows."""
    first, second, after = reference_at(src, at, stop, names)
    if not scan.state[INK]:
        scan.state[SOURCE] = at
    if first == 0:
        put(scan, AMPERSAND)
        return at + 1
    if first in (_NO_BREAK, _WIDE_SPACE):
        _white(scan, 32)
    elif first <= 32:
        _white(scan, first)
    else:
        _put_code(scan, first)
    if second:
        _put_code(scan, second)
    return after


@inner
def _put_code(scan: Scan, code: int) -> None:
    """Write a code point in UTF-8."""
    if code < 0x80:
        put(scan, code)
    elif code < 0x800:
        put(scan, 0xC0 | code >> 6)
        put(scan, 0x80 | code & 0x3F)
    elif code < 0x10000:
        put(scan, 0xE0 | code >> 12)
        put(scan, 0x80 | code >> 6 & 0x3F)
        put(scan, 0x80 | code & 0x3F)
    else:
        put(scan, 0xF0 | code >> 18)
        put(scan, 0x80 | code >> 12 & 0x3F)
        put(scan, 0x80 | code >> 6 & 0x3F)
        put(scan, 0x80 | code & 0x3F)
