"""Fuzzy deduplication from documents to verdicts, against the plain loop of dedup_reference."""

import random
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from dedup_reference import greedy, in_order, jaccard, shingle_set
from dedup_steps import Document, ShuffledSteps, deal, doc_id, dropped, run_wide
from hypothesis import given, settings
from hypothesis import strategies as st

import curate.wide
from curate.dedup.fuzzy import fuzzy_dedup
from curate.errors import RecipeError

POLICIES = ("newest", "earliest", "longest")
SEVENTH = Fraction(7, 10)


def words(chance: random.Random, n: int, vocabulary: int = 2000) -> list[str]:
    return [f"w{chance.randrange(vocabulary)}" for _ in range(n)]


def substitute(chance: random.Random, text: Sequence[str], changes: int) -> list[str]:
    text = list(text)
    for at in chance.sample(range(len(text)), min(changes, len(text))):
        text[at] = f"x{chance.randrange(10**6)}"
    return text


def made_corpus(seed: int, families: int, length: int = 60) -> list[Document]:
    """Families of near duplicates with dates, crawls and exact cluster sizes; also empty and very short documents."""
    chance = random.Random(seed)
    texts: list[list[str]] = [[], ["one", "two"], ["one", "two"], ["!", "?"]]
    for _ in range(families):
        members = [words(chance, chance.randrange(8, length))]
        for _ in range(chance.choice((0, 1, 2, 5))):
            members.append(substitute(chance, chance.choice(members), chance.randrange(0, 3)))
        texts += members
    return [
        {
            "doc_id": doc_id(seed * 1000 + number),
            "text": " ".join(text),
            "crawl": chance.choice((None, 1, 2, 3)),
            "date": chance.choice((None, "2024-01-01", "2024-02-01T10:00:00Z")),
            "cluster_size": chance.choice((None, None, None, 2, 5)),
        }
        for number, text in enumerate(texts)
    ]


def candidate_pairs(steps: ShuffledSteps, parts: Sequence[Sequence[Document]]) -> set[tuple[str, str]]:
    """(v, u) by doc_id, as the run has written them."""
    dataset = steps.datasets["candidates"]
    rows = [row for part in range(dataset.parts) for row in dataset.table(part, ["v", "u"]).to_pylist()]
    return {tuple(parts[row[end] >> 32][row[end] & 0xFFFFFFFF]["doc_id"] for end in ("v", "u")) for row in rows}


def check_witnesses(
    documents: Sequence[Document], found: dict[str, Document], policy: str, threshold: Fraction
) -> None:
    """Every dropped document names one that was kept, is before it, and is at or over the threshold, exactly."""
    texts = {document["doc_id"]: shingle_set(document["text"]) for document in documents}
    rank = {document["doc_id"]: place for place, document in enumerate(in_order(documents, policy))}
    gone = dropped(found)
    for name, witness in gone.items():
        exact = jaccard(texts[name], texts[witness])
        assert witness not in gone
        assert rank[witness] < rank[name]
        assert exact >= threshold
        row = found[name]
        assert (row["verdict"], row["reason"]) == ("dropped", "near_duplicate")
        assert row["jaccard"] == row["score"] == float(exact)
        assert row["threshold"] == float(threshold)
        assert "cluster_size" not in row


def expected_sizes(documents: Sequence[Document], gone: dict[str, str]) -> dict[str, int]:
    """Cluster sizes over 1 of the kept."""
    sizes = {document["doc_id"]: document.get("cluster_size") or 1 for document in documents}
    totals = {name: size for name, size in sizes.items() if name not in gone}
    for name, witness in gone.items():
        totals[witness] += sizes[name]
    return {name: size for name, size in totals.items() if size > 1}


def found_sizes(found: dict[str, Document]) -> dict[str, int]:
    return {name: row["cluster_size"] for name, row in found.items() if "verdict" not in row}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(POLICIES), st.integers(1, 4), st.sampled_from([0, 4, 20_000_000]))
