"""Which digits are a telephone number, by the numbering plans of China, North America and Europe.

A number with + or 00 is one if its country has numbers of that length. A national one is known by its form: Chinese
mobile numbers (eleven digits), Chinese and British numbers with their area codes, North American ones with punctuation,
French pairs. Any other is one only behind a word such as tel, fax or 电话, and if it is no day and no year.

Numbers of services (freephone, 400, premium) are nobody's. Numbers that end in six zeros and North America's 555-01xx
are set aside here: a masked number is one of them.
"""

from typing import NamedTuple

from curate.pii.addresses import FOUND, NOBODY, RESERVED
from curate.pii.characters import CLOSING, DOT, MINUS, SPACE
from curate.pii.checks import is_day, number_of
from curate.pii.plans import Plans
from curate.text.kernel import kernel, signed
from curate.text.scan import Int64s, Octets

# Fewest and most digits of a number that only a word beside it tells.
_NAMED_DIGITS = (7, 15)
_EXTENSION_DIGITS = 5
_ITALY, _CHINA = 39, 86
MASKED_ZEROS = 6


class Run(NamedTuple):
    """Groups of digits with separators between them.

    digits: uint8[m], all of them; firsts: int64[g + 1], where in them each group begins; starts, stops: int64[g], bytes
    of the text; marks: uint8[g], the character that separates a group from the one before it.
    """

    digits: Octets
    firsts: Int64s
    starts: Int64s
    stops: Int64s
    marks: Octets


@kernel
def judge_phone(run: Run, first: int, last: int, plus: bool, named: bool, plans: Plans) -> int:
    """FOUND, RESERVED or NOBODY for the groups from `first` to `last`. named: a word says that it is a number."""
    if _is_number(run, first, last, plus, named, plans):
        return RESERVED if _is_set_aside(run.digits, run.firsts[last + 1]) else FOUND
    extended = last - first >= 2 and run.marks[last] == MINUS and size_of(run, last) <= _EXTENSION_DIGITS
    if extended and _is_number(run, first, last - 1, plus, named, plans):
        return RESERVED if _is_set_aside(run.digits, run.firsts[last]) else FOUND
    return NOBODY


@kernel
def _is_number(run: Run, first: int, last: int, plus: bool, named: bool, plans: Plans) -> bool:
    digits, at = run.digits, run.firsts[first]
    count = run.firsts[last + 1] - at
    if count < _NAMED_DIGITS[0]:
        return False
    if plus:
        return _is_international(digits, at, count, plans)
    if digits[at] == 0 and digits[at + 1] == 0:
        return (named or last > first) and _is_international(digits, at + 2, count - 2, plans)
    if _is_chinese(run, first, last, plans) or _is_american(run, first, last, named, plans):
        return True
    return _is_french(run, first, last) or _is_british(run, first, last) or (named and _is_plausible(run, first, last))


@kernel
def size_of(run: Run, group: int) -> int:
    """Digits of a group."""
    return int(run.firsts[group + 1] - run.firsts[group])


@kernel
def _is_international(digits: Octets, at: int, count: int, plans: Plans) -> bool:
    if digits[at] == 1:
        return _is_nanp(digits, at + 1, count - 1, plans)
    code = number_of(digits, at, 2)
    width = 2
    if code != _CHINA and not plans.most[code]:
        code, width = number_of(digits, at, 3), 3
    at, count = at + width, count - width
    if digits[at] == 0 and code != _ITALY:  # +44 (0)20 …
        at, count = at + 1, count - 1
    if code == _CHINA:
        return _is_mobile(digits, at, count, plans) or _is_landline(digits, at, count, plans)
    return plans.fewest[code] <= count <= plans.most[code] and (digits[at] > 0 or code == _ITALY)


@kernel
def _is_mobile(digits: Octets, at: int, count: int, plans: Plans) -> bool:
    return count == 11 and bool(plans.china_mobile[number_of(digits, at, 3)])


@kernel
def _is_landline(digits: Octets, at: int, count: int, plans: Plans) -> bool:
    """Area code without its 0, then eight digits, or seven where the code has three."""
    for width in (2, 3):
        left = count - width
        if plans.china[number_of(digits, at, width)] and (left == 8 or (left == 7 and width == 3)):
            return 1 <= signed(digits[at + width]) <= 8
    return False


