"""The walk over a text: every byte is looked up once, and what may be part of personal data is looked at closely.

An @ may stand in an e-mail address, a colon in an IPv6 address, a digit in all else. No regular expression, nothing is
tried twice over: how far a look goes to either side is bounded, so the time is linear whatever a text holds. Inside of
a URL no number counts but its host. Cost: 2 to 3 ns a byte of web pages.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.pii.addresses import FOUND, RESERVED, email_around, ipv6_around
from curate.pii.characters import CLOSING, OPENING, SLASH, character_at, is_digit
from curate.pii.checks import iban_around
from curate.pii.numbers import (
    EMAIL,
    IBAN,
    ID,
    IP,
    NO_KIND,
    PHONE,
    SET_ASIDE,
    before_number,
    ends_in_x,
    judge,
    read_run,
    room_for_run,
)
from curate.pii.phones import Run
from curate.pii.plans import Flags, Plans, plans
from curate.text.kernel import inner, kernel
from curate.text.scan import Int32s, Int64s, Octets, strings

# Nothing that is found is shorter (a@b.co).
_SHORTEST = 6
_NOTHING, _DIGIT, _AT, _COLON, _WIDE = range(5)
_STEPS = np.zeros(256, np.uint8)
_STEPS[ord("0") : ord("9") + 1] = _DIGIT
_STEPS[ord("@")], _STEPS[ord(":")], _STEPS[0xEF] = _AT, _COLON, _WIDE
# What a URL ends at: white space and marks that do not stand in one.
_ENDS_URL = np.isin(np.arange(129), [*range(33), *(ord(char) for char in "<>\"'`|{}^\\"), 128])


class Spans(NamedTuple):
    """What was found, in order. texts: int64[s], which text; starts, stops: int32[s], bytes of it; kinds: int32[s],
    positions in `numbers.KINDS`."""

    texts: Int64s
    starts: Int32s
    stops: Int32s
    kinds: Int32s


def find(texts: pa.StringArray, kinds: tuple[int, ...]) -> Spans:
    """The spans of these kinds in every text; those that are set aside, and nobody's, are left out."""
    text = strings(texts)
    found = np.empty((text.size // _SHORTEST + 1, 3), np.int32)
    ends = np.zeros(len(text.offsets), np.int64)
    wanted = np.isin(np.arange(SET_ASIDE), kinds)
    _find(text.octets, text.offsets, wanted, plans(), room_for_run(), found, ends)
    spans = found[: ends[-1]].copy()
    return Spans(np.repeat(np.arange(len(ends) - 1), np.diff(ends)), *spans.T)


@kernel
def _find(
    octets: Octets, offsets: Int64s, wanted: Flags, plans: Plans, run: Run, found: Int32s, ends: Int64s
) -> None:  # fmt: skip
    for text in range(len(offsets) - 1):
        ends[text + 1] = _find_in(octets, offsets[text], offsets[text + 1], wanted, plans, run, found, ends[text])


@kernel
def _find_in(
    octets: Octets, start: int, stop: int, wanted: Flags, plans: Plans, run: Run, found: Int32s, n: int
) -> int:  # fmt: skip
    """Put what is found in [start, stop) into `found` from row n on; returns the next row."""
    at = done = url_end = start
    while at < stop:
        step = _STEPS[octets[at]]
        if step == _NOTHING:
            at += 1
            continue
        if step == _WIDE:
            code, _ = character_at(octets, at, stop)
            if not is_digit(code) and code != ord("@"):
                at += 1
                continue
            step = _DIGIT if is_digit(code) else _AT
        if step == _DIGIT:
            n, at, done = _number(octets, at, start, stop, at < url_end, done, wanted, plans, run, found, n)
        elif step == _AT:
            fate, begin, at = email_around(octets, at, done, stop)
            n, done = _keep(EMAIL, fate, begin - start, at - start, wanted, found, n), at if fate else done
        elif octets[at + 1 : at + 3].sum() == 2 * SLASH and at + 3 <= stop:
            at, url_end = at + 3, url_end if at < url_end else _url_end(octets, at + 3, stop)
        else:
            fate, begin, at = ipv6_around(octets, at, max(start, done), stop)
            n, done = _keep(IP, fate, begin - start, at - start, wanted, found, n), at if fate else done
    return n


@inner
def _keep(kind: int, fate: int, begin: int, end: int, wanted: Flags, found: Int32s, n: int) -> int:
    """Note a span if it is somebody's and wanted; returns the next row."""
    if fate == FOUND and wanted[kind]:
        found[n, 0], found[n, 1], found[n, 2] = begin, end, kind
        return n + 1
    return n


@kernel
def _url_end(octets: Octets, at: int, stop: int) -> int:
    """Where a URL ends whose host begins at `at`."""
    code, behind = character_at(octets, at, stop)
    while at < stop and not _ENDS_URL[code]:
        at = behind
        code, behind = character_at(octets, at, stop)
    return at


@kernel
def _number(
    octets: Octets, at: int, start: int, stop: int, in_url: bool, done: int, wanted: Flags, plans: Plans, run: Run,
    found: Int32s, n: int,
) -> tuple[int, int, int]:  # fmt: skip
    """What the digits from `at` on are: (next row, where to go on, where the last span ends)."""
    begin, end = iban_around(octets, at, max(start, done), stop, plans)
    if begin < at:
        return _keep(IBAN, FOUND, begin - start, end - start, wanted, found, n), end, end
    groups, behind = read_run(octets, at, stop, run)
    first = 0
    while first < groups:
        kind, last = NO_KIND, min(groups, first + 7) - 1
        while last >= first:
            kind = judge(octets, start, stop, run, groups, first, last, in_url, plans)
            if kind != NO_KIND:
                break
            last -= 1
        if kind == NO_KIND:
            first += 1
            continue
        begin, done = _bounds(octets, start, stop, run, first, last, kind)
        fate = RESERVED if kind & SET_ASIDE else FOUND
        n = _keep(kind & (SET_ASIDE - 1), fate, begin - start, done - start, wanted, found, n)
        first = last + 1
    return n, max(behind, done), done


@kernel
def _bounds(octets: Octets, start: int, stop: int, run: Run, first: int, last: int, kind: int) -> tuple[int, int]:
    """Where the span of these groups begins and ends: with a plus and a bracket, or with an identity number's X."""
    begin, end = run.starts[first], run.stops[last]
    if kind & (SET_ASIDE - 1) == PHONE and first == 0:
        _, begin = before_number(octets, begin, start)
        code, behind = character_at(octets, begin, stop)
        closed = False
        for group in range(1, last + 1):
            closed |= run.marks[group] == CLOSING
        begin = begin if closed or code != OPENING else behind  # a bracket around the whole number is not its own
    if kind == ID and run.firsts[last + 1] - run.firsts[first] < 18 and ends_in_x(octets, end, stop):
        _, end = character_at(octets, end, stop)
    return begin, end
