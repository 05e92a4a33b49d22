"""Characters of a text as the search for personal data takes them: full-width forms, dashes and spaces as ASCII.

Chinese pages write numbers and addresses in full-width characters as well (１３８…, ＠), and
dashes and spaces in a dozen ways. All else that is not ASCII is OTHER. Nothing is unpacked: a character is
read where it is needed.
"""

from curate.text.kernel import inner, kernel, signed
from curate.text.scan import Octets

# No character: before the first and behind the last. OTHER: one that is neither ASCII nor a form of it.
NONE, OTHER = 0, 128
SPACE, MINUS, PLUS, DOT, COMMA, SLASH, COLON = ord(" "), ord("-"), ord("+"), ord("."), ord(","), ord("/"), ord(":")
OPENING, CLOSING, AT, UNDERSCORE, PERCENT = ord("("), ord(")"), ord("@"), ord("_"), ord("%")
_0, _9, _A, _F, _Z, _SMALL_A, _SMALL_F, _SMALL_Z = (ord(char) for char in "09AFZafz")
# How far back the first byte of a character may lie.
_LONGEST = 4


@kernel
def character_at(octets: Octets, at: int, stop: int) -> tuple[int, int]:
    """(the character at `at`, where the next one begins); (NONE, stop) at the end."""
    if at >= stop:
        return NONE, stop
    first = signed(octets[at])
    if first < 0x80:
        return first, at + 1
    if first == 0xC2 and at + 1 < stop and octets[at + 1] == 0xA0:
        return SPACE, at + 2
    if first >= 0xE2 and first <= 0xEF and at + 2 < stop:
        code = _of_three(first, signed(octets[at + 1]), signed(octets[at + 2]))
        if code != OTHER:
            return code, at + 3
    behind = at + 1
    while behind < stop and octets[behind] & 0xC0 == 0x80 and behind - at < _LONGEST:
        behind += 1
    return OTHER, behind


@inner
def _of_three(first: int, second: int, third: int) -> int:
    """The ASCII form of a character of three bytes, OTHER for one that has none."""
    if first == 0xEF and second == 0xBC and 0x81 <= third <= 0xBF:
        return third - 0x60  # U+FF01 to U+FF1F are ! to ?, U+FF20 to U+FF3F are @ to _
    if first == 0xEF and second == 0xBD and 0x81 <= third <= 0x9E:
        return third - 0x20  # U+FF41 to U+FF5E are a to ~
    if first == 0xE2 and second == 0x80:
        if 0x90 <= third <= 0x95:
            return MINUS  # U+2010 to U+2015
        if 0x80 <= third <= 0x8A or third == 0xAF:
            return SPACE
    if first == 0xE2 and second == 0x88 and third == 0x92:
        return MINUS
    if first == 0xE3 and second == 0x80 and third == 0x80:
        return SPACE
    return OTHER


@kernel
def character_before(octets: Octets, at: int, start: int) -> tuple[int, int]:
    """(the character that ends at `at`, where it begins); (NONE, start) at the beginning."""
    if at <= start:
        return NONE, start
    begin = at - 1
    while begin > start and octets[begin] & 0xC0 == 0x80 and at - begin < _LONGEST:
        begin -= 1
    code, behind = character_at(octets, begin, at)
    return (code, begin) if behind == at else (OTHER, at - 1)


@inner
def is_digit(code: int) -> bool:
    """0 to 9."""
    return _0 <= code <= _9


@inner
def is_letter(code: int) -> bool:
    """ASCII letters."""
    return _A <= code <= _Z or _SMALL_A <= code <= _SMALL_Z


@inner
def is_word(code: int) -> bool:
    """ASCII letters, digits and the underscore: what makes a number part of something longer."""
    return is_digit(code) or is_letter(code) or code == UNDERSCORE


@inner
def is_capital(code: int) -> bool:
    """A to Z."""
    return _A <= code <= _Z


@inner
def hex_value(code: int) -> int:
    """0 to 15; −1 for what is no hexadecimal digit."""
    if is_digit(code):
        return code - _0
    if _A <= code <= _F:
        return code - _A + 10
    if _SMALL_A <= code <= _SMALL_F:
        return code - _SMALL_A + 10
    return -1
