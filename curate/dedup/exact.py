"""Exact deduplication: documents with equal normal forms, one of them kept.

`content_id` is the 128-bit hash of a text's normal form (`curate.text.coarse`: letters and digits as one sees them,
without case, spacing or punctuation); null where the normal form is empty, and such a document takes no part. It and
the length are computed in the step before, while the text is at hand: the exchange itself reads no text. One
exchange by content_id; survivors are first in the order of `curate.dedup.order`. `jaccard`, score and threshold are
null: nothing was measured. Rows come home for dropped documents and for survivors that stand for others: a null
`cluster_size` means 1, and what a dedup stage before this one has counted is added up. Cost: 70 bytes a document cross
the exchange; a bucket, and so the largest group, is held in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import schema
from curate.dedup.order import ORDER_BYTES, Policy, doc_ids, order_column, order_keys
from curate.dedup.rows import (
    Int32s,
    Int64s,
    Octets,
    addresses,
    batches_of,
    binary,
    cluster_sizes,
    from_hex,
    numbers,
    octets,
    part_of,
    row_of,
    sortable,
    starts_of,
    table_of,
)
from curate.stage import stage
from curate.store import Dataset, View
from curate.text.brief import brief
from curate.text.coarse import coarse
from curate.wide import Steps, bucket_count, home_schema, wide_stage

REASON = "exact_duplicate"
ADDS = {"cluster_size": pa.int32()}
HOMEWARD = home_schema(ADDS)

_KEY_BYTES = 16
_ROW_BYTES = 4 + 20 + 32 + 8 + 8

KEY_ROWS = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("key", pa.binary(), nullable=False),
        pa.field("order", pa.binary(), nullable=False),
        pa.field("document", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
    ]
)


@stage(needs=["text"], adds={"content_id": pa.string(), "content_words": pa.int32()}, version=1)
def content_id(text: pa.StringArray) -> dict[str, pa.Array]:
    """What exact deduplication compares and orders by.

    content_id: blake2b-128 of the normal form as 32 hex digits; null for a null text or an empty normal form.
    content_words: words of the text, where a CJK character is one: the length in `curate.dedup.order`.
    """
    ids = [schema.content_id(form) if form else None for form in coarse(text)]
    return {"content_id": pa.array(ids, pa.string()), "content_words": pa.array(brief(text).words.astype(np.int32))}


@wide_stage(
    needs=["doc_id", "crawl", "date"],
    adds=ADDS,
    reasons=[REASON],
    prepare=[content_id],
    exchanges=1,
)
def exact_dedup(steps: Steps, *, policy: Policy = "newest") -> Dataset:
    """HOME rows with `cluster_size` of dropped documents and of the survivors of groups."""
    return keep_first(steps, "content_id", "content_words", policy, REASON)


def keep_first(steps: Steps, key: str, length: str | None, policy: Policy, reason: str) -> Dataset:
    """HOME rows that leave of all documents with an equal `key` the first in order.

    key: a column of 128-bit hashes as hex, null for documents that take no part. length: the column of a document's
    length in the order, None where it has none.
    """
    buckets = bucket_count(steps.rows * _ROW_BYTES)
    return steps.exchange(
        "groups",
        EmitKeys(steps.view, policy, buckets, key, length),
        KeepFirst(reason),
        inputs=steps.parts,
        schema=KEY_ROWS,
        out=HOMEWARD,
        buckets=buckets,
    )


@dataclass(frozen=True)
class EmitKeys:
    """One row per document that has a key."""

    view: View
    policy: Policy
    buckets: int
    key: str
    length: str | None

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """KEY_ROWS of a part."""
        lengths = [self.length] if self.length else []
        table = self.view.undecided(part, ["doc_id", "crawl", "date", self.key, *lengths])
        table = table.filter(pc.is_valid(table[self.key]))
        length = numbers(table[self.length]) if self.length else np.zeros(table.num_rows, np.int64)
        orders = order_keys(self.policy, table["crawl"], table["date"], length, table["doc_id"])
        keys = from_hex(table[self.key], _KEY_BYTES)
        rows = numbers(table["row"])
        sizes = cluster_sizes(self.view, part)[rows]
        columns = [self._buckets(keys), binary(keys), order_column(orders), addresses(part, rows), sizes]
        yield from batches_of(columns, KEY_ROWS)

    def _buckets(self, keys: Octets) -> Int32s:
        """The key is a hash already: its first 4 bytes modulo the number of buckets."""
        head = np.ascontiguousarray(keys[:, :4]).view(">u4").reshape(-1)
        return (head % np.uint32(self.buckets)).astype(np.int32)


@dataclass(frozen=True)
class KeepFirst:
    """Of every group of equal keys the first in order stays."""

    reason: str

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """HOMEWARD rows: the dropped, then the survivors of groups, sorted by key and order."""
        table = table_of(rows, KEY_ROWS)
        orders, keys = octets(table["order"], ORDER_BYTES), octets(table["key"], _KEY_BYTES)
        sorting = np.lexsort((sortable(orders), sortable(keys)))
        documents, orders = numbers(table["document"])[sorting], orders[sorting]
        starts = starts_of(sortable(keys)[sorting])
        members = np.diff(np.append(starts, len(documents)))
        dropped = np.ones(len(documents), np.bool_)
        dropped[starts] = False
        witnesses = np.repeat(starts, members)[dropped]
        kept = doc_ids(orders[witnesses])
        yield from _home(documents[dropped], verdict="dropped", reason=self.reason, duplicate_of=kept)
        sizes = np.add.reduceat(numbers(table["size"])[sorting], starts) if len(starts) else members
        groups = sizes > 1
        yield from _home(documents[starts[groups]], cluster_size=sizes[groups])


def _home(documents: Int64s, **given: object) -> Iterator[pa.RecordBatch]:
    """HOMEWARD rows of these addresses; a single value stands for all of them, what is not given is null."""
    n = len(documents)
    columns: dict[str, object] = {"part": part_of(documents), "row": row_of(documents)}
    columns |= {name: pa.repeat(value, n) if isinstance(value, str) else value for name, value in given.items()}
    return batches_of([columns.get(item.name, pa.nulls(n, item.type)) for item in HOMEWARD], HOMEWARD)
