"""Running narrow stages over one part, and writing what they add, aligned by row, with their verdicts.

A part comes from the readers in the first map step and from earlier steps' files in all others, with pages read again
where a later stage wants them (`curate.reread`). It is worked through in batches; a document that is decided leaves the
batch, so that later stages see undecided ones only, and its row is put back in its place at the end with nulls where no
stage reached it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import CurateError
from curate.guard import Deadline
from curate.parts import PartTable
from curate.rule import decide
from curate.schema import RAW, VERDICT
from curate.sources import Limits, Piece, read
from curate.stage import StageCall
from curate.store import BATCH_ROWS, Dataset, Draft, Manifest, View

Watched = Callable[[str], AbstractContextManager[Any]]


class StageError(Exception):
    """A stage has raised what it should not: says which stage, and what."""


class Rows(Protocol):
    """Where a map step's rows come from: batches of columns plus the VERDICT columns as far as they are known."""

    def batches(self, part: int, draft: Draft) -> Iterator[pa.Table]:
        """The rows of a part in their order."""
        ...


@dataclass(frozen=True)
class FromInput:
    """Rows straight from the readers."""

    table: PartTable
    limits: Limits

    def batches(self, part: int, draft: Draft) -> Iterator[pa.Table]:
        """RAW rows; a verdict of the reader's is one of the stage `read`."""
        for piece in self.table.pieces(part):
            draft.count("read_bytes", piece.estimated_bytes)
            yield from map(_with_verdicts, self.read(piece, draft, draft.count))

    def read(self, piece: Piece, draft: Draft, count: Callable[[str, int], None]) -> Iterator[pa.Table]:
        """RAW rows of a piece as they are. count: told of records that are no documents."""
        for batch in _timed(read(piece, self.limits, count), draft, "read"):
            yield pa.Table.from_batches([batch], RAW)


@dataclass(frozen=True)
class FromView:
    """Rows as earlier steps have left them, with the columns that this step's stages need."""

    view: View
    columns: tuple[str, ...]

    def batches(self, part: int, draft: Draft) -> Iterator[pa.Table]:
        """Slices of the part; rows that are decided already come along and stay as they are."""
        decided, start = self.view.verdicts(part), 0
        for piece in self.view.slices(part, self.columns):
            rows = _beside(piece, decided.slice(start, piece.num_rows))
            yield from (rows.slice(at, BATCH_ROWS) for at in range(0, piece.num_rows, BATCH_ROWS))
            start += piece.num_rows
        if not start:  # there are no rows, or no column is read
            yield self.rows(part)

    def rows(self, part: int) -> pa.Table:
        """All rows of a part."""
        return _beside(self.view.table(part, self.columns), self.view.verdicts(part))


def _beside(table: pa.Table, verdicts: pa.Table) -> pa.Table:
    for name in VERDICT.names:
        table = table.append_column(VERDICT.field(name), verdicts[name])
    return table


@dataclass(frozen=True)
class MapTask:
    """One map step over one part. `writes`: the columns it stores beside the verdicts."""

    name: str
    rows: Rows
    calls: tuple[StageCall, ...]
    writes: Mapping[str, pa.DataType]
    output: Dataset
    keep_dropped_text: bool = True
    stage_limit_s: float = 600

    def __call__(self, part: int, fingerprint: str) -> Manifest:
        """Run the stages and publish the part. Raises EngineError when a stage took too long at an earlier attempt."""
        deadline = self._deadline(part)
        deadline.check()
        draft = Draft(fingerprint)
        return self.output.publish(part, self.schema, self._batches(part, draft, deadline), draft)

    @property
    def schema(self) -> pa.Schema:
        """What is written: this step's columns, then the verdicts."""
        return pa.schema([*(pa.field(name, kind) for name, kind in self.writes.items()), *VERDICT])

    def _deadline(self, part: int) -> Deadline:
        word = str(self.output.path(part).with_name(f"part-{part:06d}.overdue"))
        fence = self.output.fence
        return Deadline(f"{self.name}, part {part}", self.stage_limit_s, word, fence.token if fence else "")

    def _batches(self, part: int, draft: Draft, deadline: Deadline) -> Iterator[pa.RecordBatch]:
        from_input = isinstance(self.rows, FromInput)
        for batch in self.rows.batches(part, draft):
            known = batch["verdict"].is_valid()
            result = run_stages(self.calls, batch, draft, deadline.on)
            if from_input:
                count_verdicts(result.filter(known), draft)
            else:  # a verdict is stored once, in the step that gave it
                result = _blank_verdicts(result, known)
            if not self.keep_dropped_text and "text" in self.writes:
                result = _blank(result, "text", result["verdict"].is_valid())
            yield from _conform(result, self.schema).to_batches()


