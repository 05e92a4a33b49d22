import random
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dedup_reference import in_order
from dedup_steps import Document, deal, doc_id, dropped, run_wide
from hypothesis import given, settings
from hypothesis import strategies as st

import curate.wide
from curate import schema
from curate.dedup.exact import content_id, exact_dedup


def made_corpus(seed: int, n: int) -> list[Document]:
    """Documents of a few contents, some of them without any."""
    chance = random.Random(seed)
    documents = []
    for number in range(n):
        content = chance.choice(["", "a b", "c", "d e f", f"only {number}"])
        documents.append(
            {
                "doc_id": doc_id(seed * 1000 + number),
                "text": content + "!" * chance.randrange(3),
                "content_id": schema.content_id(content.encode()) if content else None,
                "content_words": len(content.split()),
                "crawl": chance.choice((None, 1, 2)),
                "date": chance.choice((None, "2024-01-01", "2024-01-02")),
                "verdict": chance.choice((None, None, None, None, "dropped")),
            }
        )
    return documents


def reference(documents: list[Document], policy: str) -> dict[str, Document]:
    groups: dict[str, list[str]] = {}
    for document in in_order(documents, policy):
        if document["content_id"] and not document["verdict"]:
            groups.setdefault(document["content_id"], []).append(document["doc_id"])
    expected: dict[str, Document] = {}
    for first, *others in groups.values():
        duplicate = {"verdict": "dropped", "reason": "exact_duplicate", "duplicate_of": first}
        expected |= dict.fromkeys(others, duplicate)
        if others:
            expected[first] = {"cluster_size": 1 + len(others)}
    return expected


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(0, 40),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from(["newest", "earliest", "longest"]),
)
def test_groups_are_those_of_a_dict(seed: int, n: int, parts: int, buckets: int, policy: str) -> None:
    documents = made_corpus(seed, n)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(curate.wide, "BUCKET_BYTES", max(1, n * 64 // buckets))
        dealt = deal(documents, parts, seed)
        found, steps = run_wide(exact_dedup, Path(folder), dealt, shuffle=seed, policy=policy)
    assert found == reference(documents, policy)
    assert list(steps.datasets) == ["keys", "groups"][policy != "earliest" :]
    assert exact_dedup.exchanges == 1


def test_the_duplicates_name_the_survivor_and_it_counts_them(tmp_path: Path) -> None:
    same = {"content_id": schema.content_id(b"same"), "content_words": 1}
    documents = [
        {"doc_id": doc_id(0), "crawl": 1, **same},
        {"doc_id": doc_id(1), "crawl": 2, **same},
        {"doc_id": doc_id(2), "crawl": 2, "date": "2024-01-01", **same},
        {"doc_id": doc_id(3), "crawl": 2, "content_id": schema.content_id(b"other"), "content_words": 1},
        {"doc_id": doc_id(4), "crawl": 2, "content_id": None, "content_words": 0},
        {"doc_id": doc_id(5), "crawl": 2, "content_id": None, "content_words": 0},
    ]
    found, _ = run_wide(exact_dedup, tmp_path / "newest", [documents])
    assert dropped(found) == {doc_id(0): doc_id(2), doc_id(1): doc_id(2)}
    assert found[doc_id(2)] == {"cluster_size": 3}
    assert found.keys() == {doc_id(0), doc_id(1), doc_id(2)}
    assert "jaccard" not in found[doc_id(0)]
    found, _ = run_wide(exact_dedup, tmp_path / "earliest", [documents[:3], documents[3:]], policy="earliest")
    assert dropped(found) == {doc_id(1): doc_id(0), doc_id(2): doc_id(0)}


def test_clusters_of_an_earlier_stage_are_added_up(tmp_path: Path) -> None:
    same = {"content_id": schema.content_id(b"same"), "content_words": 1, "crawl": 1}
    other = {"content_id": schema.content_id(b"other"), "content_words": 1, "crawl": 1}
    documents = [
        {"doc_id": doc_id(0), "date": "2024-01-02", "cluster_size": 3, **same},
        {"doc_id": doc_id(1), "date": "2024-01-01", "cluster_size": 4, **same},
        {"doc_id": doc_id(2), "date": "2024-01-01", "cluster_size": None, **same},
        {"doc_id": doc_id(3), "cluster_size": 5, **other},
        {"doc_id": doc_id(4), "cluster_size": None, "content_id": None, "content_words": 0, "crawl": 1},
    ]
    found, _ = run_wide(exact_dedup, tmp_path, [documents[:2], documents[2:]])
    assert dropped(found) == {doc_id(1): doc_id(0), doc_id(2): doc_id(0)}
    assert found[doc_id(0)] == {"cluster_size": 8}
    assert found[doc_id(3)] == {"cluster_size": 5}
    assert doc_id(4) not in found


def test_no_documents(tmp_path: Path) -> None:
    assert run_wide(exact_dedup, tmp_path, [[], []])[0] == {}


@pytest.mark.parametrize(
    ("text", "other", "equal"),
    [
        ("Same  text.", "same text", True),
        ("Same text", "same\ntext\n", True),
        ("one two", "one three", False),
        ("北京大学。", "北京大学", True),
    ],
)
def test_content_ids_are_of_normal_forms(text: str, other: str, equal: bool) -> None:
    pytest.importorskip("curate.text.normalise")
    one, two = content_id(pa.array([text, other]))["content_id"].to_pylist()
    assert (one == two) is equal


def test_a_text_without_content_has_no_content_id() -> None:
    texts = pa.array([None, "", " \n", "...", "word"])
    added = content_id(texts)
    found: list[Any] = added["content_id"].to_pylist()
    assert found[:4] == [None] * 4
    assert found[4] == schema.content_id(b"word")
    assert len(found[4]) == 32
    assert added["content_words"].to_pylist() == [0, 0, 0, 0, 1]
