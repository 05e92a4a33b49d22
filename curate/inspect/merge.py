"""Summaries that can be merged: rows by key with sums, and of every key the few documents with the smallest hash.

A summary is a table, a row for each key and one more for every further document of its sample. To merge is to put
tables together and bring them into this one form again: sums stand in the first row of a key, in all others 0. The
result is the same whatever the order in which tables meet and however they were cut: sums are integers, a sample is the
first in a total order. So parts, workers and buckets do not show in it.

Cost: a sort of the rows. Memory: one summary, and what arrives until FOLD_ROWS are merged into it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.rows import grouped, rank_in_runs, table_of

FOLD_ROWS = 1 << 20

# Of a document in a sample: its place in the order of samples, and its address (part and row).
SAMPLED = (pa.field("rank", pa.int64()), pa.field("document", pa.int64()))


@dataclass(frozen=True)
class Shape:
    """What the columns of a summary are beside SAMPLED.

    keys: name a group. sums: int64, added up. once: known of a group in one place at most, null in all others.
    """

    keys: tuple[pa.Field, ...]
    sums: tuple[pa.Field, ...]
    once: tuple[pa.Field, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Of a summary."""
        return pa.schema([*self.keys, *self.sums, *self.once, *SAMPLED])

    def merged(self, rows: pa.Table, samples: int) -> pa.Table:
        """The rows as one summary, sorted by key and rank, with at most `samples` documents of a group."""
        names = [*(key.name for key in self.keys), *(item.name for item in SAMPLED)]
        rows = rows.select(self.schema.names).sort_by([(name, "ascending") for name in names]).combine_chunks()
        if not rows.num_rows:
            return rows
        first = self._first(rows)
        starts = np.flatnonzero(first)
        nth = rank_in_runs(np.cumsum(first))
        known = rows["rank"].is_valid().to_numpy()
        columns = {key.name: rows[key.name] for key in self.keys}
        for item in self.sums:
            totals = np.zeros(rows.num_rows, np.int64)
            totals[starts] = np.add.reduceat(rows[item.name].to_numpy(), starts)
            columns[item.name] = pa.array(totals)
        for item in self.once:
            columns[item.name] = _said(rows[item.name], starts)
        columns |= {item.name: rows[item.name] for item in SAMPLED}
        keep = first | (known & (nth < samples))
        return pa.table(columns, schema=self.schema).filter(pa.array(keep)).combine_chunks()

    def folded(self, batches: Iterable[pa.RecordBatch], samples: int) -> pa.Table:
        """All rows as one summary, however many they are."""
        found = self.schema.empty_table()
        for some in grouped(batches, FOLD_ROWS):
            found = self.merged(pa.concat_tables([found, table_of(some, self.schema)]), samples)
        return found

    def heads(self, summary: pa.Table) -> pa.Table:
        """The first row of every group: the one with its sums."""
        return summary.filter(pa.array(self._first(summary.combine_chunks()))) if summary.num_rows else summary

    def _first(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """bool[n]: where a group begins."""
        changes = np.zeros(rows.num_rows, np.bool_)
        changes[0] = True
        for key in self.keys:
            column = rows[key.name].combine_chunks()
            changes[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
        return changes


def _said(column: pa.ChunkedArray, starts: npt.NDArray[np.int64]) -> pa.ChunkedArray:
    """The value that a group has somewhere, in its first row; null in all others."""
    at = np.where(column.is_valid().to_numpy(), np.arange(len(column)), -1)
    where = np.full(len(column), -1, np.int64)
    where[starts] = np.maximum.reduceat(at, starts)
    return column.take(pa.array(where, mask=where < 0))
