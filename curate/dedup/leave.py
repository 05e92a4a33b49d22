"""What fuzzy deduplication leaves for later runs (step 6): a later crawl is compared with it, not with documents.

    exchange "hubs"    by band key: the hubs of every key, with their sketches, and whether their document was kept
    exchange "kept"    by part: the compressed text of every kept document

Only the policy `earliest` leaves anything: any other lets a later crawl win against a document that is published. The
index of this run holds its own hubs alone, those that come after the hubs that earlier runs have left of the same keys:
a third crawl is given both indexes. Cost: 1.6 kB a document, and its text; signatures are made once more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.candidates import BAND_ROWS, EmitBands, Meeting, meet
from curate.dedup.earlier import HUB_ROWS, HUBS, KEPT, KEPT_TEXTS
from curate.dedup.hubs import hub_pairs
from curate.dedup.rows import BATCH_ROWS, Int64s, addresses, batches_of, lookup, numbers, table_of
from curate.dedup.verify import compressed
from curate.store import Dataset, View
from curate.wide import BUCKET, Steps

KEPT_ROWS = pa.schema([*BAND_ROWS, HUB_ROWS.field("kept")])
TEXT_ROWS = pa.schema([BUCKET, *KEPT_TEXTS])


def leave(steps: Steps, meeting: Meeting, emit: EmitBands, verdicts: Dataset) -> None:
    """Publish the index; `verdicts`: HOME rows by part."""
    decided = Decided(verdicts)
    steps.exchange(
        HUBS,
        EmitHubs(emit, decided),
        LeaveHubs(meeting),
        inputs=steps.parts,
        schema=KEPT_ROWS,
        out=HUB_ROWS,
        buckets=meeting.buckets,
    )
    steps.exchange(
        KEPT,
        EmitTexts(steps.view, decided),
        LeaveTexts(),
        inputs=steps.parts,
        schema=TEXT_ROWS,
        out=KEPT_TEXTS,
        buckets=steps.parts,
    )


@dataclass(frozen=True)
class Decided:
    """What this stage has decided, part by part."""

    verdicts: Dataset

    def dropped(self, part: int) -> Int64s:
        """Addresses of the dropped documents of a part, ascending."""
        table = self.verdicts.table(part, ["row", "verdict"])
        rows = numbers(table["row"].filter(table["verdict"].is_valid()))
        return addresses(part, np.sort(rows))


@dataclass(frozen=True)
class EmitHubs:
    """One row per document and band, as for candidates, with what became of the document."""

    bands: EmitBands
    decided: Decided

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """KEPT_ROWS of a part."""
        dropped = self.decided.dropped(part)
        for batch in self.bands(part):
            kept = lookup(dropped, numbers(batch["document"])) < 0
            yield from batches_of([*batch.columns, kept], KEPT_ROWS)


@dataclass(frozen=True)
class LeaveHubs:
    """The hubs of every key in a bucket that are documents of this run."""

    meeting: Meeting

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """HUB_ROWS, sorted by key and order."""
        table = self.meeting.with_earlier(bucket, table_of(rows, KEPT_ROWS))
        members = meet(table, self.meeting.sketch_words)
        hubs = np.zeros(len(members.keys), np.bool_)
        for _ in hub_pairs(members.keys, members.sketches, self.meeting.limits, hubs):
            pass
        places = members.places[hubs]
        places = places[self.meeting.earlier.is_here(numbers(table["document"])[places])]
        yield from table.select(HUB_ROWS.names).take(pa.array(places)).to_batches(max_chunksize=BATCH_ROWS)


@dataclass(frozen=True)
class EmitTexts:
    """The texts of a part's kept documents, each compressed for itself."""

    view: View
    decided: Decided

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """TEXT_ROWS of a part."""
        dropped = self.decided.dropped(part)
        for table in self.view.undecided_slices(part, ["text"]):
            kept = lookup(dropped, addresses(part, numbers(table["row"]))) < 0
            texts = table.filter(pc.and_(pa.array(kept), table["text"].is_valid()))
            columns = [np.full(texts.num_rows, part), numbers(texts["row"]), compressed(texts["text"])]
            yield from batches_of(columns, TEXT_ROWS)


@dataclass(frozen=True)
class LeaveTexts:
    """The texts of a part in the order of its rows."""

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """KEPT_TEXTS."""
        yield from table_of(rows, TEXT_ROWS).sort_by("row").to_batches(max_chunksize=BATCH_ROWS)
