"""How far a run is, finished or not, from the manifests under OUT/parts; of a finished one also what came of it.

Shares removed are of the records that reached a step, as in the funnel: those that no earlier step has decided.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from curate.errors import RecipeError
from curate.inspect.run_folder import read_summary
from curate.inspect.show import share, terminal
from curate.lock import is_locked
from curate.storage import names_in
from curate.store import Dataset, Manifest

# Folders under OUT/parts that are no steps of the recipe.
NO_STEPS = ("input", "corpus", "ledger", "tokens")
# What the report is made of is no step either.
SURVEY = "survey."
ANY_NUMBER = 1 << 31


@dataclass(frozen=True)
class StepStatus:
    """One step. parts: None where only its end will tell how many there are (the buckets of an exchange).

    records: those that reached it, in the parts that are done; of an exchange its own rows. shuffled_bytes: what has
    come to it from other parts, in memory.
    """

    name: str
    done: int
    parts: int | None
    records: int
    bytes: int
    shuffled_bytes: int
    removed: int
    seconds: float


@dataclass(frozen=True)
class Status:
    """state: "finished", "running" or "stopped". steps: in the order in which they run.

    totals: of a finished run, `{records_in, kept, failed, dropped: {stage: {reason: n}}}`.
    """

    state: str
    parts: int
    steps: tuple[StepStatus, ...]
    totals: Mapping[str, Any] | None = None


def status(out: Path) -> Status:
    """Read how far the run in `out` is. Raises RecipeError where there is none."""
    parts = out / "parts"
    finished = (out / "run.json").is_file()
    if not parts.is_dir() and not finished:
        raise RecipeError(f"there is no run in {out}")
    summary = read_summary(out) if finished else None
    total = int(summary["steps"][0]["parts"]) if summary else _planned(parts / "input")
    folders = [parts / name for name in sorted(names_in(parts)) if _is_step(name)]
    return Status(_state(out), total, tuple(_steps(folders, total)), summary and summary["totals"])


def render_status(out: Path, console: Console) -> None:
    """Print how far the run is."""
    found = status(out)
    told = {
        "finished": "finished",
        "running": "running now",
        "stopped": "not finished, and nobody is working on it; the same command again goes on",
    }
    console.print(f"{terminal(str(out))}: {told[found.state]}; the input makes {found.parts:,} parts", highlight=False)
    if found.totals is not None:
        console.print(_sum(found.totals), highlight=False)
    if found.steps:
        console.print(_table(found.steps))


def _sum(totals: Mapping[str, Any]) -> str:
    """The run's books in a line."""
    total = totals["records_in"]
    dropped = sum(n for reasons in totals["dropped"].values() for n in reasons.values())
    counts = {"kept": totals["kept"], "dropped": dropped, "failed": totals["failed"]}
    told = ", ".join(f"{n:,} {name} ({share(n, total)})" if n else f"0 {name}" for name, n in counts.items())
    return f"{total:,} records: {told}"


def _table(steps: Sequence[StepStatus]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("step", overflow="fold")
    for heading in ("parts done", "records", "MB", "MB moved", "removed", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    names = {step.name for step in steps}
    for step in steps:
        done = f"{step.done:,}" if step.parts is None else f"{step.done:,} of {step.parts:,}"
        removed = f"{step.removed:,} ({share(step.removed, step.records)})" if step.removed else ""
        spent = f"{step.seconds:,.1f}" if step.seconds else ""
        moved = f"{step.shuffled_bytes / 1e6:,.1f}" if step.shuffled_bytes else ""
        owner, _, exchange = step.name.partition(".")
        name = f"  {exchange}" if exchange and owner in names else step.name
        table.add_row(terminal(name), done, f"{step.records:,}", f"{step.bytes / 1e6:,.1f}", moved, removed, spent)
    return table


def _is_step(name: str) -> bool:
    return name not in NO_STEPS and not name.startswith(SURVEY)


def _planned(folder: Path) -> int:
    """Parts that the input makes, as far as it has been indexed."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob("parts-*.jsonl"))


def _steps(folders: Sequence[Path], total: int) -> Iterator[StepStatus]:
    """Every step; `gone` counts, part by part, the records that have been decided before a step."""
    gone: Counter[int] = Counter()
    for folder in folders:
        exchange = "." in folder.name
        manifests = list(Dataset(str(folder), ANY_NUMBER).manifests())
        removed = {manifest.part: 0 if exchange else _removed(manifest) for manifest in manifests}
        rows = sum(manifest.rows - (0 if exchange else gone[manifest.part]) for manifest in manifests)
        size = sum(manifest.bytes for manifest in manifests)
        moved = sum(manifest.counts.get("shuffled_bytes", 0) for manifest in manifests)
        seconds = sum(sum(manifest.seconds.values()) for manifest in manifests)
        parts = None if exchange else total
        yield StepStatus(folder.name, len(manifests), parts, rows, size, moved, sum(removed.values()), seconds)
        gone.update(removed)


def _removed(manifest: Manifest) -> int:
    return sum(n for key, n in manifest.counts.items() if key.startswith(("dropped/", "failed/")))


def _state(out: Path) -> str:
    if (out / "run.json").is_file():
        return "finished"
    return "running" if is_locked(out) else "stopped"
