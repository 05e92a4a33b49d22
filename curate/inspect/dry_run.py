"""A dry run: what would run, and what it would come to by a sample, with how far off that may be."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from curate.against import open_earlier
from curate.engines import Engine
from curate.estimate import Sample, distinct_bounds, take_sample, try_sample
from curate.inspect.clusters import count_clusters
from curate.inspect.funnel import StageFunnel, funnel
from curate.inspect.plan import render_inputs, render_plan
from curate.inspect.run_folder import RunFolder, open_run
from curate.inspect.show import line, share, terminal
from curate.plan import Plan, WideStep
from curate.progress import choose
from curate.sources import list_files

# Of a normal distribution: 19 of 20 samples are no further off.
_SIGMAS = 1.96


def render_dry_run(
    plan: Plan, out: Path, engine: Engine, sample_bytes: int, against: Sequence[Path], screen: Console, console: Console
) -> None:
    """Check everything, print the plan, and carry it out on a sample in a temporary folder; OUT is not touched."""
    open_earlier(plan, against, out)
    files = list_files(plan.recipe.inputs)
    render_plan(plan, screen)
    render_inputs(files, screen)
    if not sample_bytes:
        return
    progress = choose(console)
    sample = take_sample(files, sample_bytes)
    with TemporaryDirectory(prefix="curate-dry-run-") as folder:
        try:
            try_sample(plan, sample, Path(folder), engine, progress, against)
        finally:
            progress.close()
        comparing = [step.label for step in plan.steps if isinstance(step, WideStep)]
        render_estimate(open_run(Path(folder)), sample, comparing, screen)


def render_estimate(run: RunFolder, sample: Sample, comparing: Sequence[str], console: Console) -> None:
    """Print what each stage would remove, and what all of it would take; comparing: stages that compare documents."""
    records = int(run.totals["records_in"])
    everything = round(records / sample.share) if sample.share else records
    read = len(sample.pieces)
    said = f"{records:,} records of {read:,} of {sample.files:,} files, about {share(sample.share, 1)} of the input"
    line(console, Text(f"\nestimate from {said}", "bold"))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("stage and reason", "removed", "", "left"):
        table.add_column(name, justify="left" if name == "stage and reason" else "right")
    rows = funnel(run)
    for row in rows:
        least = "at least" if row.stage in comparing and sample.share < 1 else ""
        left = share(row.records_out, records)
        table.add_row(f"[bold]{terminal(row.stage)}", share(row.removed, row.records_in), least or _off(row), left)
        for why, n in {**row.dropped, **row.failed}.items():
            table.add_row(f"[dim]  {terminal(why)}", f"[dim]{share(n, row.records_in)}", "", "")
    console.print(table)
    kept = round(everything * run.totals["kept"] / max(1, records))
    line(console, Text(f"of about {everything:,} records in all, at most about {kept:,} would be kept"))
    compared = [row for row in rows if row.stage in comparing]
    if compared and sample.share < 1:
        line(console, Text(_duplicates(run, sample, compared)))
    seconds = sum(spent for step in run.summary["steps"] for spent in step["seconds"].values())
    hours = seconds / max(sample.share, 1e-9) / 3600
    line(console, Text(f"all of it would take about {hours:,.2g} hours of one core like these"))


def _off(row: StageFunnel) -> str:
    """How far the share that a stage removes may be off, in percentage points."""
    if not row.records_in or not row.removed:
        return ""
    part = row.removed / row.records_in
    return f"± {100 * _SIGMAS * sqrt(part * (1 - part) / row.records_in):.1f}"


def _duplicates(run: RunFolder, sample: Sample, compared: Sequence[StageFunnel]) -> str:
    removed = sum(row.removed for row in compared)
    reached = removed + compared[-1].records_out  # what rules remove between two of them is laid to neither
    groups = count_clusters(run)
    alone = max(0, reached - removed - groups)
    _, expected, most = distinct_bounds(alone, groups, sample.share)
    whole = max(1.0, reached / sample.share)
    likely, least = (share(max(0.0, whole - found), whole) for found in (expected, most))
    return (
        f"duplicates: {share(removed, reached)} of what reached deduplication in the sample. Most duplicates of a "
        f"document lie outside it: of everything it is at least {least}, and {likely} by an estimator whose error is "
        "bounded either way; a larger --sample narrows it"
    )
