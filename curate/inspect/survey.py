"""What the report says of all records: counts by name, samples, clusters and distributions, made by tasks.

Exchanges like those of any step, published under OUT/parts/survey.* with manifests and fingerprints, so that what was
killed goes on and what is unchanged is not done again. Every bucket leaves a small summary, which holds what may be
shown of it (see `tallies`, `chains`, `scored`); to read them is all that is left for one process. All counts are
exact, and nothing depends on parts, workers, buckets or the engine.

A run makes them at its end with its own engine. Where they are missing they are made on this machine.

Cost: 14 ms a part of 308 records in the workers, most of it the opening of files. Memory of the reader:
what may be shown of all buckets, and the sample.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain as joined

import pyarrow as pa
import pyarrow.compute as pc

from curate.engines import open_engine
from curate.errors import EngineError
from curate.inspect.chains import Group, cluster_exchanges, largest
from curate.inspect.funnel import funnel
from curate.inspect.run_folder import RunFolder
from curate.inspect.scored import SAMPLE_DOCUMENTS, EmitScored, Smallest, rank_limit, scored_schema
from curate.inspect.tallies import (
    EMITTED,
    FAILED_SAMPLES,
    ROW_BYTES,
    TALLIES,
    TOP,
    EmitTallies,
    Tally,
    TopTallies,
    lists_of,
    named_of,
)
from curate.lock import lock
from curate.progress import Silent
from curate.steps import Exchanges, Place, chain
from curate.store import Dataset, write_json
from curate.wide import bucket_count

STEP = "survey"
# Bumped when the same run gives other summaries.
VERSION = 1

Names = Mapping[str, Tally]
Samples = Mapping[tuple[str, str], tuple[int, ...]]
Made = Mapping[str, Dataset]


@dataclass(frozen=True)
class Survey:
    """What the tasks have found; of hosts, sources and files with failures those names that can be shown.

    names: kind → name → tally. of: kind → how many names there are, without the empty one. samples: (kind, name) →
    addresses of documents, by rank. sample: documents behind the distributions, with lang, verdict, stage, reason,
    characters and the scores that rules decide on; sampled_from: of how many.
    """

    names: Mapping[str, Names]
    of: Mapping[str, int]
    samples: Samples
    clusters: tuple[Group, ...]
    sample: pa.Table
    sampled_from: int

    @property
    def languages(self) -> Names:
        """All of them; "" where none is known."""
        return self.names.get("language", {})

    @property
    def hosts(self) -> Names:
        """The largest, and those that deduplication has emptied."""
        return self.names.get("host", {})

    @property
    def sources(self) -> Names:
        """The largest and the alarming; files of one record put together by folder."""
        return self.names.get("source", {})

    @property
    def inputs(self) -> Names:
        """All of them."""
        return self.names.get("input", {})

    @property
    def dropped(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """(stage, reason) → a sample of the documents dropped for it, in order of the reasons' names."""
        return self._sampled("dropped")

    @property
    def failed(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """(stage, error) → a sample of the records that failed by it."""
        return {key: addresses[:FAILED_SAMPLES] for key, addresses in self._sampled("failed").items()}

    @property
    def shown(self) -> set[int]:
        """Addresses of all documents that the report shows."""
        groups = [*self.dropped.values(), *self.failed.values(), *(group.members for group in self.clusters)]
        survivors = [group.address for group in self.clusters if group.address is not None]
        return {address for addresses in (*groups, survivors) for address in addresses}

    def _sampled(self, wanted: str) -> dict[tuple[str, str], tuple[int, ...]]:
        found = {}
        for (kind, name), addresses in sorted(self.samples.items()):
            if kind == wanted:
                stage, _, why = name.partition("/")
                found[stage, why] = addresses
        return found


def survey(run: RunFolder, place: Place | None = None, sample_documents: int = SAMPLE_DOCUMENTS) -> Survey:
    """What the tasks have found, which are done where that is missing. Raises EngineError.

    place: who works, where a run still holds its folder; without it this machine does.
    """
    fingerprint = _fingerprint(run, sample_documents)
    made = _made(run, fingerprint)
    if made is None:
        run.require_parts("the report")
        with nullcontext(place) if place else _at_hand(run) as at:
            made = _make(run, at, fingerprint, sample_documents)
    return _read(run, made)


@contextmanager
def _at_hand(run: RunFolder) -> Iterator[Place]:
    engine = open_engine("local")
    with lock(run.out) as fence:
        try:
            yield Place(run.out.absolute() / "parts", engine, Silent(), fence)
        finally:
            engine.close()


def _fingerprint(run: RunFolder, sample_documents: int) -> str:
    """Of all that the summaries are made of."""
    steps = [step["fingerprint"] for step in run.summary["steps"]]
    stages = [(stage.name, stage.use, [rule.score for rule in stage.rules]) for stage in run.stages]
    return chain(STEP, VERSION, sample_documents, steps, stages)


def _made(run: RunFolder, fingerprint: str) -> Made | None:
    """The summaries, if they are all there."""
    try:
        told = json.loads((run.out / "parts" / f"{STEP}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if told["fingerprint"] != fingerprint:
        return None
    folder = run.out / "parts"
    return {name: Dataset(str(folder / f"{STEP}.{name}"), buckets) for name, buckets in told["buckets"].items()}


def _make(run: RunFolder, place: Place, fingerprint: str, sample_documents: int) -> Made:
    records = int(run.totals["records_in"])
    steps = Exchanges(STEP, run.view, run.parts, records, fingerprint, place)
    _tally(run, steps)
    _sample(run, steps, sample_documents)
    # A run that does not say which of its steps compare documents may have as many as it has steps.
    rounds = sum(step.get("wide", True) for step in run.summary["steps"])
    if rounds:
        cluster_exchanges(steps, rounds)
    # Of all rounds the last one holds the clusters.
    wanted = ["tallies", "sample", *([f"clusters-{rounds}"] if rounds else [])]
    made = {name: steps.published[name] for name in wanted}
    buckets = {name: dataset.parts for name, dataset in made.items()}
    write_json(place.folder / f"{STEP}.json", {"fingerprint": fingerprint, "buckets": buckets})
    return made


def _tally(run: RunFolder, steps: Exchanges) -> None:
    buckets = bucket_count(steps.rows * ROW_BYTES)
    emit = EmitTallies(steps.view, _stages_before_dedup(run), buckets)
    steps.exchange("tallies", emit, TopTallies(), inputs=steps.parts, schema=EMITTED, out=TOP, buckets=buckets)


def _sample(run: RunFolder, steps: Exchanges, documents: int) -> None:
    schema = scored_schema(run)
    emit = EmitScored(steps.view, schema, rank_limit(_reached(run), documents))
    reduce = Smallest(schema, documents)
    steps.exchange("sample", emit, reduce, inputs=steps.parts, schema=emit.emitted, out=schema, buckets=1)


def _read(run: RunFolder, made: Made) -> Survey:
    tables = {name: _tables(dataset) for name, dataset in made.items()}
    clusters = joined.from_iterable(found for name, found in tables.items() if name.startswith("clusters"))
    names, of, samples = _shown(tables["tallies"])
    (sample,) = tables["sample"]
    counted = sum(tally.records_in for tally in names.get("input", {}).values())
    if counted != run.totals["records_in"]:
        raise EngineError(f"the survey counts {counted} of {run.totals['records_in']} records: a bug in curate")
    return Survey(names, of, samples, tuple(largest(clusters)), sample, _reached(run))


def _tables(dataset: Dataset) -> Iterator[pa.Table]:
    """Bucket by bucket; most are small."""
    return (dataset.table(bucket) for bucket in range(dataset.parts))


def _shown(tables: Iterator[pa.Table]) -> tuple[Mapping[str, Names], Mapping[str, int], Samples]:
    """The names that are shown, how many there are, and the samples: what is first among those of all buckets."""
    names: dict[str, dict[str, Tally]] = {}
    of: dict[str, int] = {}
    samples: dict[tuple[str, str], tuple[int, ...]] = {}
    for table in tables:
        for kind in pc.unique(table["kind"]).to_pylist():
            mine = table.filter(pc.equal(table["kind"], kind))
            of[kind] = of.get(kind, 0) + (pc.sum(mine["of"]).as_py() or 0)
            known = names.setdefault(kind, {})
            known.update(named_of(TALLIES.heads(mine)))
            if lists_of(kind):
                names[kind] = {name: tally for best in lists_of(kind) for name, tally in best(known.items())}
        sampled = table.filter(table["rank"].is_valid()).select(["kind", "name", "document"])
        for row in sampled.to_pylist():
            key = (row["kind"], row["name"])
            samples[key] = (*samples.get(key, ()), row["document"])
    return names, of, samples


def _reached(run: RunFolder) -> int:
    """Records that the readers have not decided themselves."""
    return funnel(run)[0].records_out


def _stages_before_dedup(run: RunFolder) -> tuple[str, ...]:
    """Stages in front of the last one that names duplicates, without others that do; all where the recipe has none."""
    dedup = [n for n, stage in enumerate(run.stages) if stage.use.startswith("curate.dedup.")]
    last = dedup[-1] if dedup else len(run.stages)
    return ("read", *(stage.name for n, stage in enumerate(run.stages[:last]) if n not in dedup))
