"""Verification: the exact Jaccard of every candidate pair, in integers (step 3 of fuzzy deduplication).

    exchange "texts"   to the part of u: one question per distinct (u, part of v), answered with u's text, compressed
    exchange "edges"   to the part of v: v's shingle set meets u's; an edge iff inter · q ≥ p · union for t = p / q

Pairs within one part ask nothing. Pairs stay where they are: only texts travel, a third of the size of their shingle
sets. Memory: the shingle sets of the documents of one part that have candidates, and a few megabytes of texts.
Cost: 1 µs for two sets of 600, 25 µs to shingle a text of 4 kB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np
import pyarrow as pa
import zstandard

from curate.dedup.earlier import Earlier
from curate.dedup.graph import DROPPED, EDGES, OPEN, CountsOpen
from curate.dedup.jaccard import ShingleSets, at_or_over, compare, shingle_sets
from curate.dedup.rows import (
    Int64s,
    Mask,
    batches_of,
    distinct,
    grouped,
    lookup,
    numbers,
    one_chunk,
    part_of,
    row_of,
    table_of,
)
from curate.errors import EngineError
from curate.store import Dataset, View
from curate.wide import BUCKET, Steps

# Texts that are decompressed, and answers that are written, at a time.
GROUP_ROWS = 1024

QUESTIONS = pa.schema(
    [
        BUCKET,
        pa.field("u", pa.int64(), nullable=False),
        pa.field("asker", pa.int32(), nullable=False),
    ]
)
TEXTS = pa.schema(
    [
        pa.field("asker", pa.int32(), nullable=False),
        pa.field("u", pa.int64(), nullable=False),
        pa.field("text", pa.binary(), nullable=False),
    ]
)
TEXT_ROWS = pa.schema([BUCKET, *list(TEXTS)[1:]])


def verify(steps: Steps, pairs: Dataset, earlier: Earlier, threshold: Fraction, ngram: int) -> Dataset:
    """EDGES by part of v, sorted by v and the order of u: the candidates that are at or over the threshold."""
    texts = texts_of_partners(steps, pairs, earlier)
    return steps.exchange(
        "edges",
        DeliverTexts(texts),
        Compare(steps.view, pairs, earlier, threshold, ngram),
        inputs=texts.parts,
        schema=TEXT_ROWS,
        out=EDGES,
        buckets=steps.parts,
    )


def texts_of_partners(steps: Steps, pairs: Dataset, earlier: Earlier) -> Dataset:
    """TEXTS of every u that a part's pairs name and that lies in another part."""
    return steps.exchange(
        "texts",
        AskForTexts(pairs, earlier),
        AnswerTexts(steps.view, earlier),
        inputs=steps.parts,
        schema=QUESTIONS,
        out=TEXTS,
        buckets=earlier.text_buckets,
    )


@dataclass(frozen=True)
class AskForTexts:
    """Every u of another part that a part's candidates name, once."""

    pairs: Dataset
    earlier: Earlier

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """QUESTIONS of a part."""
        u = distinct(numbers(self.pairs.table(part, ["u"])["u"]))
        u = u[part_of(u) != part]
        yield from batches_of([self.earlier.text_bucket(u), u, np.full(len(u), part, np.int32)], QUESTIONS)


@dataclass(frozen=True)
class AnswerTexts:
    """The texts that other parts have asked for; each is compressed once."""

    view: View
    earlier: Earlier

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """TEXTS, sorted by asker and address."""
        questions = table_of(rows, QUESTIONS)
        if not questions.num_rows:
            return
        u, asker = numbers(questions["u"]), numbers(questions["asker"])
        asked = distinct(u)
        packed = self._texts(bucket, asked)
        sorting = np.lexsort((u, asker))
        for start in range(0, len(sorting), GROUP_ROWS):
            chosen = sorting[start : start + GROUP_ROWS]
            answers = packed.take(pa.array(lookup(asked, u[chosen])))
            yield from batches_of([asker[chosen], u[chosen], answers], TEXTS)

    def _texts(self, bucket: int, documents: Int64s) -> pa.Array:
        """The compressed text of each of the ascending `documents`."""
        if bucket >= self.earlier.parts:  # of an earlier run, whose texts are compressed already
            return pa.concat_arrays([texts for _, texts in self.earlier.texts_of(documents)])
        return compressed(self.view.take(bucket, ["text"], row_of(documents))["text"])


