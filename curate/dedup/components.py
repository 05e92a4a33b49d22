"""Components of the open edges, for the rare graph that rounds decide too slowly; each is decided by one task.

Alternating large stars and small stars turn every component into a star around its smallest address: O(log² n) steps
of one exchange each, whatever the diameter. A fixed point shows in the checksums of the files: the same rows give the
same bytes. Components of more than `finish_rows` edges are left to further rounds.
Source: Kiveris et al. 2014, "Connected Components in MapReduce and Beyond", section 3.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.graph import STATES, VERTEX, decided_vertices, open_edges, vertex_columns
from curate.dedup.rows import Int64s, ToParts, batches_of, firsts, grouped, lookup, numbers, spread, table_of
from curate.store import Dataset
from curate.wide import BUCKET, Emit, Reduce, Steps, bucket_count

_ROOT = pa.field("root", pa.int64(), nullable=False)

# Two addresses of one component.
LINKS = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.int64(), nullable=False)])
LINK_ROWS = pa.schema([BUCKET, *LINKS])
LABELLED = pa.schema([_ROOT, *VERTEX])
LABELLED_ROWS = pa.schema([BUCKET, *LABELLED])
# Bytes of a vertex and its edges, as they travel.
_EDGE_BYTES = 64
# Rows that are held before components are looked at for their size.
_HELD_ROWS = 1 << 20


def decide_components(steps: Steps, edges: Dataset, edge_count: int, finish_rows: int) -> Dataset:
    """STATES of all vertices in components of at most `finish_rows` open edges."""
    buckets = bucket_count(edge_count * _EDGE_BYTES)
    stars = _stars(steps, edges, buckets)
    labels = steps.exchange(
        "labels",
        ToParts(stars, LINK_ROWS),
        Label(edges),
        inputs=stars.parts,
        schema=LINK_ROWS,
        out=LABELLED,
        buckets=steps.parts,
    )
    return steps.exchange(
        "components",
        EmitComponents(labels, buckets),
        FinishComponents(finish_rows),
        inputs=labels.parts,
        schema=LABELLED_ROWS,
        out=STATES,
        buckets=buckets,
    )


def _stars(steps: Steps, edges: Dataset, buckets: int) -> Dataset:
    """LINKS (a, root) of every vertex that is not the smallest of its component."""
    emit: EmitOpen | EmitLinks = EmitOpen(edges, buckets)
    inputs, before, number = edges.parts, [""], 0
    while True:
        large = _star(steps, f"stars-{number:03d}-large", emit, LargeStar(), inputs, buckets)
        small_emit = EmitLinks(large, both_ways=False, buckets=buckets)
        small = _star(steps, f"stars-{number:03d}-small", small_emit, SmallStar(), large.parts, buckets)
        checksums = [manifest.sha256 for manifest in small.manifests()]
        if checksums == before:
            return small
        emit, inputs = EmitLinks(small, both_ways=True, buckets=buckets), small.parts
        before, number = checksums, number + 1


def _star(steps: Steps, name: str, emit: Emit, reduce: Reduce, inputs: int, buckets: int) -> Dataset:
    return steps.exchange(name, emit, reduce, inputs=inputs, schema=LINK_ROWS, out=LINKS, buckets=buckets)


@dataclass(frozen=True)
class EmitOpen:
    """Open edges as links, to both ends."""

    edges: Dataset
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """LINK_ROWS whose `a` is the end that the bucket belongs to."""
        table = open_edges(self.edges, part, ["v", "u"])
        v, u = numbers(table["v"]), numbers(table["u"])
        a, b = np.concatenate((v, u)), np.concatenate((u, v))
        yield from batches_of([spread(a, self.buckets), a, b], LINK_ROWS)


@dataclass(frozen=True)
class EmitLinks:
    """Links to both ends, or to their larger one alone."""

    links: Dataset
    both_ways: bool
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """LINK_ROWS whose `a` is the end that the bucket belongs to."""
        for batch in self.links.batches(part, LINKS.names):
            one, other = numbers(batch["a"]), numbers(batch["b"])
            a, b = np.maximum(one, other), np.minimum(one, other)
            if self.both_ways:
                a, b = np.concatenate((a, b)), np.concatenate((b, a))
            yield from batches_of([spread(a, self.buckets), a, b], LINK_ROWS)


@dataclass(frozen=True)
class LargeStar:
    """Every document ties its larger neighbours to the smallest address around it, its own included."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """LINKS."""
        a, b, smallest = _neighbourhoods(rows)
        larger = b > a
        yield from _links(b[larger], np.minimum(smallest, a)[larger])


@dataclass(frozen=True)
class SmallStar:
    """Every document ties itself and its smaller neighbours to the smallest of them."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """LINKS."""
        a, b, smallest = _neighbourhoods(rows)
        others = b != smallest
        yield from _links(np.concatenate((a, b[others])), np.concatenate((smallest, smallest[others])))


def _neighbourhoods(rows: Iterator[pa.RecordBatch]) -> tuple[Int64s, Int64s, Int64s]:
    """Distinct links (a, b), sorted, and for each the smallest b of its a."""
    table = table_of(rows, LINK_ROWS)
    a, b = _distinct(numbers(table["a"]), numbers(table["b"]))
    return a, b, b[firsts(a)]


def _links(a: Int64s, b: Int64s) -> Iterator[pa.RecordBatch]:
    return batches_of(_distinct(a, b), LINKS)


def _distinct(a: Int64s, b: Int64s) -> tuple[Int64s, Int64s]:
    sorting = np.lexsort((b, a))
    a, b = a[sorting], b[sorting]
    new = np.ones(len(a), np.bool_)
    new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    return a[new], b[new]


@dataclass(frozen=True)
class Label:
    """Writes its root beside every vertex of the open edges; a vertex that has none is a root itself."""

    edges: Dataset

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """LABELLED, sorted by v."""
        v, orders, us = vertex_columns(open_edges(self.edges, part, ["v", "v_order", "u"]))
        labels = table_of(rows, LINK_ROWS).sort_by("a")
        place = lookup(numbers(labels["a"]), v)
        roots = np.append(numbers(labels["b"]), 0)[place]
        yield from batches_of([np.where(place < 0, v, roots), v, orders, us], LABELLED)


@dataclass(frozen=True)
class EmitComponents:
    """Labelled vertices, to the bucket of their root."""

    labels: Dataset
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """LABELLED_ROWS."""
        for batch in self.labels.batches(part, LABELLED.names):
            yield from batches_of([spread(numbers(batch["root"]), self.buckets), *batch.columns], LABELLED_ROWS)


@dataclass(frozen=True)
class FinishComponents:
    """Decides the components of a bucket in order, but for those that turn out too large: they are let go early."""

    finish_rows: int

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """STATES, sorted by v."""
        held, too_large = LABELLED.empty_table(), np.empty(0, np.int64)
        for batches in grouped(rows, _HELD_ROWS):
            held = pa.concat_tables([held, table_of(batches, LABELLED_ROWS)]).combine_chunks()
            too_large = np.union1d(too_large, self._too_large(held))
            held = held.filter(pa.array(~np.isin(numbers(held["root"]), too_large))).combine_chunks()
        yield from decided_vertices(held)

    def _too_large(self, held: pa.Table) -> Int64s:
        roots, of_root = np.unique(numbers(held["root"]), return_inverse=True)
        edges = np.bincount(of_root, numbers(pc.list_value_length(held["us"])), minlength=len(roots))
        return roots[edges > self.finish_rows]