def test_verdicts_are_those_of_the_loop_over_the_candidates(
    seed: int, policy: str, parts: int, finish_rows: int
) -> None:
    documents = made_corpus(seed, 8)
    dealt = deal(documents, parts, seed)
    with tempfile.TemporaryDirectory() as folder:
        found, steps = run_wide(fuzzy_dedup, Path(folder), dealt, shuffle=seed, policy=policy, finish_rows=finish_rows)
        pairs = candidate_pairs(steps, dealt)
    expected = greedy(documents, policy, SEVENTH, lambda v, u: (v, u) in pairs)
    assert {name: (row["duplicate_of"], row["jaccard"]) for name, row in found.items() if "verdict" in row} == expected
    check_witnesses(documents, found, policy, SEVENTH)
    assert found_sizes(found) == expected_sizes(documents, dropped(found))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("threshold", ["0.5", "0.7", "0.85"])
def test_a_banding_that_meets_everything_finds_every_pair(tmp_path: Path, seed: int, threshold: str) -> None:
    """128 bands of one row: only pairs whose estimate is 4 σ off could be missed."""
    documents = made_corpus(seed, 10)
    everything = {"bands": 128, "rows": 1, "hubs": 1000, "key_hubs": 1000, "partners": 1000}
    found, _ = run_wide(
        fuzzy_dedup, tmp_path, deal(documents, 3, seed), shuffle=seed, threshold=float(threshold), **everything
    )
    expected = greedy(documents, "newest", Fraction(threshold), lambda v, u: True)
    assert dropped(found) == {name: witness for name, (witness, _) in expected.items()}
    assert dropped(found)
    check_witnesses(documents, found, "newest", Fraction(threshold))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5))
