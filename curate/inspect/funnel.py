"""The funnel: what came into every stage, what it removed and why, what went on.

Read from run.json alone. The layout follows the funnel of WanJuan-CC (arXiv 2402.19282, figure of retention): per
stage the share removed of what reached it, and the share of everything that is left behind it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from curate.inspect.run_folder import RunFolder
from curate.inspect.show import share, terminal

BAR_CELLS = 24


@dataclass(frozen=True)
class StageFunnel:
    """One stage's account. dropped: reason → documents; failed: error → documents; both largest first.

    not_applicable: reason → documents that the rule had no score for.
    """

    stage: str
    records_in: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    not_applicable: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_dropped(self) -> int:
        """Documents that the stage dropped."""
        return sum(self.dropped.values())

    @property
    def n_failed(self) -> int:
        """Documents that the stage could not process."""
        return sum(self.failed.values())

    @property
    def removed(self) -> int:
        """Documents that do not go on."""
        return self.n_dropped + self.n_failed

    @property
    def records_out(self) -> int:
        """Documents that go on."""
        return self.records_in - self.removed


def funnel(run: RunFolder) -> list[StageFunnel]:
    """Every stage in its order, the readers (`read`) first."""
    counts = _counts(run)
    left = int(run.totals["records_in"])
    rows = []
    for stage in dict.fromkeys(["read", *(stage.name for stage in run.stages)]):
        kinds = {kind: _largest_first(counts.get((kind, stage), {})) for kind in ("dropped", "failed")}
        row = StageFunnel(stage, left, kinds["dropped"], kinds["failed"], counts.get(("not_applicable", stage), {}))
        left = row.records_out
        rows.append(row)
    return rows


def render_funnel(run: RunFolder, console: Console) -> None:
    """Print the funnel as a table, with a bar for what is left behind each stage."""
    stages = funnel(run)
    total = int(run.totals["records_in"])
    title = f"{terminal(run.summary['name'])}: {run.totals['kept']:,} of {total:,} records kept"
    table = Table(title=title, title_justify="left", show_edge=False, header_style="bold", pad_edge=False)
    table.add_column("stage")
    table.add_column("why", overflow="fold")
    for name in ("in", "dropped", "failed", "out", "removed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("left of all", no_wrap=True)
    for row in stages:
        left = f"{_bar(row.records_out, total)} {share(row.records_out, total)}"
        numbers = (row.records_in, row.n_dropped, row.n_failed, row.records_out)
        removed = share(row.removed, row.records_in)
        table.add_row(f"[bold]{terminal(row.stage)}", "", *(f"{n:,}" for n in numbers), removed, left)
        for why, dropped, failed in _reasons(row):
            shares = share(dropped + failed, row.records_in)
            table.add_row("", f"[dim]{terminal(why)}", "", _nonzero(dropped), _nonzero(failed), "", f"[dim]{shares}")
    console.print(table)


def _counts(run: RunFolder) -> dict[tuple[str, str], dict[str, int]]:
    """(kind, stage) → {reason or error: n}, from the counts of all steps."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for step in run.summary["steps"]:
        for key, n in step["counts"].items():
            kind, _, rest = key.partition("/")
            stage, _, why = rest.partition("/")
            reasons = found.setdefault((kind, stage), {})
            reasons[why] = reasons.get(why, 0) + n
    return found


def _largest_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _reasons(row: StageFunnel) -> Iterator[tuple[str, int, int]]:
    yield from ((why, n, 0) for why, n in row.dropped.items())
    yield from ((why, 0, n) for why, n in row.failed.items())


def _nonzero(n: int) -> str:
    return f"[dim]{n:,}" if n else ""


def _bar(part: int, whole: int) -> str:
    filled = round(BAR_CELLS * part / whole) if whole else 0
    return f"[cyan]{'█' * filled}[/][dim]{'░' * (BAR_CELLS - filled)}[/]"
