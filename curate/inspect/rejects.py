"""A sample of dropped documents to read, the same one every time, with the number that decided and the text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from curate.errors import RecipeError, did_you_mean
from curate.inspect.run_folder import RunFolder, documents, read_batches
from curate.inspect.samples import sample_rows
from curate.inspect.show import number, snippet, terminal, visible

TEXT_COLUMNS = ("lang", "title", "text")


@dataclass(frozen=True)
class Reject:
    """A dropped document. decision: its ledger row. lang, title, text: None where the run never had or kept them."""

    decision: Mapping[str, Any]
    lang: str | None
    title: str | None
    text: str | None

    @property
    def numbers(self) -> str:
        """What decided: a score against its threshold, or the document that this one repeats; else nothing."""
        row = self.decision
        if row["jaccard"] is not None:
            return f"Jaccard {number(row['jaccard'])} with {row['duplicate_of']}"
        if row["duplicate_of"]:
            return f"same as {row['duplicate_of']}"
        if row["score"] is None:
            return ""
        sign = "<" if row["score"] < row["threshold"] else ">"
        return f"{number(row['score'])} {sign} {number(row['threshold'])}"

    @property
    def why(self) -> str:
        """The stage, the reason and what decided, in one line."""
        told = f"{self.decision['stage']} / {self.decision['reason']}"
        return f"{told}: {self.numbers}" if self.numbers else told


def sample_rejects(run: RunFolder, stage: str | None = None, reason: str | None = None, n: int = 10) -> list[Reject]:
    """Up to `n` dropped documents, by smallest hash. Raises RecipeError for an unknown stage or reason."""
    _check(run, stage, reason)
    rows = sample_rows(dropped(run, stage, reason), n).get((), [])
    return with_text(run, rows)


def sample_per_reason(run: RunFolder, n: int) -> dict[tuple[str, str], list[Reject]]:
    """Up to `n` dropped documents for every (stage, reason)."""
    groups = sample_rows(dropped(run), n, ["stage", "reason"])
    texts = iter(with_text(run, [row for rows in groups.values() for row in rows]))
    return {(str(group[0]), str(group[1])): [next(texts) for _ in rows] for group, rows in groups.items()}


def dropped(run: RunFolder, stage: str | None = None, reason: str | None = None) -> Iterator[pa.RecordBatch]:
    """The ledger's rows of dropped documents."""
    for batch in read_batches(run.ledger):
        hit = pc.equal(batch["verdict"], "dropped")
        for name, value in (("stage", stage), ("reason", reason)):
            if value is not None:
                hit = pc.and_kleene(hit, pc.equal(batch[name], value))
        yield batch.filter(hit)


def with_text(run: RunFolder, rows: list[dict[str, Any]]) -> list[Reject]:
    """The documents of ledger rows, with what the run still holds of their text."""
    texts = documents(run, {row["doc_id"] for row in rows}, TEXT_COLUMNS)
    nothing = dict.fromkeys(TEXT_COLUMNS)
    return [Reject(row, **texts.get(row["doc_id"], nothing)) for row in rows]


def render_rejects(
    run: RunFolder, console: Console, *, stage: str | None = None, reason: str | None = None, n: int = 10
) -> None:
    """Print a sample of dropped documents."""
    run.require_parts("curate rejects")
    found = sample_rejects(run, stage, reason, n)
    if not found:
        console.print("nothing was dropped")
    for reject in found:
        row = reject.decision
        place = visible(row["url"] or f"{row['source']} at {row['offset']}")
        body = Text(snippet(reject.text) or "(the document had no text when it was dropped, or it was not kept)")
        head = f"[bold]{terminal(reject.why)}[/]"
        foot = f"{row['doc_id']}{'  ' + terminal(reject.lang) if reject.lang else ''}"
        console.print(Panel(body, title=head, title_align="left", subtitle=foot, subtitle_align="left"))
        console.print(Text(f"  {place}" + (f"  “{visible(reject.title)}”" if reject.title else ""), style="dim"))


def _check(run: RunFolder, stage: str | None, reason: str | None) -> None:
    known = run.totals["dropped"]
    if stage is not None and stage not in known:
        raise RecipeError(f"stage {stage!r} dropped nothing in this run{did_you_mean(stage, known)}")
    reasons = {name for key, names in known.items() if stage in (None, key) for name in names}
    if reason is not None and reason not in reasons:
        raise RecipeError(f"no document was dropped for {reason!r}{did_you_mean(reason, reasons)}")
