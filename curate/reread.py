"""Reading the input a second time, for stages that want a page behind an exchange.

Pages are never stored: they are most of a crawl, and the crawl has them. So a map step that needs one and is not the
first reads its part again and puts what the reader yields beside what the steps so far have stored. Only documents that
are still open get their page; a file that has none of them is not opened at all. That the second reading speaks of the
same documents is checked, not hoped for: every open one must come back, in its place, and the file must be the one
that was listed. Nothing is counted again. Cost: that of reading, 0.4 ms a record,
and remote input travels twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import EngineError
from curate.narrow import FromInput, FromView
from curate.schema import RAW
from curate.sources import is_unchanged
from curate.store import Draft

# What a document is recognised by.
IDENTITY = ("doc_id", "source")


@dataclass(frozen=True)
class FromInputAgain:
    """Rows as earlier steps have left them, with `columns` that only the input has."""

    stored: FromView
    input: FromInput
    columns: tuple[str, ...]

    def batches(self, part: int, draft: Draft) -> Iterator[pa.Table]:
        """Slices of the part, as long as what the reader yields at a time; decided rows have nulls."""
        known = self.stored.rows(part)
        at = np.flatnonzero(known["verdict"].is_null())
        wanted = known.select(IDENTITY).take(at)
        start = met = 0
        for found in self._read(part, wanted, draft):
            last = met + found.num_rows
            if not found["doc_id"].equals(wanted["doc_id"].slice(met, found.num_rows)):
                raise _changed(wanted["source"][met].as_py())
            end = int(at[last]) if last < len(at) else known.num_rows  # rows that are decided follow their forerunner
            yield self._joined(known.slice(start, end - start), found, at[met:last] - start)
            start, met = end, last
        if met < len(at):
            raise _changed(wanted["source"][met].as_py())
        if not met:
            yield self._joined(known, RAW.empty_table(), at)

    def _read(self, part: int, wanted: pa.Table, draft: Draft) -> Iterator[pa.Table]:
        """What the reader yields of the wanted documents, never an empty table."""
        ids, sources = wanted["doc_id"].combine_chunks(), set(wanted["source"].unique().to_pylist())
        for piece in self.input.table.pieces(part):
            if piece.file.source not in sources:
                continue
            for raw in self.input.read(piece, draft, _uncounted):
                found = raw.filter(pc.and_(pc.is_in(raw["doc_id"], ids), raw["verdict"].is_null()))
                if found.num_rows:
                    yield found
            if not is_unchanged(piece):
                raise _changed(piece.file.source)

    def _joined(self, known: pa.Table, found: pa.Table, at: npt.NDArray[np.int64]) -> pa.Table:
        """`known` with the columns of `found`, whose rows belong to the places `at` of it."""
        index = np.full(known.num_rows, -1, np.int64)
        index[at] = np.arange(len(at))
        rows = pa.array(index, mask=index < 0)
        for name in self.columns:
            known = known.append_column(found.schema.field(name), found[name].take(rows))
        return known


def _uncounted(key: str, n: int) -> None:
    """Records that are no documents were counted in the first reading."""


def _changed(source: str) -> EngineError:
    return EngineError(
        f"{source} is not what it was when this run first read it, and it has to be read twice. Run the same command "
        "again: it begins anew with what has changed."
    )
