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
import pyarrow as pa

from curate.dedup.candidates import SLICE_BYTES, text_slices
from curate.dedup.order import ORDER_BYTES, Policy, order_column, order_keys
from curate.dedup.rows import (
    Octets,
    addresses,
    batches_of,
    binary,
    key_buckets,
    numbers,
    octets,
    one_chunk,
    sortable,
    starts_of,
    table_of,
)
from curate.dedup.spans import SPANS, bring_home
from curate.store import Dataset, View
from curate.text.brief import brief
from curate.text.coarse import coarse
from curate.text.paragraphs import paragraphs
from curate.wide import Steps, bucket_count

_KEY_BYTES = 16

PARAGRAPH_ROWS = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("key", pa.binary(), nullable=False),
        pa.field("order", pa.binary(), nullable=False),
        *SPANS,
    ]
)


def repeated_paragraphs(steps: Steps, policy: Policy, min_words: int, within: bool, column: str) -> Dataset:
    """HOME rows with the spans of every document that repeats something, in `column`."""
    buckets = bucket_count(steps.view.stored_bytes("text"))  # compressed text is about as long as its rows
    repeats = steps.exchange(
        "paragraphs",
        EmitParagraphs(steps.view, policy, min_words, buckets),
        FindRepeats(within),
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
    policy: Policy
    min_words: int
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """PARAGRAPH_ROWS of a part."""
        table = self.view.undecided(part, ["doc_id", "crawl", "date", "text"])
        for documents in text_slices(table, SLICE_BYTES):
            yield from batches_of(self._columns(part, documents), PARAGRAPH_ROWS)

    def _columns(self, part: int, documents: pa.Table) -> list[Any]:
        found = paragraphs(one_chunk(documents["text"]))
        words = brief(found.lines).words
        length = found.per_text(words).astype(np.int32)
        orders = order_keys(self.policy, documents["crawl"], documents["date"], length, documents["doc_id"])
        chosen = np.flatnonzero(words >= self.min_words)
        text = found.texts[chosen]
        keys = paragraph_keys(found.lines.take(pa.array(chosen)))
        start, stop = found.spans()
        at = addresses(part, numbers(documents["row"]))[text]
        buckets = key_buckets(keys, self.buckets)
        return [buckets, binary(keys), order_column(orders[text]), at, start[chosen], stop[chosen]]


def paragraph_keys(lines: pa.StringArray) -> Octets:
    """uint8[l, 16]: blake2b-128 of every line's coarse form."""
    digests = [blake2b(form or b"", digest_size=_KEY_BYTES).digest() for form in coarse(lines)]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _KEY_BYTES)


@dataclass(frozen=True)
class FindRepeats:
    """Of equal lines those of the first document stay. within: of those, too, only the first."""

    within: bool

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """SPANS, sorted by key, order and place."""
        table = table_of(rows, PARAGRAPH_ROWS)
        keys, orders = sortable(octets(table["key"], _KEY_BYTES)), sortable(octets(table["order"], ORDER_BYTES))
        sorting = np.lexsort((numbers(table["start"]), orders, keys))
        starts = starts_of(keys[sorting])
        first = np.repeat(starts, np.diff(np.append(starts, len(sorting))))
        documents = numbers(table["document"])[sorting]
        again = np.arange(len(sorting)) != first if self.within else documents != documents[first]
        yield from batches_of(table.select(SPANS.names).take(pa.array(sorting[again])).columns, SPANS)
