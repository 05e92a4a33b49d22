"""A finished run as other code reads it: its summary, the files of ledger and corpus, and a view of every part.

Memory stays bounded by one part or one batch, whatever the run's size: everything here iterates. `OUT/parts` may be
gone (`curate clean`); then documents that were dropped have a ledger row, but no text and no scores any more.
"""

import importlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import EngineError, RecipeError
from curate.rule import Rule
from curate.storage import place
from curate.store import Dataset, Layer, View, open_parquet, parquet_batches
from curate.wide import WideStage

BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class StageRecord:
    """A stage as the run carried it out."""

    name: str
    use: str
    params: Mapping[str, Any]
    rules: tuple[Rule, ...]
    step: str


@dataclass(frozen=True)
class RunFolder:
    """A finished run. `summary` is the content of run.json; `view` reads all columns of every part."""

    out: Path
    summary: Mapping[str, Any]
    view: View
    ledger: tuple[Path, ...]
    corpus: tuple[Path, ...]

    @property
    def totals(self) -> Mapping[str, Any]:
        """`{records_in, kept, failed, dropped: {stage: {reason: n}}}`."""
        found: Mapping[str, Any] = self.summary["totals"]
        return found

    @property
    def parts(self) -> int:
        """How many parts the run read."""
        return int(self.summary["steps"][0]["parts"])

    @cached_property
    def stages(self) -> tuple[StageRecord, ...]:
        """The stages in the order in which they ran."""
        return tuple(_stage(entry) for entry in self.summary["stages"])

    @cached_property
    def schema(self) -> pa.Schema:
        """Every stored column with its type, as the corpus has them."""
        with open_parquet(self.corpus[0]) as file:
            return file.schema_arrow

    @property
    def has_parts(self) -> bool:
        """Whether the steps' files are still there."""
        return all(place(layer.dataset.folder).is_dir() for layer in self.view.layers)

    def require_parts(self, what: str) -> None:
        """Raise EngineError where `what` needs files that `curate clean` has deleted."""
        if not self.has_parts:
            raise EngineError(
                f"{what} reads {self.out / 'parts'}, which has been deleted (curate clean does that); "
                "run the recipe again to have it back"
            )


def open_run(out: Path) -> RunFolder:
    """The finished run in `out`. Raises RecipeError where there is no folder, EngineError where the run is not done."""
    if not out.is_dir():
        raise RecipeError(f"there is no run in {out}: no such folder")
    summary = read_summary(out)
    layers = [
        Layer(Dataset(str(out / "parts" / step["name"]), step["parts"]), tuple(step["columns"]))
        for step in summary["steps"]
    ]
    ledger, corpus = (tuple(sorted((out / name).glob("part-*.parquet"))) for name in ("ledger", "corpus"))
    if not ledger or not corpus:
        raise EngineError(f"{out} has no corpus or no ledger any more; run the same command again")
    return RunFolder(out, summary, View(tuple(layers)), ledger, corpus)


def read_summary(out: Path) -> Mapping[str, Any]:
    """The content of run.json. Raises EngineError where there is none or it cannot be read."""
    try:
        found: Mapping[str, Any] = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EngineError(f"the run in {out} is not finished; run the same command again to finish it") from None
    except (OSError, ValueError) as error:
        raise EngineError(f"cannot read {out / 'run.json'}: {error}; run the same command again") from error
    return found


def read_batches(paths: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of `columns` of Parquet files, in order of the files."""
    for path in paths:
        yield from parquet_batches(path, BATCH_ROWS, columns)


def ledger_rows(run: RunFolder, doc_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Ledger rows by doc_id; ids that the run does not know are missing."""
    return {row["doc_id"]: row for row in _rows_where(run.ledger, "doc_id", doc_ids)}


def ledger_rows_where(run: RunFolder, column: str, values: Collection[str]) -> list[dict[str, Any]]:
    """All ledger rows whose `column` is one of `values`."""
    return list(_rows_where(run.ledger, column, values))


def documents(run: RunFolder, doc_ids: Collection[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`columns` of the documents with these ids, also of dropped ones; what the run does not hold is None.

    Only the parts that hold one of the documents are read beyond their ids. After `curate clean` the corpus has the
    kept documents' columns, and there is nothing of the others.
    """
    found: dict[str, dict[str, Any]] = {}
    if not run.has_parts:
        for row in _rows_where(run.corpus, "doc_id", doc_ids):
            found[row["doc_id"]] = {name: row.get(name) for name in columns}
        return found
    known = [name for name in columns if name in run.view.columns]
    for part in range(run.parts) if doc_ids else ():
        at = pc.is_in(run.view.table(part, ["doc_id"])["doc_id"], pa.array(list(doc_ids), pa.string()))
        rows = np.flatnonzero(at)
        if len(rows):
            for row in run.view.take(part, list(dict.fromkeys(["doc_id", *known])), rows).to_pylist():
                found[row["doc_id"]] = {name: row.get(name) for name in columns}
        if len(found) == len(doc_ids):
            break
    return found


def columns_added(stage: StageRecord) -> tuple[str, ...]:
    """Columns that a stage adds beside the text; none where its code is not installed here."""
    module, _, name = stage.use.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None) if module else None
    except ImportError:
        found = None
    inner = [name for stage in getattr(found, "prepare", ()) for name in stage.adds]
    own = found.columns if isinstance(found, WideStage) else getattr(found, "adds", {})
    return tuple(name for name in (*inner, *own) if name not in ("text", "error"))


def _rows_where(paths: Iterable[Path], column: str, values: Collection[str]) -> Iterator[dict[str, Any]]:
    wanted = pa.array(list(values), pa.string())
    for batch in read_batches(paths) if values else ():
        hit = pc.is_in(batch[column], wanted)
        if pc.any(hit).as_py():
            yield from batch.filter(hit).to_pylist()


def _stage(entry: Mapping[str, Any]) -> StageRecord:
    rules = tuple(Rule(**{**rule, **_tuples(rule)}) for rule in entry["rules"])
    return StageRecord(entry["name"], entry["use"], entry["params"], rules, entry["step"])


def _tuples(rule: Mapping[str, Any]) -> dict[str, tuple[str, ...] | None]:
    """JSON has lists where a Rule has tuples."""
    return {key: None if rule[key] is None else tuple(rule[key]) for key in ("any_of", "langs")}
