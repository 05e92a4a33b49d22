from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from dedup_reference import jaccard, shingle_set
from dedup_steps import ShuffledSteps, doc_id, make_view
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.candidates import PAIRS
from curate.dedup.earlier import Earlier
from curate.dedup.jaccard import ShingleSets, at_or_over, compare, shingle_sets
from curate.dedup.verify import AskForTexts, Compare, DeliverTexts, places_of, verify
from curate.errors import EngineError
from curate.store import Dataset, Draft

numbers = st.sets(st.integers(0, 40), max_size=12)


def sets_of(members: list[set[int]]) -> ShingleSets:
    hashes = [value for member in members for value in sorted(member)]
    offsets = np.cumsum([0, *map(len, members)])
    return ShingleSets(np.arange(len(members)) * 3, np.array(hashes, np.uint64), offsets)


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, numbers), max_size=10), st.randoms())
def test_counts_are_those_of_sets(pairs: list[tuple[set[int], set[int]]], chance: object) -> None:
    left, right = sets_of([one for one, _ in pairs]), sets_of([other for _, other in pairs])
    order = np.arange(len(pairs))
    chance.shuffle(order)
    inter, union = compare(left, right, left.documents[order], right.documents[order])
    assert inter.tolist() == [len(pairs[n][0] & pairs[n][1]) for n in order]
    assert union.tolist() == [len(pairs[n][0] | pairs[n][1]) for n in order]


def test_the_threshold_is_decided_on_integers() -> None:
    # In floating point 7 / 10 ≥ 0.7, but 0.1 * 7 > 0.7; 7 of 10 must count, 6,999,999 of 10^7 must not.
    inter, union = np.array([7, 6_999_999, 7_000_000, 21, 0]), np.array([10, 10**7, 10**7, 30, 1])
    assert at_or_over(inter, union, Fraction("0.7")).tolist() == [True, False, True, True, False]
    assert at_or_over(np.array([10**8]), np.array([10**8]), Fraction("0.999999999")).all()
    assert not at_or_over(np.array([10**8 - 1]), np.array([10**8]), Fraction("0.999999999")).all()


@given(st.lists(st.integers(0, 9), max_size=30), st.sets(st.integers(0, 9)))
def test_places_of_values(values: list[int], wanted: set[int]) -> None:
    ascending = np.array(sorted(values), np.int64)
    places = places_of(ascending, np.array(sorted(wanted), np.int64))
    assert places.tolist() == [place for place, value in enumerate(sorted(values)) if value in wanted]


TEXTS = [
    "a b c d e f g h i j k l m n o p",
    "a b c d e f g h i j k l m n o q",
    "A, b c d e f g h i j k l m n o q!",
    "a b c d e f g h i j z l m n o q",
    "short",
    "Short.",
]

# Two parts, and no earlier run.
ALONE = Earlier(2, (), ())


def given_pairs(folder: Path) -> Dataset:
    """All pairs (later, earlier) of TEXTS, dealt out to two parts by parity; rows are number // 2."""
    dataset = Dataset(str(folder / "pairs"), 2)
    for part in range(2):
        rows = [
            {
                "v": part << 32 | v // 2,
                "v_order": bytes([v] * 28),
                "u": u % 2 << 32 | u // 2,
                "u_order": bytes([u] * 28),
            }
            for v in range(part, len(TEXTS), 2)
            for u in range(v)
        ]
        dataset.publish(part, PAIRS, [pa.RecordBatch.from_pylist(rows, PAIRS)], Draft("given"))
    return dataset


def made_steps(folder: Path) -> ShuffledSteps:
    documents = [{"doc_id": doc_id(number), "text": text} for number, text in enumerate(TEXTS)]
    return ShuffledSteps(folder, make_view(folder, [documents[::2], documents[1::2]]), 2, len(TEXTS))


@pytest.mark.parametrize("threshold", ["0.5", "0.7", "0.84", "1"])
def test_edges_are_the_pairs_at_or_over_the_threshold(tmp_path: Path, threshold: str) -> None:
    edges = verify(made_steps(tmp_path), given_pairs(tmp_path), ALONE, Fraction(threshold), 5)
    found = {
        (row["v_order"][0], row["u_order"][0]): Fraction(row["inter"], row["union"])
        for part in range(2)
        for row in edges.table(part).to_pylist()
    }
    exact = {(v, u): jaccard(shingle_set(TEXTS[v]), shingle_set(TEXTS[u])) for v in range(len(TEXTS)) for u in range(v)}
    assert found == {pair: value for pair, value in exact.items() if value >= Fraction(threshold)}


def test_only_texts_of_other_parts_are_asked_for_and_once(tmp_path: Path) -> None:
    asked = pa.Table.from_batches(AskForTexts(given_pairs(tmp_path), ALONE)(1)).to_pylist()
    assert asked == [{"bucket": 0, "u": row, "asker": 1} for row in range(3)]


def test_a_text_that_does_not_arrive_is_an_error(tmp_path: Path) -> None:
    steps, pairs = made_steps(tmp_path), given_pairs(tmp_path)
    verify(steps, pairs, ALONE, Fraction("0.7"), 5)
    sent = [batch for part in range(2) for batch in DeliverTexts(steps.datasets["texts"])(part)]
    mine = pa.Table.from_batches(sent).filter(pa.compute.field("bucket") == 1)
    reduce = Compare(steps.view, pairs, ALONE, Fraction("0.7"), 5)
    assert list(reduce(1, iter(mine.to_batches())))
    with pytest.raises(EngineError, match="part 1: a text that a candidate pair needs did not arrive"):
        list(reduce(1, iter(mine.slice(1).to_batches())))


def test_shingle_sets_hold_every_shingle_once() -> None:
    sets = shingle_sets(np.array([4, 9]), pa.array(["a b a b a b", "one"]), 2)
    assert sets.sizes(np.array([0, 1])).tolist() == [2, 1]
