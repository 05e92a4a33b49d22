"""The two tables of weights: hashed words, and hashed parts of classes and ids, each by logistic regression.

AdaGrad over the blocks of all pages in a fixed order, a few passes. A bucket that fewer sites than a handful have
filled keeps weight 0: what one site's theme calls its article says nothing of the next one's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from curate.blocks.page import measured
from curate.blocks.words import BUCKETS
from models.extraction.samples import Sample

Floats = npt.NDArray[np.float32]
PASSES = 4
RATE = 0.1
_SITES = {"words": 6, "classes": 3}


class Weights(NamedTuple):
    """float32[65536] each."""

    words: Floats
    classes: Floats


NO_WEIGHTS = Weights(np.zeros(BUCKETS, np.float32), np.zeros(BUCKETS, np.float32))


class Bags(NamedTuple):
    """The hashed words of each block, and all class tokens on the way to it; starts: int64[b + 1]."""

    words: npt.NDArray[np.uint16]
    word_starts: npt.NDArray[np.int64]
    classes: npt.NDArray[np.uint16]
    class_starts: npt.NDArray[np.int64]


def bags_of(one: Sample) -> Bags:
    """Both bags of a page's blocks."""
    page = measured(one.scan, one.title, *NO_WEIGHTS)
    scan = one.scan
    ways: list[npt.NDArray[np.uint16]] = []
    for element in scan.elements:
        own = scan.tokens[element["tokens"] : element["tokens_end"]]
        ways.append(own if element["parent"] < 0 else np.concatenate([ways[element["parent"]], own]))
    bags = [
        np.concatenate([ways[block["element"]], scan.tokens[block["tokens"] : block["tokens_end"]]])
        for block in scan.blocks
    ]
    starts = np.concatenate([[0], np.cumsum([len(bag) for bag in bags])]).astype(np.int64)
    classes = np.concatenate(bags) if bags else np.empty(0, np.uint16)
    return Bags(page.words, page.word_starts, classes, starts)


def fit_weights(samples: Sequence[Sample], bags: Sequence[Bags]) -> Weights:
    """Both tables from pages with their bags."""
    labels = np.concatenate([one.labels.positive for one in samples]).astype(np.float32)
    pulls = np.concatenate([block_weights(one) for one in samples])
    found = []
    for name in ("words", "classes"):
        buckets = [getattr(bag, name) for bag in bags]
        starts = [getattr(bag, "word_starts" if name == "words" else "class_starts") for bag in bags]
        known = _seen_on(samples, buckets) >= _SITES[name]
        shifts = np.cumsum([0, *(len(bucket) for bucket in buckets[:-1])])
        joined = [start[:-1] + shift for start, shift in zip(starts, shifts, strict=True)]
        ends = np.concatenate([*joined, [sum(map(len, buckets))]])
        weights = np.zeros(BUCKETS + 1, np.float32)
        order = np.random.default_rng(0).permutation(len(labels))
        _descend(np.concatenate(buckets), ends, labels, pulls, known, weights, order, PASSES, name == "words")
        found.append(weights[:BUCKETS].astype(np.float16).astype(np.float32))
    return Weights(*found)


def block_weights(one: Sample) -> Floats:
    """float32[b]: how much a block counts in training: with the root of its tokens, every page the same in sum."""
    tokens = np.sqrt(one.labels.tokens + 1.0)
    return np.asarray(one.weight * 100 * tokens / max(tokens.sum(), 1), np.float32)


def _seen_on(samples: Sequence[Sample], buckets: Sequence[npt.NDArray[np.uint16]]) -> npt.NDArray[np.int64]:
    """int64[65536]: on how many sites each bucket occurs."""
    by_site: dict[str, list[npt.NDArray[np.uint16]]] = {}
    for one, bucket in zip(samples, buckets, strict=True):
        by_site.setdefault(one.site, []).append(bucket)
    seen = np.zeros(BUCKETS, np.int64)
    for parts in by_site.values():
        seen[np.unique(np.concatenate(parts))] += 1
    return seen


@numba.njit(cache=True)
def _descend(
    buckets: npt.NDArray[np.uint16], starts: npt.NDArray[np.int64], labels: Floats, pulls: Floats,
    known: npt.NDArray[np.bool_], weights: Floats, order: npt.NDArray[np.int64], passes: int, rooted: bool,
) -> None:  # fmt: skip
    squares = np.full(len(weights), 1e-2, np.float32)
    bias = len(weights) - 1
    for _ in range(passes):
        for number in order:
            first, last = starts[number], starts[number + 1]
            scale = 1 / np.sqrt(max(last - first, 1)) if rooted else 1.0
            total = weights[bias]
            for at in range(first, last):
                total += weights[buckets[at]] * scale
            error = (1 / (1 + np.exp(-total)) - labels[number]) * pulls[number]
            step = error * scale
            for at in range(first, last):
                place = buckets[at]
                if known[place]:
                    slope = step + 1e-4 * weights[place] * pulls[number]
                    squares[place] += slope * slope
                    weights[place] -= RATE * slope / np.sqrt(squares[place])
            squares[bias] += error * error
            weights[bias] -= RATE * error / np.sqrt(squares[bias])
