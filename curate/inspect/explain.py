"""One document's way through a run: every score against its threshold, verdict, duplicates, place in the crawl.

Rules are applied again to the stored scores by the same function that decided in the run, so that what is shown is
what was decided, and also what later rules of the deciding stage would have said.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from curate.errors import RecipeError
from curate.inspect.run_folder import (
    RunFolder,
    StageRecord,
    columns_added,
    documents,
    ledger_rows,
    ledger_rows_where,
    read_batches,
)
from curate.inspect.show import bounds, number, snippet, terminal, visible
from curate.rule import Rule, decide

DOC_ID = re.compile(r"[0-9a-f]{32}")
DOC_ID_PREFIX = re.compile(r"[0-9a-f]{6,31}")
MANY = 10
STYLES = {"passes": "green", "passed": "green", "fails": "bold red", "dropped": "bold red", "failed": "bold red"}


@dataclass(frozen=True)
class Check:
    """One rule against one document. outcome: "passes", "fails", "no score", "other language" or "not reached"."""

    rule: Rule
    value: Any
    outcome: str


@dataclass(frozen=True)
class StageVisit:
    """What one stage did: "passed", "dropped", "failed" or "not reached". added: the document's columns from it."""

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


def find_document(run: RunFolder, key: str) -> str:
    """The doc_id of a doc_id, a unique beginning of one, a URL or a source. Raises RecipeError for none or several."""
    if DOC_ID.fullmatch(key):
        found = ledger_rows_where(run, "doc_id", [key])
    else:
        found = ledger_rows_where(run, "url", url_forms(key)) or ledger_rows_where(run, "source", [key])
    if not found and DOC_ID_PREFIX.fullmatch(key):
        found = _rows_beginning(run, key)
    if len(found) == 1:
        return str(found[0]["doc_id"])
    if not found:
        raise RecipeError(f"the run has no document {key!r}: give a doc_id, the exact URL or a source of the ledger")
    listed = "\n".join(f"  {row['doc_id']}  {row['verdict']:<7} {row['source']}" for row in found[:MANY])
    more = f"\n  and {len(found) - MANY} more" if len(found) > MANY else ""
    raise RecipeError(f"{len(found)} documents are {key!r}; give the doc_id of one:\n{listed}{more}")


def url_forms(url: str) -> list[str]:
    """The URL itself, and without or with a slash at its end and with either scheme: people copy them loosely."""
    bare = url.removeprefix("https://").removeprefix("http://").rstrip("/")
    return [url, *(f"{scheme}{bare}{end}" for scheme in ("https://", "http://", "") for end in ("", "/"))]


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
        checks = tuple(_check(rule, columns, run.schema) for rule in stage.rules)
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
        decision = ledger_rows(run, [after])[after]
        yield decision


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


def _rows_beginning(run: RunFolder, prefix: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for batch in read_batches(run.ledger):
        found += batch.filter(pc.starts_with(batch["doc_id"], prefix)).to_pylist()
    return found


def render_explanation(run: RunFolder, doc_id: str, console: Console) -> None:
    """Print a document's way through the run."""
    told = explain(run, doc_id)
    console.print(_identity(told))
    console.print()
    console.print(_way(told))
    console.print()
    for before, row in pairwise((told.decision, *told.chain)):
        where = terminal(row["url"] or row["source"])
        alike = f" (Jaccard {number(before['jaccard'])})" if before["jaccard"] is not None else ""
        console.print(f"duplicate of {row['doc_id']}{alike}  {where}  → {terminal(fate(row))}", highlight=False)
    if told.duplicates:
        console.print(f"{told.duplicates:,} documents were dropped because they repeat this one")
    for span in told.spans:
        first = span["doc_start"]
        place = f"{span['file']}, row {span['row']:,}, from {span['start']:,}"
        console.print(f"tokens {first:,} to {first + span['length'] - 1:,} are in {place}", highlight=False)
    if told.columns.get("text"):
        console.print(Text(snippet(told.columns["text"], 1200)))
    elif not run.has_parts:
        console.print("its text and scores went with OUT/parts (curate clean)")


def fate(row: Mapping[str, Any]) -> str:
    """A ledger row's verdict in words."""
    if row["verdict"] == "kept":
        return "kept"
    why = row["reason"] if row["verdict"] == "dropped" else row["error"]
    return f"{row['verdict']} by {row['stage']}: {why}"


def _identity(told: Explanation) -> Table:
    row, columns = told.decision, told.columns
    length = (columns.get("warc") or {}).get("length")
    place = f"{row['source']}, offset {row['offset']}" + (f", {length} bytes as stored" if length else "")
    facts = {"document": row["doc_id"], "verdict": fate(row), "url": row["url"], "title": columns.get("title")}
    facts |= {"place": place, **{name: columns.get(name) for name in ("date", "lang", "crawl", "content_id")}}
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None:
            table.add_row(f"[dim]{name}", Text(visible(str(value))))
    return table


def _way(told: Explanation) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in ("stage and rule", "asks for", "value", "outcome"):
        table.add_column(name, overflow="fold", justify="right" if name == "value" else "left")
    for visit in told.visits:
        table.add_row(f"[bold]{terminal(visit.stage)}", "", "", _styled(visit.outcome))
        if visit.outcome != "not reached":
            for cells in (*_stored(visit), *_checked(visit)):
                table.add_row(*cells)
    return table


def _stored(visit: StageVisit) -> Iterator[tuple[str, ...]]:
    """Rows for what a stage stored without a rule on it."""
    judged = {check.rule.score for check in visit.checks}
    for name, value in visit.added.items():
        if name not in judged and value is not None:
            yield f"[dim]  {terminal(name)}", "", f"[dim]{_shown(value)}", ""


def _checked(visit: StageVisit) -> Iterator[tuple[str, ...]]:
    """Rows for the rules; those for other languages are only counted."""
    elsewhere = 0
    for check in visit.checks:
        if check.outcome == "other language":
            elsewhere += 1
            continue
        asked = f"{check.rule.score} {bounds(check.rule)}"
        yield f"  {terminal(check.rule.reason)}", terminal(asked), _shown(check.value), _styled(check.outcome)
    if elsewhere:
        yield f"[dim]  {elsewhere} for other languages", "", "", ""


def _styled(outcome: str) -> str:
    return f"[{STYLES.get(outcome, 'dim')}]{outcome}[/]"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return terminal(snippet(str(value), 24))
    return number(value)
