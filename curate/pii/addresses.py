"""E-mail and IP addresses: where one begins and ends, and whether it is anybody's.

Addresses that are set aside are nobody's (RFC 2606: example.com, .test, …; IANA's special-purpose registries: private,
loopback, link-local, documentation, benchmarking, multicast, reserved): they are found, so that what stands around them
is read the same, and left. So are four small numbers with dots between them, such as a version, a section or an OID.
"""

import numpy as np

from curate.pii.characters import (
    AT,
    COLON,
    DOT,
    MINUS,
    OTHER,
    PERCENT,
    PLUS,
    SLASH,
    UNDERSCORE,
    character_at,
    character_before,
    hex_value,
    is_digit,
    is_letter,
    is_word,
)
from curate.pii.plans import Plans, stands_behind
from curate.text.kernel import kernel
from curate.text.scan import Int64s, Octets

# What a span is: nothing, somebody's, or set aside.
NOBODY, FOUND, RESERVED = range(3)

_LONGEST_LOCAL, _LONGEST_DOMAIN, _LONGEST_TLD = 64, 253, 24
_RESERVED_DOMAINS = ("example.com", "example.org", "example.net", "example.edu")
_RESERVED_TLDS = ("example", "test", "invalid", "localhost", "local")
# file@2x.png and the like are images for screens of high resolution.
_FILES = ("png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js")
_ENDINGS = np.array([list(f".{ending}".rjust(16, "\0").encode()) for ending in _RESERVED_DOMAINS + _RESERVED_TLDS])
_NO_TLDS = np.array([list(f".{ending}".rjust(16, "\0").encode()) for ending in _FILES])
_CASE = 0x20
# An address whose four numbers are all smaller is taken for a version or a section: of public ones 1 in 4,000.
SMALL = 32
# first, second, third number and how many bits of the 24 count: IANA's IPv4 special-purpose registry.
_SPECIAL_4 = np.array(
    [
        (0, 0, 0, 8), (10, 0, 0, 8), (100, 64, 0, 10), (127, 0, 0, 8), (169, 254, 0, 16), (172, 16, 0, 12),
        (192, 0, 0, 24), (192, 0, 2, 24), (192, 88, 99, 24), (192, 168, 0, 16), (198, 18, 0, 15), (198, 51, 100, 24),
        (203, 0, 113, 24), (224, 0, 0, 4), (240, 0, 0, 4),
    ]
)  # fmt: skip
_GROUPS, _MOST_HEX = 8, 4


@kernel
def email_around(octets: Octets, at: int, start: int, stop: int) -> tuple[int, int, int]:
    """(FOUND, RESERVED or NOBODY, begin, end) of the address whose @ stands at `at`; none begins before `start`."""
    begin = _local_before(octets, at, start)
    _, behind = character_at(octets, at, stop)
    end = _domain_behind(octets, behind, stop)
    if begin == at or end == behind or _ends_in_any(octets, behind, end, _NO_TLDS):
        return NOBODY, at, behind
    code, _ = character_at(octets, end, stop)
    if code == COLON and at - begin == 3 and octets[begin] == ord("g") and octets[begin + 1] == ord("i"):
        return NOBODY, at, behind  # git@host:path
    return (RESERVED if _ends_in_any(octets, behind, end, _ENDINGS) else FOUND), begin, end


@kernel
def _local_before(octets: Octets, at: int, start: int) -> int:
    """Where the part before the @ begins: with a letter or digit; `at` where there is none."""
    begin = place = at
    for _ in range(_LONGEST_LOCAL):
        code, place = character_before(octets, place, start)
        if not (is_word(code) or code in (DOT, MINUS, PLUS, PERCENT)):
            break
        if is_word(code) and code != UNDERSCORE:
            begin = place
    code, _ = character_before(octets, at, start)
    return at if code == DOT else begin


@kernel
def _domain_behind(octets: Octets, at: int, stop: int) -> int:
    """Where a domain ends that begins at `at`: behind its last label of letters; `at` where there is none."""
    end, place, label, letters, labels = at, at, at, True, 0
    while place - at < _LONGEST_DOMAIN:
        code, behind = character_at(octets, place, stop)
        inside = is_word(code) and code != UNDERSCORE
        if inside or code == MINUS:
            letters &= is_letter(code)
            place = behind
            continue
        whole = place > label and octets[label] != MINUS and octets[place - 1] != MINUS
        if whole and letters and labels and 2 <= place - label <= 3 * _LONGEST_TLD:
            end = place
        if not whole or code != DOT:
            break
        labels += 1
        place = label = behind
        letters = True
    return end


