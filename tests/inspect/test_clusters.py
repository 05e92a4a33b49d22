"""Clusters of duplicates, chains followed."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from made_run import Record, dropped, ordinary, text_record, write_run

from curate.inspect.clusters import end_of, largest_clusters
from curate.inspect.run_folder import RunFolder, open_run


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
    found = largest_clusters(run, n=2, members=4)
    assert [(c.survivor.decision["doc_id"], c.size, len(c.members)) for c in found] == [
        (stayed[3].doc_id, 31, 4),
        (stayed[2].doc_id, 21, 4),
    ]


def test_no_duplicates_no_clusters(tmp_path: Path) -> None:
    assert largest_clusters(open_run(write_run(tmp_path, [text_record(1)], parts=1))) == []


def test_a_cluster_of_a_document_of_an_earlier_run(tmp_path: Path) -> None:
    verdict = dropped("exact_dedup", "exact_duplicate", duplicate_of="ab" * 16)
    found = largest_clusters(
        open_run(write_run(tmp_path, [text_record(n, verdict=verdict) for n in range(3)], parts=1))
    )
    assert [(c.survivor.decision["source"], c.size, len(c.members)) for c in found] == [
        (f"{'ab' * 16}, a document of an earlier run", 4, 3)
    ]
    assert found[0].survivor.text is None


@given(st.dictionaries(st.integers(0, 9).map(str), st.integers(0, 9).map(str)))
def test_chains_end(onward: dict[str, str]) -> None:
    for start in onward:
        end = end_of(start, onward)
        steps = [start]
        while steps[-1] in onward and steps[-1] not in steps[:-1]:
            steps.append(onward[steps[-1]])
        assert end == steps[-1]
