"""Digits with separators between them, and what they are: an IPv4 address, an identity number, a card, a telephone.

A run is as many groups of digits as one mark, or a mark with spaces, separates. It is judged as a whole; a part of it
only where spaces stand around that part and the part does not consist of groups between spaces itself, so that of
numbers in a row, such as those of a table, nothing is taken for a number of three groups. Digits that are part of
something longer (letters, prices, paths, fractions, codes with dashes) are none of all this.
"""

import numpy as np

from curate.pii.addresses import NOBODY, RESERVED, begins_ipv4, ends_ipv4, is_version, judge_ipv4
from curate.pii.characters import (
    AT,
    CLOSING,
    COLON,
    COMMA,
    DOT,
    MINUS,
    NONE,
    OPENING,
    OTHER,
    PERCENT,
    PLUS,
    SLASH,
    SPACE,
    character_at,
    character_before,
    is_digit,
    is_word,
)
from curate.pii.checks import CARD_DIGITS, ID_DIGITS, is_card, is_identity, number_of
from curate.pii.phones import Run, judge_phone, size_of
from curate.pii.plans import Plans, stands_behind
from curate.text.kernel import kernel
from curate.text.scan import Octets

# What is looked for, in the order of the columns; and what a span that is set aside has beside its kind.
EMAIL, IP, PHONE, ID, CARD, IBAN = range(6)
KINDS = ("email", "ip", "phone", "id", "card", "iban")
NO_KIND = -1
SET_ASIDE = 8

_MOST_GROUPS, _MOST_DIGITS, _MOST_WINDOW, _MOST_MARKS = 12, 64, 7, 3
_FEWEST_DIGITS, _FEWEST_OTHERS, _MOST_JUDGED = 5, 7, 22
# A group that may stand alone among others: a mobile number, an identity number or a card.
_WHOLE_GROUP = 11
_ZERO, _X, _SMALL_X = ord("0"), ord("X"), ord("x")
_CARD_ZEROS = 8
# In front of a number: money, fields of an address, markup.
_NOT_BEFORE = np.isin(np.arange(129), [ord(char) for char in "=&%#$\\@~^*'"])
# In UTF-8: 元 万 亿 年 behind a number, € £ ¥ ￥ in front of it.
_UNITS = np.array([[0xE5, 0x85, 0x83], [0xE4, 0xB8, 0x87], [0xE4, 0xBA, 0xBF], [0xE5, 0xB9, 0xB4]], np.uint8)
_MONEY = np.array([[0xE2, 0x82, 0xAC], [0, 0xC2, 0xA3], [0, 0xC2, 0xA5], [0xEF, 0xBF, 0xA5]], np.uint8)


def room_for_run() -> Run:
    """What a run is unpacked into."""
    firsts, starts, stops = np.zeros((3, _MOST_GROUPS + 1), np.int64)
    return Run(np.zeros(2 * _MOST_DIGITS, np.uint8), firsts, starts, stops, np.zeros(_MOST_GROUPS + 1, np.uint8))


@kernel
def read_run(octets: Octets, at: int, stop: int, run: Run) -> tuple[int, int]:
    """(groups, where they end) of the run that begins at `at` with a digit; it may be cut where it is long."""
    groups, count = 0, 0
    while True:
        run.starts[groups], run.firsts[groups] = at, count
        code, behind = character_at(octets, at, stop)
        while is_digit(code):
            run.digits[min(count, _MOST_DIGITS)] = code - _ZERO
            count, at = count + 1, behind
            code, behind = character_at(octets, at, stop)
        run.stops[groups] = at
        groups += 1
        run.firsts[groups] = count
        if groups == _MOST_GROUPS or count > _MOST_DIGITS // 2:
            return groups, at
        mark, following = _separator(octets, at, stop, run.firsts[1] <= 5 and run.digits[0] == 0 and groups == 1)
        if following == at:
            return groups, at
        run.marks[groups], at = mark, following


