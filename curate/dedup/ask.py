"""Questions about documents, asked by the parts that have an edge to them and answered by the parts they are in.

Edges never move: a part asks once for every document that its open edges lead to, so a page with a million duplicates
answers as many questions as there are parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate.dedup.graph import KEPT, NOBODY, OPEN, STATE, open_edges
from curate.dedup.rows import Int32s, Int64s, batches_of, distinct, lookup, numbers, part_of, starts_of, table_of
from curate.errors import EngineError
from curate.store import Dataset
from curate.wide import BUCKET, Steps

_DOCUMENT = pa.field("document", pa.int64(), nullable=False)
_ASKER = pa.field("asker", pa.int32(), nullable=False)

# A question of the part `asker` about a document; or, with asker NOBODY, a document's state on its way to its part.
QUESTIONS = pa.schema([BUCKET, _DOCUMENT, _ASKER, STATE])
ANSWERS = pa.schema([_DOCUMENT, _ASKER, STATE])
RETURNS = pa.schema([BUCKET, _DOCUMENT, STATE])


def ask(steps: Steps, name: str, edges: Dataset, states: Sequence[Dataset]) -> Dataset:
    """ANSWERS by part of u: the state of every u of an open edge, for every part that has such an edge."""
    inputs = edges.parts + sum(dataset.parts for dataset in states)
    emit, reduce = Ask(edges, tuple(states)), Answer()
    return steps.exchange(name, emit, reduce, inputs=inputs, schema=QUESTIONS, out=ANSWERS, buckets=steps.parts)


@dataclass(frozen=True)
class Ask:
    """Questions about every u of the open edges; inputs beyond those parts send the states that are known."""

    edges: Dataset
    states: tuple[Dataset, ...]

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """QUESTIONS."""
        if number < self.edges.parts:
            u = distinct(numbers(open_edges(self.edges, number, ["u"])["u"]))
            yield from self._rows(u, np.full(len(u), number), np.full(len(u), OPEN))
            return
        number -= self.edges.parts
        for dataset in self.states:
            if number < dataset.parts:
                table = dataset.table(number, ["v", "state"])
                first = starts_of(numbers(table["v"]))
                v, state = numbers(table["v"])[first], numbers(table["state"])[first]
                yield from self._rows(v, np.full(len(v), NOBODY), state)
                return
            number -= dataset.parts

    def _rows(self, document: Int64s, asker: Int64s, state: Int64s) -> Iterator[pa.RecordBatch]:
        return batches_of([part_of(document), document, asker, state], QUESTIONS)


@dataclass(frozen=True)
class Answer:
    """What is known of the documents asked for. One of which nothing is known has no edges: it stays."""

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """ANSWERS, sorted by asker and document."""
        table = table_of(rows, QUESTIONS)
        document, asker, state = (numbers(table[name]) for name in ANSWERS.names)
        documents, states = latest(document[asker == NOBODY], state[asker == NOBODY])
        document, asker = document[asker != NOBODY], asker[asker != NOBODY]
        sorting = np.lexsort((document, asker))
        document, asker = document[sorting], asker[sorting]
        place = lookup(documents, document)
        states = np.append(states, KEPT)  # what place −1 finds
        yield from batches_of([document, asker, states[place]], ANSWERS)


def latest(document: Int64s, state: Int32s) -> tuple[Int64s, Int32s]:
    """(distinct documents, the state of each): a decision is final, so it is the largest of what is said."""
    sorting = np.lexsort((-state, document))
    first = starts_of(document[sorting])
    return document[sorting][first], state[sorting][first]


@dataclass(frozen=True)
class Return:
    """Answers on their way to the part that asked."""

    answers: Dataset

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """RETURNS."""
        for batch in self.answers.batches(part, ANSWERS.names):
            yield from batches_of([batch["asker"], batch["document"], batch["state"]], RETURNS)


def state_of(u: Int64s, answers: pa.Table) -> Int32s:
    """int32[n]: the state of every u; `answers` are sorted by document. Raises EngineError where one is missing."""
    place = lookup(numbers(answers["document"]), u)
    if (place < 0).any():
        raise EngineError("an answer about a duplicate's partner did not arrive: a bug in curate")
    return np.asarray(numbers(answers["state"])[place], np.int32)
