"""Candidates: which pairs of documents are compared exactly (steps 0–2 of fuzzy deduplication).

    exchange "bands"        by band key: documents that share a key meet, hubs turn them into pairs (v, u), u before v
    exchange "candidates"   by part of v: the pairs of all bands together, distinct, the first 64 u in order

Nothing is promised about pairs that are not found here; recall is measured. Cost: about 90 bytes a document and band
cross the first exchange, and its bucket is held in memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.bands import band_keys
from curate.dedup.earlier import Earlier
from curate.dedup.hubs import HubLimits, hub_pairs
from curate.dedup.index import Scope, range_buckets, scope_words
from curate.dedup.minhash import FIELDS_PER_WORD, sketches, text_signatures
from curate.dedup.order import ORDER_BYTES, Policy, order_column, order_keys
from curate.dedup.rows import (
    BATCH_ROWS,
    Int64s,
    Octets,
    ToParts,
    addresses,
    batches_of,
    binary,
    distinct,
    numbers,
    octets,
    one_chunk,
    rank_in_runs,
    row_of,
    sortable,
    starts_of,
    table_of,
)
from curate.store import Dataset, View
from curate.wide import BUCKET, Steps, bucket_count

Packed = npt.NDArray[np.uint64]

# Text that is shingled at a time, and pairs that are united at a time.
SLICE_BYTES = 8 << 20
UNITE_ROWS = 1 << 20
_32, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
# Bytes of a row of "bands" beside its sketch.
_ROW_BYTES = 4 + 8 + 32 + 8 + 4

BAND_ROWS = pa.schema(
    [
        BUCKET,
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
PAIR_ROWS = pa.schema([BUCKET, *PAIRS])


@dataclass(frozen=True)
class Signing:
    """How a text becomes a signature and its bands. Two runs are comparable only where all of it is equal."""

    hashes: int = 128
    bands: int = 21
    rows: int = 6
    ngram: int = 5
    seed: int = 1
    scope: Scope = "global"

    @property
    def sketch_words(self) -> int:
        """64-bit words of a sketch."""
        return -(-self.hashes // FIELDS_PER_WORD)


def band_buckets(rows: int, signing: Signing) -> int:
    """Buckets of "bands" for so many documents."""
    return bucket_count(rows * signing.bands * (_ROW_BYTES + 8 * signing.sketch_words))


def candidates(steps: Steps, emit: "EmitBands", meeting: "Meeting") -> Dataset:
    """PAIRS by part of v, sorted by v and the order of u."""
    met = steps.exchange(
        "bands",
        emit,
        PairUp(meeting),
        inputs=steps.parts,
        schema=BAND_ROWS,
        out=PAIRS,
        buckets=meeting.buckets,
    )
    return unite(steps, met, meeting.limits.pairs)


def unite(steps: Steps, met: Dataset, most: int) -> Dataset:
    """PAIRS by part of v, sorted by v and the order of u: of the pairs in all buckets the first `most` u of every v."""
    return steps.exchange(
        "candidates",
        ToParts(met, PAIR_ROWS),
        Unite(most),
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
        for documents in document_slices(self.view, part):
            yield from batches_of(self._columns(part, documents), BAND_ROWS)

    def _columns(self, part: int, documents: pa.Table) -> list[npt.NDArray[np.generic] | pa.Array]:
        how = self.signing
        minima, tokens = text_signatures(one_chunk(documents["text"]), how.ngram, k=how.hashes, seed=how.seed)
        orders = order_keys(self.policy, documents["crawl"], documents["date"], tokens, documents["doc_id"])
        chosen = np.flatnonzero(tokens)
        keys = band_keys(minima[chosen], how.bands, how.rows)
        keys = (keys ^ scope_words(how.scope, documents["crawl"])[chosen, None]).reshape(-1)
        repeated = np.repeat(chosen, how.bands)
        sketch = sketches(minima).view(np.uint8)
        buckets = range_buckets(keys, self.buckets)
        documents_at = addresses(part, numbers(documents["row"]))
        orders_at, sketches_at = order_column(orders[repeated]), binary(sketch[repeated])
        return [buckets, keys.view(np.int64), orders_at, documents_at[repeated], sketches_at]


@dataclass(frozen=True)
class Meeting:
    """How the documents of a band key meet: in how many buckets, in what numbers, with whom of earlier runs."""

    buckets: int
    sketch_words: int
    limits: HubLimits
    earlier: Earlier

    def with_earlier(self, bucket: int, table: pa.Table) -> pa.Table:
        """The rows of a bucket, and the hubs that earlier runs have left of their keys."""
        if not self.earlier.hubs:
            return table
        hubs = self.earlier.hubs_of(bucket, self.buckets, distinct(numbers(table["key"])))
        return pa.concat_tables([table, hubs.select(table.column_names)]).combine_chunks()


@dataclass(frozen=True)
class Members:
    """Rows sorted by key and order: places in their table, keys, sketches, and ranks of documents, 0 for the best.

    best_first: for every rank a place in the table where its document is found.
    """

    places: Int64s
    keys: Int64s
    sketches: Packed
    ranks: Int64s
    best_first: Int64s


def meet(table: pa.Table, sketch_words: int) -> Members:
    """The members of all keys of a table with BAND_ROWS."""
    best_first, ranks = ranked(numbers(table["document"]), octets(table["order"], ORDER_BYTES))
    keys = numbers(table["key"])
    places = np.lexsort((ranks, keys))
    sketches = octets(table["sketch"], 8 * sketch_words)[places].view(np.uint64)
    return Members(places, keys[places], sketches, ranks[places], best_first)


@dataclass(frozen=True)
class PairUp:
    """The pairs of all keys in a bucket. A document of an earlier run is never v: it has been decided."""

    meeting: Meeting

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """PAIRS, distinct, sorted by the orders of v and u: the first u of every v as far as this bucket knows."""
        table = shared_keys(self.meeting.with_earlier(bucket, table_of(rows, BAND_ROWS)))
        limits = self.meeting.limits
        members = meet(table, self.meeting.sketch_words)
        documents = table.select(["document", "order"]).take(pa.array(members.best_first))
        here, ranks = self.meeting.earlier.is_here(numbers(documents["document"])), members.ranks
        met = hub_pairs(members.keys, members.sketches, limits)
        of_here = ((v[here[ranks[v]]], u[here[ranks[v]]]) for v, u in met)
        pairs = first_distinct((pack(ranks[v], ranks[u]) for v, u in of_here), limits.pairs)
        yield from pair_rows(documents, pairs)


def ranked(documents: Int64s, orders: Octets) -> tuple[Int64s, Int64s]:
    """(where to find each distinct document, best first; int64[n], the rank of every one of n in that list)."""
    _, places, which = np.unique(documents, return_index=True, return_inverse=True)
    best_first = np.argsort(sortable(orders[places]), kind="stable")
    rank = np.empty(len(places), np.int64)
    rank[best_first] = np.arange(len(places))
    return places[best_first], rank[which]


def pack(high: npt.NDArray[Any], low: npt.NDArray[Any]) -> Packed:
    """Two numbers of 32 bits as one that sorts by both."""
    return (high.astype(np.uint64) << _32) | low.astype(np.uint64)


def unpack(pairs: Packed) -> tuple[Int64s, Int64s]:
    """The two numbers that `pack` was given."""
    return (pairs >> _32).astype(np.int64), (pairs & _LOW).astype(np.int64)


def pair_rows(documents: pa.Table, pairs: Packed) -> Iterator[pa.RecordBatch]:
    """PAIRS of packed row numbers in `documents`, whose columns are `document` and `order`."""
    for start in range(0, len(pairs), BATCH_ROWS):
        v, u = (documents.take(pa.array(rows)) for rows in unpack(pairs[start : start + BATCH_ROWS]))
        yield from batches_of([*v.columns, *u.columns], PAIRS)


def first_distinct(pieces: Iterable[Packed], most: int) -> Packed:
    """The `most` smallest low halves of every high half, distinct and ascending; a document is no pair with itself.

    Memory: what is left, and as much again or UNITE_ROWS of what is new.
    """
    held, waiting, arrived = np.empty(0, np.uint64), [], 0
    for piece in pieces:
        waiting.append(piece[(piece >> _32) != (piece & _LOW)])
        arrived += len(waiting[-1])
        if arrived >= max(UNITE_ROWS, len(held)):
            held, waiting, arrived = _first(np.concatenate((held, *waiting)), most), [], 0
    return _first(np.concatenate((held, *waiting)), most)


def _first(pairs: Packed, most: int) -> Packed:
    pairs = distinct(pairs)
    return pairs[rank_in_runs(pairs >> _32) < most]


def shared_keys(table: pa.Table) -> pa.Table:
    """The rows whose key occurs at least twice: most keys of a corpus occur once."""
    keys = numbers(table["key"])
    sorting = np.argsort(keys)
    starts = starts_of(keys[sorting])
    sizes = np.diff(np.append(starts, len(keys)))
    return table.take(pa.array(np.sort(sorting[np.repeat(sizes > 1, sizes)]))).combine_chunks()


@dataclass(frozen=True)
class Unite:
    """The first `most` distinct u of every v. Rows are united as they come: memory holds what is left of them.

    A u that an earlier run has dropped counts as one of them, and goes: nobody is its duplicate.
    """

    most: int

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """PAIRS, sorted by v and the order of u."""
        united, waiting, arrived = PAIRS.empty_table(), [], 0
        for batch in rows:
            waiting.append(batch)
            arrived += batch.num_rows
            if arrived >= max(UNITE_ROWS, united.num_rows):
                united, waiting, arrived = self._unite(united, waiting), [], 0
        united = self._unite(united, waiting)
        united = united.filter(pc.greater_equal(united["u"], 0))
        yield from united.to_batches(max_chunksize=BATCH_ROWS)

    def _unite(self, united: pa.Table, arrived: list[pa.RecordBatch]) -> pa.Table:
        pairs = pa.concat_tables([united, table_of(arrived, PAIR_ROWS)]).combine_chunks()
        _, ranks = ranked(numbers(pairs["u"]), octets(pairs["u_order"], ORDER_BYTES))
        packed = pack(row_of(numbers(pairs["v"])), ranks)
        places = np.argsort(packed)
        places = places[starts_of(packed[places])]
        return pairs.take(pa.array(places[rank_in_runs(packed[places] >> _32) < self.most])).combine_chunks()


def document_slices(view: View, part: int) -> Iterator[pa.Table]:
    """What bands, fingerprints and paragraphs are made of: a part's undecided documents, some of their text at a time.

    Columns: `doc_id`, `crawl`, `date` and `text`, and `row`, their place in the part.
    """
    for table in view.undecided_slices(part, ["doc_id", "crawl", "date", "text"]):
        yield from text_slices(table, SLICE_BYTES)


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
