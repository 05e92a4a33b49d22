"""The search for benchmark entries against one in plain Python, and what must not show in it."""

import random

import pyarrow as pa
import pytest
from crawl import sentences
from hypothesis import given
from hypothesis import strategies as st
from overlap_reference import best_score

from curate.held_out.entries import Entry
from curate.held_out.index import COMMON, build
from curate.held_out.overlap import search

PLAIN = " ".join(sentences(1, 30))


def test_templates_of_a_benchmark_count_for_nothing() -> None:
    template = "Read the following text with care and choose the best of the four answers below:"
    own = [" ".join(random.Random(number).sample(PLAIN.split(), 9)) for number in range(COMMON + 1)]
    entries = [Entry(f"e:{number}", f"{template} {text}", "", "") for number, text in enumerate(own)]
    table = build(entries, 5, 0).table
    match = search(pa.array([f"{template} something else.", f"{template} {own[7]}"]), table, 5)
    assert match.scores.tolist() == [0, 1]
    assert match.entries.tolist() == [-1, 7]


WORDS = st.sampled_from([*"abcdef", "的", "一"])
SENTENCE = st.lists(WORDS, max_size=12).map(" ".join)
ENTRIES = st.lists(
    st.tuples(st.lists(WORDS, min_size=3, max_size=24).map(" ".join), SENTENCE, SENTENCE),
    min_size=1,
    max_size=5,
    unique=True,
)


@given(st.data(), ENTRIES, st.integers(1, 4))
def test_equals_a_plain_search(data: st.DataObject, entries: list[tuple[str, str, str]], ngram: int) -> None:
    planted = st.sampled_from([part for entry in entries for part in entry] + [f"{q} {a}" for q, a, _ in entries])
    texts = data.draw(st.lists(st.lists(planted | SENTENCE, max_size=4).map(" . ".join), max_size=3))
    made = build([Entry(str(number), *entry) for number, entry in enumerate(entries)], ngram, 0)
    kept = [entries[int(source)] for source in made.sources]
    match = search(pa.array(texts, pa.string()), made.table, ngram)
    assert match.scores.tolist() == pytest.approx([best_score(text, kept, ngram) for text in texts])


@given(st.permutations(range(6)), st.integers(0, 6))
def test_neither_order_nor_batches_show(order: list[int], at: int) -> None:
    entries = [Entry(str(number), " ".join(sentences(number, 2)), "", "") for number in range(4)]
    table = build(entries, 5, 0).table
    texts = [" ".join(sentences(number, 1 + number % 3)) for number in range(6)]
    scores = dict(zip(texts, search(pa.array(texts), table, 5).scores, strict=True))
    moved = [texts[number] for number in order]
    parts = [search(pa.array(part, pa.string()), table, 5).scores for part in (moved[:at], moved[at:])]
    assert [*parts[0], *parts[1]] == [scores[text] for text in moved]
    assert 1 in scores.values()