@kernel
def _is_chinese(run: Run, first: int, last: int, plans: Plans) -> bool:
    digits, at = run.digits, run.firsts[first]
    count, size = run.firsts[last + 1] - at, size_of(run, first)
    if size in (3, 11) and last - first <= 2 and _is_mobile(digits, at, count, plans):
        return True
    if digits[at] == 0 and first == last:
        return _is_mobile(digits, at + 1, count - 1, plans)
    if digits[at] == 0 and last - first <= 2 and 3 <= size <= 4 and plans.china[number_of(digits, at + 1, size - 1)]:
        return _is_landline(digits, at + 1, count - 1, plans)
    if number_of(digits, at, 2) == _CHINA and (first == last or size == 2):
        mobile = _is_mobile(digits, at + 2, count - 2, plans)
        return mobile or (last - first >= 2 and _is_landline(digits, at + 2, count - 2, plans))
    return False


@kernel
def _is_nanp(digits: Octets, at: int, count: int, plans: Plans) -> bool:
    if count != 10 or not plans.nanp[number_of(digits, at, 3)]:
        return False
    return digits[at + 3] >= 2 and not (digits[at + 4] == 1 and digits[at + 5] == 1)


@kernel
def _is_american(run: Run, first: int, last: int, named: bool, plans: Plans) -> bool:
    at = run.firsts[first]
    count = run.firsts[last + 1] - at
    if count == 11 and run.digits[at] == 1:
        at, count = at + 1, 10
        first += size_of(run, first) == 1
    if not _is_nanp(run.digits, at, count, plans):
        return False
    punctuated = False
    for group in range(first + 1, last + 1):
        punctuated |= run.marks[group] != SPACE
    formed = last - first == 2 and size_of(run, first) == 3 and size_of(run, first + 1) == 3
    formed &= run.marks[last] != CLOSING  # pages 425-442 (2000)
    return named or (formed and punctuated)


@kernel
def _is_french(run: Run, first: int, last: int) -> bool:
    """Five pairs with the same mark between them. In ascending order they are a lottery's."""
    at = run.firsts[first]
    if last - first != 4 or run.digits[at] != 0 or run.digits[at + 1] in (0, 8):
        return False
    ascending = True
    for group in range(first, last + 1):
        if size_of(run, group) != 2 or (group > first + 1 and run.marks[group] != run.marks[first + 1]):
            return False
        if group > first:
            pair, before = run.firsts[group], run.firsts[group - 1]
            ascending &= number_of(run.digits, pair, 2) > number_of(run.digits, before, 2)
    return run.marks[last] in (SPACE, DOT, MINUS) and not ascending


@kernel
def _is_british(run: Run, first: int, last: int) -> bool:
    """01, 02 or 07 and nine more, in one of the usual groupings."""
    at = run.firsts[first]
    if run.firsts[last + 1] - at != 11 or run.digits[at] != 0 or run.digits[at + 1] not in (1, 2, 7):
        return False
    if last - first == 1:
        return size_of(run, first) == 5
    size, second = size_of(run, first), size_of(run, first + 1)
    return last - first == 2 and ((size == 3 and second == 4) or (size == 4 and second == 3) or size == second + 2 == 5)


@kernel
def _is_plausible(run: Run, first: int, last: int) -> bool:
    """For digits that a word calls a telephone number: whether they are neither a day, nor years, nor a service."""
    digits, at = run.digits, run.firsts[first]
    count, size = run.firsts[last + 1] - at, size_of(run, first)
    if not _NAMED_DIGITS[0] <= count <= _NAMED_DIGITS[1]:
        return False
    if count == 8:
        year, end = number_of(digits, at, 4), number_of(digits, at + 4, 4)
        if size in (4, 8) and (is_day(digits, at) or (1900 <= year < 2100 and 1900 <= end < 2100)):
            return False
        if last - first == 2 and size == 2 and size_of(run, last) == 4 and 1900 <= end < 2100:
            return False
    return not _is_service(digits, at, count)


@kernel
def _is_service(digits: Octets, at: int, count: int) -> bool:
    if digits[at] == 0:
        return digits[at + 1] in (8, 9) and digits[at + 2] == 0 and digits[at + 3] == 0
    if count == 11 and digits[at] == 1:
        at, count = at + 1, 10
    code = number_of(digits, at, 3)
    return count == 10 and code in (400, 800, 822, 833, 844, 855, 866, 877, 888, 900)


@kernel
def _is_set_aside(digits: Octets, end: int) -> bool:
    if number_of(digits, end - MASKED_ZEROS, MASKED_ZEROS) == 0:
        return True
    return number_of(digits, end - 7, 5) == 55501