@dataclass(frozen=True)
class DeliverTexts:
    """Texts on their way to the part that asked."""

    texts: Dataset

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """TEXT_ROWS of the part whose texts they are."""
        for batch in self.texts.batches(part, TEXTS.names):
            for start in range(0, batch.num_rows, GROUP_ROWS):
                yield from batches_of(batch.slice(start, GROUP_ROWS).columns, TEXT_ROWS)


@dataclass(frozen=True)
class Compare(CountsOpen):
    """The pairs of a part that are duplicates."""

    view: View
    pairs: Dataset
    earlier: Earlier
    threshold: Fraction
    ngram: int

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """EDGES, in the order of the candidates whatever the order in which texts arrive."""
        pairs = self.pairs.table(part).combine_chunks()
        if not pairs.num_rows:
            return
        v, u = numbers(pairs["v"]), numbers(pairs["u"])
        inter, union = np.full(len(v), -1, np.int64), np.zeros(len(v), np.int64)
        by_u = np.argsort(u, kind="stable")
        own = self._sets_here(part, v, u)
        for others in chain([own], self._sets_sent(rows)):
            met = by_u[places_of(u[by_u], others.documents)]
            inter[met], union[met] = compare(own, others, v[met], u[met])
        refuse_missing(inter >= 0, part)
        found = np.flatnonzero(at_or_over(inter, union, self.threshold))
        state = self._states(v[found], u[found])
        yield from batches_of([*pairs.take(pa.array(found)).columns, inter[found], union[found], state], EDGES)

    def _states(self, v: Int64s, u: Int64s) -> Int64s:
        """A duplicate of what an earlier run has kept is dropped; of others nothing is known yet."""
        dropped = distinct(v[~self.earlier.is_here(u)])
        return np.where(lookup(dropped, v) < 0, OPEN, DROPPED)

    def _sets_here(self, part: int, v: Int64s, u: Int64s) -> ShingleSets:
        """Of every v, and of the u in the same part."""
        documents = distinct(np.concatenate((v, u[part_of(u) == part])))
        return shingle_sets(documents, texts_here(self.view, part, documents), self.ngram)

    def _sets_sent(self, rows: Iterator[pa.RecordBatch]) -> Iterator[ShingleSets]:
        """Of every u in another part, some at a time."""
        for u, texts in texts_sent(rows):
            yield shingle_sets(u, texts, self.ngram)


def texts_here(view: View, part: int, documents: Int64s) -> pa.StringArray:
    """The texts of documents of a part, which are ascending."""
    return one_chunk(view.take(part, ["text"], row_of(documents))["text"])


def compressed(texts: pa.ChunkedArray) -> pa.BinaryArray:
    """Every text for itself as Zstandard, as it travels and as it is left for later runs."""
    compress = zstandard.ZstdCompressor(level=1).compress
    return pa.array([compress(text.as_buffer()) for text in texts], pa.binary())


def texts_sent(rows: Iterator[pa.RecordBatch]) -> Iterator[tuple[Int64s, pa.StringArray]]:
    """(documents, ascending; their texts) of TEXT_ROWS, some at a time."""
    decompress = zstandard.ZstdDecompressor().decompress
    for batches in grouped(rows, GROUP_ROWS):
        sent = table_of(batches, TEXT_ROWS).sort_by("u")
        texts = pa.array([decompress(text.as_buffer()) for text in sent["text"]], pa.binary()).cast(pa.string())
        yield numbers(sent["u"]), texts


def refuse_missing(arrived: Mask, part: int) -> None:
    """Raise EngineError unless every pair has met its texts."""
    if not arrived.all():
        raise EngineError(f"part {part}: a text that a candidate pair needs did not arrive: a bug in curate")


def places_of(ascending: Int64s, values: Int64s) -> Int64s:
    """All places in `ascending` that hold one of the distinct `values`."""
    begin = np.searchsorted(ascending, values, side="left")
    sizes = np.searchsorted(ascending, values, side="right") - begin
    first = np.cumsum(sizes) - sizes
    return np.asarray(np.arange(int(sizes.sum())) + np.repeat(begin - first, sizes), np.int64)
