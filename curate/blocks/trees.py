"""Gradient-boosted trees as they are shipped: eight bytes a node, walked for a piece of the page at a time.

The two children of a node stand side by side, and a leaf is its own child, so that all rows walk a tree in step without
a branch, as many steps as the tree is deep; the processor works at several rows at
once. Cost: about 5 ns a row and tree.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.kernel import inner, kernel

Floats = npt.NDArray[np.float32]

# Where a row goes: to `left` if its feature is at most `threshold`, else to the node behind it.
NODE = np.dtype([("threshold", "f4"), ("feature", "u2"), ("left", "u2")])


class Trees(NamedTuple):
    """nodes: NODE[n]; values: float32[n], what a node's training rows add on average, in a leaf what it adds.

    roots, depths: int32[t].
    """

    nodes: npt.NDArray[np.void]
    values: Floats
    roots: npt.NDArray[np.int32]
    depths: npt.NDArray[np.int32]


def chances(trees: Trees, rows: Floats) -> Floats:
    """float32[n]: the probability of each row."""
    sums = np.zeros(len(rows), np.float32)
    walk(trees, rows, np.empty(len(rows), np.uint32), sums)
    return np.asarray(1 / (1 + np.exp(-sums)), np.float32)


@inner
def walk(trees: Trees, rows: Floats, at: npt.NDArray[np.uint32], sums: Floats) -> None:
    """Add up what the trees say of each row. at: uint32[n], room; without a sign, no index is checked for one."""
    nodes = trees.nodes
    for tree in range(len(trees.roots)):
        root = np.uint32(trees.roots[tree])
        for row in range(len(rows)):
            at[row] = root
        for _ in range(trees.depths[tree]):
            for row in range(len(rows)):
                node = nodes[at[row]]
                beyond = rows[row, node["feature"]] > node["threshold"]
                at[row] = np.uint32(node["left"]) + (np.uint32(1) if beyond else np.uint32(0))
        for row in range(len(rows)):
            sums[row] += trees.values[at[row]]


@kernel
def explain_row(trees: Trees, row: Floats, shares: Floats) -> None:
    """Add to shares[f] what each feature moves the sum by on the row's way (Saabas 2014)."""
    for tree in range(len(trees.roots)):
        at = np.int64(trees.roots[tree])
        for _ in range(trees.depths[tree]):
            node = trees.nodes[at]
            after = np.int64(node["left"]) + (1 if row[node["feature"]] > node["threshold"] else 0)
            shares[node["feature"]] += trees.values[after] - trees.values[at]
            at = after
