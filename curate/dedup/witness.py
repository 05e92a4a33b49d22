"""Witnesses and verdicts (step 5 of fuzzy deduplication): every dropped document names a kept one that it duplicates.

    exchange "witness-ask"   to the part of u: is u kept? (all edges once more, with final states)
    exchange "witness"       to the part of v: `duplicate_of` is the first kept u in order, not the u that decided v
    exchange "verdicts"      to the part of the kept document: what its duplicates add to its `cluster_size`

`cluster_size` counts a kept document, its exact duplicates if exact deduplication ran before, and the same of every
document that names it. Rows come home for dropped documents and for clusters of more than one: null means 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate.dedup.ask import RETURNS, Return, ask, state_of
from curate.dedup.earlier import Earlier
from curate.dedup.graph import EDGES, KEPT, OPEN
from curate.dedup.order import ORDER_BYTES, doc_ids
from curate.dedup.rows import (
    Int32s,
    Int64s,
    addresses,
    batches_of,
    cluster_sizes,
    lookup,
    numbers,
    octets,
    part_of,
    row_of,
    starts_of,
    table_of,
)
from curate.store import Dataset, View
from curate.wide import BUCKET, Steps, home_schema

REASON = "near_duplicate"
ADDS = {"cluster_size": pa.int32()}
HOMEWARD = home_schema(ADDS)

# A dropped document and its witness.
WITNESSES = pa.schema([EDGES.field(name) for name in ("v", "u", "u_order", "inter", "union")])
SIZES = pa.schema(
    [BUCKET, pa.field("document", pa.int64(), nullable=False), pa.field("size", pa.int64(), nullable=False)]
)


def verdicts(steps: Steps, edges: Dataset, states: Sequence[Dataset], earlier: Earlier, threshold: float) -> Dataset:
    """HOME rows with `cluster_size` by part, from the edges and the final states of their documents."""
    answers = ask(steps, "witness-ask", edges, states)
    witnesses = steps.exchange(
        "witness",
        Return(answers),
        Testify(edges, earlier),
        inputs=answers.parts,
        schema=RETURNS,
        out=WITNESSES,
        buckets=steps.parts,
    )
    return steps.exchange(
        "verdicts",
        EmitSizes(steps.view, witnesses, earlier),
        Judge(steps.view, witnesses, threshold),
        inputs=witnesses.parts,
        schema=SIZES,
        out=HOMEWARD,
        buckets=steps.parts,
    )


@dataclass(frozen=True)
class Testify:
    """The first kept u of every v that has one: v is dropped. Documents of earlier runs that are u were kept there."""

    edges: Dataset
    earlier: Earlier

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """WITNESSES, sorted by v."""
        table = self.edges.table(part, [*WITNESSES.names, "state"])
        if not table.num_rows:
            return
        u, is_open = numbers(table["u"]), numbers(table["state"]) == OPEN
        is_kept = ~self.earlier.is_here(u)  # before all others, so that nobody need ask about these
        is_kept[is_open] = state_of(u[is_open], table_of(rows, RETURNS).sort_by("document")) == KEPT
        kept = np.flatnonzero(is_kept)
        first = kept[starts_of(numbers(table["v"])[kept])]
        yield from batches_of(table.select(WITNESSES.names).take(pa.array(first)).columns, WITNESSES)


@dataclass(frozen=True)
class EmitSizes:
    """What the duplicates of a part add to the clusters of kept documents; those of earlier runs are published."""

    view: View
    witnesses: Dataset
    earlier: Earlier

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """SIZES, a kept document once."""
        table = self.witnesses.table(part, ["v", "u"])
        table = table.filter(pa.array(self.earlier.is_here(numbers(table["u"]))))
        if not table.num_rows:
            return
        size = cluster_sizes(self.view, part)[row_of(numbers(table["v"]))]
        u, of_u = np.unique(numbers(table["u"]), return_inverse=True)
        total = np.bincount(of_u, size, minlength=len(u)).astype(np.int64)
        yield from batches_of([part_of(u), u, total], SIZES)


@dataclass(frozen=True)
class Judge:
    """The rows of a part that go home: its dropped documents, and its clusters of more than one."""

    view: View
    witnesses: Dataset
    threshold: float

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """HOMEWARD rows, sorted by row within each kind."""
        dropped = self.witnesses.table(part)
        v = numbers(dropped["v"])
        yield from batches_of(self._dropped(dropped), HOMEWARD)
        added = table_of(rows, SIZES).sort_by("document")
        document, size = self._clusters(part, v, numbers(added["document"]), numbers(added["size"]))
        nulls = [pa.nulls(len(document), item.type) for item in list(HOMEWARD)[2:-1]]
        yield from batches_of([part_of(document), row_of(document), *nulls, size], HOMEWARD)

    def _dropped(self, table: pa.Table) -> list[pa.Array | Int32s]:
        n, v = table.num_rows, numbers(table["v"])
        jaccard = pa.array(numbers(table["inter"]) / numbers(table["union"]), pa.float64())
        columns = {
            "part": part_of(v),
            "row": row_of(v),
            "verdict": pa.repeat("dropped", n),
            "reason": pa.repeat(REASON, n),
            "score": jaccard,
            "threshold": pa.repeat(self.threshold, n),
            "duplicate_of": doc_ids(octets(table["u_order"], ORDER_BYTES)),
            "jaccard": jaccard,
        }
        return [columns.get(item.name, pa.nulls(n, item.type)) for item in HOMEWARD]

    def _clusters(self, part: int, dropped: Int64s, documents: Int64s, sizes: Int64s) -> tuple[Int64s, Int64s]:
        """(kept documents of the part, their cluster sizes) where that is more than 1; `documents` are ascending."""
        rows = numbers(self.view.undecided(part, ["doc_id"])["row"])
        here = addresses(part, rows)
        size = cluster_sizes(self.view, part)[rows]
        starts = starts_of(documents)
        if len(starts):
            size[lookup(here, documents[starts])] += np.add.reduceat(sizes, starts)
        size[lookup(here, dropped)] = 1
        return here[size > 1], size[size > 1]
