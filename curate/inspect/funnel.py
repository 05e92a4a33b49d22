"""The funnel: what came into every stage, what it removed and why, what went on.

Read from run.json alone. The layout follows the funnel of WanJuan-CC (arXiv 2402.19282, figure of retention): per
stage the share removed of what reached it, and the share of everything that is left behind it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table

from curate.inspect.run_folder import RunFolder
from curate.inspect.show import share, terminal

BAR_CELLS = 24
WIDE = 100


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
    """Print the funnel as a table; on a wide console with a bar for what is left behind each stage."""
    total = int(run.totals["records_in"])
    title = f"{terminal(run.summary['name'])}: {run.totals['kept']:,} of {total:,} records kept"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("stage and reason", overflow="fold")
    for name in ("in", "dropped", "failed", "removed", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    wide = console.width >= WIDE
    if wide:
        table.add_column("", no_wrap=True)
    for row in funnel(run):
        numbers = (f"{row.records_in:,}", _nonzero(row.n_dropped), _nonzero(row.n_failed))
        bar = (_bar(row.records_out, total),) if wide else ()
        removed = share(row.removed, row.records_in) if row.removed else ""
        table.add_row(f"[bold]{terminal(row.stage)}", *numbers, removed, share(row.records_out, total), *bar)
        for why, dropped, failed in _reasons(row):
            cells = ("", _nonzero(dropped), _nonzero(failed), share(dropped + failed, row.records_in))
            table.add_row(f"[dim]  {terminal(why)}", *(f"[dim]{cell}" for cell in cells))
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
    return f"{n:,}" if n else ""


def _bar(part: int, whole: int) -> str:
    filled = round(BAR_CELLS * part / whole) if whole else 0
    return f"[cyan]{'█' * filled}[/][dim]{'░' * (BAR_CELLS - filled)}[/]"
