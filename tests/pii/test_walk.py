"""What is found and what is left: labelled examples, made-up numbers against plain checks, addresses against the
standard library, numbering plans against libphonenumber's Python port, and time on texts made to be slow."""

import ipaddress
import time

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numbers_reference import cards, digits, emails, ibans, identities, luhn_digit, mobiles

from curate.pii.numbers import KINDS
from curate.pii.scan import find

ALL = tuple(range(len(KINDS)))


def found(text: str) -> list[tuple[str, str]]:
    spans = find(pa.array([text]), ALL)
    octets = text.encode()
    return [
        (KINDS[kind], octets[start:stop].decode())
        for start, stop, kind in zip(spans.starts, spans.stops, spans.kinds, strict=True)
    ]


FOUND = [
    ("email", "mail john.doe+x@mail.uni-bonn.de, please", "john.doe+x@mail.uni-bonn.de"),
    ("email", "联系：zhang＠ｑｑ．ｃｏｍ。", "zhang＠ｑｑ．ｃｏｍ"),
    ("email", "或13812345678@qq.com联系", "13812345678@qq.com"),
    ("email", "<mailto:a.b@c.org>", "a.b@c.org"),
    ("email", "(see a@b.example.com.cn)", "a@b.example.com.cn"),
    ("ip", "from 64.233.160.5:8080 on", "64.233.160.5"),
    ("ip", "http://93.184.216.34/x?id=13812345678", "93.184.216.34"),
    ("ip", "root@110.42.230.56:/usr", "110.42.230.56"),
    ("ip", "addr 2606:4700:4700::1111.", "2606:4700:4700::1111"),
    ("ip", "[2a00:1450:4001:81b:0:0:0:200e]:80", "2a00:1450:4001:81b:0:0:0:200e"),
    ("phone", "手机13812345678，", "13812345678"),
    ("phone", "手机１３８１２３４５６７８，", "１３８１２３４５６７８"),
    ("phone", "TEL：（0755）8888 1234转801", "（0755）8888 1234"),
    ("phone", "电话：010－82345678", "010－82345678"),
    ("phone", "电话 0571-87654321-801。", "0571-87654321-801"),
    ("phone", "+86 (0)10 6552 9988", "+86 (0)10 6552 9988"),
    ("phone", "8613812345678", "8613812345678"),
    ("phone", "call (212) 736-5000 now", "(212) 736-5000"),
    ("phone", "call 212.736.5000.", "212.736.5000"),
    ("phone", "1-646-736-5000 x12", "1-646-736-5000"),
    ("phone", "Phone: 2127365000", "2127365000"),
    ("phone", "Tel.: 030 12345678", "030 12345678"),
    ("phone", "Telefon 089/1234567", "089/1234567"),
    ("phone", "+49 (0)30 901820", "+49 (0)30 901820"),
    ("phone", "au 01 42 68 53 00.", "01 42 68 53 00"),
    ("phone", "ring 020 7946 0958", "020 7946 0958"),
    ("phone", "0033 1 42 68 53 00", "0033 1 42 68 53 00"),
    ("phone", "Tel. 6468 5788, Mo", "6468 5788"),
    ("phone", "Telephone: 011 39 0831 301781", "011 39 0831 301781"),
    ("phone", "2023-05-06 138-1234-5678", "138-1234-5678"),
    ("id", "身份证11010519491231002X，", "11010519491231002X"),
    ("id", "身份证：440308199901101512", "440308199901101512"),
    ("card", "4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("card", "卡号378282246310005。", "378282246310005"),
    ("card", "3782 822463 10005", "3782 822463 10005"),
    ("iban", "IBAN: CH56 0900 0000 8952 1766 7", "CH56 0900 0000 8952 1766 7"),
    ("iban", "GB29NWBK60161331926819;", "GB29NWBK60161331926819"),
]

LEFT = [
    # addresses that are nobody's, and what only looks like one
    "a@example.com b@mail.example.org c@host.invalid root@localhost", "logo@2x.png foo@1.2.3 @angular/core a@b @",
    "git@github.com:foo/bar.git", "x @ y . com", "name@.com .@a.com a@-b.com.",
    "10.0.0.1 192.168.1.1 127.0.0.1 169.254.1.1 172.16.5.4 100.64.1.1 192.0.2.7 198.51.100.3 224.0.0.251 255.255.255.0",
    "8.8.8.8 1.2.3.4 version 64.1.2.3 v64.1.2.3 版本 96.0.4.110 Chrome/96.0.4.110 OID 1.3.6.1.4.1.311 64.1.2.3.4",
    "256.1.1.1 64.01.2.3 64.1.2 64.1.2.3-beta a64.1.2.3",
    "2001:db8::1 fe80::1 ::1 12:30:45 00:1A:2B:3C:4D:5E std::vector 2023: 2606:: 2023::10 3fff::1:1 2002:1:2::3",
    # dates, times, money, measures, coordinates
    "2023-05-06 12:30 20230506123045 1990-2000 06.05.2023 1683360000 1683360000123", "电话2019-2020 Tel 20230506",
    "$1,234,567.89 13812345678元 ￥13812345678 €2127365000 3.14159265358979 40.7128,-74.0060 1920x1080",
    "312 450 1200 55 and 312 450 1200 and 05 12 23 31 44", "pages 425-442 (2000)",
    # books, articles, packages, hashes, orders
    "ISBN 978-3-16-148410-0 ISBN 9787302511755 ISSN 0378-5955 EAN 4006381333931 0049000042566",
    "550e8400-e29b-41d4-a716-446655440000 d41d8cd98f00b204e9800998ecf8427e abc13812345678 13812345678abc",
    "/p/13812345678 id=4111111111111111 #13812345678 https://a.org/x/212-736-5000?q=13812345678 A-212-736-5000",
    "DOI 10.1038/s41586-020-2649-2 arXiv:2403.17297 SN 12345678901234567890 1234567890123456",
    # check digits that are wrong
    "11010519491231002 110105194912310020 110105194913310028", "4111 1111 1111 1112", "CH56 0900 0000 8952 1766 8",
    # services, and codes that do not exist
    "400-820-8820 800-555-1212 1-888-555-1212 95588 Tel: 0800 123 4567 热线：400-820-8820 (911) 736-5000 212-136-5000",
    "14212345678 12012345678 0100-1234567 010-92345678 +999 12345678 +49 30",
    # what a mask looks like
    "212-555-0123 138-0000-0000 010-00000000 +49 30 00000000 4111 0000 0000 0000 DE00 0000 0000 0000 0000 00",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value"), FOUND, ids=[value for _, _, value in FOUND])
def test_found(kind: str, text: str, value: str) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize("text", LEFT)
def test_left(text: str) -> None:
    assert found(text) == []


def test_several_in_a_row() -> None:
    text = "13812345678 13912345678 021-54098575 13712345678/13612345678,13512345678；4111111111111111"
    kinds = [kind for kind, _ in found(text)]
    assert kinds == ["phone"] * 6 + ["card"]


def test_only_the_kinds_that_are_wanted() -> None:
    text = pa.array(["a@b.org 13812345678", None, "64.1.2.3"])
    spans = find(text, (KINDS.index("ip"), KINDS.index("email")))
    assert spans.texts.tolist() == [0, 2]
    assert [KINDS[kind] for kind in spans.kinds] == ["email", "ip"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [("card", cards()), ("id", identities()), ("iban", ibans()), ("phone", mobiles()), ("email", emails())],
)
def test_what_is_made_by_the_rule_is_found_whole(kind: str, values: st.SearchStrategy[str]) -> None:
    @given(values, st.sampled_from([("", ""), ("（", "）"), ("号码：", "。"), ("at ", ", or"), ("\n", "\n")]))
    def check(value: str, around: tuple[str, str]) -> None:
        plain = "".join(char for char in value if char.isdigit())
        assume(not plain.endswith("000000"))
        assert found(value.join(around)) == [(kind, value)]

    check()


@given(digits(15))
def test_a_card_number_needs_its_check_digit(payload: str) -> None:
    number = "4" + payload[1:] + str((int(luhn_digit("4" + payload[1:])) + 1) % 10)
    assert ("card", number) not in found(number)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_by_the_standard_library(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    special = address.is_multicast or address.is_reserved or address in ipaddress.ip_network("192.88.99.0/24")
    public = address.is_global and not special and max(address.packed) >= 32
    assert found(f"at {address}, port") == ([("ip", str(address))] if public else [])


@given(st.integers(0x2000 << 112, (0x4000 << 112) - 1), st.booleans())
def test_ipv6_by_the_standard_library(number: int, whole: bool) -> None:
    address = ipaddress.IPv6Address(number)
    assume(address not in ipaddress.ip_network("2001::/16") and address not in ipaddress.ip_network("3fff::/20"))
    text = address.exploded if whole else address.compressed
    public = address not in ipaddress.ip_network("2002::/16") and len(list(filter(None, text.split(":")))) >= 3
    assert found(f"[{text}]") == ([("ip", text)] if public else [])


REGIONS = "CN US CA DE FR GB IT ES NL BE AT PL SE DK FI IE PT GR CZ HU RO SK BG HR LT LV EE CY MT LU CH NO IS HK"


def test_plans_by_libphonenumber() -> None:
    phonenumbers = pytest.importorskip("phonenumbers")
    missed = []
    for region in REGIONS.split():
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            number = phonenumbers.example_number_for_type(region, kind)
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
            if "555-01" not in written and found(f"at {written}, or") != [("phone", written)]:
                missed.append(written)
    assert missed == []


# A calling code, how mobile numbers begin there (in North America all numbers), and how many digits follow.
HEADS = [
    (86, "13", 9),
    (1, "21", 8),
    (44, "79", 8),
    (33, "6", 8),
    (34, "6", 8),
    (39, "33", 8),
    (49, "15", 9),
    (48, "60", 7),
]


@given(st.sampled_from(HEADS).flatmap(lambda head: st.tuples(st.just(head), digits(head[2]))))
def test_numbers_that_libphonenumber_calls_valid_are_found(drawn: tuple[tuple[int, str, int], str]) -> None:
    phonenumbers = pytest.importorskip("phonenumbers")
    (code, head, _), tail = drawn
    number = phonenumbers.PhoneNumber(code, int(head + tail))
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assume(phonenumbers.is_valid_number(number) and not text.endswith("000000") and text[-7:-2] != "55501")
    assert found(text) == [("phone", text)]


SLOW = {
    "at": "@" * 9, "a@": "a@", "a.@": "a.@", "domain": "a@" + "b." * 40, "digits": "1" * 9,
    "spaced": "1 ", "dashes": "1-", "colons": "2a00:", "double": "2a00::", "wide": "１－", "brackets": "((1",
    "dots": "1.1.1.", "ibans": "DE89 ", "url": "://1",
}  # fmt: skip


@pytest.mark.parametrize("unit", SLOW.values(), ids=SLOW)
def test_no_text_takes_long(unit: str) -> None:
    """A quadratic look would take minutes for a megabyte, and a loop that does not move on for ever."""
    found(unit)
    text = pa.array([unit * (1_000_000 // len(unit))])
    started = time.process_time()
    find(text, ALL)
    assert time.process_time() - started < 3


@given(st.text("aB1@.:-+() /\n９＠：中", max_size=40), st.binary(max_size=20))
def test_anything_can_be_searched(text: str, octets: bytes) -> None:
    spans = find(pa.array([text, octets.decode("utf-8", "replace")]), ALL)
    for number, start, stop in zip(spans.texts, spans.starts, spans.stops, strict=True):
        assert 0 <= start < stop
        assert stop <= len(text.encode()) or number
