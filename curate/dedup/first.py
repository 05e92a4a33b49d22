"""Of all documents with an equal key the first stays: what exact deduplication and deduplication by URL have in common.

One exchange by the key, a 128-bit hash; survivors are first in the order of `curate.dedup.order`. `jaccard`, score and
threshold are null: nothing was measured. Rows come home for dropped documents and for survivors that stand for others:
a null `cluster_size` means 1, and what a dedup stage before this one has counted is added up. With the policy
`earliest` one more exchange leaves the first document of every key for later runs (`--against`), and what earlier runs
have left is first in its group. Cost: 70 bytes a document cross an exchange, 44 are left; a bucket, and so the largest
group, is held in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.index import Scope, comparable, matching, range_buckets, scope_words
from curate.dedup.order import ORDER_BYTES, Policy, doc_ids, order_column, order_keys
from curate.dedup.rows import (
    Int64s,
    Mask,
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
from curate.stage import Stage
from curate.store import Dataset, View
from curate.wide import BUCKET, Index, Reduce, Steps, bucket_count, home_schema

ADDS = {"cluster_size": pa.int32()}
HOMEWARD = home_schema(ADDS)
_INDEX = "keys"

_KEY_BYTES = 16
_ROW_BYTES = 4 + 20 + 32 + 8 + 8

KEY_ROWS = pa.schema(
    [
        BUCKET,
        pa.field("key", pa.binary(), nullable=False),
        pa.field("order", pa.binary(), nullable=False),
        pa.field("document", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
    ]
)
# What is left for later runs: the first document of every key, sorted by key.
FIRSTS = pa.schema([KEY_ROWS.field("key"), KEY_ROWS.field("order")])
# The document of an earlier run: it is in no part of this one.
_ELSEWHERE = -1


@dataclass(frozen=True)
class Key:
    """What makes documents equal, and which of them is first.

    column: 128-bit hashes as hex, null for documents that take no part. length: the column of a document's length in
    the order, None where it has none.
    """

    column: str
    length: str | None
    policy: Policy
    scope: Scope


def index_of(key_stage: Stage) -> Index:
    """What a stage whose keys `key_stage` makes leaves for later runs: their keys must be of the same version."""

    def facts(policy: Policy, scope: Scope) -> Mapping[str, Any] | None:
        return comparable(policy, scope=scope, **{key_stage.function.__name__: key_stage.version})

    return Index((_INDEX,), facts)


def keep_first(steps: Steps, key: Key, reason: str) -> Dataset:
    """HOME rows that leave of all documents with an equal key the first in order, those of earlier runs included."""
    buckets = bucket_count(steps.rows * _ROW_BYTES)
    emit = EmitKeys(steps.view, key, buckets)
    earlier = EarlierKeys(tuple(index[_INDEX] for index in steps.against), buckets)
    if key.policy == "earliest":
        _exchange(steps, _INDEX, emit, LeaveFirsts(earlier), FIRSTS)
    return _exchange(steps, "groups", emit, KeepFirst(reason, earlier), HOMEWARD)


def _exchange(steps: Steps, name: str, emit: "EmitKeys", reduce: Reduce, out: pa.Schema) -> Dataset:
    return steps.exchange(name, emit, reduce, inputs=steps.parts, schema=KEY_ROWS, out=out, buckets=emit.buckets)


@dataclass(frozen=True)
class EmitKeys:
    """One row per document that has a key."""

    view: View
    key: Key
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """KEY_ROWS of a part."""
        key = self.key
        lengths = [key.length] if key.length else []
        table = self.view.undecided(part, ["doc_id", "crawl", "date", key.column, *lengths])
        table = table.filter(pc.is_valid(table[key.column]))
        length = numbers(table[key.length]) if key.length else np.zeros(table.num_rows, np.int64)
        orders = order_keys(key.policy, table["crawl"], table["date"], length, table["doc_id"])
        words = from_hex(table[key.column], _KEY_BYTES).view(">u8").astype(np.uint64)
        words ^= scope_words(key.scope, table["crawl"])[:, None]
        rows = numbers(table["row"])
        sizes = cluster_sizes(self.view, part)[rows]
        keys = binary(words.astype(">u8").view(np.uint8))
        columns = [range_buckets(words[:, 0], self.buckets), keys, order_column(orders), addresses(part, rows), sizes]
        yield from batches_of(columns, KEY_ROWS)


@dataclass(frozen=True)
class EarlierKeys:
    """What earlier runs have left of the keys in a bucket."""

    datasets: tuple[Dataset, ...]
    buckets: int

    def join(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> "Groups":
        """The rows of a bucket, sorted, with those of earlier runs that have one of their keys."""
        table = table_of(rows, KEY_ROWS)
        wanted = np.unique(_keys(table["key"]))
        found = [batch for _, batch in matching(self.datasets, bucket, self.buckets, wanted, _keys)]
        old = table_of(found, FIRSTS)
        nothing = {"document": np.full(old.num_rows, _ELSEWHERE), "size": np.zeros(old.num_rows, np.int64)}
        old = pa.table({**{name: old[name] for name in FIRSTS.names}, **nothing}, table.schema)
        return Groups.of(pa.concat_tables([table, old]).combine_chunks())


@dataclass(frozen=True)
class Groups:
    """Documents sorted by key and order; starts: where each group of equal keys begins."""

    keys: Octets
    orders: Octets
    documents: Int64s
    sizes: Int64s
    starts: Int64s

    @classmethod
    def of(cls, table: pa.Table) -> "Groups":
        """The rows of KEY_ROWS, sorted."""
        orders, keys = octets(table["order"], ORDER_BYTES), octets(table["key"], _KEY_BYTES)
        sorting = np.lexsort((sortable(orders), sortable(keys)))
        documents, sizes = (numbers(table[name])[sorting] for name in ("document", "size"))
        return cls(keys[sorting], orders[sorting], documents, sizes, starts_of(sortable(keys)[sorting]))

    @property
    def here(self) -> Mask:
        """bool[n]: which of the documents are this run's."""
        return np.asarray(self.documents != _ELSEWHERE)


