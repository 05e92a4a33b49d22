"""Distributions for the report: lengths, and every score that a rule decides on, with its thresholds.

A score gets one panel for each group of languages that has rules of its own for it; documents are kept, dropped by
these very rules, or dropped for another reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.inspect.charts import Chart, Values, histogram
from curate.inspect.funnel import StageFunnel
from curate.inspect.run_folder import RunFolder
from curate.inspect.survey import Survey
from curate.inspect.tallies import Tally
from curate.rule import Rule

LENGTH_LANGUAGES = 6
LENGTH_SHARE = 0.01


@dataclass(frozen=True)
class RuleLine:
    """A rule with what it did: documents dropped by it, and those that it had no score for."""

    stage: str
    rule: Rule
    dropped: int
    not_applicable: int


@dataclass(frozen=True)
class Panel:
    """One distribution. langs: the languages it is limited to.

    chart: None where there are no two different values; `only` is the one that there is, if any.
    """

    title: str
    langs: tuple[str, ...] | None
    rules: tuple[RuleLine, ...]
    chart: Chart | None
    documents: int
    only: float | None


def score_panels(run: RunFolder, found: Survey, stages: list[StageFunnel]) -> list[Panel]:
    """A panel for each score and group of languages, in recipe order. Rules over words (`any_of`) have none."""
    sample = found.sample
    groups: dict[tuple[str, tuple[str, ...] | None], list[RuleLine]] = {}
    for line in rule_lines(run, stages):
        if line.rule.any_of is None and line.rule.score in sample.column_names:
            groups.setdefault((line.rule.score, line.rule.langs), []).append(line)
    return [_panel(sample, score, langs, tuple(lines)) for (score, langs), lines in groups.items()]


def length_panels(found: Survey) -> list[Panel]:
    """Characters of the text: of all documents, then of the languages with at least a hundredth of what was kept."""
    if pc.all(found.sample["characters"].is_null()).as_py():
        return []
    kept = sum(tally.kept for tally in found.languages.values())
    top = sorted(_named(found.languages), key=lambda item: (-item[1].kept, item[0]))[:LENGTH_LANGUAGES]
    langs = [(name,) for name, tally in top if tally.kept > LENGTH_SHARE * kept]
    scopes: list[tuple[str, ...] | None] = [None, *(langs if len(langs) > 1 else [])]
    panels = [_panel(found.sample, "characters", scope, ()) for scope in scopes]
    return [panel for panel in panels if panel.chart]


def _named(languages: Mapping[str, Tally]) -> Iterator[tuple[str, Tally]]:
    return ((name, tally) for name, tally in languages.items() if name)


def rule_lines(run: RunFolder, stages: list[StageFunnel]) -> Iterator[RuleLine]:
    """Every rule of the run in its order, with what it did."""
    accounts = {stage.stage: stage for stage in stages}
    for stage in run.stages:
        account = accounts[stage.name]
        for rule in stage.rules:
            unknown = account.not_applicable.get(rule.reason, 0)
            yield RuleLine(stage.name, rule, account.dropped.get(rule.reason, 0), unknown)


def _panel(sample: pa.Table, score: str, langs: tuple[str, ...] | None, lines: tuple[RuleLine, ...]) -> Panel:
    if langs is not None:
        sample = sample.filter(pc.is_in(sample["lang"], pa.array(langs, pa.string())))
    groups = _groups(sample, score, lines)
    limits = [float(limit) for line in lines for limit in (line.rule.min, line.rule.max) if limit is not None]
    values = np.concatenate([*groups.values()])
    only = float(values[0]) if len(values) else None
    return Panel(score, langs, lines, histogram(groups, limits, score), len(values), only)


def _groups(sample: pa.Table, score: str, lines: tuple[RuleLine, ...]) -> dict[str, Values]:
    """The score's values of documents that were kept, dropped by other rules, and dropped by these."""
    values = np.asarray(sample[score].cast(pa.float64()).to_numpy(), np.float64)
    known = np.isfinite(values)
    kept = np.asarray(pc.equal(sample["verdict"], "kept").to_numpy(), np.bool_)
    mine = np.zeros(len(values), np.bool_)
    for line in lines:
        same = pc.and_(pc.equal(sample["stage"], line.stage), pc.equal(sample["reason"], line.rule.reason))
        mine |= np.asarray(pc.fill_null(same, False).to_numpy(), np.bool_)
    parts = {"kept": kept, "dropped elsewhere": ~kept & ~mine, "dropped here": mine}
    return {kind: values[known & mask] for kind, mask in parts.items()}
