"""From LightGBM's boosters to the packed trees that are shipped."""

from typing import Any

import numpy as np

from curate.blocks.model import Model
from curate.blocks.trees import NODE, Trees
from models.extraction.fit import Fitted


def model_of(fitted: Fitted) -> Model:
    """The model as it is shipped."""
    return Model(*fitted.weights, trees_of(fitted.first), trees_of(fitted.second))


def trees_of(booster: Any) -> Trees:
    """All trees of a booster, each in breadth-first order."""
    nodes: list[tuple[float, int, int]] = []
    values: list[float] = []
    roots, depths = [], []
    for tree in booster.dump_model()["tree_info"]:
        roots.append(len(nodes))
        depths.append(_append(tree["tree_structure"], nodes, values))
    packed = np.array(nodes, NODE)
    return Trees(packed, np.array(values, np.float32), np.array(roots, np.int32), np.array(depths, np.int32))


def _append(root: dict[str, Any], nodes: list[tuple[float, int, int]], values: list[float]) -> int:
    """Append a tree; returns its depth."""
    level, depth = [root], -1
    while level:
        depth += 1
        first_child = len(nodes) + len(level)
        below: list[dict[str, Any]] = []
        for node in level:
            if "leaf_value" in node:
                nodes.append((np.inf, 0, len(nodes)))
                values.append(node["leaf_value"])
            else:
                nodes.append((_rounded_down(node["threshold"]), node["split_feature"], first_child + len(below)))
                values.append(node["internal_value"])
                below += [node["left_child"], node["right_child"]]
        level = below
    return depth


def _rounded_down(threshold: float) -> float:
    """The greatest float32 that is at most the threshold: features of 32 bits fall on the same side of both."""
    near = np.float32(threshold)
    return float(near if near <= threshold else np.nextafter(near, np.float32(-np.inf), dtype=np.float32))
