"""Candidates: which pairs of documents are compared exactly (steps 0–2 of fuzzy deduplication).

    exchange "bands"        by band key: documents that share a key meet, hubs turn them into pairs (v, u), u before v
    exchange "candidates"   by part of v: the pairs of all bands together, distinct, the first 64 u in order

Nothing is promised about pairs that are not found here; recall is measured. Cost: about 90 bytes a document and band
cross the first exchange, and its bucket is held in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.bands import band_keys
from curate.dedup.hubs import HubLimits, hub_pairs
from curate.dedup.minhash import FIELDS_PER_WORD, signatures, sketches
from curate.dedup.order import ORDER_BYTES, Policy, order_column, order_keys
from curate.dedup.rows import (
    BATCH_ROWS,
    Int64s,
    addresses,
    batches_of,
    binary,
    numbers,
    octets,
    one_chunk,
    part_of,
    sortable,
    starts_of,
    table_of,
)
from curate.store import Dataset, View
from curate.text.shingles import shingle_hashes
from curate.wide import Steps, bucket_count

# Text that is shingled at a time, and pairs that are united at a time.
SLICE_BYTES = 8 << 20
UNITE_ROWS = 1 << 21
# Bytes of a row of "bands" beside its sketch.
_ROW_BYTES = 4 + 8 + 32 + 8 + 4

BAND_ROWS = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("key", pa.int64(), nullable=False),
        pa.field("order", pa.binary(), nullable=False),
        pa.field("document", pa.int64(), nullable=False),
        pa.field("sketch", pa.binary(), nullable=False),
    ]
)
# v and u are addresses; u is before v in the order.
PAIRS = pa.schema(
    [
        pa.field("v", pa.int64(), nullable=False),
        pa.field("v_order", pa.binary(), nullable=False),
        pa.field("u", pa.int64(), nullable=False),
        pa.field("u_order", pa.binary(), nullable=False),
    ]
)
PAIR_ROWS = pa.schema([pa.field("bucket", pa.int32(), nullable=False), *PAIRS])


@dataclass(frozen=True)
class Signing:
    """How a text becomes a signature and its bands. Two runs are comparable only where all of it is equal."""

    hashes: int = 128
    bands: int = 21
    rows: int = 6
    ngram: int = 5
    seed: int = 1

    @property
    def sketch_words(self) -> int:
        """64-bit words of a sketch."""
        return -(-self.hashes // FIELDS_PER_WORD)


def candidates(steps: Steps, signing: Signing, policy: Policy, limits: HubLimits) -> Dataset:
    """PAIRS by part of v, sorted by v and the order of u."""
    size = steps.rows * signing.bands * (_ROW_BYTES + 8 * signing.sketch_words)
    buckets = bucket_count(size)
    met = steps.exchange(
        "bands",
        EmitBands(steps.view, signing, policy, buckets),
        PairUp(signing.sketch_words, limits),
        inputs=steps.parts,
        schema=BAND_ROWS,
        out=PAIRS,
        buckets=buckets,
    )
    return steps.exchange(
        "candidates",
        EmitPairs(met),
        Unite(limits.pairs),
        inputs=met.parts,
        schema=PAIR_ROWS,
        out=PAIRS,
        buckets=steps.parts,
    )


@dataclass(frozen=True)
class EmitBands:
    """One row per document and band. Documents without a token are left out."""

    view: View
    signing: Signing
    policy: Policy
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """BAND_ROWS of a part."""
        table = self.view.undecided(part, ["doc_id", "crawl", "date", "text"])
        for documents in text_slices(table, SLICE_BYTES):
            yield from batches_of(self._columns(part, documents), BAND_ROWS)

    def _columns(self, part: int, documents: pa.Table) -> list[npt.NDArray[np.generic] | pa.Array]:
        how = self.signing
        hashes, offsets, tokens = shingle_hashes(one_chunk(documents["text"]), ngram=how.ngram)
        orders = order_keys(self.policy, documents["crawl"], documents["date"], tokens, documents["doc_id"])
        minima = signatures(hashes, offsets, k=how.hashes, seed=how.seed)
        chosen = np.flatnonzero(tokens)
        keys = band_keys(minima[chosen], how.bands, how.rows).reshape(-1)
        repeated = np.repeat(chosen, how.bands)
        sketch = sketches(minima).view(np.uint8)
        buckets = ((keys >> np.uint64(32)) % np.uint64(self.buckets)).astype(np.int32)
        documents_at = addresses(part, numbers(documents["row"]))
        orders_at, sketches_at = order_column(orders[repeated]), binary(sketch[repeated])
        return [buckets, keys.view(np.int64), orders_at, documents_at[repeated], sketches_at]


@dataclass(frozen=True)
class PairUp:
    """The pairs of every key in a bucket."""

    sketch_words: int
    limits: HubLimits

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """PAIRS, a pair once for every key in which it met."""
        table = shared_keys(table_of(rows, BAND_ROWS))
        orders = octets(table["order"], ORDER_BYTES)
        keys, documents = numbers(table["key"]), numbers(table["document"])
        sorting = np.lexsort((sortable(orders), keys))
        keys, documents, orders = keys[sorting], documents[sorting], orders[sorting]
        sketch = octets(table["sketch"], 8 * self.sketch_words)[sorting].view(np.uint64)
        for v, u in hub_pairs(keys, sketch, self.limits):
            columns = [documents[v], order_column(orders[v]), documents[u], order_column(orders[u])]
            yield from batches_of(columns, PAIRS)


def shared_keys(table: pa.Table) -> pa.Table:
    """The rows whose key occurs at least twice: most keys of a corpus occur once."""
    keys = numbers(table["key"])
    sorting = np.argsort(keys)
    starts = starts_of(keys[sorting])
    sizes = np.diff(np.append(starts, len(keys)))
    return table.take(pa.array(np.sort(sorting[np.repeat(sizes > 1, sizes)]))).combine_chunks()


@dataclass(frozen=True)
class EmitPairs:
    """Pairs on their way to the part of v."""

    met: Dataset

    def __call__(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """PAIR_ROWS of one bucket of "bands"; two band keys that collide within a document make no pair."""
        for batch in self.met.batches(bucket, PAIRS.names):
            batch = batch.filter(pc.not_equal(batch["v"], batch["u"]))
            yield from batches_of([part_of(numbers(batch["v"])), *batch.columns], PAIR_ROWS)


@dataclass(frozen=True)
class Unite:
    """The first `most` distinct u of every v. Rows are united as they come: memory holds what is left of them."""

    most: int

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """PAIRS, sorted by v and the order of u."""
        united, waiting, arrived = PAIRS.empty_table(), [], 0
        for batch in rows:
            waiting.append(batch)
            arrived += batch.num_rows
            if arrived >= max(UNITE_ROWS, united.num_rows):
                united, waiting, arrived = self._unite(united, waiting), [], 0
        yield from self._unite(united, waiting).to_batches(max_chunksize=BATCH_ROWS)

    def _unite(self, united: pa.Table, arrived: list[pa.RecordBatch]) -> pa.Table:
        return self._first(pa.concat_tables([united, table_of(arrived, PAIR_ROWS)]).combine_chunks())

    def _first(self, pairs: pa.Table) -> pa.Table:
        v, u = numbers(pairs["v"]), numbers(pairs["u"])
        sorting = np.lexsort((sortable(octets(pairs["u_order"], ORDER_BYTES)), v))
        v, u = v[sorting], u[sorting]
        new = np.ones(len(v), np.bool_)
        new[1:] = (v[1:] != v[:-1]) | (u[1:] != u[:-1])
        sorting, v = sorting[new], v[new]
        return pairs.take(pa.array(sorting[rank_in_runs(v) < self.most])).combine_chunks()


def rank_in_runs(values: Int64s) -> Int64s:
    """int64[n]: how many equal values stand before each one in a sorted array."""
    starts = starts_of(values)
    sizes = np.diff(np.append(starts, len(values)))
    return np.arange(len(values)) - np.repeat(starts, sizes)


def text_slices(table: pa.Table, size_bytes: int) -> Iterator[pa.Table]:
    """Slices of a table with about `size_bytes` of text each, at least one row."""
    lengths = pc.fill_null(pc.binary_length(table["text"]), 0)
    ends = np.cumsum(np.asarray(lengths.to_numpy(), np.int64))
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + size_bytes, side="right")))
        yield table.slice(start, stop - start)
        start = stop
