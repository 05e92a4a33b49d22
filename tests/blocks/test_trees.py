"""Packed trees say what trees as nested tuples say, and their explanation adds up to it."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.blocks.trees import NODE, Trees, chances, explain_row

FEATURES = 4
VALUES = st.floats(-3, 3, width=32)
# (feature, threshold, value of the node, left, right), or a leaf's value.
TREES = st.recursive(
    VALUES, lambda below: st.tuples(st.integers(0, FEATURES - 1), VALUES, VALUES, below, below), max_leaves=12
)
ROWS = st.lists(st.lists(VALUES, min_size=FEATURES, max_size=FEATURES), min_size=1, max_size=9)


def packed(trees: list) -> Trees:
    nodes, values, roots, depths = [], [], [], []
    for tree in trees:
        roots.append(len(nodes))
        level, depth = [tree], -1
        while level:
            depth += 1
            below: list = []
            first = len(nodes) + len(level)
            for node in level:
                if isinstance(node, float):
                    nodes.append((np.inf, 0, len(nodes)))
                    values.append(node)
                else:
                    nodes.append((node[1], node[0], first + len(below)))
                    values.append(node[2])
                    below += node[3:]
            level = below
        depths.append(depth)
    return Trees(
        np.array(nodes, NODE), np.array(values, np.float32), np.array(roots, np.int32), np.array(depths, np.int32)
    )


def walked(tree: object, row: list[float]) -> float:
    while not isinstance(tree, float):
        feature, threshold, _, left, right = tree
        tree = left if row[feature] <= threshold else right
    return tree


@settings(deadline=None)
@given(st.lists(TREES, min_size=1, max_size=4), ROWS)
def test_packed_trees_say_what_trees_say(trees: list, rows: list[list[float]]) -> None:
    found = chances(packed(trees), np.array(rows, np.float32))
    expected = [1 / (1 + math.exp(-sum(walked(tree, row) for tree in trees))) for row in rows]
    assert np.allclose(found, expected, atol=1e-5)


@settings(deadline=None)
@given(st.lists(TREES, min_size=1, max_size=4), ROWS)
def test_shares_of_features_add_up_from_the_roots(trees: list, rows: list[list[float]]) -> None:
    for row in rows:
        shares = np.zeros(FEATURES, np.float32)
        explain_row(packed(trees), np.array(row, np.float32), shares)
        roots = sum(tree if isinstance(tree, float) else tree[2] for tree in trees)
        assert math.isclose(shares.sum() + roots, sum(walked(tree, row) for tree in trees), abs_tol=1e-4)
