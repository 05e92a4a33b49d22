"""Files of a run: atomic publication, manifests, and aligned reading of what the steps of a part have written.

Every file appears whole or not at all: it is written under a temporary name with a random token, flushed to disk,
hashed from disk and renamed, or put into a store by one request. A part is done when its manifest is there. The
manifest is at once progress, statistics and resume state; counts are always derived from manifests, never from a
worker's memory.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curate import storage
from curate.errors import EngineError, LockError
from curate.objects import RangeFile, Remote
from curate.schema import VERDICT
from curate.storage import place

# Pinned, so that the same rows give the same bytes for one pyarrow version. What one step leaves to the next is a third
# larger than with zstd, and read in half the time: a text is read four times on its way through fuzzy deduplication.
Options = Mapping[str, Any]
PUBLISHED: Options = {"compression": "zstd", "compression_level": 1, "version": "2.6"}
BETWEEN_STEPS: Options = {"compression": "lz4", "version": "2.6"}
ROW_GROUP_BYTES = 32 << 20
BATCH_ROWS = 1024
MANIFESTS_PER_FILE = 1000
# Rows of a part that are read at a time where texts are among them.
SLICE_ROWS = 4096
_MANIFESTS = re.compile(r"part-\d+\.json|manifests-\d+\.jsonl")


@dataclass(frozen=True)
class Manifest:
    """What one part of one step holds, and of what it was made.

    fingerprint: of the step, its parameters and its input. counts: `kept`, `read_bytes`, `dropped/rules/too_short`,
    `failed/extract/timeout`, `skipped/request`, `not_applicable/rules/many_symbols`. seconds: per stage, of the worker;
    of a wide stage, this part's share of the seconds on the clock. decided: which rows a wide stage has, hashed.
    """

    part: int
    fingerprint: str
    rows: int
    bytes: int
    sha256: str
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    decided: str = ""


@dataclass(frozen=True)
class Fence:
    """Keeps a worker that outlived its run from publishing into the next one: the lock's file must hold `token`."""

    lock: str
    token: str

    def check(self) -> None:
        """Raise LockError when another run has taken over the output folder."""
        try:
            holder = place(self.lock).read_text(encoding="utf-8")
        except FileNotFoundError:
            holder = ""
        if holder != self.token:
            raise LockError("this run no longer holds the lock of its output folder; its late results are discarded")


@contextmanager
def atomic_file(path: Path, fence: Fence | None = None, *, lasting: bool = True) -> Iterator[Path]:
    """A temporary path on a local disk, which becomes `path` when the block ends without an error.

    Its content is on disk before it gets its name. lasting: so is the name itself; without, a power cut may take it
    back until something in the folder is made to last, as at the end of a step. Parts need no more than that.
    """
    temporary = storage.draft(path)
    try:
        yield temporary
        storage.publish(temporary, path, fence.check if fence else lambda: None, lasting=lasting)
    except OSError as error:
        raise EngineError(
            f"cannot write {path}: {error.strerror or error}. Free space or mend it, then run again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, lasting: bool = True) -> None:
    """Publish a small text file atomically."""
    with atomic_file(path, lasting=lasting) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, *, lasting: bool = True) -> None:
    """Publish a JSON file atomically."""
    write_text(path, json_text(value), lasting=lasting)


def json_text(value: Any) -> str:
    """A value as JSON that people can read."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def write_parquet(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    fence: Fence | None = None,
    options: Options = PUBLISHED,
    *,
    lasting: bool = True,
) -> tuple[int, int, str]:
    """Publish `batches` as one Parquet file; returns (rows, bytes, sha256) of the file.

    Batches are gathered into row groups of about 32 MB, so memory does not grow with the file.
    """
    rows = 0
    with atomic_file(path, fence, lasting=lasting) as temporary:
        with pq.ParquetWriter(temporary, schema, **options) as writer:
            for table in gathered(schema, batches, ROW_GROUP_BYTES):
                writer.write_table(table.combine_chunks(), row_group_size=max(1, table.num_rows))
                rows += table.num_rows
        size, sha256 = temporary.stat().st_size, file_sha256(temporary)
    return rows, size, sha256


def file_sha256(path: Path) -> str:
    """sha256 of a file as hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def gathered(schema: pa.Schema, batches: Iterable[pa.RecordBatch], least_bytes: int) -> Iterator[pa.Table]:
    """The batches in tables of at least so many bytes, the last one with what is left."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= least_bytes:
            yield pa.Table.from_batches(waiting, schema)
            waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file; of a store its footer, and later the columns asked for, neighbours together."""
    if isinstance(path, Remote):
        return pq.ParquetFile(RangeFile(path), pre_buffer=True)
    return pq.ParquetFile(path)


