"""What is written in place of personal data: something that reads like it and is nobody's, or a tag.

Natural masks are values that no one can have: FineWeb's two addresses below example.com (RFC 2606), addresses set aside
for documentation (RFC 5737, 3849), North America's 555-01xx, and otherwise the number itself in its own grouping and
width, with zeros for all but what says where it is from: `+86 138-0000-0000`, `DE00 0000 …`. Tags are Dolma's, and more
of their kind. Neither is found again. Which of several values is taken depends on seed, document and the masked value
alone, so that a document's address stays one address.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from curate.pii.numbers import CARD, EMAIL, IBAN, ID, IP, KINDS, PHONE
from curate.pii.phones import MASKED_ZEROS
from curate.pii.scan import Spans
from curate.schema import seeded_hash

EMAILS = ("email@example.com", "firstname.lastname@example.org")
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
TAGS = dict(
    zip(KINDS, ("EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER", "ID_NUMBER", "CARD_NUMBER", "IBAN"), strict=True)
)
# Digits that stay: of a card its issuer's, of an identity number the province's; of a telephone number what is in front
# of the last eight, at most a prefix.
_KEPT = {ID: 2, CARD: 4, IBAN: 0}
_HEAD, _TAIL = 4, 8
_NANP_DIGITS, _NANP_LOCAL = 10, 7

# (kind, value, a number drawn for it) → what is written
Writer = Callable[[int, str, int], str]


def natural(kind: int, value: str, drawn: int) -> str:
    """A value of the same kind and look that is nobody's."""
    if kind == EMAIL:
        return EMAILS[drawn % len(EMAILS)]
    if kind == IP and ":" in value:
        return f"2001:db8::{1 + drawn % 0xFFFF:x}"
    if kind == IP:
        return f"{NETWORKS[drawn % len(NETWORKS)]}.{1 + drawn // len(NETWORKS) % 254}"
    return _phone(value, drawn) if kind == PHONE else _replaced(value, _KEPT[kind], "")


def tag(kind: int, value: str, drawn: int) -> str:
    """Dolma's way of saying what was there."""
    return f"|||{TAGS[KINDS[kind]]}|||"


def writer(style: str, replace: Mapping[str, str]) -> Writer:
    """The writer of a style, with a text of their own for the kinds in `replace`."""
    own = {KINDS.index(kind): text for kind, text in replace.items()}
    base = natural if style == "natural" else tag
    return lambda kind, value, drawn: own[kind] if kind in own else base(kind, value, drawn)


def masked(texts: pa.StringArray, doc_ids: pa.StringArray, spans: Spans, write: Writer, seed: int) -> pa.StringArray:
    """The texts, each of which has a span, with something else in place of every span."""
    bounds = np.searchsorted(spans.texts, np.arange(len(texts) + 1))
    cuts = list(zip(spans.starts.tolist(), spans.stops.tolist(), spans.kinds.tolist(), strict=True))
    found = []
    for number, (text, doc_id) in enumerate(zip(texts.to_pylist(), doc_ids.to_pylist(), strict=True)):
        octets, at, pieces = text.encode(), 0, []
        for start, stop, kind in cuts[bounds[number] : bounds[number + 1]]:
            value = octets[start:stop].decode()
            drawn = seeded_hash(seed, f"{doc_id}\0{value}")
            pieces += [octets[at:start], write(kind, value, drawn).encode()]
            at = stop
        found.append(b"".join([*pieces, octets[at:]]).decode())
    return pa.array(found, pa.string())


def _phone(value: str, drawn: int) -> str:
    digits, plus = [char for char in value if char.isdigit()], value.lstrip("(（")[0] in "+＋"
    coded = digits[0] in "1１" and len(digits) == _NANP_DIGITS + 1 and (plus or not value[1].isdigit())
    national = digits[1:] if coded else digits
    if len(national) == _NANP_DIGITS and national[0] not in "01０１" and plus <= coded:
        return _replaced(value, len(digits) - _NANP_LOCAL, f"55501{drawn % 100:02d}")
    kept = min(len(digits) - _TAIL, _HEAD + plus) if len(digits) > _TAIL else len(digits) - MASKED_ZEROS
    return _replaced(value, kept, "")


def _replaced(value: str, kept: int, tail: str) -> str:
    """The characters of `tail`, or else zeros, for all digits behind the first `kept`, as wide as they are."""
    out, seen = [], 0
    for char in value:
        if not char.isdigit():
            out.append(char)
            continue
        seen += 1
        new = char if seen <= kept else tail[seen - kept - 1] if tail else "0"
        out.append(chr(ord(new) + 0xFEE0) if ord(char) >= 0xFF10 and new.isascii() else new)
    return "".join(out)
