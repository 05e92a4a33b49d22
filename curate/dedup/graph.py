"""The graph of duplicates: edges (v, u) between addresses, u before v in the order, and what is decided of them.

Edges lie in the part of v, sorted by v and the order of u. A document that is no v of any edge stays.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.candidates import PAIRS
from curate.dedup.greedy import by_vertex, independent_set
from curate.dedup.order import ORDER_BYTES
from curate.dedup.rows import Int64s, batches_of, numbers, octets, one_chunk
from curate.store import Dataset, Draft

# What is known of a document: that its edges are still open, or what has been decided.
OPEN, KEPT, DROPPED = 0, 1, 2
NOBODY = -1

STATE = pa.field("state", pa.int32(), nullable=False)

# A pair at or over the threshold; `state` is of v.
EDGES = pa.schema(
    [*PAIRS, pa.field("inter", pa.int32(), nullable=False), pa.field("union", pa.int32(), nullable=False), STATE]
)
# An open edge (state OPEN), or a decided v (`u` is NOBODY).
ROUND = pa.schema([*(PAIRS.field(name) for name in ("v", "v_order", "u")), STATE])
STATES = pa.schema([PAIRS.field("v"), STATE])
# A vertex of the open graph with its neighbours, on its way to the task that decides it.
VERTEX = pa.schema([PAIRS.field("v"), PAIRS.field("v_order"), pa.field("us", pa.list_(pa.int64()), nullable=False)])


class CountsOpen:
    """A reduce whose manifests say how many open edges a part has."""

    def count(self, batch: pa.RecordBatch, draft: Draft) -> None:
        """Count `open`."""
        draft.count("open", pc.sum(pc.equal(batch["state"], OPEN)).as_py() or 0)


def count_open(edges: Dataset) -> int:
    """Open edges of all parts, which a reduce with CountsOpen has left."""
    return sum(manifest.counts.get("open", 0) for manifest in edges.manifests())


def open_edges(edges: Dataset, part: int, columns: Sequence[str]) -> pa.Table:
    """The open edges of a part, sorted by v and the order of u."""
    table = edges.table(part, [*columns, "state"])
    return table.filter(pc.equal(table["state"], OPEN)).select(list(columns)).combine_chunks()


def vertex_columns(table: pa.Table) -> tuple[Int64s, pa.Array, pa.Array]:
    """(v, v_order, list of u) of edges `v, v_order, u` that are sorted by v."""
    v, ends = by_vertex(numbers(table["v"]))
    orders = one_chunk(table["v_order"].take(pa.array(ends[:-1])))
    us = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), one_chunk(table["u"]))
    return v, orders, us


def decided_vertices(vertices: pa.Table) -> Iterator[pa.RecordBatch]:
    """STATES of whole components, given as VERTICES without their bucket."""
    vertices = vertices.sort_by("v").combine_chunks()
    us = one_chunk(vertices["us"])
    ends = np.concatenate(([0], np.cumsum(numbers(us.value_lengths()).astype(np.int64))))
    v = numbers(vertices["v"])
    kept = independent_set(v, octets(vertices["v_order"], ORDER_BYTES), ends, numbers(us.flatten()))
    yield from batches_of([v, np.where(kept, KEPT, DROPPED)], STATES)
