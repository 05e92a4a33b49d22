"""Clusters: chains of duplicates followed to their ends by exchanges, and the largest kept.

`duplicate_of` leads from a dropped document to one that its stage kept, which a later stage may have dropped as a
duplicate in turn: a cluster is everything whose chain ends at the same document. A chain has no more links than there
are stages that compare documents, so as many exchanges find all ends, whatever the crawl:

    exchange "clusters-1"   by document: how many repeat it, a sample of them, and which one it repeats itself
    exchange "clusters-n"   what a document that is no end has been told goes on to the one that it repeats

Every bucket keeps its largest clusters alone. Cost: a document crosses the first exchange in some 50 bytes, a duplicate
once more, and what others repeat each further one. Nothing is held but a bucket.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.rows import addresses, batches_of, from_hex
from curate.inspect.merge import Shape
from curate.inspect.samples import hashes
from curate.store import Dataset, View
from curate.wide import BUCKET, Steps, bucket_count

CLUSTERS = 20
MEMBERS = 3
ROW_BYTES = 100

# target: a doc_id. size: documents that repeat it, as far as they have been followed. onward: which document it repeats
# itself. address: its place in this run; none where it is one of an earlier run.
TARGETS = Shape(
    (pa.field("target", pa.string()),),
    (pa.field("size", pa.int64()),),
    (pa.field("onward", pa.string()), pa.field("address", pa.int64())),
)
EMITTED = pa.schema([BUCKET, *TARGETS.schema])


@dataclass(frozen=True)
class Group:
    """A cluster by its addresses. size counts the document that stayed too; address: None in an earlier run."""

    doc_id: str
    address: int | None
    size: int
    members: tuple[int, ...]


def cluster_exchanges(steps: Steps, rounds: int) -> Dataset:
    """The largest clusters of every bucket, TARGETS. rounds: how many stages compare documents, at least one."""
    buckets = bucket_count(steps.rows * ROW_BYTES)
    emit: EmitTargets | PassOn = EmitTargets(steps.view, buckets)
    inputs = steps.parts
    for number in range(1, rounds + 1):
        name, reduce = f"clusters-{number}", Meet(last=number == rounds)
        found = steps.exchange(name, emit, reduce, inputs=inputs, schema=EMITTED, out=TARGETS.schema, buckets=buckets)
        emit, inputs = PassOn(found, buckets), buckets
    return found


def largest(found: Iterable[pa.Table], n: int = CLUSTERS) -> list[Group]:
    """The `n` largest clusters of all buckets, largest first, equal ones by doc_id."""
    best = TARGETS.schema.empty_table()
    for table in found:
        best = _largest(pa.concat_tables([best, table]), n)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in best.to_pylist():
        rows.setdefault(row["target"], []).append(row)
    groups = [
        Group(target, mine[0]["address"], mine[0]["size"] + 1, tuple(row["document"] for row in mine))
        for target, mine in rows.items()
    ]
    return sorted(groups, key=lambda group: (-group.size, group.doc_id))


@dataclass(frozen=True)
class EmitTargets:
    """Every document with its place, and what is repeated with those that repeat it."""

    view: View
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """EMITTED rows."""
        table = self.view.table(part, ["doc_id"])
        doc_ids, onward = table["doc_id"], self.view.verdicts(part)["duplicate_of"]
        n = len(doc_ids)
        places = pa.array(addresses(part, np.arange(n)))
        nothing, zero = pa.nulls(n, pa.int64()), pa.array(np.zeros(n, np.int64))
        yield from _addressed([doc_ids, zero, onward, places, nothing, nothing], self.buckets)
        repeats = onward.is_valid()
        n = pc.sum(repeats).as_py() or 0
        one = pa.array(np.ones(n, np.int64))
        nothing, ranks = pa.nulls(n, pa.int64()), pa.array(hashes(doc_ids.filter(repeats)))
        targets, members = onward.filter(repeats), places.filter(repeats.combine_chunks())
        yield from _addressed([targets, one, pa.nulls(n, pa.string()), nothing, ranks, members], self.buckets)


@dataclass(frozen=True)
class PassOn:
    """What has been told to documents that are no ends, to those that they repeat."""

    found: Dataset
    buckets: int

    def __call__(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """EMITTED rows. A document that goes on stays where it is, with nothing: more may come for it."""
        for batch in self.found.batches(bucket):
            rows = pa.Table.from_batches([batch])
            on = rows["onward"].is_valid()
            going = rows.filter(on)
            n = going.num_rows
            nothing, zero = pa.nulls(n, pa.int64()), pa.array(np.zeros(n, np.int64))
            emptied = [going["target"], zero, going["onward"], going["address"], nothing, nothing]
            told = [going["onward"], going["size"], pa.nulls(n, pa.string()), nothing, going["rank"], going["document"]]
            for columns in (rows.filter(pc.invert(on)).columns, emptied, told):
                yield from _addressed(columns, self.buckets)


@dataclass(frozen=True)
class Meet:
    """What is known of a document comes together. last: every chain has been followed, and the largest will do."""

    last: bool

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """TARGETS of what others repeat, sorted by doc_id."""
        found = TARGETS.folded(rows, MEMBERS)
        heads = TARGETS.heads(found)
        repeated = heads.filter(pc.or_(pc.greater(heads["size"], 0), heads["onward"].is_valid()))
        found = _of(found, repeated["target"])
        if self.last:
            found = _largest(found, CLUSTERS)
        yield from batches_of(found.columns, TARGETS.schema)


def _largest(found: pa.Table, n: int) -> pa.Table:
    """The rows of the `n` largest clusters."""
    ends = found.filter(pc.and_(found["onward"].is_null(), pc.greater(found["size"], 0)))
    top = ends.sort_by([("size", "descending"), ("target", "ascending")]).slice(0, n)
    return _of(found, top["target"])


def _of(found: pa.Table, targets: pa.ChunkedArray) -> pa.Table:
    return found.filter(pc.is_in(found["target"], targets.combine_chunks()))


def _addressed(columns: Sequence[pa.ChunkedArray | pa.Array], buckets: int) -> Iterator[pa.RecordBatch]:
    """TARGETS columns as EMITTED rows: a doc_id is a hash, whose beginning says the bucket."""
    words = from_hex(columns[0], 16)[:, :4].copy().view(">u4")[:, 0]
    to = (words.astype(np.int64) % buckets).astype(np.int32)
    yield from batches_of([to, *columns], EMITTED)
