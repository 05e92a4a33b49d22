"""Wide stages: work that needs rows of other documents. They are programs over one verb, the exchange.

A wide stage is a decorated function that calls `steps.exchange(…)` as often as it needs and returns a Dataset of
HOME rows; the plan carries those verdicts back to the rows they belong to. Every exchange is a step of its own:
published part by part and never done twice.

    emit(part)            → batches with a column `bucket: int32`
    reduce(bucket, rows)  → batches; it gets all rows of the bucket in any order and any batching, and sorts them itself

Both are frozen dataclasses with `__call__`, picklable, without state. A reduce may also have `count(batch, draft)`:
what it says of its rows stands in the bucket's manifest, so that nobody has to read them again to count them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from curate.schema import VERDICT
from curate.stage import Check, Stage
from curate.store import Dataset, Draft, View

# What a bucket weighs on average. Its reducer takes some three times as much beside what any worker needs, so that more
# would show in the memory of a run, and less in the number of buckets, which every part's spill is cut into.
BUCKET_BYTES = 64 << 20

Emit = Callable[[int], Iterator[pa.RecordBatch]]
Reduce = Callable[[int, Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@runtime_checkable
class Counting(Protocol):
    """A reduce that has something of its rows counted."""

    def count(self, batch: pa.RecordBatch, draft: Draft) -> None:
        """Add what the batch, which the reduce has yielded, comes to."""
        ...


# The first column of everything that is emitted.
BUCKET = pa.field("bucket", pa.int32(), nullable=False)
# A verdict on its way home: the row's address and its VERDICT columns (without `stage`, which the plan fills in).
# A wide stage that adds columns appends them; a row with a null verdict only carries such columns.
HOME = pa.schema(
    [
        pa.field("part", pa.int32(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        *[VERDICT.field(name) for name in VERDICT.names if name != "stage"],
    ]
)


class Steps(Protocol):
    """What a wide stage may use. `view` reads the documents, `parts` and `rows` say how many there are."""

    @property
    def view(self) -> View:
        """The documents, as far as earlier steps have decided."""
        ...

    @property
    def parts(self) -> int:
        """How many parts they lie in."""
        ...

    @property
    def rows(self) -> int:
        """How many rows all parts have, decided ones too."""
        ...

    @property
    def against(self) -> Sequence[Mapping[str, Dataset]]:
        """Earlier runs that this one is compared with: what the same stage has left in the index of each, by name."""
        ...

    def exchange(
        self, name: str, emit: Emit, reduce: Reduce, *, inputs: int, schema: pa.Schema, out: pa.Schema, buckets: int
    ) -> Dataset:
        """Run one exchange over emit parts 0..inputs−1 and publish its `buckets` reduced parts under `name`.

        schema: what emit yields, beginning with `bucket: int32`; out: what reduce yields.
        """
        ...


@dataclass(frozen=True)
class Index:
    """What a wide stage leaves in OUT/index, so that a later crawl can be compared with this one.

    exchanges: the exchanges whose parts it consists of. facts: called with the stage's parameters, it returns what two
    runs must have in common to be compared; None where they allow no index, and then no such exchange runs.
    """

    exchanges: tuple[str, ...]
    facts: Callable[..., Mapping[str, Any] | None]


@dataclass(frozen=True)
class WideStage:
    """A stage whose verdicts depend on other documents.

    prepare: narrow stages that run in the step before it, so that the text is not read again. adds: columns beside
    the verdict. finish: a narrow stage that runs right behind it, under its name, with those of its parameters that it
    has too; a column of `adds` that it reads is handed to it and then forgotten. exchanges: how many exchanges it
    needs, for `curate plan`. check: as for a narrow stage. index: what it leaves for later runs, None where they cannot
    be compared with it.
    """

    function: Callable[..., Dataset]
    needs: tuple[str, ...]
    adds: Mapping[str, pa.DataType] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    prepare: tuple[Stage, ...] = ()
    finish: Stage | None = None
    exchanges: int = 2
    version: int = 1
    check: Check | None = None
    index: Index | None = None

    @property
    def path(self) -> str:
        """Import path `package.module:function`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @property
    def handed(self) -> frozenset[str]:
        """Columns that are only there for `finish`."""
        return frozenset(self.adds).intersection(self.finish.needs if self.finish else ())

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """What it and `finish` leave behind."""
        own = {name: kind for name, kind in self.adds.items() if name not in self.handed}
        return own | dict(self.finish.adds if self.finish else {})


def wide_stage(
    needs: Sequence[str],
    *,
    adds: Mapping[str, pa.DataType] | None = None,
    reasons: Sequence[str] = (),
    prepare: Sequence[Stage] = (),
    finish: Stage | None = None,
    exchanges: int = 2,
    version: int = 1,
    check: Check | None = None,
    index: Index | None = None,
) -> Callable[[Callable[..., Dataset]], WideStage]:
    """Make a function `(steps, *, parameters) -> Dataset of HOME rows` a wide stage."""

    def decorate(function: Callable[..., Dataset]) -> WideStage:
        return WideStage(
            function,
            tuple(needs),
            dict(adds or {}),
            tuple(reasons),
            tuple(prepare),
            finish,
            exchanges,
            version,
            check,
            index,
        )

    return decorate


def bucket_of(key: bytes, buckets: int) -> int:
    """First 4 bytes of blake2b(key) modulo `buckets`: the same on every engine and machine."""
    return int.from_bytes(blake2b(key, digest_size=4).digest(), "big") % buckets


def bucket_count(total_bytes: int) -> int:
    """How many buckets a shuffle of this size gets."""
    return max(1, -(-total_bytes // BUCKET_BYTES))


def home_schema(adds: Mapping[str, pa.DataType]) -> pa.Schema:
    """HOME followed by the columns that a wide stage adds."""
    fields: list[Any] = [*HOME, *(pa.field(name, kind) for name, kind in adds.items())]
    return pa.schema(fields)