def run_stages(calls: tuple[StageCall, ...], batch: pa.Table, draft: Draft, watched: Watched = nullcontext) -> pa.Table:
    """`batch` with every column that `calls` add and the verdicts they give, in the same row order.

    Rows that have a verdict on arrival are not shown to any stage. Verdicts given here are counted in `draft`. watched:
    the context that a stage of this name works in. Raises StageError.
    """
    positions = pa.array(np.arange(batch.num_rows, dtype=np.int64))
    batch = batch.append_column("position", positions)
    known = batch["verdict"].is_valid()
    finished, live = [batch.filter(known)], batch.filter(pc.invert(known))
    for call in calls:
        if not live.num_rows:
            break
        started = time.perf_counter()
        try:
            with watched(call.name):
                decided, live = _apply(call, live, draft)
        except CurateError:
            raise
        except Exception as error:  # what it raises, an OSError for one, is no fault of the writing of its rows
            raise StageError(f"{call.name}: {type(error).__name__}: {error}") from error
        draft.spend(call.name, time.perf_counter() - started)
        finished.append(decided)
        count_verdicts(decided, draft)
    whole = pa.concat_tables([*finished, live], promote_options="permissive")
    return whole.take(np.argsort(whole["position"].to_numpy())).drop_columns(["position"])


def count_verdicts(table: pa.Table, draft: Draft) -> None:
    """Count `dropped/stage/reason` and `failed/stage/error`, the error without its detail."""
    decided = table.filter(table["verdict"].is_valid())
    columns = [decided[name].to_pylist() for name in ("verdict", "stage", "reason", "error")]
    for (verdict, stage, reason, error), n in Counter(zip(*columns, strict=True)).items():
        why = reason if verdict == "dropped" else error.partition(":")[0]
        draft.count(f"{verdict}/{stage}/{why}", n)


def _apply(call: StageCall, live: pa.Table, draft: Draft) -> tuple[pa.Table, pa.Table]:
    """(rows that this stage decides, rows that go on), both with the stage's columns."""
    added = call.apply({name: _one_chunk(live[name]) for name in call.stage.needs})
    error = added.pop("error", None)
    for name, values in added.items():
        live = _put(live, name, values)
    columns = {name: _one_chunk(live[name]) for rule in call.rules for name in rule.needs}
    verdicts = decide(call.rules, columns, live.num_rows)
    for reason, n in verdicts.not_applicable.items():
        draft.count(f"not_applicable/{call.name}/{reason}", n)
    failed = np.zeros(live.num_rows, np.bool_) if error is None else np.asarray(error.is_valid())
    dropped = ~failed & (verdicts.rule >= 0)
    reasons = np.array([*(rule.reason for rule in call.rules), None], object)[verdicts.rule]
    texts = {name: np.full(live.num_rows, None, object) for name in ("verdict", "stage", "reason")}
    texts["verdict"][dropped], texts["verdict"][failed] = "dropped", "failed"
    texts["stage"][failed | dropped] = call.name
    texts["reason"][dropped] = reasons[dropped]
    for name, values in texts.items():
        live = _put(live, name, pa.array(values, pa.string()))
    live = _put(live, "score", pa.array(verdicts.score, mask=~dropped | np.isnan(verdicts.score)))
    live = _put(live, "threshold", pa.array(verdicts.threshold, mask=~dropped | np.isnan(verdicts.threshold)))
    if error is not None:
        live = _put(live, "error", error)
    if "extract_timing_dependent" in added:
        draft.count("timing_dependent", pc.sum(added["extract_timing_dependent"].cast(pa.int64())).as_py() or 0)
    decided = pa.array(failed | dropped)
    return live.filter(decided), live.filter(pc.invert(decided))


def _with_verdicts(raw: pa.Table) -> pa.Table:
    known = raw["verdict"].is_valid()
    raw = raw.append_column("stage", pc.if_else(known, "read", pa.scalar(None, pa.string())))
    for name in ("duplicate_of", "jaccard"):
        raw = raw.append_column(VERDICT.field(name), pa.nulls(raw.num_rows, VERDICT.field(name).type))
    return raw


def _blank_verdicts(table: pa.Table, where: pa.ChunkedArray) -> pa.Table:
    for name in VERDICT.names:
        table = _blank(table, name, where)
    return table


def _blank(table: pa.Table, name: str, where: pa.ChunkedArray) -> pa.Table:
    return _put(table, name, pc.if_else(where, pa.scalar(None, table[name].type), table[name]))


def _conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` in its order; those that no stage reached are null."""
    arrays = [
        table[item.name].cast(item.type) if item.name in table.column_names else pa.nulls(table.num_rows, item.type)
        for item in schema
    ]
    return pa.table(arrays, schema=schema)


def _put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.append_column(name, values) if at < 0 else table.set_column(at, name, values)


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _timed(rows: Iterator[pa.RecordBatch], draft: Draft, stage: str) -> Iterator[pa.RecordBatch]:
    while True:
        started = time.perf_counter()
        batch = next(rows, None)
        draft.spend(stage, time.perf_counter() - started)
        if batch is None:
            return
        yield batch


def columns_needed(calls: tuple[StageCall, ...]) -> tuple[str, ...]:
    """The columns that a map step behind the first has to be given."""
    added: set[str] = set()
    needed: dict[str, None] = {}
    for call in calls:
        needed |= {name: None for name in call.needs if name not in added}
        added |= set(call.stage.adds)
    return tuple(needed)