@kernel
def _separator(octets: Octets, at: int, stop: int, slash: bool) -> tuple[int, int]:
    """(its mark, where the digit behind it is); the latter is `at` where none is. slash: 089/… is one too."""
    place, mark, spaced, loose = at, NONE, False, False
    for _ in range(_MOST_MARKS):
        code, behind = character_at(octets, place, stop)
        if code in (OPENING, CLOSING):
            mark = CLOSING
        elif (code in (MINUS, DOT) or (slash and code == SLASH)) and mark in (NONE, CLOSING):
            mark = code if mark == NONE else mark
        elif code != SPACE or spaced:
            break
        spaced = code == SPACE
        loose |= spaced
        place = behind
    code, _ = character_at(octets, place, stop)
    if place == at or not is_digit(code) or (loose and mark == DOT):  # 1. 138… is a list
        return NONE, at
    return (SPACE if mark == NONE else mark), place


@kernel
def judge(
    octets: Octets, start: int, stop: int, run: Run, groups: int, first: int, last: int, in_url: bool, plans: Plans
) -> int:  # fmt: skip
    """What the groups from `first` to `last` are: a kind, with SET_ASIDE or not, or NO_KIND."""
    at, end = run.firsts[first], run.firsts[last + 1]
    count = end - at
    if count < _FEWEST_DIGITS or count > _MOST_JUDGED or end > _MOST_DIGITS:
        return NO_KIND
    if last - first == 3 and run.marks[last] == DOT:
        found = _judge_ip(octets, start, stop, run, groups, first, last, plans)
        if found != NOBODY:
            return IP | (SET_ASIDE if found == RESERVED else 0)
    if in_url or count < _FEWEST_OTHERS or not _stands_alone(octets, start, stop, run, groups, first, last, plans):
        return NO_KIND
    if _is_id(octets, stop, run, first, last, plans):
        return ID
    formed = CARD_DIGITS[0] <= count <= CARD_DIGITS[1] and _is_card_shaped(run, first, last)
    if formed and is_card(run.digits, at, count):
        return CARD | (SET_ASIDE if number_of(run.digits, end - _CARD_ZEROS, _CARD_ZEROS) == 0 else 0)
    before, place = before_number(octets, run.starts[first], start)
    named = first == 0 and stands_behind(plans.phone_words, octets, place, start)
    found = judge_phone(run, first, last, before == PLUS, named, plans)
    return NO_KIND if found == NOBODY else PHONE | (SET_ASIDE if found == RESERVED else 0)


@kernel
def before_number(octets: Octets, at: int, start: int) -> tuple[int, int]:
    """(PLUS if one belongs to the digits at `at`, where what belongs to them begins): a plus, a bracket, both."""
    plus, begin = NONE, at
    for _ in range(2):
        code, place = character_before(octets, begin, start)
        if code == PLUS and plus == NONE:
            plus = PLUS
        elif code != OPENING:
            break
        begin = place
    return plus, begin


@kernel
def _judge_ip(
    octets: Octets, start: int, stop: int, run: Run, groups: int, first: int, last: int, plans: Plans
) -> int:  # fmt: skip
    numbers = np.zeros(4, np.int64)
    for group in range(first, last + 1):
        size = run.firsts[group + 1] - run.firsts[group]
        number = number_of(run.digits, run.firsts[group], min(size, 4))
        padded = size > 1 and run.digits[run.firsts[group]] == 0
        gap = group > first and (run.marks[group] != DOT or run.starts[group] - run.stops[group - 1] > 3)
        if size > 3 or number > 255 or padded or gap:
            return NOBODY
        numbers[group - first] = number
    begin, end = run.starts[first], run.stops[last]
    if not begins_ipv4(octets, begin, start) or not ends_ipv4(octets, end, stop):
        return NOBODY
    return NOBODY if is_version(octets, begin, start, plans) else judge_ipv4(numbers)


