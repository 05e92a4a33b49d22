"""The report: one self-contained HTML file that shows what a run did and lets people judge it.

No script, no request: a Content-Security-Policy forbids both, should crawled text ever get past the escaping, which
Jinja does for every value. URLs are shown as text, never as links: rejected pages are nothing to visit by accident.
Rebuilding gives the same bytes but for the seconds that run.json holds.

Cost: reading what the survey's tasks have left, and the documents that are shown; it does not grow with the run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from curate.inspect.clusters import clusters_of
from curate.inspect.failures import failures
from curate.inspect.frequencies import word_groups
from curate.inspect.funnel import StageFunnel, funnel
from curate.inspect.panels import length_panels, rule_lines, score_panels
from curate.inspect.recipe_text import recipe_toml
from curate.inspect.rejects import documents_at
from curate.inspect.run_folder import RunFolder, open_run
from curate.inspect.show import bounds, number, share, snippet, visible
from curate.inspect.survey import Survey, survey
from curate.inspect.tallies import Tally, alarm, alarming_first, duplicate_alarm, emptied, most_in, most_kept
from curate.steps import Place
from curate.store import write_text

LANGUAGES = 12
MORE_LANGUAGES = 200
SOURCES_AT_ONCE = 15


@dataclass(frozen=True)
class Speed:
    """How fast a stage worked: seconds of all workers together; of deduplication, seconds on the clock."""

    stage: str
    records: int
    seconds: float

    @property
    def rate(self) -> float | None:
        """Records per second and worker."""
        return self.records / self.seconds if self.seconds else None


def write_report(out: Path, place: Place | None = None) -> Path:
    """Write OUT/report.html. Raises EngineError where the run is not finished or has been cleaned.

    place: who makes the survey where it is missing; without it, this machine.
    """
    run = open_run(out.absolute())  # for workers elsewhere
    run.require_parts("the report")
    path = out / "report.html"
    write_text(path, render_report(run, place))
    return path


def render_report(run: RunFolder, place: Place | None = None) -> str:
    """The report as HTML."""
    found, stages = survey(run, place), funnel(run)
    documents = documents_at(run, found.shown)
    samples = {key: [documents[address] for address in addresses] for key, addresses in found.dropped.items()}
    speeds = throughput(run, stages)
    facts = {
        "run": run,
        "totals": run.totals,
        "n_dropped": sum(stage.n_dropped for stage in stages),
        "tiles": _tiles(run, found),
        "stages": stages,
        "most_removed": max(
            [n for stage in stages for n in (*stage.dropped.values(), *stage.failed.values())], default=0
        ),
        **_names(found),
        "lengths": length_panels(found),
        "scores": score_panels(run, found, stages),
        "sample_note": _sample_note(found),
        "clusters": clusters_of(found.clusters, documents),
        "samples": _in_order(samples, stages),
        "anchors": {key: f"rejected-{index}" for index, key in enumerate(samples)},
        "failures": failures(found, documents),
        "tokens": run.summary["tokens"],
        "words": word_groups(run),
        "throughput": speeds,
        "throughput_most": max([speed.seconds for speed in speeds], default=0),
        "recipe": recipe_toml(run.summary["recipe"]),
        "rules": list(rule_lines(run, stages)),
    }
    return environment().get_template("report.html").render(facts, contents=_contents(facts))


def environment() -> jinja2.Environment:
    """Templates with everything escaped, and the filters that show numbers and crawled text."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("curate.inspect"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "visible": visible,
        "snippet": snippet,
        "n": lambda value: f"{value:,}",
        "number": number,
        "bounds": bounds,
        "most": lambda rows: max((tally.records_in for _, tally in rows), default=0),
        "alarm": alarm,
        "duplicate_alarm": duplicate_alarm,
    }
    made.filters.update(filters)
    made.globals["share"] = share
    return made


def throughput(run: RunFolder, stages: Sequence[StageFunnel]) -> list[Speed]:
    """Speed of every stage whose time was measured; a wide stage's own and that of what it has prepared together."""
    seconds: dict[str, float] = {}
    for step in run.summary["steps"]:
        for stage, spent in step["seconds"].items():
            owner = stage.partition(".")[0]
            seconds[owner] = seconds.get(owner, 0.0) + spent
    return [Speed(row.stage, row.records_in, seconds[row.stage]) for row in stages if row.stage in seconds]


def _tiles(run: RunFolder, found: Survey) -> list[tuple[str, str]]:
    """More figures for the top of the page, as far as the run has them."""
    kept = sum(1 for name, tally in found.languages.items() if name and tally.kept)
    tiles = [(f"{kept:,}", "language kept" if kept == 1 else "languages kept")] if kept else []
    tokens: Mapping[str, Any] = run.summary["tokens"] or {}
    if isinstance(tokens.get("tokens"), int):
        tiles.append((f"{tokens['tokens']:,}", "tokens"))
    return tiles


def _names(found: Survey) -> dict[str, Any]:
    """Languages, hosts and sources as the tables show them."""
    named = [item for item in found.languages.items() if item[0]]
    languages = sorted(named, key=lambda item: (-item[1].kept, -item[1].records_in, item[0]))
    sources = alarming_first(found.sources.items())
    return {
        "languages": languages[:LANGUAGES],
        "more_languages": languages[LANGUAGES:MORE_LANGUAGES],
        "no_language": found.languages.get("", Tally()),
        "hosts_in": most_in(found.hosts.items()),
        "hosts_kept": most_kept(found.hosts.items()),
        "hosts_emptied": emptied(found.hosts.items()),
        "n_hosts": found.of.get("host", 0),
        "inputs": sorted(found.inputs.items()),
        "sources": sources[:SOURCES_AT_ONCE],
        "more_sources": sources[SOURCES_AT_ONCE:],
        "n_sources": found.of.get("source", 0),
    }


def _in_order(samples: Mapping[tuple[str, str], Any], stages: Sequence[StageFunnel]) -> dict[tuple[str, str], Any]:
    """Samples in the order in which the funnel lists their reasons."""
    order = [(stage.stage, why) for stage in stages for why in stage.dropped]
    return {key: samples[key] for key in order if key in samples}


def _sample_note(found: Survey) -> str:
    sampled = found.sample.num_rows
    if sampled < found.sampled_from:
        return f", of a fixed random sample of {sampled:,} of {found.sampled_from:,} documents"
    return ""


def _contents(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(anchor, title) of the sections that there are."""
    sections = [
        ("funnel", "Funnel", True),
        ("languages", "Languages", True),
        ("lengths", "Lengths", facts["lengths"]),
        ("scores", "Scores and thresholds", facts["scores"]),
        ("hosts", "Hosts", True),
        ("sources", "Sources", True),
        ("duplicates", "Duplicate clusters", facts["clusters"]),
        ("rejected", "Rejected documents", facts["samples"]),
        ("failures", "Failures", facts["failures"]),
        ("tokens", "Tokens and words", facts["tokens"]),
        ("throughput", "Throughput", True),
        ("recipe", "Recipe", True),
    ]
    return [(anchor, title) for anchor, title, there in sections if there]
