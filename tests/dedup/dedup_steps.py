"""Wide stages without an engine: exchanges in this process, as unhelpful as their contract allows.

Everything emitted is emitted twice, every reduce runs twice on other batches of other orders, and emit and reduce cross
as pickles. `run_wide` returns what a stage decides of every document, by doc_id.
"""

import pickle
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.schema import VERDICT
from curate.steps import counted
from curate.store import Dataset, Draft, Layer, View
from curate.wide import Emit, Reduce, WideStage

COLUMNS = {
    "doc_id": pa.string(),
    "text": pa.string(),
    "crawl": pa.int32(),
    "date": pa.string(),
    "url": pa.string(),
    "url_id": pa.string(),
    "html_id": pa.string(),
    "content_id": pa.string(),
    "content_words": pa.int32(),
    "cluster_size": pa.int32(),
}
Document = dict[str, Any]


def doc_id(number: int) -> str:
    return blake2b(str(number).encode(), digest_size=16).hexdigest()


def make_view(folder: Path, parts: Sequence[Sequence[Document]]) -> View:
    """A view of documents; each is a dict of some of COLUMNS, and `verdict` where it is decided already."""
    counted = any("cluster_size" in document for part in parts for document in part)
    names = [name for name in COLUMNS if counted or name != "cluster_size"]
    schema = pa.schema([*((name, COLUMNS[name]) for name in names), *VERDICT])
    dataset = Dataset(str(folder / "documents"), len(parts))
    for number, part in enumerate(parts):
        rows = [{name: document.get(name) for name in schema.names} for document in part]
        dataset.publish(number, schema, [pa.RecordBatch.from_pylist(rows, schema)], Draft("made"))
    return View((Layer(dataset, tuple(names)),))


@dataclass
class ShuffledSteps:
    """`Steps` for tests; `seed` chooses how rows are shuffled and cut. `datasets`: what every exchange published."""

    folder: Path
    view: View
    parts: int
    rows: int
    seed: int = 0
    against: Sequence[Mapping[str, Dataset]] = ()
    datasets: dict[str, Dataset] = field(default_factory=dict)

    def exchange(
        self, name: str, emit: Emit, reduce: Reduce, *, inputs: int, schema: pa.Schema, out: pa.Schema, buckets: int
    ) -> Dataset:
        assert name not in self.datasets, f"exchange {name!r} has run already"
        chance = random.Random(f"{self.seed} {name}")
        shuffled = self._emit(emit, schema, inputs, chance)
        output = Dataset(str(self.folder / name), buckets)
        assert (
            not shuffled.num_rows
            or 0 <= min(shuffled["bucket"].to_pylist()) <= max(shuffled["bucket"].to_pylist()) < buckets
        )
        for bucket in range(buckets):
            mine = shuffled.filter(pa.compute.equal(shuffled["bucket"], bucket))
            results = [self._reduce(reduce, bucket, mine, out, chance) for _ in range(2)]
            assert results[0].equals(results[1]), f"{name}: the order of rows shows in bucket {bucket}"
            draft = Draft(name)
            output.publish(bucket, out, counted(reduce, iter(results[0].to_batches()), draft), draft)
        self.datasets[name] = output
        return output

    def _emit(self, emit: Emit, schema: pa.Schema, inputs: int, chance: random.Random) -> pa.Table:
        tables = [schema.empty_table()]
        for part in range(inputs):
            batches = list(pickle.loads(pickle.dumps(emit))(part))
            again = list(pickle.loads(pickle.dumps(emit))(part))
            tables.append(pa.Table.from_batches(batches, schema))
            assert tables[-1].equals(pa.Table.from_batches(again, schema))
        return pa.concat_tables(chance.sample(tables, len(tables)))

    def _reduce(self, reduce: Reduce, bucket: int, rows: pa.Table, out: pa.Schema, chance: random.Random) -> pa.Table:
        batches = list(pickle.loads(pickle.dumps(reduce))(bucket, _cut(rows, chance)))
        return pa.Table.from_batches(batches, out)


def _cut(rows: pa.Table, chance: random.Random) -> Iterator[pa.RecordBatch]:
    order = list(range(rows.num_rows))
    chance.shuffle(order)
    rows = rows.take(pa.array(order, pa.int64())).combine_chunks()
    yield pa.RecordBatch.from_pylist([], rows.schema)
    size = chance.choice((1, 17, 1000)) if rows.num_rows < 2000 else 1000
    yield from rows.to_batches(max_chunksize=size)


def run_wide(
    stage: WideStage,
    folder: Path,
    parts: Sequence[Sequence[Document]],
    *,
    shuffle: int = 0,
    against: Sequence[Mapping[str, Dataset]] = (),
    **params: Any,
) -> tuple[dict[str, Document], ShuffledSteps]:
    """(doc_id → its HOME row without address and nulls, the steps); documents without a row are not in it."""
    view = make_view(folder, parts)
    steps = ShuffledSteps(folder, view, len(parts), sum(map(len, parts)), shuffle, against)
    home = stage.function(steps, **params)
    found: dict[str, Document] = {}
    for number in range(home.parts):
        for row in home.table(number).to_pylist():
            name = parts[row.pop("part")][row.pop("row")]["doc_id"]
            assert name not in found, "a document came home twice"
            found[name] = {key: value for key, value in row.items() if value is not None}
    return found, steps


def deal(documents: Sequence[Document], parts: int, seed: int) -> list[list[Document]]:
    """The documents dealt out to parts at random, in random order."""
    chance = random.Random(seed)
    dealt: list[list[Document]] = [[] for _ in range(parts)]
    for document in chance.sample(list(documents), len(documents)):
        chance.choice(dealt).append(document)
    return dealt


def dropped(found: Mapping[str, Document]) -> dict[str, str]:
    """doc_id → duplicate_of of the dropped documents."""
    return {name: row["duplicate_of"] for name, row in found.items() if row.get("verdict") == "dropped"}