def parquet_batches(path: Path, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in order, at most `rows` at a time; of a store one row group after another."""
    with open_parquet(path) as file:
        names = None if columns is None else list(columns)
        if isinstance(path, Remote):  # what it has fetched ahead it keeps, and would keep the whole file
            for group in range(file.num_row_groups):
                yield from file.iter_batches(rows, [group], names)
        else:
            yield from file.iter_batches(rows, columns=names)


@dataclass(frozen=True)
class Dataset:
    """The published output of one step: `folder/part-000000.parquet` and on, each with a manifest beside it."""

    folder: str
    parts: int
    fence: Fence | None = None
    options: Options = field(default_factory=lambda: BETWEEN_STEPS)

    def path(self, part: int) -> Path:
        """The data file of a part."""
        return place(self.folder) / f"part-{part:06d}.parquet"

    def manifest_path(self, part: int) -> Path:
        """The manifest of a part, as its task publishes it."""
        return place(self.folder) / f"part-{part:06d}.json"

    def batches(
        self, part: int, columns: Sequence[str] | None = None, rows: int = 64 * BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The rows of one part, in the order they were written, at most `rows` at a time."""
        return parquet_batches(self.path(part), rows, columns)

    def table(self, part: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One part as a table."""
        with open_parquet(self.path(part)) as file:  # `read_table` would import pandas, which takes a second
            return file.read(None if columns is None else list(columns))

    def rows(self, part: int) -> int:
        """How many rows a part has."""
        with open_parquet(self.path(part)) as file:
            return int(file.metadata.num_rows)

    def publish(self, part: int, schema: pa.Schema, batches: Iterable[pa.RecordBatch], manifest: "Draft") -> Manifest:
        """Write the data file, then the manifest that makes the part count as done.

        `manifest` is filled while `batches` is consumed.
        """
        made = write_parquet(self.path(part), schema, batches, self.fence, self.options, lasting=False)
        counts, seconds = dict(manifest.counts), dict(manifest.seconds)
        done = Manifest(part, manifest.fingerprint, *made, counts, seconds, manifest.decided)
        write_json(self.manifest_path(part), asdict(done), lasting=False)
        return done

    def manifests(self) -> Iterator[Manifest]:
        """Manifests of all finished parts, in order of part; those of 1,000 parts are in memory at a time."""
        groups, single = self._found()
        for group in sorted({*groups, *single}):
            yield from self._group(group, group in groups, single.get(group, []))

    def gather(self) -> None:
        """Put single manifests together, one file per 1,000 parts, and make the parts last.

        Safe to be interrupted at any point.
        """
        groups, single = self._found()
        for group, parts in single.items():
            manifests = self._group(group, group in groups, parts)
            lines = "".join(json.dumps(asdict(manifest)) + "\n" for manifest in manifests)
            write_text(self._group_path(group), lines)
            for part in parts:
                self.manifest_path(part).unlink(missing_ok=True)

    def _found(self) -> tuple[set[int], dict[int, list[int]]]:
        """Groups that have gathered manifests, and by group the parts whose manifests have not been gathered."""
        names = filter(_MANIFESTS.fullmatch, storage.names_in(place(self.folder)))
        numbers = {name: int(name.partition(".")[0].partition("-")[2]) for name in names}
        single: dict[int, list[int]] = {}
        for name, number in numbers.items():
            if name.startswith("part-"):
                single.setdefault(number // MANIFESTS_PER_FILE, []).append(number)
        return {number for name, number in numbers.items() if name.startswith("manifests-")}, single

    def _group(self, group: int, gathered: bool, single: Iterable[int]) -> list[Manifest]:
        """A group's manifests in order of part; a single one is newer than a gathered one."""
        paths = [self._group_path(group)] * gathered + [self.manifest_path(part) for part in single]
        texts = storage.read_all(paths)
        lines = [*texts[0].splitlines(), *texts[1:]] if gathered else texts
        found = {manifest.part: manifest for manifest in (Manifest(**json.loads(line)) for line in lines)}
        return [found[part] for part in sorted(found) if part < self.parts]

    def _group_path(self, group: int) -> Path:
        return place(self.folder) / f"manifests-{group:05d}.jsonl"


@dataclass
class Draft:
    """A manifest in the making."""

    fingerprint: str
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    decided: str = ""

    def count(self, key: str, n: int = 1) -> None:
        """Add to a count."""
        if n:
            self.counts[key] = self.counts.get(key, 0) + n

    def spend(self, stage: str, seconds: float) -> None:
        """Add CPU seconds to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


@dataclass(frozen=True)
class Layer:
    """What one step added to every part: its files, aligned by row with all other layers, and the columns in them."""

    dataset: Dataset
    columns: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """All columns of a part as the steps so far have left them. Picklable; reading it needs only the files."""

    layers: tuple[Layer, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that can be read, without the verdict columns."""
        return tuple(dict.fromkeys(name for layer in self.layers for name in layer.columns))

    def stored_bytes(self, column: str) -> int:
        """Size of the files that hold `column` as the latest step wrote it."""
        newest = next(layer for layer in reversed(self.layers) if column in layer.columns)
        return sum(manifest.bytes for manifest in newest.dataset.manifests())

    def extend(self, layer: Layer) -> "View":
        """The view after one more step; a column written again hides the older one."""
        return View((*self.layers, layer))

    def table(self, part: int, columns: Sequence[str]) -> pa.Table:
        """`columns` of every row of a part, in row order, as the latest step wrote them."""
        newest = {name: layer for layer in self.layers for name in layer.columns}
        arrays = {}
        for layer in self.layers:
            wanted = [name for name in columns if newest.get(name) is layer]
            if wanted:
                table = layer.dataset.table(part, wanted)
                arrays.update({name: table[name] for name in wanted})
        return pa.table({name: arrays[name] for name in columns})

    def slices(self, part: int, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The same, SLICE_ROWS at a time: memory holds no part's whole text. A part without rows has none."""
        newest = {name: layer for layer in self.layers for name in layer.columns}
        wanted = [(layer, [name for name in columns if newest.get(name) is layer]) for layer in self.layers]
        streams = [_cut(layer.dataset.batches(part, names, SLICE_ROWS)) for layer, names in wanted if names]
        for pieces in zip(*streams, strict=True):
            arrays = {name: piece[name] for piece in pieces for name in piece.column_names}
            yield pa.table({name: arrays[name] for name in columns})

    def take(self, part: int, columns: Sequence[str], rows: npt.NDArray[Any]) -> pa.Table:
        """`columns` of some rows of a part, int[n] ascending."""
        start, found = 0, []
        for piece in self.slices(part, columns):
            first, last = np.searchsorted(rows, (start, start + piece.num_rows))
            found.append(piece.take(pa.array(rows[first:last] - start)))
            start += piece.num_rows
        return pa.concat_tables(found) if found else self.table(part, columns)

    def verdicts(self, part: int) -> pa.Table:
        """The VERDICT columns of every row of a part: the first verdict that any step gave."""
        from curate.ledger import first_verdicts

        return first_verdicts([layer.dataset.table(part, VERDICT.names) for layer in self.layers])

    def undecided(self, part: int, columns: Sequence[str]) -> pa.Table:
        """`columns` of the rows that no step has decided yet, and `row`: int32, their place in the part."""
        table, is_open = self.table(part, columns), self._open(part)
        rows = pa.array(np.flatnonzero(is_open), pa.int32())
        return (table if len(rows) == len(is_open) else table.filter(pa.array(is_open))).append_column("row", rows)

    def undecided_slices(self, part: int, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The same, as far as it lies in SLICE_ROWS rows of the part at a time."""
        is_open, start = self._open(part), 0
        for piece in self.slices(part, columns):
            mask = is_open[start : start + piece.num_rows]
            rows = pa.array(np.flatnonzero(mask) + start, pa.int32())
            yield piece.filter(pa.array(mask)).append_column("row", rows)
            start += piece.num_rows

    def _open(self, part: int) -> npt.NDArray[np.bool_]:
        """bool[n]: which rows no step has decided."""
        given = [layer.dataset.table(part, ["verdict"])["verdict"].is_valid().to_numpy() for layer in self.layers]
        return np.asarray(~np.logical_or.reduce(given))


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in tables of SLICE_ROWS, the last one with what is left: readers cut where row groups end."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.num_rows
        if held >= SLICE_ROWS:
            table = pa.Table.from_batches(waiting)
            whole = held - held % SLICE_ROWS
            yield from (table.slice(start, SLICE_ROWS) for start in range(0, whole, SLICE_ROWS))
            waiting = table.slice(whole).to_batches()
            held -= whole
    if held:
        yield pa.Table.from_batches(waiting)
