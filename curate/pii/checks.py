"""Numbers with check digits: Chinese identity numbers, bank cards, IBANs.

GB 11643-1999: 18 digits, region, day of birth, ISO 7064 MOD 11-2. ISO/IEC 7812: issuer, length, Luhn. ISO 13616: length
by country, MOD 97-10.
"""

import numpy as np

from curate.pii.characters import MINUS, SPACE, character_at, character_before, is_capital, is_digit, is_word
from curate.pii.plans import Plans
from curate.text.kernel import inner, kernel, signed
from curate.text.scan import Octets

ID_DIGITS = 18
CARD_DIGITS = (14, 19)
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_ZERO, _CAPITAL_A = ord("0"), ord("A")
_MODULUS = 97


@inner
def number_of(digits: Octets, first: int, count: int) -> int:
    """The number that `count` digits make."""
    value = 0
    for at in range(first, first + count):
        value = value * 10 + signed(digits[at])
    return value


@kernel
def is_identity(digits: Octets, first: int, plans: Plans) -> bool:
    """Whether the 18 digits from `first` are an identity number; the last one may be 10 for X."""
    if not plans.china_regions[number_of(digits, first, 2)] or not is_day(digits, first + 6):
        return False
    total = 0
    for at in range(ID_DIGITS - 1):
        total += signed(digits[first + at]) * int(_WEIGHTS[at])
    return (12 - total % 11) % 11 == signed(digits[first + ID_DIGITS - 1])


@kernel
def is_day(digits: Octets, first: int) -> bool:
    """Whether eight digits are a day between 1900 and 2099, year first."""
    year, month, day = number_of(digits, first, 4), number_of(digits, first + 4, 2), number_of(digits, first + 6, 2)
    if not (1900 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return False
    return month != 2 or day < 29 or (year % 4 == 0 and year != 1900)


@kernel
def is_card(digits: Octets, first: int, count: int) -> bool:
    """Whether digits are a bank card's: an issuer's, of a length that it uses, with Luhn's check digit."""
    return _is_issued(number_of(digits, first, 6), count) and _luhn(digits, first, count) == 0


@kernel
def _is_issued(head: int, count: int) -> bool:
    two, three, four = head // 10_000, head // 1000, head // 100
    if count == 14:
        return two in (36, 38, 39) or 300 <= three <= 305  # Diners Club
    if count == 15:
        return two in (34, 37)  # American Express
    if count == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204):
        return True  # Mastercard, Mir
    if two // 10 == 4:
        return count in (16, 19)  # Visa
    # UnionPay, Discover, JCB
    return count >= 16 and (two in (62, 65) or 644 <= three <= 649 or four == 6011 or 3528 <= four <= 3589)


@kernel
def _luhn(digits: Octets, first: int, count: int) -> int:
    total = 0
    for at in range(count):
        digit = signed(digits[first + count - 1 - at])
        if at % 2:
            digit = 2 * digit - (9 if digit > 4 else 0)
        total += digit
    return total % 10


@kernel
def iban_around(octets: Octets, at: int, start: int, stop: int, plans: Plans) -> tuple[int, int]:
    """(begin, end) of the IBAN whose check digits begin at `at`; begin is `at` where there is none."""
    second, place = character_before(octets, at, start)
    first, begin = character_before(octets, place, start)
    before, _ = character_before(octets, begin, start)
    if not (is_capital(first) and is_capital(second)) or is_word(before):
        return at, at
    size = signed(plans.iban[first - _CAPITAL_A, second - _CAPITAL_A])
    if not size:
        return at, at
    remainder, check, end = _basic_number(octets, at, size - 2, stop)
    if end == at:
        return at, at
    for letter in (first, second):
        remainder = (remainder * 100 + letter - _CAPITAL_A + 10) % _MODULUS
    following, _ = character_at(octets, end, stop)
    good = (remainder * 100 + check) % _MODULUS == 1 and 2 <= check <= 98
    return (begin, end) if good and not is_word(following) else (at, at)


@kernel
def _basic_number(octets: Octets, at: int, count: int, stop: int) -> tuple[int, int, int]:
    """(the account modulo 97, check digits, end) of `count` characters, check digits first; end is `at` if not."""
    remainder, check, taken, place, spaced = 0, 0, 0, at, False
    while taken < count:
        code, behind = character_at(octets, place, stop)
        if code in (SPACE, MINUS) and taken >= 2 and not spaced:
            place, spaced = behind, True
            continue
        if not (is_digit(code) or (is_capital(code) and taken >= 2)):
            return 0, 0, at
        value = code - _ZERO if is_digit(code) else code - _CAPITAL_A + 10
        if taken < 2:
            check = check * 10 + value
        else:
            remainder = (remainder * (10 if value < 10 else 100) + value) % _MODULUS
        taken, place, spaced = taken + 1, behind, False
    return remainder, check, place
