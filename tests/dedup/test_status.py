"""Keep or drop on graphs that are given as edges: rounds, components and the finish must all say the same."""

import random
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from dedup_reference import first_independent_set
from dedup_steps import ShuffledSteps
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.graph import DROPPED, EDGES, KEPT, OPEN
from curate.dedup.greedy import by_vertex, independent_set
from curate.dedup.status import decide
from curate.store import Dataset, Draft, View

Edges = Collection[tuple[int, int]]
Graph = tuple[Edges, dict[int, int]]


def place(vertex: int, parts: int) -> int:
    """An address that has nothing to do with the order: vertices are dealt out by a multiplicative hash."""
    mixed = vertex * 2654435761 % 2**31
    return mixed % parts << 32 | mixed // parts


def order_bytes(rank: int) -> bytes:
    return rank.to_bytes(28, "big")


def publish(folder: Path, edges: Edges, order: dict[int, int], parts: int) -> Dataset:
    dataset = Dataset(str(folder / "given"), parts)
    rows: list[list[dict[str, object]]] = [[] for _ in range(parts)]
    for v, u in sorted(edges, key=lambda edge: (place(edge[0], parts), order[edge[1]])):
        ends = {"v": place(v, parts), "v_order": order_bytes(order[v]), "u": place(u, parts)}
        rows[place(v, parts) >> 32].append(
            {**ends, "u_order": order_bytes(order[u]), "inter": 1, "union": 1, "state": OPEN}
        )
    for number, part in enumerate(rows):
        given = Draft("given", {"open": len(part)})
        dataset.publish(number, EDGES, [pa.RecordBatch.from_pylist(part, EDGES)], given)
    return dataset


def kept_by_stage(
    folder: Path, edges: Edges, order: dict[int, int], parts: int, finish_rows: int, seed: int = 0
) -> tuple[dict[int, bool], list[str]]:
    """(vertex → whether it stays, the exchanges that ran)."""
    steps = ShuffledSteps(folder, View(), parts, len(order), seed)
    states: dict[int, int] = {}
    for dataset in decide(steps, publish(folder, edges, order, parts), finish_rows):
        for part in range(dataset.parts):
            for row in dataset.table(part, ["v", "state"]).to_pylist():
                if row["state"] != OPEN:
                    assert states.setdefault(row["v"], row["state"]) == row["state"], "decided twice, differently"
    assert set(states.values()) <= {KEPT, DROPPED}
    assert states.keys() == {place(v, parts) for v, _ in edges}, "every v of an edge must be decided, and nothing else"
    ends = {end for edge in edges for end in edge}
    return {vertex: states.get(place(vertex, parts), KEPT) == KEPT for vertex in ends}, list(steps.datasets)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(2, 14))
    order = dict(enumerate(draw(st.permutations(range(n)))))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40))
    return {(v, u) if order[u] < order[v] else (u, v) for v, u in pairs if v != u}, order


@settings(max_examples=25, deadline=None)
@given(graphs(), st.integers(1, 3), st.integers(0, 99))
def test_rounds_and_finish_are_the_sequential_loop(graph: Graph, parts: int, seed: int) -> None:
    edges, order = graph
    expected = first_independent_set(edges, order)
    for finish_rows in (0, 3, 10**6):
        with tempfile.TemporaryDirectory() as folder:
            assert kept_by_stage(Path(folder), edges, order, parts, finish_rows, seed)[0] == expected


def chain(n: int) -> Edges:
    return {(number, number - 1) for number in range(1, n)}


def cliques(n: int, chance: random.Random) -> Edges:
    """Two near-cliques of n each, a few edges missing, joined by one edge."""
    inside = [(v + side, u + side) for side in (0, n) for v in range(n) for u in range(v) if chance.random() < 0.9]
    return {*inside, (n, n - 1)}


@pytest.mark.parametrize("finish_rows", [0, 10, 10**6])
def test_two_near_cliques_joined_by_one_edge(tmp_path: Path, finish_rows: int) -> None:
    edges = cliques(25, random.Random(2))
    order = {vertex: vertex for vertex in range(50)}
    assert kept_by_stage(tmp_path, edges, order, 3, finish_rows)[0] == first_independent_set(edges, order)


def test_a_chain_is_finished_at_once_where_it_fits(tmp_path: Path) -> None:
    kept, ran = kept_by_stage(tmp_path, chain(2000), {v: v for v in range(2000)}, 2, 10**6)
    assert ran == ["finish"]
    assert [kept[vertex] for vertex in range(2000)] == [vertex % 2 == 0 for vertex in range(2000)]


def test_many_chains_are_cut_into_components(tmp_path: Path) -> None:
    """40 chains of 60 in date order: a round decides 2 of 59, and no task may take more than 100 edges."""
    edges = {(number * 100 + v, number * 100 + u) for number in range(40) for v, u in chain(60)}
    order = {vertex: vertex % 100 * 1000 + vertex // 100 for vertex in {v for edge in edges for v in edge}}
    kept, ran = kept_by_stage(tmp_path, edges, order, 3, 100)
    assert kept == {vertex: vertex % 100 % 2 == 0 for vertex in order}
    assert "components" in ran
    assert [name for name in ran if "ask" in name] == ["round-0001-ask", "settle-components-ask", "round-0002-ask"]


def test_a_component_that_is_too_large_goes_on_by_rounds(tmp_path: Path) -> None:
    edges = {*chain(61), *((1000 + v, 1000 + u) for v, u in chain(41)), *((2000 + v, 2000 + u) for v, u in chain(9))}
    order = {vertex: vertex for edge in edges for vertex in edge}
    kept, ran = kept_by_stage(tmp_path, edges, order, 2, 45)
    assert kept == first_independent_set(edges, order)
    assert "components" in ran
    assert "finish" in ran
    assert sum(name.endswith("-ask") for name in ran) > 3


def with_orders(edges: list[tuple[int, int]], ranks: list[int]) -> Iterator[np.ndarray]:
    """vertices, orders, ends, neighbours of edges sorted by v."""
    v, u = (np.array(column, np.int64) for column in zip(*edges, strict=True))
    vertices, ends = by_vertex(v)
    orders = np.stack([np.frombuffer(order_bytes(ranks[vertex]), np.uint8) for vertex in vertices])
    yield from (vertices, orders, ends, u)


def test_a_chain_of_10_000() -> None:
    kept = independent_set(*with_orders(sorted(chain(10_000)), list(range(10_000))))
    assert (np.flatnonzero(kept) + 1).tolist() == list(range(2, 10_000, 2))


def test_a_star_of_100_000() -> None:
    leaves = [(leaf, 0) for leaf in range(1, 100_001)]
    ranks = list(range(100_001))
    assert not independent_set(*with_orders(leaves, ranks)).any()
    last = [(100_000, leaf) for leaf in range(100_000)]
    assert not independent_set(*with_orders(last, ranks)).any()


@settings(deadline=None)
@given(graphs())
def test_independent_set_is_independent_and_maximal(graph: Graph) -> None:
    edges, order = graph
    if edges:
        ordered = sorted(edges)
        kept = independent_set(*with_orders(ordered, [order[vertex] for vertex in range(len(order))]))
        vertices = sorted({v for v, _ in edges})
        expected = first_independent_set(edges, order)
        assert dict(zip(vertices, kept.tolist(), strict=True)) == {v: expected[v] for v in vertices}
