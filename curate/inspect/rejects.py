"""A sample of dropped documents to read, the same one every time, with the number that decided and the text."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from curate.dedup.rows import part_of, row_of
from curate.errors import RecipeError, did_you_mean
from curate.inspect.run_folder import RunFolder, documents, read_batches
from curate.inspect.samples import sample_rows
from curate.inspect.show import line, one_line, snippet, unbroken, visible
from curate.inspect.survey import survey
from curate.inspect.tallies import DROPPED_SAMPLES
from curate.inspect.verdict import no_text, numbers, place
from curate.ledger import ledger_rows
from curate.publish import IDENTITY

TEXT_COLUMNS = ("lang", "title", "text", "warc")
EXCERPT = 600


@dataclass(frozen=True)
class Reject:
    """A dropped document. decision: its ledger row. lang, title, text: None where the run never had or kept them.

    warc: `file, offset, length` of the record in its archive; None for records of other files.
    """

    decision: Mapping[str, Any]
    lang: str | None
    title: str | None
    text: str | None
    warc: Mapping[str, Any] | None

    @property
    def numbers(self) -> str:
        """What decided: a score against its threshold, or the document that this one repeats; else nothing."""
        return numbers(self.decision)

    @property
    def why(self) -> str:
        """The stage, the reason and what decided, in one line."""
        told = f"{self.decision['stage']} / {self.decision['reason']}"
        return f"{told}: {self.numbers}" if self.numbers else told


def sample_rejects(run: RunFolder, stage: str | None = None, reason: str | None = None, n: int = 10) -> list[Reject]:
    """Up to `n` dropped documents: one of each (stage, reason), the most frequent first, then a second of each, ….

    One reason is often most of what a run drops; a plain sample would show little else. Within a reason they are those
    with the smallest hash. Raises RecipeError for an unknown stage or reason.
    """
    _check(run, stage, reason)
    groups = sample_rows(dropped(run, stage, reason), n, ["stage", "reason"])
    largest_first = sorted(groups, key=lambda group: (-run.totals["dropped"][group[0]][group[1]], group))
    rounds = zip_longest(*(groups[group] for group in largest_first))
    return with_text(run, [row for found in rounds for row in found if row is not None][:n])


def sample_per_reason(run: RunFolder, n: int = DROPPED_SAMPLES) -> dict[tuple[str, str], list[Reject]]:
    """Up to `n` dropped documents for every (stage, reason), of the DROPPED_SAMPLES that the survey has taken."""
    found = {key: addresses[:n] for key, addresses in survey(run).dropped.items()}
    documents = documents_at(run, [address for addresses in found.values() for address in addresses])
    return {key: [documents[address] for address in addresses] for key, addresses in found.items()}


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


def documents_at(run: RunFolder, addresses: Collection[int]) -> dict[int, Reject]:
    """The documents at these addresses. Only parts that hold one are read, a few thousand rows at a time."""
    wanted = np.sort(np.array(list(set(addresses)), np.int64))
    known = [name for name in TEXT_COLUMNS if name in run.view.columns]
    nothing = dict.fromkeys(TEXT_COLUMNS)
    found = {}
    for part in np.unique(part_of(wanted)).tolist():
        mine = wanted[part_of(wanted) == part]
        rows = run.view.take(part, [*IDENTITY, *known], row_of(mine))
        decisions = ledger_rows(rows, run.view.verdicts(part).take(pa.array(row_of(mine)))).to_pylist()
        for address, decision, columns in zip(mine.tolist(), decisions, rows.select(known).to_pylist(), strict=True):
            found[address] = Reject(decision, **{**nothing, **columns})
    return found


def render_rejects(
    run: RunFolder,
    console: Console,
    *,
    stage: str | None = None,
    reason: str | None = None,
    n: int = 10,
    full: bool = False,
) -> None:
    """Print a sample of dropped documents, each with an excerpt of its text or, if `full`, with all of it."""
    run.require_parts("curate rejects")
    found = sample_rejects(run, stage, reason, n)
    if not found:
        console.print("nothing was dropped")
        return
    line(console, Text(_extent(run, found, stage, reason), "dim"))
    for reject in found:
        console.print()
        _print(run, reject, console, full)


def _extent(run: RunFolder, found: list[Reject], stage: str | None, reason: str | None) -> str:
    """How much of what was dropped the sample is."""
    sizes = [
        n
        for name, reasons in run.totals["dropped"].items()
        for why, n in reasons.items()
        if stage in (None, name) and reason in (None, why)
    ]
    over = f", dropped for {len(sizes)} reasons that take turns, the most frequent first" if len(sizes) > 1 else ""
    return f"{len(found):,} of {sum(sizes):,} documents{over}"


def _print(run: RunFolder, reject: Reject, console: Console, full: bool) -> None:
    row = reject.decision
    line(console, Text(one_line(reject.why), "bold"))
    line(console, Text(f"{row['doc_id']}{'  ' + one_line(reject.lang) if reject.lang else ''}", "dim"))
    where = place(row, reject.warc)
    unbroken(console, Text(one_line(row["url"] or where), "dim"))
    if reject.title:
        line(console, Text(f"“{one_line(reject.title)}”", "dim"))
    text = reject.text or ""
    if not text.strip():
        line(console, Text(no_text(run)))
        if row["url"]:
            unbroken(console, Text(f"the record: {one_line(where)}"))
        return
    size = f"{len(text):,} characters"
    cut = not full and len(text) > EXCERPT
    body = visible(text) if full else snippet(text, EXCERPT)
    foot = f"the beginning of {size}; --full prints all" if cut else size
    console.print(Panel(Text(body), subtitle=foot, subtitle_align="left"))


def _check(run: RunFolder, stage: str | None, reason: str | None) -> None:
    known = run.totals["dropped"]
    if stage is not None and stage not in known:
        raise RecipeError(f"stage {stage!r} dropped nothing in this run{did_you_mean(stage, known)}")
    reasons = {name for key, names in known.items() if stage in (None, key) for name in names}
    if reason is not None and reason not in reasons:
        raise RecipeError(f"no document was dropped for {reason!r}{did_you_mean(reason, reasons)}")
