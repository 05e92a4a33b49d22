"""One document's way through a run: every score against its threshold, verdict, duplicates, place in the crawl.

Rules are applied again to the stored scores by the same function that decided in the run, so that what is shown is
what was decided, and also what later rules of the deciding stage would have said. How it is printed: `explanation`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import RecipeError
from curate.inspect.run_folder import RunFolder, StageRecord, columns_added, documents, ledger_rows, read_batches
from curate.rule import Rule, decide


@dataclass(frozen=True)
class Check:
    """One rule against one document. outcome: "passes", "fails", "no score", "other language" or "not reached"."""

    rule: Rule
    value: Any
    outcome: str


@dataclass(frozen=True)
class StageVisit:
    """What one stage did: "passed", "dropped", "failed" or "not reached". added: the document's columns from it.

    checks is empty for a dropped document whose scores are gone (`curate clean`): nothing can be said of its rules.
    """

    stage: str
    outcome: str
    checks: tuple[Check, ...]
    added: Mapping[str, Any]


@dataclass(frozen=True)
class Explanation:
    """decision: the ledger row. columns: everything else that the run holds of the document.

    chain: ledger rows that `duplicate_of` leads to, one after another, the last one being no duplicate.
    duplicates: how many documents were dropped for repeating this one. spans: where its tokens lie, in order:
    `file, row, start, length, doc_start`.
    """

    decision: Mapping[str, Any]
    columns: Mapping[str, Any]
    visits: tuple[StageVisit, ...]
    chain: tuple[Mapping[str, Any], ...]
    duplicates: int
    spans: tuple[Mapping[str, Any], ...]


def explain(run: RunFolder, doc_id: str) -> Explanation:
    """The document's way. Raises RecipeError for an unknown id."""
    decision = ledger_rows(run, [doc_id]).get(doc_id)
    if decision is None:
        raise RecipeError(f"the run has no document {doc_id!r}")
    columns = documents(run, [doc_id], run.schema.names).get(doc_id, {})
    visits = tuple(_visits(run, decision, columns))
    chain, spans = tuple(_chain(run, decision)), tuple(_spans(run, doc_id))
    return Explanation(decision, columns, visits, chain, _duplicates(run, doc_id), spans)


def _visits(run: RunFolder, decision: Mapping[str, Any], columns: Mapping[str, Any]) -> Iterator[StageVisit]:
    reached = True
    readers = StageRecord("read", "", {}, (), "")
    for stage in (readers, *run.stages):
        outcome = "passed" if reached else "not reached"
        if stage.name == decision["stage"]:
            outcome, reached = decision["verdict"], False
        if outcome == "not reached":
            yield StageVisit(stage.name, outcome, tuple(Check(rule, None, outcome) for rule in stage.rules), {})
            continue
        checks = tuple(_check(rule, columns, run.schema) for rule in stage.rules) if columns else ()
        yield StageVisit(stage.name, outcome, checks, {name: columns.get(name) for name in columns_added(stage)})


def _check(rule: Rule, columns: Mapping[str, Any], schema: pa.Schema) -> Check:
    value = columns.get(rule.score)
    if rule.langs is not None and columns.get("lang") not in rule.langs:
        return Check(rule, value, "other language")
    arrays = {name: pa.array([columns.get(name)], schema.field(name).type) for name in rule.needs}
    verdicts = decide([rule], arrays, 1)
    if verdicts.not_applicable[rule.reason]:
        return Check(rule, value, "no score")
    return Check(rule, value, "fails" if verdicts.rule[0] == 0 else "passes")


def _chain(run: RunFolder, decision: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    seen = {decision["doc_id"]}
    while (after := decision["duplicate_of"]) and after not in seen:
        seen.add(after)
        found = ledger_rows(run, [after]).get(after)
        if found is None:  # of an earlier run, which this one was compared with
            return
        yield (decision := found)


def _duplicates(run: RunFolder, doc_id: str) -> int:
    batches = read_batches(run.ledger, ["duplicate_of"])
    return sum(pc.sum(pc.equal(batch["duplicate_of"], doc_id)).as_py() or 0 for batch in batches)


def _spans(run: RunFolder, doc_id: str) -> list[dict[str, Any]]:
    """Pieces of the document in the token files, in the order of its own tokens."""
    found: list[dict[str, Any]] = []
    for file in (run.summary["tokens"] or {}).get("files", ()):
        path = run.out / "tokens" / f"{file['name']}.spans.parquet"
        for batch in read_batches([path]) if path.is_file() else ():
            rows = batch.filter(pc.equal(batch["doc_id"], doc_id)).to_pylist()
            found += [{"file": file["name"], **row} for row in rows]
    return sorted(found, key=lambda span: int(span["doc_start"]))
