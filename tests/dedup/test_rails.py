from typing import Any

import pyarrow as pa

from curate.dedup.rails import alarms, largest_clusters, removal_per_source
from curate.schema import LEDGER


def ledger(*rows: dict[str, Any]) -> pa.Table:
    full = [
        {"source": "a/f", "offset": 0, "verdict": "dropped" if "duplicate_of" in row else "kept", **row} for row in rows
    ]
    return pa.Table.from_pylist([{name: row.get(name) for name in LEDGER.names} for row in full], LEDGER)


def test_largest_clusters_follow_chains_to_their_end() -> None:
    made = ledger(
        {"doc_id": "k1", "url": "https://x.org/1"},
        {"doc_id": "k2", "source": "b/g"},
        {"doc_id": "k3"},
        {"doc_id": "d1", "duplicate_of": "k1"},
        {"doc_id": "d2", "duplicate_of": "d1"},
        {"doc_id": "d3", "duplicate_of": "d2"},
        {"doc_id": "d4", "duplicate_of": "k2"},
    )
    assert largest_clusters(made).to_pylist() == [
        {"doc_id": "k1", "source": "a/f", "url": "https://x.org/1", "documents": 4},
        {"doc_id": "k2", "source": "b/g", "url": None, "documents": 2},
    ]
    assert largest_clusters(made, 1)["doc_id"].to_pylist() == ["k1"]


def test_a_long_chain_and_no_duplicates_at_all() -> None:
    chain = [{"doc_id": "d0"}, *({"doc_id": f"d{n}", "duplicate_of": f"d{n - 1}"} for n in range(1, 500))]
    assert largest_clusters(ledger(*chain)).to_pylist() == [
        {"doc_id": "d0", "source": "a/f", "url": None, "documents": 500}
    ]
    assert largest_clusters(ledger({"doc_id": "k"})).num_rows == 0
    assert largest_clusters(ledger()).num_rows == 0


def test_equal_clusters_come_by_id() -> None:
    made = ledger(
        {"doc_id": "d1", "duplicate_of": "z"}, {"doc_id": "z"}, {"doc_id": "a"}, {"doc_id": "d2", "duplicate_of": "a"}
    )
    assert largest_clusters(made)["doc_id"].to_pylist() == ["a", "z"]


def test_removal_counts_what_deduplication_saw() -> None:
    made = ledger(
        {"doc_id": "1", "source": "web/x/1"},
        {"doc_id": "2", "source": "web/x/2", "duplicate_of": "1"},
        {"doc_id": "3", "source": "web/x/2", "verdict": "dropped", "stage": "rules"},
        {"doc_id": "4", "source": "web/x/2", "verdict": "dropped", "stage": "safety"},
        {"doc_id": "5", "source": "web/x/2", "verdict": "failed", "stage": "read"},
        {"doc_id": "6", "source": "books"},
    )
    assert removal_per_source(made, later=["safety"]).to_pylist() == [
        {"source": "web", "documents": 3, "removed": 1, "share": 1 / 3, "alarm": False},
        {"source": "books", "documents": 1, "removed": 0, "share": 0.0, "alarm": False},
    ]
    assert removal_per_source(made)["documents"].to_pylist() == [2, 1]


def test_an_alarm_for_a_source_that_lost_over_90_percent() -> None:
    def source(name: str, kept: int, removed: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [{"doc_id": f"{name}{n}", "source": f"{name}/f"} for n in range(kept + removed)]
        return [{**row, "duplicate_of": "x"} if n < removed else row for n, row in enumerate(rows)]

    made = ledger(*source("gone", 1, 19), *source("edge", 2, 18), *source("tiny", 0, 3), *source("well", 30, 1))
    removal = removal_per_source(made)
    assert {row["source"]: row["alarm"] for row in removal.to_pylist()} == {
        "gone": True, "edge": False, "tiny": False, "well": False,
    }  # fmt: skip
    assert alarms(removal) == ["deduplication removed 95.0% of the 20 documents of gone"]


def test_removal_by_host() -> None:
    made = ledger(
        {"doc_id": "1", "url": "https://Example.org:8080/a?b"},
        {"doc_id": "2", "url": "http://user@example.org", "duplicate_of": "1"},
        {"doc_id": "3", "url": "https://other.net/x"},
        {"doc_id": "4"},
        {"doc_id": "5", "url": "no url"},
    )
    assert {row["source"]: row["documents"] for row in removal_per_source(made, by="host").to_pylist()} == {
        "example.org": 2,
        "other.net": 1,
    }
