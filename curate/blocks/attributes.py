"""A tag's attributes: skipped, but for those that name the element or hide it.

Classes and ids are taken apart (`post-content`, `postContent` → post, content), because themes differ in the whole name
and agree in its parts; digits are left out, because they number things. Each part and each whole name becomes one of
65,536 buckets, which a table of weights is indexed by.
"""

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import CLASS_HASH, HAS_HREF, SEEN, TOKENS, Octets, Scan
from curate.blocks.tags import COMMENTS, FNV_OFFSET, HIDDEN, MUTE, name_hash
from curate.blocks.words import APOSTROPHE, EQUALS, GREATER, QUOTE, SLASH, bucket, extend, find, is_space
from curate.text.kernel import inner

_CLASS, _ID, _ROLE, _ITEMPROP = (name_hash(name) for name in ("class", "id", "role", "itemprop"))
_STYLE, _HIDDEN_, _ARIA, _HREF = (name_hash(name) for name in ("style", "hidden", "aria-hidden", "href"))
# Seeds that keep whole names, their parts and values of other attributes apart.
PART, WHOLE, VALUE = (name_hash(name) for name in ("part", "whole", "value"))
_COMMENTS = np.array(
    [name_hash(name, int(PART)) for name in ("comment", "comments", "disqus", "commentlist", "replies", "respond")],
    np.uint64,
)
# What formula renderers put beside their source.
_RENDERED = np.array(
    [name_hash(name.lower(), int(WHOLE)) for name in (
        "katex-html", "MathJax", "MathJax_Display", "MathJax_Preview", "MathJax_SVG", "MathJax_SVG_Display",
        "MathJax_CHTML", "mjx-chtml", "MJXc-display")],
    np.uint64,
)  # fmt: skip
_NONE = np.frombuffer(b"none", np.uint8)
_DISPLAY = np.frombuffer(b"display", np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)


@inner
def read_attributes(src: Octets, at: int, stop: int, scan: Scan) -> int:
    """Read attributes from behind a tag's name; returns where the tag's > stands, `stop` if it is never closed.

    Leaves tokens in scan.tokens, and in scan.state what else they say.
    """
    scan.state[CLASS_HASH] = 0
    scan.state[SEEN] = 0
    scan.state[HAS_HREF] = 0
    while at < stop:
        while at < stop and (is_space(src[at]) or src[at] == SLASH):
            at += 1
        if at == stop or src[at] == GREATER:
            return at
        key = extend(FNV_OFFSET, src[at])
        at += 1
        while at < stop and not (is_space(src[at]) or src[at] == SLASH or src[at] == GREATER or src[at] == EQUALS):
            key = extend(key, src[at])
            at += 1
        at, first, last = _value(src, at, stop)
        if at < stop:
            _take(src, key, first, last, scan)
    return stop


@inner
def _value(src: Octets, at: int, stop: int) -> tuple[int, int, int]:
    """(what follows, where the value starts, where it ends) of an attribute whose name ends at `at`."""
    place = at
    while place < stop and is_space(src[place]):
        place += 1
    if place == stop or src[place] != EQUALS:
        return place, place, place
    place += 1
    while place < stop and is_space(src[place]):
        place += 1
    if place == stop:
        return stop, stop, stop
    if src[place] == QUOTE or src[place] == APOSTROPHE:
        end = place + 1
        while end < stop and src[end] != src[place]:
            end += 1
        return min(end + 1, stop), place + 1, end
    end = place
    while end < stop and not is_space(src[end]) and src[end] != GREATER:
        end += 1
    return end, place, end


@inner
def _take(src: Octets, key: np.uint64, first: int, last: int, scan: Scan) -> None:
    if key == _CLASS:
        scan.state[CLASS_HASH] = np.int64(_letters(src, first, last) >> np.uint64(1))
        _names(src, first, last, scan)
    elif key == _ID:
        _names(src, first, last, scan)
    elif key in (_ROLE, _ITEMPROP):
        _add(scan, bucket(_letters(src, first, last) ^ VALUE))
    elif key == _HREF:
        scan.state[HAS_HREF] = 1
    elif key == _HIDDEN_ or (key == _ARIA and find(src, first, last, _TRUE) < last):
        scan.state[SEEN] |= HIDDEN
    elif key == _STYLE:
        display = find(src, first, last, _DISPLAY)
        if find(src, display, min(last, display + 16), _NONE) < min(last, display + 16):
            scan.state[SEEN] |= HIDDEN


@inner
def _letters(src: Octets, first: int, last: int) -> np.uint64:
    """Hash of a value without its digits."""
    key = FNV_OFFSET
    for at in range(first, last):
        if not 0x30 <= src[at] <= 0x39:
            key = extend(key, src[at])
    return key


@inner
def _names(src: Octets, first: int, last: int, scan: Scan) -> None:
    """Tokens of a list of names: every name, and the words it is made of where they are several."""
    at = first
    while at < last:
        while at < last and is_space(src[at]):
            at += 1
        whole = WHOLE
        parts = 0
        start = at
        while at < last and not is_space(src[at]):
            after = _part(src, at, last)
            if after > at:
                _word(src, at, after, scan)
                parts += 1
            after = max(after, at + 1)
            for place in range(at, after):
                whole = extend(whole, src[place])
            at = after
        if parts > 1:
            _add(scan, bucket(whole))
        if at > start and _among(whole, _RENDERED):
            scan.state[SEEN] |= MUTE


@inner
def _part(src: Octets, at: int, last: int) -> int:
    """Where the word that starts at `at` ends: before a sign or digit, or where lower case turns into upper."""
    start = at
    while at < last and (is_word(src[at])) and not (at > start and _is_upper(src[at]) and not _is_upper(src[at - 1])):
        at += 1
    return at


@inner
def is_word(octet: int) -> bool:
    """A letter, or part of one above ASCII."""
    return 0x61 <= octet | 0x20 <= 0x7A or octet >= 0x80


@inner
def _is_upper(octet: int) -> bool:
    return 0x41 <= octet <= 0x5A


@inner
def _word(src: Octets, first: int, last: int, scan: Scan) -> None:
    key = PART
    for at in range(first, last):
        key = extend(key, src[at])
    if _among(key, _COMMENTS):
        scan.state[SEEN] |= COMMENTS
    _add(scan, bucket(key))


@inner
def _among(key: np.uint64, keys: npt.NDArray[np.uint64]) -> bool:
    for other in keys:  # noqa: SIM110  # kernels know no generators
        if key == other:
            return True
    return False


@inner
def _add(scan: Scan, token: np.uint16) -> None:
    scan.tokens[scan.state[TOKENS]] = token
    scan.state[TOKENS] += 1
