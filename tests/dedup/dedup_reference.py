"""Fuzzy deduplication once more, slowly and on its own: plain sets, fractions and one loop over documents in order."""

import itertools
import re
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from typing import Any

Document = dict[str, Any]


def shingle_set(text: str, n: int = 5) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(tuple(words[at : at + n]) for at in range(max(1, len(words) - n + 1))) if words else frozenset()


def jaccard(left: Collection[Any], right: Collection[Any]) -> Fraction:
    return Fraction(len(set(left) & set(right)), len(set(left) | set(right)))


def in_order(documents: Sequence[Document], policy: str) -> list[Document]:
    def key(document: Document) -> tuple[Any, ...]:
        sign = 1 if policy == "earliest" else -1
        crawl, date = document.get("crawl"), document.get("date")
        day = int(date[:10].replace("-", "")) if date else 0
        age = ((crawl is None, sign * (crawl or 0)), (date is None, sign * day))
        length = -len(re.findall(r"\w+", document["text"]))
        return (length, *age, document["doc_id"]) if policy == "longest" else (*age, length, document["doc_id"])

    return sorted(documents, key=key)


def greedy(
    documents: Sequence[Document], policy: str, threshold: Fraction, is_candidate: Callable[[str, str], bool]
) -> dict[str, tuple[str, float]]:
    """doc_id → (witness, Jaccard) of the dropped; `is_candidate(v, u)` limits which pairs are compared."""
    kept: list[tuple[str, frozenset[Any]]] = []
    dropped: dict[str, tuple[str, float]] = {}
    for document in in_order(documents, policy):
        name, shingles = document["doc_id"], shingle_set(document["text"])
        if not shingles:
            continue
        for other, others in kept:
            if is_candidate(name, other) and (found := jaccard(shingles, others)) >= threshold:
                dropped[name] = (other, float(found))
                break
        else:
            kept.append((name, shingles))
    return dropped


def first_independent_set(edges: Collection[tuple[Any, Any]], order: dict[Any, Any]) -> dict[Any, bool]:
    """Vertex → whether it stays; edges are (v, u), u before v."""
    earlier: dict[Any, list[Any]] = {v: [] for v in itertools.chain.from_iterable(edges)}
    for v, u in edges:
        earlier[v].append(u)
    stays: dict[Any, bool] = {}
    for vertex in sorted(earlier, key=order.__getitem__):
        stays[vertex] = not any(stays[u] for u in earlier[vertex])
    return stays
