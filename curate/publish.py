"""Publishing: from the steps' files to the corpus and the ledger, and the books closed over both.

Consecutive parts become one shard of about `shard_bytes`: 512 MB, less where the corpus is small. Shards are made
beside the present corpus and take its place together at the end, so a reader sees the old corpus or the new one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from curate.ledger import assert_conservation, ledger_rows
from curate.narrow import count_verdicts
from curate.parts import piece_bytes
from curate.schema import LEDGER
from curate.steps import Finished, Place, Work, chain, complete, marks
from curate.storage import put_in_place
from curate.store import BATCH_ROWS, PUBLISHED, Dataset, Draft, Layer, Manifest, View

SHARD_BYTES = (32 << 20, 512 << 20)
IDENTITY = ("doc_id", "source", "offset", "url")

# The parts of a shard: number → records that it read.
Parts = Mapping[int, int]


@dataclass(frozen=True)
class CorpusTask:
    """Write the kept documents of one shard's parts."""

    name = "corpus"
    view: View
    schema: pa.Schema
    output: Dataset

    def __call__(self, shard: int, fingerprint: str, parts: Parts) -> Manifest:
        """Publish one corpus file."""
        draft = Draft(fingerprint)
        return self.output.publish(shard, self.schema, self._batches(parts, draft), draft)

    def _batches(self, parts: Parts, draft: Draft) -> Iterator[pa.RecordBatch]:
        for part in parts:
            for piece in self.view.undecided_slices(part, self.schema.names):
                kept = piece.select(self.schema.names)
                draft.count("kept", kept.num_rows)
                count_languages(kept, draft)
                yield from kept.cast(self.schema).to_batches(max_chunksize=BATCH_ROWS)


@dataclass(frozen=True)
class LedgerTask:
    """Write one ledger row for every record of one shard's parts."""

    name = "ledger"
    view: View
    output: Dataset

    def __call__(self, shard: int, fingerprint: str, parts: Parts) -> Manifest:
        """Publish one ledger file."""
        draft = Draft(fingerprint)
        return self.output.publish(shard, LEDGER, self._batches(parts, draft), draft)

    def _batches(self, parts: Parts, draft: Draft) -> Iterator[pa.RecordBatch]:
        for part, records in parts.items():
            ledger = ledger_rows(self.view.table(part, IDENTITY), self.view.verdicts(part))
            assert_conservation(f"part {part}", records, ledger)
            decided = ledger.filter(pc.not_equal(ledger["verdict"], "kept"))
            count_verdicts(decided, draft)
            draft.count("kept", ledger.num_rows - decided.num_rows)
            yield from ledger.to_batches(max_chunksize=BATCH_ROWS)


def view_of(finished: Sequence[Finished]) -> View:
    """All columns that the steps have left."""
    return View(tuple(Layer(step.dataset, step.columns) for step in finished))


def publish(
    finished: Sequence[Finished], schema: pa.Schema, shard_bytes: int | None, place: Place, out: Path
) -> tuple[Dataset, Dataset]:
    """Make `out/corpus` and `out/ledger`; returns both. All totals come from the ledger's manifests."""
    view = view_of(finished)
    shards = _shards(finished[0], shard_bytes)
    made = marks(finished)
    wanted = [chain("publish", list(islice(made, len(parts))), schema.names) for parts in shards]
    corpus, ledger = (place.dataset(name, len(shards), PUBLISHED) for name in ("corpus", "ledger"))
    for dataset, task in ((corpus, CorpusTask(view, schema, corpus)), (ledger, LedgerTask(view, ledger))):
        complete(dataset, wanted, place, _each_shard(task, shards, place))
    for dataset in (corpus, ledger):
        put_in_place(out / Path(dataset.folder).name, parts_of(dataset, digits=5))
    return corpus, ledger


def _each_shard(task: CorpusTask | LedgerTask, shards: Sequence[Parts], place: Place) -> Work:
    return lambda todo: place.engine.map(task, [(shard, mark, shards[shard]) for shard, mark in todo])


def _shards(first: Finished, shard_bytes: int | None) -> list[Parts]:
    """Consecutive parts, cut where what they wrote reaches `shard_bytes`."""
    shard_bytes = shard_bytes or piece_bytes(sum(manifest.bytes for manifest in first.manifests()), *SHARD_BYTES)
    shards: list[dict[int, int]] = [{}]
    size = 0
    for manifest in first.manifests():
        if size >= shard_bytes:
            shards.append({})
            size = 0
        shards[-1][manifest.part] = manifest.rows
        size += manifest.bytes
    return list(shards)


def count_languages(kept: pa.Table, draft: Draft) -> None:
    """Count `text_bytes`, and `language/CODE/documents`, `…/characters` and `…/bytes`; CODE is "" for none.

    Counted here, where the text is at hand, so that nobody reads a corpus to say how large it is.
    """
    nothing = pa.nulls(kept.num_rows, pa.string())
    text, lang = (kept[name] if name in kept.column_names else nothing for name in ("text", "lang"))
    sizes = {"lang": lang, "characters": pc.utf8_length(text), "bytes": pc.binary_length(text)}
    sums = [("bytes", "sum"), ("characters", "sum"), ([], "count_all")]
    for row in pa.table(sizes).group_by("lang").aggregate(sums).to_pylist():
        key = f"language/{row['lang'] or ''}"
        draft.count("text_bytes", row["bytes_sum"] or 0)
        draft.count(f"{key}/documents", row["count_all"])
        draft.count(f"{key}/characters", row["characters_sum"] or 0)
        draft.count(f"{key}/bytes", row["bytes_sum"] or 0)


def parts_of(dataset: Dataset, digits: int = 6) -> dict[str, Path]:
    """Name → file of every part of a dataset, for `put_in_place`."""
    return {f"part-{part:0{digits}d}.parquet": dataset.path(part) for part in range(dataset.parts)}
