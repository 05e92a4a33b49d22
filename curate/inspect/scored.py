"""The sample behind the distributions: of the documents with the smallest hash(seed, doc_id), what a rule decides on.

All documents up to SAMPLE_DOCUMENTS, which is enough for a picture whose bars are a hundredth of it. How many records
there are is known beforehand, so a part sends what lies under a bound that some hundred thousand of all records pass,
and one task keeps the smallest. Lengths are those that `score` has stored; a recipe without it has texts read for them.

Cost: 6 ms a part of 308 records in the workers; one task holds the sample, some 50 MB with a hundred scores.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.rows import batches_of, grouped, table_of
from curate.inspect.run_folder import RunFolder
from curate.inspect.samples import hashes
from curate.store import View
from curate.wide import BUCKET

SAMPLE_DOCUMENTS = 50_000
LENGTH = "char_count"
FOLD_ROWS = 1 << 16


def score_columns(run: RunFolder) -> list[str]:
    """Columns that some rule of the run decides on."""
    names = [rule.score for stage in run.stages for rule in stage.rules]
    return [name for name in dict.fromkeys(names) if name in run.view.columns]


def scored_schema(run: RunFolder) -> pa.Schema:
    """Of the sample: lang, verdict, stage, reason, characters, rank, doc_id and the scores."""
    texts = [pa.field(name, pa.string()) for name in ("lang", "verdict", "stage", "reason", "doc_id")]
    known = [*texts, pa.field("characters", pa.int32()), pa.field("rank", pa.int64())]
    scores = [run.schema.field(name).with_nullable(True) for name in score_columns(run)]
    return pa.schema([*known, *(item for item in scores if item.name not in {field.name for field in known})])


def rank_limit(records: int, documents: int) -> int:
    """The largest rank that is worth sending: at least twice as many of the records have none above it.

    Ranks are evenly spread over 0..2^63 − 1, and powers of two divide them, so that it seldom changes as a crawl grows.
    """
    return (1 << (63 - max(0, (records // (2 * documents)).bit_length() - 1))) - 1


@dataclass(frozen=True)
class EmitScored:
    """A part's documents whose rank is at most `limit`."""

    view: View
    schema: pa.Schema
    limit: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """Rows of `schema` behind the bucket, which is 0; none for what the readers have decided."""
        verdicts = self.view.verdicts(part)
        doc_ids = self.view.table(part, ["doc_id"])["doc_id"]
        ranks = hashes(doc_ids)
        reached = pc.fill_null(pc.not_equal(verdicts["stage"], "read"), True).to_numpy()
        rows = np.flatnonzero(reached & (ranks <= self.limit))
        if not len(rows):
            return
        some = pa.array(rows)
        found = {"doc_id": doc_ids, "rank": pa.array(ranks), **{name: verdicts[name] for name in ("stage", "reason")}}
        found["verdict"] = pc.fill_null(verdicts["verdict"], "kept")
        found = {name: column.take(some) for name, column in found.items()}
        found["characters"] = self._characters(part, rows)
        stored = [name for name in self.schema.names if name not in found and name in self.view.columns]
        table = self.view.table(part, stored) if stored else None
        found |= {name: table[name].take(some) for name in stored} if table else {}
        nothing = pa.nulls(len(rows), pa.string())
        columns = [found.get(item.name, nothing).cast(item.type) for item in self.schema]
        yield from batches_of([np.zeros(len(rows), np.int32), *columns], self.emitted)

    @property
    def emitted(self) -> pa.Schema:
        """What crosses the exchange."""
        return pa.schema([BUCKET, *self.schema])

    def _characters(self, part: int, rows: np.ndarray) -> pa.ChunkedArray | pa.Array:
        """int32: characters of the texts, null where there is none."""
        if LENGTH in self.view.columns:
            return self.view.table(part, [LENGTH])[LENGTH].take(pa.array(rows))
        if "text" in self.view.columns:
            return pc.utf8_length(self.view.take(part, ["text"], rows)["text"])
        return pa.nulls(len(rows), pa.int32())


@dataclass(frozen=True)
class Smallest:
    """The rows with the smallest ranks."""

    schema: pa.Schema
    documents: int

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `schema`, by rank."""
        yield from batches_of(self.of(rows).columns, self.schema)

    def of(self, rows: Iterable[pa.RecordBatch]) -> pa.Table:
        """The same as a table, whatever the order and the batches in which the rows come."""
        found = self.schema.empty_table()
        for some in grouped(rows, FOLD_ROWS):
            together = pa.concat_tables([found, table_of(some, self.schema)])
            ordered = together.sort_by([("rank", "ascending"), ("doc_id", "ascending")])
            found = ordered.slice(0, self.documents).combine_chunks()
        return found
