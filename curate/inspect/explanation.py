"""One document's way through a run as people read it: what decided comes first, what passed is only counted.

No table, so that no name is broken on eighty columns. Addresses and whole texts are left to the terminal to wrap:
they come out of a pipe, or of copying, as they are.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.text import Text

from curate.inspect.explain import Check, Explanation, StageVisit, explain
from curate.inspect.run_folder import RunFolder
from curate.inspect.show import bounds, line, number, one_line, snippet, unbroken, visible
from curate.inspect.verdict import broken, fate, no_text, numbers, place

EXCERPT = 1200
VALUE = 60
FACT_CELLS = 12
INDENT = 4
OUTCOME_CELLS = INDENT + len("fails too") + 1
STYLES = {"passes": "green", "passed": "green", "kept": "bold green", "fails": "bold red", "dropped": "bold red",
          "failed": "bold red"}  # fmt: skip
# In the order in which they are told: outcome → (of one rule, of several).
SUMMARIES = {
    "passes": ("1 rule passes", "{} rules pass"),
    "no score": ("1 rule has no score", "{} rules have no score"),
    "other language": ("1 rule is for another language", "{} rules are for other languages"),
}


def render_explanation(
    run: RunFolder, doc_id: str, console: Console, *, every: bool = False, full: bool = False
) -> None:
    """Print a document's way through the run. every: each rule and stored value; full: the whole text."""
    told = explain(run, doc_id)
    _identity(told, console)
    console.print()
    margin = max(len(visit.stage) for visit in told.visits) + 2
    for visit in told.visits:
        _stage(visit, told.decision, margin, console, every)
    if told.columns and not every:
        line(console, Text("--all lists every rule and every stored value", "dim"))
    console.print()
    _relations(told, console)
    _text(run, told, console, full)


def _identity(told: Explanation, console: Console) -> None:
    """The facts about the document, a line each; those without spaces are not wrapped."""
    row, columns = told.decision, told.columns
    facts = {"document": row["doc_id"], "verdict": _verdict(told), "url": row["url"], "title": columns.get("title")}
    facts |= {"place": place(row, columns.get("warc"))}
    facts |= {name: columns.get(name) for name in ("date", "lang", "crawl", "content_id")}
    for name, value in facts.items():
        if value is None:
            continue
        fact = Text(one_line(str(value)), STYLES.get(row["verdict"], "") if name == "verdict" else "")
        if name in ("verdict", "title"):
            line(console, fact, FACT_CELLS, lead=Text(name, "dim"))
        else:
            unbroken(console, Text(name.ljust(FACT_CELLS), "dim").append(fact))


def _verdict(told: Explanation) -> str:
    """The verdict and what decided; where the ledger has no number for it, the word that the rule did not allow."""
    row = told.decision
    what = numbers(row)
    for visit in told.visits if not what else ():
        for check in visit.checks:
            if _decided(check, visit, row):
                what = _broken(check)
    return f"{fate(row)}, {what}" if what else fate(row)


def _decided(check: Check, visit: StageVisit, row: Mapping[str, Any]) -> bool:
    return check.outcome == "fails" and visit.stage == row["stage"] and check.rule.reason == row["reason"]


def _stage(visit: StageVisit, row: Mapping[str, Any], margin: int, console: Console, every: bool) -> None:
    """One stage: its outcome, then what failed, then how much else there is, or all of it."""
    head = Text(visit.outcome, STYLES.get(visit.outcome, "dim"))
    failing = list(_failing(visit, row))
    summary = Text(_summary(visit, every), "dim")
    if summary and not failing:
        head.append("  ").append(summary)
    line(console, head, margin, lead=Text(visible(visit.stage), "bold"))
    for outcome, told in failing:
        line(console, told, OUTCOME_CELLS, lead=Text(" " * INDENT + outcome, told.style))
    if summary and failing:
        line(console, summary, INDENT)
    if every and visit.outcome != "not reached":
        for outcome, told in _other_rules(visit):
            line(console, told, OUTCOME_CELLS, lead=Text(" " * INDENT + outcome, STYLES.get(outcome, "dim")))
        _stored(visit, console)


