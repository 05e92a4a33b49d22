"""Carrying out a plan: step by step, part by part, skipping what an earlier run of the same plan has finished.

Whether a part is finished is read from its manifest alone: it must carry the fingerprint of the step, its parameters
and everything before it. What a map step finds behind an exchange is told by which of its part's rows are decided, not
by what went into the exchange, which is every part: one more file of a crawl does not repeat the extraction of all
others. Nothing else is remembered between runs.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from curate import storage
from curate.engines import Engine, Exchange
from curate.narrow import FromInput, FromView, MapTask, Rows, columns_needed, count_verdicts
from curate.parts import PartTable
from curate.plan import MapStep, Plan, WideStep
from curate.reread import IDENTITY, FromInputAgain
from curate.schema import VERDICT
from curate.sources import Limits
from curate.store import BETWEEN_STEPS, Dataset, Draft, Fence, Layer, Manifest, Options, View
from curate.wide import BUCKET, Counting, Emit, Reduce, home_schema

# What is on its way in an exchange, in the folder of its output.
SCRATCH = "spill"


class Progress(Protocol):
    """What a run tells about itself while it works."""

    def begin(self, step: str, parts: int, done: int) -> None:
        """A step starts; `done` of its parts are finished already."""
        ...

    def advance(self, manifest: Manifest) -> None:
        """One more part is finished."""
        ...

    def note(self, what: str) -> None:
        """Something about the running step that people should know."""
        ...


# Does parts, each given by its number and the fingerprint that its manifest is to carry.
Work = Callable[[Sequence[tuple[int, str]]], Iterator[Manifest]]


@dataclass(frozen=True)
class Place:
    """Where a run keeps its parts, who works on them and who is told."""

    folder: Path
    engine: Engine
    progress: Progress
    fence: Fence | None = None

    def dataset(self, name: str, parts: int, options: Options = BETWEEN_STEPS) -> Dataset:
        """The dataset of a step."""
        return Dataset(str(self.folder / name), parts, self.fence, options)


@dataclass(frozen=True)
class Finished:
    """A step that is done: what it wrote and, of a wide step, what its exchanges wrote.

    Manifests stay on disk and are read when asked for: memory does not grow with what a run has been through.
    """

    name: str
    dataset: Dataset
    columns: tuple[str, ...]
    exchanges: Mapping[str, Dataset] = field(default_factory=dict)

    def manifests(self) -> Iterator[Manifest]:
        """The manifest of every part, in order."""
        return self.dataset.manifests()

    def fingerprints(self) -> Iterator[str]:
        """Per part."""
        return (manifest.fingerprint for manifest in self.manifests())

    def shuffled_bytes(self) -> int:
        """What its exchanges have moved, in memory."""
        datasets = (self.dataset, *self.exchanges.values())
        return sum(manifest.counts.get("shuffled_bytes", 0) for left in datasets for manifest in left.manifests())

    @property
    def wide(self) -> bool:
        """Whether it has exchanged rows between parts; a wide stage has no other way to say anything."""
        return bool(self.exchanges)

    def states(self, needed: Collection[str]) -> Iterator[str]:
        """Per part what of an exchange's results shows to stages that need these columns."""
        shown = bool(set(self.columns) & set(needed))
        return ((not shown and manifest.decided) or manifest.sha256 for manifest in self.manifests())


@dataclass(frozen=True)
class EarlierRuns:
    """What the runs have left that this one is compared with: per stage and run the datasets by exchange."""

    left: Mapping[str, Sequence[Mapping[str, Dataset]]] = field(default_factory=dict)
    digests: Sequence[str] = ()

    def of(self, step: WideStep) -> Sequence[Mapping[str, Dataset]]:
        """What the same stage has left in each run."""
        return self.left.get(step.label, ())


def run_steps(plan: Plan, table: PartTable, place: Place, earlier: EarlierRuns) -> list[Finished]:
    """Run every step of the plan to its end; returns what each has left on disk."""
    finished: list[Finished] = []
    view = View()
    for step in plan.steps:
        if isinstance(step, MapStep):
            done = _run_map(step, plan, table, view, finished, place)
        else:
            done = _run_wide(step, view, finished[-1], place, earlier)
        finished.append(done)
        view = view.extend(Layer(done.dataset, done.columns))
    return finished


