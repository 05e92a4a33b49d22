"""Personal data made up for tests, each kind by a rule of its own, and plain-Python checks of it."""

from datetime import date, timedelta

from hypothesis import strategies as st

DIGITS = st.integers(0, 9).map(str)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.lists(DIGITS, min_size=count, max_size=count).map("".join)


def luhn_digit(payload: str) -> str:
    total = 0
    for place, char in enumerate(reversed(payload)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def identity_digit(payload: str) -> str:
    remainder = 0
    for char in payload:
        remainder = (remainder + int(char)) * 2 % 11
    return "0123456789X"[(12 - remainder) % 11]


def iban_of(country: str, account: str) -> str:
    moved = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(moved) % 97:02d}{account}"


@st.composite
def cards(draw: st.DrawFn) -> str:
    head, size = draw(
        st.sampled_from([("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("62", 19), ("62", 16), ("35", 16)])
    )
    head = "3530" if head == "35" else head
    payload = head + draw(digits(size - len(head) - 1))
    number = payload + luhn_digit(payload)
    if size == 16 and draw(st.booleans()):
        mark = draw(st.sampled_from(" -"))
        number = mark.join(number[at : at + 4] for at in range(0, 16, 4))
    return number


@st.composite
def identities(draw: st.DrawFn) -> str:
    region = draw(st.sampled_from(["110105", "310115", "440308", "510104", "650102"]))
    day = date(1930, 1, 1) + timedelta(days=draw(st.integers(0, 33_000)))
    payload = f"{region}{day:%Y%m%d}{draw(digits(3))}"
    return payload + identity_digit(payload)


@st.composite
def ibans(draw: st.DrawFn) -> str:
    number = iban_of(*draw(st.sampled_from([("DE", 18), ("FR", 23), ("ES", 20), ("NO", 11)]).flatmap(_account)))
    if draw(st.booleans()):
        number = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return number


def _account(country: tuple[str, int]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(country[0]), digits(country[1]))


@st.composite
def mobiles(draw: st.DrawFn) -> str:
    head = draw(st.sampled_from(["130", "138", "147", "150", "166", "177", "186", "199"]))
    four, last = draw(digits(4)), draw(digits(4))
    mark = draw(st.sampled_from(["", "-", " "]))
    return draw(st.sampled_from(["", "+86 ", "+86", "86-"])) + mark.join([head, four, last])


@st.composite
def emails(draw: st.DrawFn) -> str:
    label = st.from_regex(r"\A[a-z][a-z0-9]{0,8}\Z")
    names = draw(st.lists(label, min_size=1, max_size=3))
    domain = draw(st.sampled_from(["gmail.com", "mail.uni-bonn.de", "163.com", "sub.domain.co.uk"]))
    return f"{draw(st.sampled_from('._+-')).join(names)}@{domain}"


personal = st.one_of(cards(), identities(), ibans(), mobiles(), emails())