def test_neither_parts_nor_buckets_nor_order_show(seed: int, parts: int, buckets: int) -> None:
    documents = made_corpus(seed, 10)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        one, _ = run_wide(fuzzy_dedup, Path(folder) / "one", [documents])
        patch.setattr(curate.wide, "BUCKET_BYTES", len(documents) * 21 * 88 // buckets)
        other, steps = run_wide(fuzzy_dedup, Path(folder) / "other", deal(documents, parts, seed), shuffle=seed)
        assert buckets <= steps.datasets["bands"].parts <= buckets + 1
    assert one == other


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_a_later_crawl_changes_no_earlier_verdict(seed: int, last: int) -> None:
    documents = [{**document, "crawl": 1 + number % 4} for number, document in enumerate(made_corpus(seed, 10))]
    before = [document for document in documents if document["crawl"] <= last]
    with tempfile.TemporaryDirectory() as folder:
        everything, _ = run_wide(fuzzy_dedup, Path(folder) / "all", deal(documents, 3, seed), policy="earliest")
        earlier, _ = run_wide(fuzzy_dedup, Path(folder) / "before", deal(before, 2, seed), policy="earliest")
    names = {document["doc_id"] for document in before}
    assert dropped(earlier) == {name: witness for name, witness in dropped(everything).items() if name in names}


def test_the_common_path_takes_the_exchanges_that_the_plan_states(tmp_path: Path) -> None:
    _, steps = run_wide(fuzzy_dedup, tmp_path, deal(made_corpus(1, 10), 2, 0))
    assert len(steps.datasets) == fuzzy_dedup.exchanges == 8


@pytest.mark.parametrize(
    ("policy", "survivor"),
    [("newest", "new long"), ("earliest", "old"), ("longest", "undated long")],
)
def test_policies_choose_the_survivor(tmp_path: Path, policy: str, survivor: str) -> None:
    body = words(random.Random(4), 80)
    made: dict[str, dict[str, Any]] = {
        "old": {"crawl": 1, "date": "2020-01-01", "extra": 0},
        "new": {"crawl": 2, "date": "2024-05-01", "extra": 0},
        "new long": {"crawl": 2, "date": "2024-05-01", "extra": 1},
        "new early": {"crawl": 2, "date": "2024-04-30", "extra": 2},
        "undated long": {"crawl": None, "date": None, "extra": 3},
    }
    documents = [
        {
            "doc_id": doc_id(number),
            "text": " ".join([*body, *["end"] * facts["extra"]]),
            "crawl": facts["crawl"],
            "date": facts["date"],
        }
        for number, facts in enumerate(made.values())
    ]
    names = {document["doc_id"]: name for document, name in zip(documents, made, strict=True)}
    found, _ = run_wide(fuzzy_dedup, tmp_path, deal(documents, 2, 1), policy=policy)
    assert {names[name]: names[witness] for name, witness in dropped(found).items()} == {
        name: survivor for name in made if name != survivor
    }
    assert {names[name]: size for name, size in found_sizes(found).items()} == {survivor: 5}


def test_decided_empty_and_foreign_rows_stay_out(tmp_path: Path) -> None:
    text = " ".join(words(random.Random(1), 40))
    documents = [
        {"doc_id": doc_id(0), "text": text, "crawl": 2, "verdict": "dropped"},
        {"doc_id": doc_id(1), "text": text, "crawl": 1},
        {"doc_id": doc_id(2), "text": text, "crawl": 1},
        {"doc_id": doc_id(3), "text": None},
        {"doc_id": doc_id(4), "text": " … ", "cluster_size": 3},
        {"doc_id": doc_id(5), "text": " … "},
    ]
    found, _ = run_wide(fuzzy_dedup, tmp_path, [documents[:3], documents[3:], []])
    survivor, duplicate = sorted([doc_id(1), doc_id(2)])
    assert dropped(found) == {duplicate: survivor}
    assert found_sizes(found) == {survivor: 2, doc_id(4): 3}


def test_no_documents_at_all(tmp_path: Path) -> None:
    assert run_wide(fuzzy_dedup, tmp_path / "empty", [[], []])[0] == {}
    assert run_wide(fuzzy_dedup, tmp_path / "none", [])[0] == {}


def test_recall_of_planted_pairs(tmp_path: Path) -> None:
    """Substituted words at rates that give Jaccard .7 to .95; a pair is found when not both of it are kept."""
    chance = random.Random(11)
    documents, pairs = [], []
    for number in range(1200):
        original = words(chance, 160, 10**6)
        copy = substitute(chance, original, chance.randrange(1, 7))
        ids = doc_id(2 * number), doc_id(2 * number + 1)
        documents += [
            {"doc_id": name, "text": " ".join(text)} for name, text in zip(ids, (original, copy), strict=True)
        ]
        pairs.append((*ids, float(jaccard(shingle_set(" ".join(original)), shingle_set(" ".join(copy))))))
    found, _ = run_wide(fuzzy_dedup, tmp_path, deal(documents, 3, 0))
    gone = dropped(found)

    def recall(low: float, high: float) -> float:
        there = [(one, other) for one, other, exact in pairs if low <= exact < high]
        assert len(there) > 150
        return sum(one in gone or other in gone for one, other in there) / len(there)

    assert recall(0.7, 0.75) >= 0.92
    assert recall(0.7, 0.8) >= 0.95
    assert recall(0.8, 1.01) >= 0.99
    assert len(gone) <= sum(exact >= 0.7 for _, _, exact in pairs)


def test_a_cluster_of_equal_pages_is_one_page_with_all_of_them(tmp_path: Path) -> None:
    """2,000 near-equal pages: hubs keep the pairs few, and all of them are found."""
    chance = random.Random(3)
    body = words(chance, 150)
    documents = [
        {"doc_id": doc_id(number), "text": " ".join([*body, f"page{number}"]), "date": f"2024-01-{1 + number % 28:02d}"}
        for number in range(2000)
    ]
    found, steps = run_wide(fuzzy_dedup, tmp_path, deal(documents, 2, 0), shuffle=1)
    assert list(found_sizes(found).values()) == [2000]
    assert sum(manifest.rows for manifest in steps.datasets["candidates"].manifests()) <= 64 * 2000
    check_witnesses(documents, found, "newest", SEVENTH)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"bands": 25, "rows": 6}, "25 bands of 6 rows need 150 hashes, but hashes = 128"),
        ({"threshold": 0.0}, "threshold must be over 0"),
        ({"threshold": 1.01}, "threshold must be over 0"),
        ({"threshold": float("nan")}, "threshold must be over 0"),
        ({"seed": -1}, "seed must be in 0"),
        ({"ngram": 0}, "ngram must be at least 1"),
        ({"hubs": 0}, "hubs must be at least 1"),
        ({"finish_rows": -1}, "finish_rows must be at least 0"),
    ],
)
def test_parameters_out_of_range(tmp_path: Path, params: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        run_wide(fuzzy_dedup, tmp_path, [[]], **params)