@kernel
def _ends_in_any(octets: Octets, start: int, end: int, endings: Int64s) -> bool:
    """Whether the domain [start, end) is one of `endings`, or below it. endings: int[n, 16], each with a dot before."""
    for which in range(len(endings)):
        place, same = end, True
        for at in range(15, -1, -1):
            wanted = endings[which, at]
            code, begin = character_before(octets, place, start)
            whole = place == start and wanted == DOT
            if wanted == 0 or whole:
                break
            same = code == wanted or (is_letter(code) and code | _CASE == wanted)
            if not same:
                break
            place = begin
        if same:
            return True
    return False


@kernel
def is_version(octets: Octets, begin: int, start: int, plans: Plans) -> bool:
    """Whether what begins at `begin` is called a version, or a product's: `Chrome/9.0.597.94`."""
    code, before = character_before(octets, begin, start)
    if code == SLASH:
        code, _ = character_before(octets, before, start)
        return is_letter(code)
    return stands_behind(plans.version_words, octets, begin, start)


@kernel
def judge_ipv4(numbers: Int64s) -> int:
    """FOUND for a public address of four numbers, int[4], each below 256; RESERVED for any other."""
    largest = max(max(numbers[0], numbers[1]), max(numbers[2], numbers[3]))
    if largest < SMALL:
        return RESERVED
    place = numbers[0] << 16 | numbers[1] << 8 | numbers[2]
    for which in range(len(_SPECIAL_4)):
        first, second, third, bits = _SPECIAL_4[which]
        if (place ^ (first << 16 | second << 8 | third)) >> (24 - bits) == 0:
            return RESERVED
    return FOUND


@kernel
def ipv6_around(octets: Octets, colon: int, start: int, stop: int) -> tuple[int, int, int]:
    """(FOUND, RESERVED or NOBODY, begin, end) of the address whose first colon stands at `colon`.

    Only global unicast addresses, 2000::/3, are looked for. For NOBODY `end` is where a search may go on.
    """
    begin, first = colon, 0
    for place in range(colon - 1, colon - _MOST_HEX - 1, -1):
        digit = hex_value(octets[place]) if place >= start else -1
        if digit < 0:
            break
        first |= digit << 4 * (colon - 1 - place)
        begin = place
    before, _ = character_before(octets, begin, start)
    if colon - begin != _MOST_HEX or first >> 13 != 1 or is_word(before) or before in (COLON, DOT, MINUS):
        return NOBODY, colon, colon + 1
    return _ipv6_from(octets, begin, first, colon, stop)


@kernel
def _ipv6_from(octets: Octets, begin: int, first: int, colon: int, stop: int) -> tuple[int, int, int]:
    at, end, groups, second, gap = colon, colon, 1, 0, False
    while groups < _GROUPS and at + 1 < stop and octets[at] == COLON:
        if octets[at + 1] == COLON:
            if gap:
                return NOBODY, begin, at + 2
            gap, at, end = True, at + 1, at + 2
        value, size = 0, 0
        while size < _MOST_HEX and at + 1 + size < stop and hex_value(octets[at + 1 + size]) >= 0:
            value, size = value << 4 | hex_value(octets[at + 1 + size]), size + 1
        if not size:
            break
        second = value if groups == 1 and not gap else second
        groups, at, end = groups + 1, at + 1 + size, at + 1 + size
    code, behind = character_at(octets, end, stop)
    following, _ = character_at(octets, behind, stop)
    whole = groups == _GROUPS or (gap and groups >= 3)
    if not whole or is_word(code) or code == AT or (code == COLON and following != OTHER and hex_value(following) >= 0):
        return NOBODY, begin, max(end, colon + 1)
    return (RESERVED if _is_special_6(first, second) else FOUND), begin, end


@kernel
def _is_special_6(first: int, second: int) -> bool:
    """IANA's IPv6 special-purpose registry, within 2000::/3: protocols, documentation, 6to4."""
    if first == 0x2001 and (second < 0x200 or second == 0xDB8):
        return True
    return first == 0x2002 or (first == 0x3FFF and second < 0x1000)


@kernel
def ends_ipv4(octets: Octets, end: int, stop: int) -> bool:
    """Whether an address of four numbers may end here: no letter or further number of the same series follows."""
    code, behind = character_at(octets, end, stop)
    following, _ = character_at(octets, behind, stop)
    if is_word(code) or code == AT:
        return False
    return not (code in (DOT, MINUS) and is_word(following))


@kernel
def begins_ipv4(octets: Octets, begin: int, start: int) -> bool:
    """Whether one may begin here."""
    code, before = character_before(octets, begin, start)
    if is_word(code) or code == DOT:
        return False
    earlier, _ = character_before(octets, before, start)
    return not (code == MINUS and (is_digit(earlier) or is_letter(earlier)))
