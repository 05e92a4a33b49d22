"""The largest groups of duplicates, each with the document that stayed and some of those that went.

`duplicate_of` leads from a dropped document to one that its stage kept, which a later stage may have dropped as a
duplicate in turn: a cluster is everything whose chain ends at the same document. Cost: two passes over the ledger;
memory is one number per document that others repeat.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.inspect.rejects import Reject, with_text
from curate.inspect.run_folder import RunFolder, ledger_rows, read_batches
from curate.inspect.samples import sample_rows
from curate.schema import LEDGER


@dataclass(frozen=True)
class Cluster:
    """Documents that repeat one another. size counts `survivor` too; members: a sample of the dropped ones."""

    survivor: Reject
    size: int
    members: tuple[Reject, ...]


def largest_clusters(run: RunFolder, n: int = 20, members: int = 3) -> list[Cluster]:
    """The `n` largest clusters, largest first, equal ones by doc_id."""
    repeats = _repeats(run)
    onward = _onward(run, repeats)
    ends = {target: end_of(target, onward) for target in repeats}
    sizes: Counter[str] = Counter()
    for target, count in repeats.items():
        sizes[ends[target]] += count
    top = sorted(sizes, key=lambda doc_id: (-sizes[doc_id], doc_id))[:n]
    chosen = set(top)
    cluster_of = {target: end for target, end in ends.items() if end in chosen}
    dropped = sample_rows(_members(run, cluster_of), members, ["cluster"])
    stayed = ledger_rows(run, top)
    rows = [stayed.get(doc_id) or _elsewhere(doc_id) for doc_id in top] + [
        row for doc_id in top for row in dropped[(doc_id,)]
    ]
    by_id = {reject.decision["doc_id"]: reject for reject in with_text(run, rows)}
    return [
        Cluster(by_id[doc_id], sizes[doc_id] + 1, tuple(by_id[row["doc_id"]] for row in dropped[(doc_id,)]))
        for doc_id in top
    ]


def count_clusters(run: RunFolder) -> int:
    """How many documents stand for others."""
    repeats = _repeats(run)
    onward = _onward(run, repeats)
    return len({end_of(target, onward) for target in repeats})


def _elsewhere(doc_id: str) -> dict[str, Any]:
    """What stands for a document of an earlier run, which this run's ledger does not know."""
    known = {"doc_id": doc_id, "verdict": "kept", "source": f"{doc_id}, a document of an earlier run"}
    return dict.fromkeys(LEDGER.names) | known


def end_of(doc_id: str, onward: Mapping[str, str]) -> str:
    """Where the chain of duplicates that starts at `doc_id` ends."""
    seen = set()
    while doc_id in onward and doc_id not in seen:
        seen.add(doc_id)
        doc_id = onward[doc_id]
    return doc_id


def _repeats(run: RunFolder) -> dict[str, int]:
    """How many documents name each document as the one that they repeat."""
    repeats: Counter[str] = Counter()
    for batch in read_batches(run.ledger, ["duplicate_of"]):
        counts = pc.value_counts(batch["duplicate_of"].drop_null())
        repeats.update(dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)))
    return repeats


def _onward(run: RunFolder, repeats: Mapping[str, int]) -> dict[str, str]:
    """For documents that others repeat and that are duplicates themselves: of which document."""
    targets = pa.array(list(repeats), pa.string())
    onward: dict[str, str] = {}
    for batch in read_batches(run.ledger, ["doc_id", "duplicate_of"]):
        hit = pc.and_(batch["duplicate_of"].is_valid(), pc.is_in(batch["doc_id"], targets))
        found = batch.filter(hit)
        onward.update(zip(found["doc_id"].to_pylist(), found["duplicate_of"].to_pylist(), strict=True))
    return onward


def _members(run: RunFolder, cluster_of: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """Ledger rows of the dropped documents of some clusters, with a column `cluster`."""
    targets = pa.array(list(cluster_of), pa.string())
    for batch in read_batches(run.ledger):
        found = batch.filter(pc.is_in(batch["duplicate_of"], targets))
        clusters = [cluster_of[target] for target in found["duplicate_of"].to_pylist()]
        yield found.append_column("cluster", pa.array(clusters, pa.string()))