def _failing(visit: StageVisit, row: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    """What the stage found fault with; the rule that decided is the first, those behind it would have dropped, too."""
    failing = [check for check in visit.checks if check.outcome == "fails"]
    if visit.stage == row["stage"] and not any(_decided(check, visit, row) for check in failing):
        why = row["reason"] if row["verdict"] == "dropped" else row["error"]
        told = f"{why}: {numbers(row)}" if numbers(row) else str(why)
        yield "because", Text(one_line(told), "bold red")
    for check in sorted(failing, key=lambda check: not _decided(check, visit, row)):
        told = visible(f"{check.rule.reason}: {_broken(check)}{_scope(check)}")
        first = _decided(check, visit, row)
        yield ("fails", Text(told, "bold red")) if first else ("fails too", Text(told, "red"))


def _summary(visit: StageVisit, every: bool) -> str:
    """Counts of the rules that need no attention, and of what the stage has stored."""
    if visit.outcome == "not reached":
        return ""
    counts = Counter(check.outcome for check in visit.checks)
    told = [one if counts[key] == 1 else several.format(counts[key]) for key, (one, several) in SUMMARIES.items()
            if counts[key]]  # fmt: skip
    stored = sum(value is not None for value in visit.added.values())
    if stored and not every:
        told.append(f"{stored} value{'s' * (stored > 1)} stored")
    return ", ".join(told)


def _other_rules(visit: StageVisit) -> Iterator[tuple[str, Text]]:
    """Every rule that did not fail, those that passed first."""
    for outcome in SUMMARIES:
        for check in (check for check in visit.checks if check.outcome == outcome):
            told = f"{check.rule.reason}: {check.rule.score} {_shown(check.value)}, asked for {bounds(check.rule)}"
            yield "skipped" if outcome == "other language" else outcome, Text(visible(told))


def _stored(visit: StageVisit, console: Console) -> None:
    """What the stage has stored and no rule of it has judged, values below one another."""
    judged = {check.rule.score for check in visit.checks}
    values = {name: value for name, value in visit.added.items() if name not in judged and value is not None}
    margin = INDENT + max(map(len, values), default=0) + 2
    for name, value in values.items():
        line(console, Text(_shown(value)), margin, lead=Text(" " * INDENT + visible(name), "dim"))


def _broken(check: Check) -> str:
    """The score and the bound that it breaks."""
    rule = check.rule
    if rule.any_of is not None:
        return f"{rule.score} {_shown(check.value)} is none of {', '.join(rule.any_of)}"
    low = rule.min is not None and check.value < rule.min
    bound = rule.min if low else rule.max
    return f"{rule.score} {broken(check.value, bound)}" if bound is not None else rule.score


def _scope(check: Check) -> str:
    return f" ({', '.join(check.rule.langs)})" if check.rule.langs else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return one_line(snippet(str(value), VALUE))
    return number(value)


def _relations(told: Explanation, console: Console) -> None:
    """Duplicates, and where the tokens are."""
    for before, row in pairwise((told.decision, *told.chain)):
        alike = f", Jaccard {number(before['jaccard'])}" if before["jaccard"] is not None else ""
        line(console, Text(visible(f"duplicate of {row['doc_id']}{alike} → {fate(row)}")))
        unbroken(console, Text(" " * INDENT + one_line(row["url"] or row["source"]), "dim"))
    last = (told.decision, *told.chain)[-1]
    if last["duplicate_of"]:
        alike = f", Jaccard {number(last['jaccard'])}" if last["jaccard"] is not None else ""
        line(console, Text(f"duplicate of {last['duplicate_of']}{alike}, a document of an earlier run"))
    if told.duplicates:
        count = "1 document was" if told.duplicates == 1 else f"{told.duplicates:,} documents were"
        line(console, Text(f"{count} dropped for repeating this one"))
    for span in told.spans:
        first = span["doc_start"]
        at = f"{span['file']}, row {span['row']:,}, from {span['start']:,}"
        line(console, Text(f"tokens {first:,} to {first + span['length'] - 1:,} are in {at}"))


def _text(run: RunFolder, told: Explanation, console: Console, full: bool) -> None:
    """The text, or why there is none. It comes last, so that nothing in it can pass for a word of ours."""
    text = told.columns.get("text") or ""
    if not text.strip():
        gone = not run.has_parts and not told.columns
        line(console, Text("its text and scores went with OUT/parts (curate clean)" if gone else no_text(run)))
        return
    cut = len(text) > EXCERPT and not full
    size = f"{len(text):,} characters"
    line(console, Text(f"text, the beginning of {size} (--full prints all of it)" if cut else f"text, {size}", "bold"))
    if full:
        unbroken(console, Text(visible(text)))
    else:
        console.print(Text(snippet(text, EXCERPT)))
