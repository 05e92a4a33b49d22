"""Repeated passages: runs of tokens of a document that an earlier one has, too.

    exchange "fingerprints"   by fingerprint (`curate.dedup.overlap`): every document that has it meets the first few in
                              order that have it, too
    exchange "candidates"     by part of v: the pairs of all fingerprints together, distinct, the first u in order
    exchange "texts"          to the part of u: its text is wanted, once for every part that has to compare with it
    exchange "passages"       to the part of v: the runs that v shares with any of its u become spans to take out

The last three are those of fuzzy deduplication. Memory: a bucket of fingerprints; 9 bytes a token of the documents of
one part that have candidates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from curate.dedup.candidates import (
    PAIRS,
    document_slices,
    first_distinct,
    pack,
    pair_rows,
    ranked,
    shared_keys,
    unite,
)
from curate.dedup.earlier import Earlier
from curate.dedup.index import Scope, range_buckets, scope_words
from curate.dedup.order import ORDER_BYTES, Policy, doc_ids, order_column, order_keys
from curate.dedup.overlap import fingerprints, mark_shared
from curate.dedup.rows import (
    Int64s,
    addresses,
    batches_of,
    distinct,
    firsts,
    lookup,
    numbers,
    octets,
    one_chunk,
    part_of,
    rank_in_runs,
    starts_of,
    table_of,
)
from curate.dedup.spans import SPAN_LIST, home_rows
from curate.dedup.verify import (
    TEXT_ROWS,
    DeliverTexts,
    places_of,
    refuse_missing,
    texts_here,
    texts_of_partners,
    texts_sent,
)
from curate.store import Dataset, View
from curate.text.sequences import Sequences, runs, sequences
from curate.wide import BUCKET, Steps, bucket_count, home_schema

SPANS, OF = "substring_spans", "substring_of"
ADDS = {SPANS: SPAN_LIST, OF: pa.string()}

FINGERPRINT_ROWS = pa.schema(
    [
        BUCKET,
        pa.field("key", pa.int64(), nullable=False),
        pa.field("order", pa.binary(), nullable=False),
        pa.field("document", pa.int64(), nullable=False),
    ]
)
_ROW_BYTES = 4 + 8 + 32 + 8


@dataclass(frozen=True)
class Passages:
    """Which runs count, which documents are compared. holders: of a fingerprint; partners: of a document."""

    min_tokens: int
    min_bytes: int
    policy: Policy
    scope: Scope
    holders: int
    partners: int

    @property
    def gram(self) -> int:
        """Tokens of a fingerprint."""
        return (self.min_tokens + 1) // 2

    @property
    def window(self) -> int:
        """Fingerprints of which one is kept."""
        return self.min_tokens + 1 - self.gram


def passages(steps: Steps, what: Passages) -> Dataset:
    """HOME rows with the columns ADDS of every document that repeats something."""
    # stored text has about a token for every two bytes
    buckets = bucket_count(steps.view.stored_bytes("text") * _ROW_BYTES // (what.window + 1))
    met = steps.exchange(
        "fingerprints",
        EmitFingerprints(steps.view, what, buckets),
        PairUp(what.holders, what.partners),
        inputs=steps.parts,
        schema=FINGERPRINT_ROWS,
        out=PAIRS,
        buckets=buckets,
    )
    pairs = unite(steps, met, what.partners)
    texts = texts_of_partners(steps, pairs, Earlier(steps.parts, (), ()))
    return steps.exchange(
        "passages",
        DeliverTexts(texts),
        FindPassages(steps.view, pairs, what.min_tokens, what.min_bytes),
        inputs=texts.parts,
        schema=TEXT_ROWS,
        out=home_schema(ADDS),
        buckets=steps.parts,
    )


@dataclass(frozen=True)
class EmitFingerprints:
    """One row for every distinct fingerprint of a document."""

    view: View
    what: Passages
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """FINGERPRINT_ROWS of a part."""
        for documents in document_slices(self.view, part):
            yield from batches_of(self._columns(part, documents), FINGERPRINT_ROWS)

    def _columns(self, part: int, documents: pa.Table) -> list[Any]:
        tokens = sequences(one_chunk(documents["text"]))
        keys, sizes = fingerprints(tokens, self.what.gram, self.what.window)
        orders = order_keys(self.what.policy, documents["crawl"], documents["date"], tokens.words, documents["doc_id"])
        text = np.repeat(np.arange(len(sizes)), sizes)
        keys = keys ^ scope_words(self.what.scope, documents["crawl"])[text]
        at = addresses(part, numbers(documents["row"]))
        # the smallest of many hashes are small: another share of their bits tells the buckets apart
        buckets = range_buckets(keys << np.uint64(32), self.buckets)
        return [buckets, keys.view(np.int64), order_column(orders[text]), at[text]]


@dataclass(frozen=True)
class PairUp:
    """Every document of a fingerprint with the first `holders` of those before it."""

    holders: int
    partners: int

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """PAIRS, distinct, sorted by the orders of v and u."""
        table = shared_keys(table_of(rows, FINGERPRINT_ROWS))
        best_first, ranks = ranked(numbers(table["document"]), octets(table["order"], ORDER_BYTES))
        keys = numbers(table["key"])
        sorting = np.lexsort((ranks, keys))
        pairs = first_distinct(self._pairs(keys[sorting], ranks[sorting]), self.partners)
        documents = table.select(["document", "order"]).take(pa.array(best_first))
        yield from pair_rows(documents, pairs)

    def _pairs(self, keys: Int64s, ranks: Int64s) -> Iterator[Any]:
        """(rank of v, rank of u), packed, for each of the first holders in turn."""
        first, number = firsts(keys), rank_in_runs(keys)
        for holder in range(self.holders):
            v = np.flatnonzero(number > holder)
            yield pack(ranks[v], ranks[first[v] + holder])


@dataclass(frozen=True)
class FindPassages:
    """What the documents of a part share with those that they are paired with."""

    view: View
    pairs: Dataset
    min_tokens: int
    min_bytes: int

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """HOME rows in the order of the part's rows, whatever the order in which texts arrive."""
        pairs = self.pairs.table(part).combine_chunks()
        if not pairs.num_rows:
            return
        v, u = numbers(pairs["v"]), numbers(pairs["u"])
        documents = distinct(np.concatenate((v, u[part_of(u) == part])))
        texts = texts_here(self.view, part, documents)
        own = sequences(texts)
        marked, share, arrived = (np.zeros(n, np.bool_) for n in (len(own.hashes), len(v), len(v)))
        by_u = np.argsort(u, kind="stable")
        for known, theirs in chain([(documents, own)], _sequences_sent(rows)):
            met = by_u[places_of(u[by_u], known)]
            at_v, at_u = lookup(documents, v[met]), lookup(known, u[met])
            share[met] = mark_shared(own, at_v, theirs, at_u, self.min_tokens, marked)
            arrived[met] = True
        refuse_missing(arrived, part)
        number, start, stop = runs(texts, own.offsets, marked)
        enough = stop - start >= self.min_bytes
        found = documents[number[enough]]
        sources = _first_partners(pairs.filter(pa.array(share)), distinct(found))
        yield from home_rows(found, start[enough], stop[enough], SPANS, **{OF: sources})


def _sequences_sent(rows: Iterator[pa.RecordBatch]) -> Iterator[tuple[Int64s, Sequences]]:
    """(documents, ascending; their tokens) of other parts, some at a time."""
    for documents, texts in texts_sent(rows):
        yield documents, sequences(texts)


def _first_partners(pairs: pa.Table, v: Int64s) -> pa.StringArray:
    """doc_id of the first u of every v; the pairs are sorted by v and the order of u."""
    every = numbers(pairs["v"])
    first = starts_of(every)
    chosen = first[lookup(every[first], v)]
    return doc_ids(octets(pairs["u_order"], ORDER_BYTES)[chosen])
