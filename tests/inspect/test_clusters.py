"""Clusters of duplicates, chains followed."""

from pathlib import Path

from made_run import Record, dropped, ordinary, surveyed, text_record, write_run

from curate.inspect.clusters import count_clusters, largest_clusters
from curate.inspect.run_folder import RunFolder, open_run
from curate.inspect.samples import SEED
from curate.schema import seeded_hash


def test_clusters_of_the_made_run(made_run: RunFolder) -> None:
    records = ordinary()
    found = {cluster.survivor.decision["doc_id"]: cluster for cluster in largest_clusters(made_run)}
    assert {doc_id: cluster.size for doc_id, cluster in found.items()} == {records[5].doc_id: 3, records[6].doc_id: 3}
    chained = found[records[6].doc_id]
    assert {member.decision["reason"] for member in chained.members} == {"near_duplicate", "exact_duplicate"}
    assert chained.survivor.text == records[6].columns["text"]


def test_the_largest_come_first_and_members_are_a_sample(tmp_path: Path) -> None:
    stayed = [text_record(n) for n in range(4)]
    copies: list[Record] = []
    for n, record in enumerate(stayed):
        verdict = dropped("exact_dedup", "exact_duplicate", duplicate_of=record.doc_id)
        copies += [text_record(100 * (n + 1) + k, verdict=verdict) for k in range(10 * n)]
    run = open_run(write_run(tmp_path, [*stayed, *copies], parts=3))
    surveyed(run)
    found = largest_clusters(run)
    assert [(c.survivor.decision["doc_id"], c.size, len(c.members)) for c in found] == [
        (stayed[n].doc_id, 10 * n + 1, 3) for n in (3, 2, 1)
    ]
    smallest = sorted(copies[30:], key=lambda record: seeded_hash(SEED, record.doc_id))[:3]
    assert [member.decision["doc_id"] for member in found[0].members] == [record.doc_id for record in smallest]


def test_no_duplicates_no_clusters(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path, [text_record(1)], parts=1))
    surveyed(run)
    assert largest_clusters(run) == []


def test_a_cluster_of_a_document_of_an_earlier_run(tmp_path: Path) -> None:
    verdict = dropped("exact_dedup", "exact_duplicate", duplicate_of="ab" * 16)
    run = open_run(write_run(tmp_path, [text_record(n, verdict=verdict) for n in range(3)], parts=1))
    surveyed(run)
    found = largest_clusters(run)
    assert [(c.survivor.decision["source"], c.size, len(c.members)) for c in found] == [
        (f"{'ab' * 16}, a document of an earlier run", 4, 3)
    ]
    assert found[0].survivor.text is None


def test_chains_are_followed_to_their_ends(tmp_path: Path) -> None:
    """As long as there are stages that compare: a copy of a copy belongs to the document at the end."""
    end = text_record(1)
    nearly = [text_record(n, verdict=dropped("fuzzy_dedup", "near_duplicate", duplicate_of=end.doc_id)) for n in (2, 3)]
    same = [
        text_record(10 * k + n, verdict=dropped("exact_dedup", "exact_duplicate", duplicate_of=record.doc_id))
        for k, record in enumerate(nearly, 1)
        for n in range(4)
    ]
    run = open_run(write_run(tmp_path, [*same, *nearly, end], parts=4))
    (group,) = surveyed(run).clusters
    assert (group.doc_id, group.size) == (end.doc_id, 11)
    assert count_clusters(run) == 1