@dataclass(frozen=True)
class KeepFirst:
    """Of every group of equal keys the first in order stays."""

    reason: str
    earlier: EarlierKeys

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """HOMEWARD rows: the dropped, then the survivors of groups, sorted by key and order."""
        found = self.earlier.join(bucket, rows)
        documents, starts = found.documents, found.starts
        first = np.repeat(starts, np.diff(np.append(starts, len(documents))))
        dropped = found.here & (first != np.arange(len(documents)))
        kept = doc_ids(found.orders[first[dropped]])
        yield from _home(documents[dropped], verdict="dropped", reason=self.reason, duplicate_of=kept)
        sizes = np.add.reduceat(found.sizes, starts) if len(starts) else starts
        groups = found.here[starts] & (sizes > 1)
        yield from _home(documents[starts[groups]], cluster_size=sizes[groups])


@dataclass(frozen=True)
class LeaveFirsts:
    """The first document of every key that no earlier run has left."""

    earlier: EarlierKeys

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """FIRSTS, sorted by key."""
        found = self.earlier.join(bucket, rows)
        first = found.starts[found.here[found.starts]]
        yield from batches_of([binary(found.keys[first]), binary(found.orders[first])], FIRSTS)


def _keys(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bytes_]:
    return sortable(octets(column, _KEY_BYTES))


def _home(documents: Int64s, **given: object) -> Iterator[pa.RecordBatch]:
    """HOMEWARD rows of these addresses; a single value stands for all of them, what is not given is null."""
    n = len(documents)
    columns: dict[str, object] = {"part": part_of(documents), "row": row_of(documents)}
    columns |= {name: pa.repeat(value, n) if isinstance(value, str) else value for name, value in given.items()}
    return batches_of([columns.get(item.name, pa.nulls(n, item.type)) for item in HOMEWARD], HOMEWARD)