@kernel
def _is_id(octets: Octets, stop: int, run: Run, first: int, last: int, plans: Plans) -> bool:
    """Whether it is an identity number; the last digit may be an X behind the run."""
    at, end = run.firsts[first], run.firsts[last + 1]
    if end - at == ID_DIGITS:
        return is_identity(run.digits, at, plans)
    if end - at == ID_DIGITS - 1 and ends_in_x(octets, run.stops[last], stop):
        kept, run.digits[end] = run.digits[end], 10
        found = is_identity(run.digits, at, plans)
        run.digits[end] = kept
        return found
    return False


@kernel
def ends_in_x(octets: Octets, at: int, stop: int) -> bool:
    """Whether an X stands at `at`, and nothing that makes it a part of a word."""
    code, behind = character_at(octets, at, stop)
    following, _ = character_at(octets, behind, stop)
    return code in (_X, _SMALL_X) and not is_word(following)


@kernel
def _is_card_shaped(run: Run, first: int, last: int) -> bool:
    """One group, or fours, or 4-6-5 and the like; Diners Club's short numbers only in groups."""
    size, groups = size_of(run, first), last - first + 1
    if groups == 1:
        return size > CARD_DIGITS[0]
    if groups == 2:
        return size == 6
    second = size_of(run, first + 1)
    if groups == 3:
        return size == 4 and second == 6
    return groups <= 5 and size == second == size_of(run, first + 2) == 4


@kernel
def _stands_alone(
    octets: Octets, start: int, stop: int, run: Run, groups: int, first: int, last: int, plans: Plans
) -> bool:  # fmt: skip
    """Whether the groups are no part of something longer."""
    whole = first == last and run.firsts[last + 1] - run.firsts[first] >= _WHOLE_GROUP
    strong = whole
    for group in range(first + 1, last + 1):
        strong |= run.marks[group] != SPACE
    if first > 0:
        if run.marks[first] != SPACE or not strong:
            return False
    elif not _begins(octets, run.starts[0], start, whole, strong, plans):
        return False
    if last < groups - 1:
        return run.marks[last + 1] == SPACE and strong
    return _ends(octets, run.stops[last], stop, whole, strong)


@kernel
def _begins(octets: Octets, at: int, start: int, whole: bool, strong: bool, plans: Plans) -> bool:
    plus, begin = before_number(octets, at, start)
    code, place = character_before(octets, begin, start)
    earlier, _ = character_before(octets, place, start)
    if is_word(code) or code == DOT:
        return stands_behind(plans.phone_words, octets, begin, start)
    if code == SLASH:
        return is_digit(earlier) or earlier in (SPACE, NONE, OTHER)
    if code == MINUS:
        return not is_word(earlier)
    if code in (COMMA, COLON):
        return strong or plus == PLUS or not is_digit(earlier)
    if code == SPACE and is_digit(earlier):
        return strong or plus == PLUS
    return not _NOT_BEFORE[code] and not (code == OTHER and _is_any(octets, begin, start, _MONEY))


@kernel
def _ends(octets: Octets, at: int, stop: int, whole: bool, strong: bool) -> bool:
    code, behind = character_at(octets, at, stop)
    following, _ = character_at(octets, behind, stop)
    if code == _SMALL_X:
        return is_digit(following) or ends_in_x(octets, at, stop)
    if is_word(code) or code in (AT, PERCENT):
        return code == _X and ends_in_x(octets, at, stop)
    if code in (COMMA, COLON):
        return strong or not is_digit(following)
    if code == MINUS:
        return not is_word(following)
    if code == DOT:
        return not is_digit(following)
    if code == SPACE and is_digit(following):
        return strong
    return not (code == OTHER and _is_any(octets, behind, at, _UNITS))


@kernel
def _is_any(octets: Octets, end: int, start: int, characters: Octets) -> bool:
    """Whether the character that ends at `end` is one of `characters`: uint8[n, 3], zeros in front."""
    for which in range(len(characters)):
        same = True
        for back in range(3):
            wanted = characters[which, 2 - back]
            same &= wanted == 0 or (end - 1 - back >= start and octets[end - 1 - back] == wanted)
        if same:
            return True
    return False
