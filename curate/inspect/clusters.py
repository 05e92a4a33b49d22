"""The largest groups of duplicates, each with the document that stayed and some of those that went."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from curate.inspect.chains import Group
from curate.inspect.rejects import Reject, documents_at
from curate.inspect.run_folder import RunFolder, read_batches
from curate.inspect.survey import survey
from curate.schema import LEDGER


@dataclass(frozen=True)
class Cluster:
    """Documents that repeat one another. size counts `survivor` too; members: a sample of the dropped ones."""

    survivor: Reject
    size: int
    members: tuple[Reject, ...]


def largest_clusters(run: RunFolder) -> list[Cluster]:
    """The largest clusters that the survey has found, largest first, equal ones by doc_id."""
    found = survey(run)
    return clusters_of(found.clusters, documents_at(run, found.shown))


def clusters_of(groups: Iterable[Group], documents: Mapping[int, Reject]) -> list[Cluster]:
    """What is shown of clusters. documents: by address, theirs at least."""
    return [
        Cluster(
            _elsewhere(group.doc_id) if group.address is None else documents[group.address],
            group.size,
            tuple(documents[member] for member in group.members),
        )
        for group in groups
    ]


def count_clusters(run: RunFolder) -> int:
    """How many documents stand for others: they are repeated and repeat none. Memory grows with duplicates."""
    repeated: set[str] = set()
    repeating: set[str] = set()
    for batch in read_batches(run.ledger, ["doc_id", "duplicate_of"]):
        found = batch.filter(batch["duplicate_of"].is_valid())
        repeated.update(found["duplicate_of"].to_pylist())
        repeating.update(found["doc_id"].to_pylist())
    return len(repeated - repeating)


def _elsewhere(doc_id: str) -> Reject:
    """What stands for a document of an earlier run, which this run's ledger does not know."""
    known = {"doc_id": doc_id, "verdict": "kept", "source": f"{doc_id}, a document of an earlier run"}
    return Reject(dict.fromkeys(LEDGER.names) | known, None, None, None, None)
