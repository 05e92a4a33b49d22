"""Spans of a text on their way from where they were found to the row of their document.

A span is [start, stop) in bytes of the text that entered the stage. All spans of a document travel in one column of its
HOME row, a list (start, stop, start, stop, …), ascending and disjoint, to the narrow stage that takes them out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate.dedup.rows import Int32s, Int64s, ToParts, batches_of, numbers, part_of, row_of, starts_of, table_of
from curate.store import Dataset
from curate.wide import BUCKET, Steps, home_schema

SPAN_LIST = pa.list_(pa.int32())

SPANS = pa.schema(
    [
        pa.field("document", pa.int64(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("stop", pa.int32(), nullable=False),
    ]
)
SPAN_ROWS = pa.schema([BUCKET, *SPANS])


def bring_home(steps: Steps, spans: Dataset, column: str) -> Dataset:
    """HOME rows, one for every document that has a span, from SPANS in any order."""
    return steps.exchange(
        "spans",
        ToParts(spans, SPAN_ROWS),
        ListSpans(column),
        inputs=spans.parts,
        schema=SPAN_ROWS,
        out=home_schema({column: SPAN_LIST}),
        buckets=steps.parts,
    )


def home_rows(
    document: Int64s, start: Int32s, stop: Int32s, column: str, **added: pa.Array
) -> Iterator[pa.RecordBatch]:
    """HOME rows of spans that are sorted by document and start; no verdicts. added: columns, a value a document."""
    first = starts_of(document)
    pairs = np.stack((start, stop), axis=1).reshape(-1)
    lists = pa.ListArray.from_arrays(
        pa.array(2 * np.append(first, len(document)), pa.int32()), pa.array(pairs, pa.int32())
    )
    known = {"part": part_of(document[first]), "row": row_of(document[first]), column: lists, **added}
    out = home_schema({column: SPAN_LIST, **{name: values.type for name, values in added.items()}})
    yield from batches_of([known.get(item.name, pa.nulls(len(first), item.type)) for item in out], out)


@dataclass(frozen=True)
class ListSpans:
    """All spans of a document together."""

    column: str

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """HOME rows in the order of the part's rows."""
        document, start, stop = (numbers(column) for column in table_of(rows, SPAN_ROWS).columns)
        sorting = np.lexsort((start, document))
        yield from home_rows(document[sorting], start[sorting], stop[sorting], self.column)