def _run_map(
    step: MapStep, plan: Plan, table: PartTable, view: View, before: Sequence[Finished], place: Place
) -> Finished:
    output = place.dataset(step.name, table.parts)
    options = plan.recipe.output
    input_rows = FromInput(table, Limits(max_record_bytes=options.max_record_bytes))
    rows = _stored_rows(step, view, input_rows) if before else input_rows
    upstream = _upstream(step, before) if before else table.fingerprints()
    limit_s = options.stage_limit_s * step.resources.cpus
    task = MapTask(step.name, rows, step.calls, step.writes, output, options.keep_dropped_text, limit_s)
    limits = [options.max_record_bytes if not before else 0, options.keep_dropped_text]
    wanted = [chain(step.fingerprint, fingerprint, limits) for fingerprint in upstream]

    def work(todo: Sequence[tuple[int, str]]) -> Iterator[Manifest]:
        if step.resources.gpus and not place.engine.gpus():
            place.progress.note("no GPU is at hand: works without")
        return place.engine.map(task, todo, step.resources)

    complete(output, wanted, place, work)
    return Finished(step.name, output, tuple(step.writes))


def _upstream(step: MapStep, before: Sequence[Finished]) -> Iterator[str]:
    """Per part what a map step behind the first is made of: the map step before it, and what exchanges say of it."""
    needed = columns_needed(step.calls)
    made = [done for done in before if not done.wide][-1].fingerprints()
    states = [done.states(needed) for done in before if done.wide]
    return (chain(*facts) for facts in zip(made, *states, strict=True)) if states else made


def marks(finished: Sequence[Finished]) -> Iterator[str]:
    """Per part what changes with anything that the steps hold of it: the fingerprints of the last exchange and step."""
    wide = [done for done in finished if done.wide]
    last = {done.name: done.fingerprints() for done in (*wide[-1:], finished[-1])}
    return map("".join, zip(*last.values(), strict=True))


def _stored_rows(step: MapStep, view: View, first: FromInput) -> Rows:
    """What a map step behind the first works on; what is not stored is read again."""
    needed = [name for name in columns_needed(step.calls) if name not in step.reads_again]
    if not step.reads_again:
        return FromView(view, tuple(needed))
    return FromInputAgain(FromView(view, tuple(dict.fromkeys((*IDENTITY, *needed)))), first, step.reads_again)


def _run_wide(step: WideStep, view: View, before: Finished, place: Place, earlier: EarlierRuns) -> Finished:
    rows = sum(manifest.rows for manifest in before.manifests())
    base = chain(step.fingerprint, *before.fingerprints(), *earlier.digests)
    steps = Exchanges(step.name, view, before.dataset.parts, rows, base, place, earlier.of(step))
    started = time.monotonic()
    verdicts = step.stage.function(steps, **step.params)
    spent_s = time.monotonic() - started
    home = Exchanges(step.name, view, before.dataset.parts, rows, chain(base, "home"), place)
    output = home.carry_home(verdicts, HomeReduce(view, step.label, tuple(step.writes.items())), spent_s)
    return Finished(step.name, output, tuple(step.writes), steps.published)


@dataclass(frozen=True)
class Exchanges:
    """The `Steps` that a wide stage gets: each exchange is published under `step.name` and resumes by bucket."""

    step: str
    view: View
    parts: int
    rows: int
    fingerprint: str
    place: Place
    against: Sequence[Mapping[str, Dataset]] = ()
    published: dict[str, Dataset] = field(default_factory=dict)

    def exchange(
        self, name: str, emit: Emit, reduce: Reduce, *, inputs: int, schema: pa.Schema, out: pa.Schema, buckets: int
    ) -> Dataset:
        """See `curate.wide.Steps`."""
        self.published[name] = self._exchange(
            f"{self.step}.{name}", emit, reduce, inputs=inputs, schema=schema, out=out, buckets=buckets
        )
        return self.published[name]

    def carry_home(self, verdicts: Dataset, reduce: "HomeReduce", spent_s: float) -> Dataset:
        """Bring HOME rows back to their parts: one output part per input part, aligned by row.

        spent_s: what the stage has taken on the clock, which no worker can tell; its manifests share it.
        """
        adds = dict(reduce.adds)
        schema = pa.schema([BUCKET, *home_schema(adds)])
        out = pa.schema([*(pa.field(name, kind) for name, kind in reduce.adds), *VERDICT])
        emit = HomeEmit(verdicts, schema)
        seconds = {reduce.stage: spent_s / self.parts} if self.parts else {}
        return self._exchange(
            self.step, emit, reduce, inputs=verdicts.parts, schema=schema, out=out, buckets=self.parts, seconds=seconds
        )

    def _exchange(
        self,
        name: str,
        emit: Emit,
        reduce: Reduce,
        *,
        inputs: int,
        schema: pa.Schema,
        out: pa.Schema,
        buckets: int,
        seconds: Mapping[str, float] = {},  # read only
    ) -> Dataset:
        output = self.place.dataset(name, buckets)
        wanted = chain(self.fingerprint, name, inputs, buckets)
        task = PublishReduced(reduce, output, out, wanted, seconds)

        def work(todo: Sequence[tuple[int, str]]) -> Iterator[Manifest]:
            scratch = f"{output.folder}/{SCRATCH}"
            buckets_left = [bucket for bucket, _ in todo]
            return self.place.engine.exchange(Exchange(emit, task, inputs, schema, buckets_left, scratch, wanted))

        complete(output, [wanted] * buckets, self.place, work)
        return output


