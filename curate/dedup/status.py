"""Status: which documents stay (step 4 of fuzzy deduplication), the first maximal independent set of the edges.

A document without an edge to an earlier one stays. While more than `finish_rows` edges are open, a round decides what
it can: v is dropped once one of its u is kept, and kept once all of them are dropped. Two exchanges a round:

    exchange "round-n-ask"   to the part of u: one question per distinct (u, part of v), answered with u's state
    exchange "round-n"       back to the part of v: decide, and let edges to dropped u go

Then one task decides the rest in order: the result is the same whenever that happens. (One more pair of exchanges goes
before it, so that the edges it gets know of all that the last round dropped.) Chains in date order, a page that
changes a little every day, would need as many rounds as half their length; when a round decides little, `components`
cuts the open edges into pieces that one task each decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate.dedup.ask import RETURNS, Return, ask, state_of
from curate.dedup.components import decide_components
from curate.dedup.graph import (
    DROPPED,
    KEPT,
    NOBODY,
    OPEN,
    ROUND,
    STATES,
    VERTEX,
    CountsOpen,
    count_open,
    decided_vertices,
    open_edges,
    vertex_columns,
)
from curate.dedup.greedy import by_vertex
from curate.dedup.rows import batches_of, numbers, table_of
from curate.store import Dataset
from curate.wide import BUCKET, Steps

# Rounds that decide less than this share of the open edges give way to components.
SLOW_SHARE = 0.1
VERTICES = pa.schema([BUCKET, *VERTEX])


def decide(steps: Steps, edges: Dataset, finish_rows: int) -> tuple[Dataset, ...]:
    """Datasets whose columns `v` and `state` together hold KEPT or DROPPED for every v that has an edge.

    A document that is no v of any edge stays and is in none of them. What duplicates a document of an earlier run is
    dropped on arrival.
    """
    decided: list[Dataset] = [edges] if steps.against else []
    known: list[Dataset] = [edges]
    left, number, cut = count_open(edges), 0, False
    while left > finish_rows:
        number += 1
        edges = _round(steps, f"round-{number:04d}", edges, known)
        known = [edges]
        before, left = left, count_open(edges)
        if left > finish_rows and not cut and before - left < SLOW_SHARE * before:
            cut = True
            decided.append(edges)
            edges = _round(steps, "settle-components", edges, known, settle=True)
            known = [edges, decide_components(steps, edges, left, finish_rows)]
        decided += known
    if left and decided:
        edges = _round(steps, "settle-finish", edges, known, settle=True)
        decided.append(edges)
    return (*decided, _finish(steps, edges)) if left else tuple(decided)


def _round(steps: Steps, name: str, edges: Dataset, known: Sequence[Dataset], *, settle: bool = False) -> Dataset:
    answers = ask(steps, f"{name}-ask", edges, known)
    emit, reduce = Return(answers), Round(edges, settle)
    return steps.exchange(name, emit, reduce, inputs=answers.parts, schema=RETURNS, out=ROUND, buckets=steps.parts)


def _finish(steps: Steps, edges: Dataset) -> Dataset:
    emit, reduce = EmitVertices(edges), Finish()
    return steps.exchange("finish", emit, reduce, inputs=edges.parts, schema=VERTICES, out=STATES, buckets=1)


@dataclass(frozen=True)
class Round(CountsOpen):
    """Decide what the answers allow. Edges to dropped documents go; a v that has no other is kept.

    settle: drop nothing, so that no other part has to hear of it. The edges that stay are then a whole graph: a u that
    is not among its v has been kept. After a round that drops, it may have been dropped by that very round.
    """

    edges: Dataset
    settle: bool

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """ROUND: the newly decided, then the edges that stay open, sorted by v and the order of u."""
        table = open_edges(self.edges, part, ["v", "v_order", "u"])
        if not table.num_rows:
            return
        answers = table_of(rows, RETURNS).sort_by("document")
        of_u = state_of(numbers(table["u"]), answers)
        v, ends = by_vertex(numbers(table["v"]))
        any_kept = np.logical_or.reduceat(of_u == KEPT, ends[:-1])
        all_dropped = np.logical_and.reduceat(of_u == DROPPED, ends[:-1])
        state = np.where(all_dropped, KEPT, OPEN if self.settle else np.where(any_kept, DROPPED, OPEN))
        decided = np.flatnonzero(state != OPEN)
        still_open = (of_u != DROPPED) & (np.repeat(state, np.diff(ends)) == OPEN)
        orders = table["v_order"].take(pa.array(ends[:-1][decided])).combine_chunks()
        yield from batches_of([v[decided], orders, np.full(len(decided), NOBODY), state[decided]], ROUND)
        left = table.filter(pa.array(still_open)).combine_chunks()
        yield from batches_of([*left.columns, np.full(left.num_rows, OPEN)], ROUND)


@dataclass(frozen=True)
class EmitVertices:
    """The open graph, vertex by vertex, to one task."""

    edges: Dataset

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """VERTICES in bucket 0."""
        table = open_edges(self.edges, part, ["v", "v_order", "u"])
        vertices = vertex_columns(table)
        yield from batches_of([np.zeros(len(vertices[0]), np.int32), *vertices], VERTICES)


@dataclass(frozen=True)
class Finish:
    """Decides in order whatever is left."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """STATES, sorted by v."""
        yield from decided_vertices(table_of(rows, VERTICES))
