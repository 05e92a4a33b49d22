"""Kept documents and an exchange for tests of the token side: in this process, and as unhelpful as allowed.

Emit and reduce cross as pickles and run twice; every bucket gets its rows shuffled, in batches of 1, 17 or 1,000 and an
empty one, and with the schema a foreign engine would give them (no "not null").
"""

import pickle
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa

from curate.schema import VERDICT
from curate.store import Dataset, Draft, Layer, View
from curate.wide import Emit, Reduce


@dataclass(frozen=True)
class Page:
    """A document; `dropped` ones must never show up in tokens."""

    doc_id: str
    text: str | None
    lang: str | None = "en"
    dropped: bool = False


def page(number: int, text: str | None, lang: str | None = "en", dropped: bool = False) -> Page:
    return Page(blake2b(str(number).encode(), digest_size=16).hexdigest(), text, lang, dropped)


def text_bytes_of(pages: Sequence[Page]) -> int:
    return sum(len((page.text or "").encode()) for page in pages if not page.dropped)


def make_view(folder: Path, pages: Sequence[Page], parts: int, columns: Sequence[str] = ("text", "lang")) -> View:
    """The pages in their order, cut into parts of nearly equal size."""
    names = ("doc_id", *columns)
    schema = pa.schema([*((name, pa.string()) for name in names), *VERDICT])
    dataset = Dataset(str(folder / "documents"), parts)
    for number in range(parts):
        own = pages[number * len(pages) // parts : (number + 1) * len(pages) // parts]
        rows = [
            {
                **{name: getattr(page, name) for name in names},
                "verdict": "dropped" if page.dropped else None,
                "stage": "rules" if page.dropped else None,
                "reason": "too_short" if page.dropped else None,
            }
            for page in own
        ]
        dataset.publish(number, schema, [pa.RecordBatch.from_pylist(rows, schema)], Draft("made"))
    return View((Layer(dataset, names),))


@dataclass
class MemorySteps:
    """`Steps`; `seed` chooses how rows are shuffled and cut. `runs`: exchanges that were carried out, in order."""

    folder: Path
    view: View
    parts: int
    rows: int
    seed: int = 0
    runs: list[str] = field(default_factory=list)
    datasets: dict[str, Dataset] = field(default_factory=dict)

    def exchange(
        self, name: str, emit: Emit, reduce: Reduce, *, inputs: int, schema: pa.Schema, out: pa.Schema, buckets: int
    ) -> Dataset:
        chance = random.Random(f"{self.seed} {name}")
        assert schema.names[0] == "bucket"
        assert schema.field("bucket").type == pa.int32()
        rows = pa.concat_tables([schema.empty_table(), *(self._emit(emit, part, schema) for part in range(inputs))])
        assert all(0 <= bucket < buckets for bucket in rows["bucket"].unique().to_pylist())
        output = Dataset(str(self.folder / name), buckets)
        for bucket in range(buckets):
            mine = rows.filter(pa.compute.equal(rows["bucket"], bucket))
            results = [self._reduce(reduce, bucket, mine, out, chance) for _ in range(2)]
            assert results[0].equals(results[1]), f"{name}: the order of rows shows in bucket {bucket}"
            output.publish(bucket, out, results[0].to_batches(), Draft(name))
        self.runs.append(name)
        self.datasets[name] = output
        return output

    def _emit(self, emit: Emit, part: int, schema: pa.Schema) -> pa.Table:
        once, again = (pa.Table.from_batches(list(pickle.loads(pickle.dumps(emit))(part)), schema) for _ in range(2))
        assert once.equals(again)
        return once

    def _reduce(self, reduce: Reduce, bucket: int, rows: pa.Table, out: pa.Schema, chance: random.Random) -> pa.Table:
        batches = list(pickle.loads(pickle.dumps(reduce))(bucket, _cut(rows, chance)))
        return pa.Table.from_batches(batches, out)


def make_steps(folder: Path, pages: Sequence[Page], parts: int = 3, seed: int = 0) -> MemorySteps:
    kept = sum(not page.dropped for page in pages)
    return MemorySteps(folder, make_view(folder, pages, parts), parts, kept, seed)


def _cut(rows: pa.Table, chance: random.Random) -> Iterator[pa.RecordBatch]:
    order = list(range(rows.num_rows))
    chance.shuffle(order)
    foreign = pa.schema([pa.field(item.name, item.type) for item in rows.schema])
    shuffled = rows.take(pa.array(order, pa.int64())).cast(foreign).combine_chunks()
    yield pa.RecordBatch.from_pylist([], foreign)
    yield from shuffled.to_batches(max_chunksize=chance.choice((1, 17, 1000)))