@dataclass(frozen=True)
class PublishReduced:
    """Publishes what a reduce yields for a bucket, with what it has counted of it."""

    reduce: Reduce
    output: Dataset
    schema: pa.Schema
    fingerprint: str
    seconds: Mapping[str, float]

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Manifest:
        """The bucket's manifest."""
        draft = Draft(self.fingerprint, seconds=dict(self.seconds))
        reduced = counted(self.reduce, self.reduce(bucket, _weighed(rows, draft)), draft)
        return self.output.publish(bucket, self.schema, reduced, draft)


def counted(reduce: Reduce, batches: Iterator[pa.RecordBatch], draft: Draft) -> Iterator[pa.RecordBatch]:
    """The batches that a reduce yields, with what it says of them in `draft`."""
    for batch in batches:
        if isinstance(reduce, Counting):
            reduce.count(batch, draft)
        yield batch


@dataclass(frozen=True)
class HomeEmit:
    """HOME rows addressed to the part they belong to."""

    verdicts: Dataset
    schema: pa.Schema

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """The bucket is the part's number itself."""
        for batch in self.verdicts.batches(part):
            columns = {name: batch[name] for name in batch.schema.names}
            yield pa.record_batch([columns.get(name, batch["part"]) for name in self.schema.names], schema=self.schema)


@dataclass(frozen=True)
class HomeReduce:
    """Lays verdicts and added columns out by row; rows that nothing came home for are null."""

    view: View
    stage: str
    adds: tuple[tuple[str, pa.DataType], ...]

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One batch with as many rows as the part has."""
        schema = home_schema(dict(self.adds))
        arrived = pa.Table.from_batches([batch.select(schema.names) for batch in rows], schema)
        total = self.view.layers[0].dataset.rows(part)
        source = np.full(total, -1, np.int64)
        source[arrived["row"].to_numpy()] = np.arange(arrived.num_rows)
        index = pa.array(source, mask=source < 0)
        stage = pa.array([self.stage] * arrived.num_rows, pa.string())
        decided = arrived["verdict"].is_valid()
        arrived = arrived.append_column("stage", pa.compute.if_else(decided, stage, pa.scalar(None, pa.string())))
        names = [*(name for name, _ in self.adds), *VERDICT.names]
        yield from arrived.select(names).take(index).combine_chunks().to_batches()

    def count(self, batch: pa.RecordBatch, draft: Draft) -> None:
        """Count verdicts, and mark which rows have one."""
        count_verdicts(pa.Table.from_batches([batch]), draft)
        decided = np.asarray(batch["verdict"].is_valid()).tobytes()
        draft.decided = hashlib.sha256(draft.decided.encode() + decided).hexdigest()


def complete(output: Dataset, wanted: Sequence[str], place: Place, work: Work) -> None:
    """Do the parts whose manifest does not carry the wanted fingerprint."""
    known = {manifest.part: manifest.fingerprint for manifest in output.manifests()}
    todo = [(part, mark) for part, mark in enumerate(wanted) if known.get(part) != mark]
    place.progress.begin(Path(output.folder).name, len(wanted), len(wanted) - len(todo))
    for manifest in work(todo) if todo else ():
        place.progress.advance(manifest)
    if not todo:  # the run before may have been killed between its last part and this
        storage.remove_tree(storage.place(output.folder) / SCRATCH)
    output.gather()


def drop_stale(folder: Path, keep: Sequence[str]) -> None:
    """Remove step folders that the present plan does not use."""
    names = set(keep)
    for name in storage.names_in(folder):
        if name not in names and name.partition(".")[0] not in names:
            storage.remove_tree(folder / name)


def chain(*facts: Any) -> str:
    """One fingerprint from several facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _weighed(rows: Iterator[pa.RecordBatch], draft: Draft) -> Iterator[pa.RecordBatch]:
    """Count what an exchange moves: rows, and their bytes in memory, which hardly depend on how they are batched."""
    for batch in rows:
        draft.count("shuffled_rows", batch.num_rows)
        draft.count("shuffled_bytes", batch.nbytes)
        yield batch
