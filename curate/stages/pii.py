"""Masks personal data that has a form: e-mail and public IP addresses, telephone, identity, card and account numbers.

An edit, no verdict: what is masked is counted by kind, and only a document with much of it, a directory or a leak, is
dropped. It belongs at the end of a recipe, behind all that compares texts: deduplication, its index for later crawls
and `content_id` are then of the text before it, so that an address does not tell two copies apart, and a mask does not
make two texts the same. OUT/parts and OUT/index hold that text: no more for publication than the crawl itself.

Found are, in half-width and full-width characters: e-mail addresses; public IPv4 and IPv6 addresses; telephone numbers
of China, North America and Europe, by numbering plan and form (`curate.pii.phones`); Chinese identity numbers, bank
cards and IBANs, each by its check digits. Left are addresses that are set aside (example.com, private and documentation
networks), four numbers below 32 with dots between them or called a version, numbers inside of a URL, service numbers,
and digits that are part of something longer; so are `url` and `title`. Running it on its own output changes nothing.

Sources: FineWeb masks e-mail and public IP addresses and puts example.com in their place (arXiv 2406.17557); Dolma
writes tags, and drops above 5 (arXiv 2402.00159). Cost: 5 ns a byte, and 5 µs for each span.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import RecipeError, did_you_mean
from curate.pii.masks import masked, writer
from curate.pii.numbers import KINDS
from curate.pii.plans import plans_fingerprint
from curate.pii.scan import Spans, find
from curate.rule import Rule
from curate.stage import stage
from curate.text.scan import Int64s

Counts = npt.NDArray[np.int32]
Kind = Literal["email", "ip", "phone", "id", "card", "iban"]
# What might be read together with a mask in front of it.
_BEHIND = ("", " 2125551234", " 13812345678")


def check(*, kinds: tuple[Kind, ...], style: str, replace: Mapping[str, str], seed: int) -> str:
    """A replacement must not be personal data itself; returns what tells the numbering plans from any others."""
    for kind, text in replace.items():
        if kind not in KINDS:
            raise RecipeError(f"pii.replace: there is no kind {kind!r}{did_you_mean(kind, KINDS)}")
        around = [f"{text}{behind}" for behind in _BEHIND]
        if len(find(pa.array(around, pa.string()), tuple(range(len(KINDS)))).texts) > 1:
            raise RecipeError(f"pii.replace.{kind}: {text!r} would be taken for personal data itself")
    return plans_fingerprint()


@stage(
    needs=["text", "doc_id"],
    adds={
        "text": pa.string(),
        **{f"pii_{kind}": pa.int32() for kind in KINDS},
        "pii_count": pa.int32(),
        "pii_per_1000_chars": pa.float32(),
    },
    rules=[Rule("pii_per_1000_chars", "much_pii", max=10)],
    check=check,
)
def pii(
    text: pa.StringArray,
    doc_id: pa.StringArray,
    *,
    kinds: tuple[Kind, ...] = ("email", "ip", "phone", "id", "card", "iban"),
    style: Literal["natural", "tags"] = "natural",
    replace: dict[str, str] = {},  # noqa: B006  # never changed
    seed: int = 1024,
) -> dict[str, pa.Array]:
    """The texts with masks, how many of each kind, all together, and per 1,000 characters (null for an empty text).

    kinds: what is masked. style: natural writes email@example.com, 192.0.2.7, 138-0000-0000 and the like; tags writes
    |||EMAIL_ADDRESS||| as Dolma does. replace: a text of your own for a kind. seed: which of several values is taken
    is drawn from it, the document's id and what is masked.
    """
    wanted = tuple(KINDS.index(kind) for kind in kinds)
    counts = np.zeros((len(text), len(KINDS)), np.int32)
    write = writer(style, replace)
    spans, rows = find(text, wanted), np.arange(len(text))
    new = text
    while len(spans.texts):  # a second time where a mask has made plain what stood beside it, hardly ever a third
        np.add.at(counts, (rows[spans.texts], spans.kinds), 1)
        rows, part, spans = _touched(new, rows, spans)
        part = masked(part, doc_id.take(rows), spans, write, seed)
        new = _put(new, rows, part)
        spans = find(part, wanted)
    return {"text": new} | _columns(text, counts)


def _touched(texts: pa.StringArray, rows: Int64s, spans: Spans) -> tuple[Int64s, pa.StringArray, Spans]:
    """(row numbers, texts, spans with texts numbered anew) of those rows that have a span."""
    number, which = np.unique(spans.texts, return_inverse=True)
    rows = rows[number]
    return rows, texts.take(pa.array(rows)), spans._replace(texts=which)


def _put(texts: pa.StringArray, rows: Int64s, new: pa.StringArray) -> pa.StringArray:
    mask = np.zeros(len(texts), np.bool_)
    mask[rows] = True
    return pc.replace_with_mask(texts, pa.array(mask), new)


def _columns(text: pa.StringArray, counts: Counts) -> dict[str, pa.Array]:
    total = counts.sum(axis=1)
    chars = np.asarray(pc.utf8_length(text).fill_null(0).to_numpy(), np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        density = (1000 * total / chars).astype(np.float32)
    return {
        **{f"pii_{kind}": pa.array(counts[:, number]) for number, kind in enumerate(KINDS)},
        "pii_count": pa.array(total, pa.int32()),
        "pii_per_1000_chars": pa.array(density, mask=chars == 0),
    }
