"""Repeated paragraphs: which lines of a document stand in an earlier one, too.

    exchange "paragraphs"   by the hash of a line's coarse form: all lines that say the same meet; those of the first
                            document in order stay, the others are spans to take out
    exchange "spans"        to the part of the document: all its spans together

Cost: 72 bytes a line of at least `min_words` words cross the first exchange; its bucket, and so the most frequent
line, is held in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.dedup.candidates import document_slices
from curate.dedup.index import Scope, range_buckets, scope_words
from curate.dedup.order import ORDER_BYTES, Policy, order_column, order_keys
from curate.dedup.rows import (
    addresses,
    batches_of,
    binary,
    firsts,
    numbers,
    octets,
    one_chunk,
    sortable,
    table_of,
)
from curate.dedup.spans import SPANS, bring_home
from curate.store import Dataset, View
from curate.text.brief import brief
from curate.text.coarse import coarse
from curate.text.paragraphs import paragraphs
from curate.wide import BUCKET, Steps, bucket_count

Uint64s = npt.NDArray[np.uint64]

_KEY_BYTES = 16

PARAGRAPH_ROWS = pa.schema(
    [
        BUCKET,
        pa.field("key", pa.binary(), nullable=False),
        pa.field("order", pa.binary(), nullable=False),
        *SPANS,
    ]
)


@dataclass(frozen=True)
class Repeats:
    """What counts as a repeat: in which order, of how many words, inside a document too, between which crawls."""

    policy: Policy
    min_words: int
    within: bool
    scope: Scope


def repeated_paragraphs(steps: Steps, what: Repeats, column: str) -> Dataset:
    """HOME rows with the spans of every document that repeats something, in `column`."""
    buckets = bucket_count(steps.view.stored_bytes("text"))  # compressed text is about as long as its rows
    repeats = steps.exchange(
        "paragraphs",
        EmitParagraphs(steps.view, what, buckets),
        FindRepeats(what.within),
        inputs=steps.parts,
        schema=PARAGRAPH_ROWS,
        out=SPANS,
        buckets=buckets,
    )
    return bring_home(steps, repeats, column)


@dataclass(frozen=True)
class EmitParagraphs:
    """One row for every line of enough words."""

    view: View
    what: Repeats
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """PARAGRAPH_ROWS of a part."""
        for documents in document_slices(self.view, part):
            yield from batches_of(self._columns(part, documents), PARAGRAPH_ROWS)

    def _columns(self, part: int, documents: pa.Table) -> list[Any]:
        found = paragraphs(one_chunk(documents["text"]))
        words = brief(found.lines).words
        length = found.per_text(words).astype(np.int32)
        orders = order_keys(self.what.policy, documents["crawl"], documents["date"], length, documents["doc_id"])
        chosen = np.flatnonzero(words >= self.what.min_words)
        text = found.texts[chosen]
        hashes = paragraph_keys(found.lines.take(pa.array(chosen)))
        hashes ^= scope_words(self.what.scope, documents["crawl"])[text, None]
        start, stop = found.spans()
        at = addresses(part, numbers(documents["row"]))[text]
        keys = binary(hashes.astype(">u8").view(np.uint8))
        buckets = range_buckets(hashes[:, 0], self.buckets)
        return [buckets, keys, order_column(orders[text]), at, start[chosen], stop[chosen]]


def paragraph_keys(lines: pa.StringArray) -> Uint64s:
    """uint64[l, 2]: blake2b-128 of every line's coarse form."""
    digests = [blake2b(form or b"", digest_size=_KEY_BYTES).digest() for form in coarse(lines)]
    return np.frombuffer(b"".join(digests), ">u8").reshape(-1, 2).astype(np.uint64)


@dataclass(frozen=True)
class FindRepeats:
    """Of equal lines those of the first document stay. within: of those, too, only the first."""

    within: bool

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """SPANS, sorted by key, order and place."""
        table = table_of(rows, PARAGRAPH_ROWS)
        keys, orders = sortable(octets(table["key"], _KEY_BYTES)), sortable(octets(table["order"], ORDER_BYTES))
        sorting = np.lexsort((numbers(table["start"]), orders, keys))
        first = firsts(keys[sorting])
        documents = numbers(table["document"])[sorting]
        again = np.arange(len(sorting)) != first if self.within else documents != documents[first]
        yield from batches_of(table.select(SPANS.names).take(pa.array(sorting[again])).columns, SPANS)
