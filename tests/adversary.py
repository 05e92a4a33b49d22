"""An engine that is as unhelpful as the contract allows; recipes must give the same data on it as on any other.

It works in this process, does every task twice, fails every third one after its work is done, shuffles the order of
parts and buckets, cuts and shuffles the rows of a bucket, and hands over empty batches. Everything crosses as pickles.
"""

import pickle
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curate.engines import Exchange, Task
from curate.resources import USUAL, Resources
from curate.store import Manifest

BATCH_ROWS = (1, 17, 1000)


@dataclass
class AdversaryEngine:
    """For tests. `seed` chooses how it is unhelpful, never what comes out."""

    seed: int = 0
    calls: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def map(self, task: Task, items: Sequence[tuple[Any, ...]], needs: Resources = USUAL) -> Iterator[Any]:
        """Each task twice and in any order; every third attempt is lost after it has published its work."""
        for item in self._random.sample(list(items), len(items)):
            for attempt in self._attempts():
                result = pickle.loads(pickle.dumps(task))(*item)
                if attempt == "good":
                    last = result
            yield last

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Emit every part twice and keep one of the two; reduce from shuffled rows in odd batches."""
        buckets: dict[int, list[dict[str, Any]]] = {bucket: [] for bucket in job.todo}
        for part in self._random.sample(range(job.inputs), job.inputs):
            for _ in range(2):
                emitted = list(pickle.loads(pickle.dumps(job.emit))(part))
            for batch in emitted:
                for row in batch.to_pylist():
                    if row["bucket"] in buckets:
                        buckets[row["bucket"]].append(row)
        for bucket in self._random.sample(list(job.todo), len(job.todo)):
            for _ in self._attempts():
                manifest = pickle.loads(pickle.dumps(job.reduce))(bucket, self._batches(buckets[bucket], job.schema))
            yield manifest

    def gpus(self) -> int:
        """None."""
        return 0

    def close(self) -> None:
        """Nothing is held."""

    def _attempts(self) -> Iterator[str]:
        """Twice each; every third task is lost once more before."""
        self.calls += 1
        if self.calls % 3 == 0:
            yield "lost"
        yield "good"
        yield "good"

    def _batches(self, rows: list[dict[str, Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        rows = self._random.sample(rows, len(rows))
        size = self._random.choice(BATCH_ROWS)
        yield pa.RecordBatch.from_pylist([], schema)
        for start in range(0, len(rows), size):
            yield pa.RecordBatch.from_pylist(rows[start : start + size], schema)
