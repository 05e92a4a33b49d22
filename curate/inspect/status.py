"""How far a run is, finished or not, from the manifests under OUT/parts alone."""

import fcntl
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from curate.errors import RecipeError
from curate.inspect.show import share, terminal
from curate.store import Dataset

# Folders under OUT/parts that are no steps of the recipe.
NO_STEPS = ("input", "corpus", "ledger", "tokens")
ANY_NUMBER = 1 << 31


@dataclass(frozen=True)
class StepStatus:
    """One step. parts: None where only its end will tell how many there are (the buckets of an exchange)."""

    name: str
    done: int
    parts: int | None
    records: int
    bytes: int
    removed: int
    seconds: float


@dataclass(frozen=True)
class Status:
    """state: "finished", "running" or "stopped". steps: in the order in which they run."""

    state: str
    parts: int
    steps: tuple[StepStatus, ...]


def status(out: Path) -> Status:
    """Read how far the run in `out` is. Raises RecipeError where there is none."""
    parts = out / "parts"
    if not parts.is_dir() and not (out / "run.json").is_file():
        raise RecipeError(f"there is no run in {out}")
    total = _planned(parts / "input")
    folders = (
        sorted(path for path in parts.iterdir() if path.is_dir() and path.name not in NO_STEPS)
        if parts.is_dir()
        else []
    )
    return Status(_state(out), total, tuple(_step(folder, total) for folder in folders))


def render_status(out: Path, console: Console) -> None:
    """Print how far the run is."""
    found = status(out)
    told = {
        "finished": "finished",
        "running": "running now",
        "stopped": "not finished, and nobody is working on it; the same command again goes on",
    }
    console.print(f"{terminal(str(out))}: {told[found.state]}; the input makes {found.parts:,} parts", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("step", overflow="fold")
    for heading in ("parts done", "records", "MB", "removed", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    steps = {step.name for step in found.steps}
    for step in found.steps:
        done = f"{step.done:,}" if step.parts is None else f"{step.done:,} of {step.parts:,}"
        removed = f"{step.removed:,} ({share(step.removed, step.records)})" if step.removed else ""
        spent = f"{step.seconds:,.1f}" if step.seconds else ""
        owner, _, exchange = step.name.partition(".")
        name = f"  {exchange}" if exchange and owner in steps else step.name
        table.add_row(terminal(name), done, f"{step.records:,}", f"{step.bytes / 1e6:,.1f}", removed, spent)
    console.print(table)


def _planned(folder: Path) -> int:
    """Parts that the input makes, as far as it has been indexed."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob("parts-*.jsonl"))


def _step(folder: Path, total: int) -> StepStatus:
    manifests = Dataset(str(folder), ANY_NUMBER).manifests()
    counts: Counter[str] = Counter()
    for manifest in manifests:
        counts.update(manifest.counts)
    removed = sum(n for key, n in counts.items() if key.startswith(("dropped/", "failed/")))
    rows, size = sum(manifest.rows for manifest in manifests), sum(manifest.bytes for manifest in manifests)
    seconds = sum(sum(manifest.seconds.values()) for manifest in manifests)
    parts = None if "." in folder.name else total
    return StepStatus(folder.name, len(manifests), parts, rows, size, removed, seconds)


def _state(out: Path) -> str:
    if (out / "run.json").is_file():
        return "finished"
    return "running" if _locked(out / ".lock") else "stopped"


def _locked(path: Path) -> bool:
    """Whether a run holds the lock; asked with a shared lock that is let go of at once."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
