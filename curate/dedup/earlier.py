"""Documents of earlier runs in fuzzy deduplication: what is read of what `curate.dedup.leave` has left.

What has been decided about such a document is final, and it is before every document of this run. The hubs of a key go
on from where the earlier run left them; a text is asked for only where a document of this run is compared with it.
Addresses of earlier documents go on where those of this run end. One that was dropped has the complement of its
address, a negative number: it takes its place among the candidates, as it would if all crawls had come at once, but
nobody is a duplicate of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa

from curate.dedup.index import matching
from curate.dedup.rows import Int32s, Int64s, Mask, addresses, lookup, numbers, part_of, row_of, table_of
from curate.store import Dataset
from curate.wide import Steps

# The names of what is left.
HUBS, KEPT = "hubs", "kept"
# A hub of a band key; `document` is its address in its own run.
HUB_ROWS = pa.schema(
    [
        pa.field("key", pa.int64(), nullable=False),
        pa.field("order", pa.binary(), nullable=False),
        pa.field("document", pa.int64(), nullable=False),
        pa.field("sketch", pa.binary(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
    ]
)
# The text of a kept document in its part, compressed with Zstandard.
KEPT_TEXTS = pa.schema([pa.field("row", pa.int32(), nullable=False), pa.field("text", pa.binary(), nullable=False)])


@dataclass(frozen=True)
class Earlier:
    """What earlier runs have left; parts: how many this run has."""

    parts: int
    hubs: tuple[Dataset, ...]
    texts: tuple[Dataset, ...]

    @classmethod
    def of(cls, steps: Steps) -> "Earlier":
        """Of all runs that this one is compared with."""
        return cls(steps.parts, *(tuple(left[name] for left in steps.against) for name in (HUBS, KEPT)))

    @property
    def text_buckets(self) -> int:
        """Buckets for questions about texts: this run's parts, then as many, at most, for those of earlier runs."""
        return self.parts + min(self.parts, sum(dataset.parts for dataset in self.texts))

    def is_here(self, documents: Int64s) -> Mask:
        """bool[n]: which documents are this run's."""
        return (documents >= 0) & (part_of(documents) < self.parts)

    def text_bucket(self, documents: Int64s) -> Int32s:
        """int32[n]: who knows the texts of these documents, none of which was dropped by an earlier run."""
        part, extra = part_of(documents), max(self.text_buckets - self.parts, 1)
        return np.where(part < self.parts, part, self.parts + (part - self.parts) % extra).astype(np.int32)

    def hubs_of(self, bucket: int, buckets: int, keys: Int64s) -> pa.Table:
        """HUB_ROWS of a bucket of band keys, as far as they have one of the ascending `keys`."""
        batches = [
            batch.set_column(2, HUB_ROWS.field("document"), self._address(first, batch))
            for first, batch in self._numbered(bucket, buckets, keys)
        ]
        return table_of(batches, HUB_ROWS)

    def texts_of(self, documents: Int64s) -> Iterator[tuple[Int64s, pa.Array]]:
        """(documents, their texts, compressed) of distinct documents of earlier runs, part by part."""
        for part in np.unique(part_of(documents)):
            asked = documents[part_of(documents) == part]
            dataset, own_part = self._place(int(part))
            table = dataset.table(own_part)
            rows = lookup(numbers(table["row"]), row_of(asked))
            yield asked, table["text"].combine_chunks().take(pa.array(rows))

    def _numbered(self, bucket: int, buckets: int, keys: Int64s) -> Iterator[tuple[int, pa.RecordBatch]]:
        """(the first part number of the run, rows)."""
        firsts = self._firsts()
        for number, batch in matching(self.hubs, bucket, buckets, keys, numbers):
            yield firsts[number], batch

    def _address(self, first: int, batch: pa.RecordBatch) -> pa.Array:
        documents = numbers(batch["document"])
        moved = addresses(0, documents + (np.int64(first) << 32))
        return pa.array(np.where(numbers(batch["kept"]), moved, ~moved), pa.int64())

    def _place(self, part: int) -> tuple[Dataset, int]:
        """(the dataset, the number that this part has in it)."""
        number = np.searchsorted(self._firsts(), part, side="right") - 1
        return self.texts[number], part - self._firsts()[number]

    def _firsts(self) -> list[int]:
        return list(accumulate((dataset.parts for dataset in self.texts[:-1]), initial=self.parts))
