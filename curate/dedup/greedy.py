"""The lexicographically first maximal independent set: keep a document iff no kept document before it is its duplicate.

It is what the sequential loop "go through the documents in order, keep one unless it duplicates a kept one" finds, and
it is unique. Cost: one sort of the vertices and one pass over the edges.
"""

import numpy as np
import numpy.typing as npt

from curate.dedup.rows import Int64s, Mask, lookup, sortable, starts_of
from curate.text.kernel import kernel


def independent_set(vertices: Int64s, orders: npt.NDArray[np.uint8], ends: Int64s, neighbours: Int64s) -> Mask:
    """bool[n]: which of n vertices stay.

    vertices: int64[n], ascending; orders: uint8[n, w], their places in the order as bytes; ends: int64[n + 1], where
    each vertex's neighbours begin; neighbours: int64[e], all of them earlier in the order than their vertex. A
    neighbour that is no vertex has no neighbours of its own and stays.
    """
    sequence = np.argsort(sortable(orders), kind="stable")
    kept = np.zeros(len(vertices), np.bool_)
    _go_through(sequence, ends, lookup(vertices, neighbours), kept)
    return kept


def by_vertex(members: Int64s) -> tuple[Int64s, Int64s]:
    """(vertices, ends) of edges that are sorted by vertex: where the edges of each vertex begin, and their number."""
    starts = starts_of(members)
    return members[starts], np.append(starts, len(members))


@kernel
def _go_through(sequence: Int64s, ends: Int64s, neighbours: Int64s, kept: Mask) -> None:
    for vertex in sequence:
        free = True
        for place in range(ends[vertex], ends[vertex + 1]):
            other = neighbours[place]
            if other < 0 or kept[other]:
                free = False
                break
        kept[vertex] = free
