"""Live progress of a run: bars on a terminal, plain lines elsewhere, silence on request.

Records and bytes are read from manifests, so what is shown is what is safely on disk.
"""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from curate.store import Manifest

LINE_EVERY_S = 10.0


@dataclass
class Silent:
    """Says nothing."""

    def begin(self, step: str, parts: int, done: int) -> None:
        """A step starts."""

    def advance(self, manifest: Manifest) -> None:
        """A part is finished."""

    def note(self, what: str) -> None:
        """Something is worth knowing."""


@dataclass
class Rates:
    """Records and megabytes per second of the running step, and the share of records that go on.

    Megabytes are of decompressed input in the step that reads it, and of what is written in all others.
    """

    started: float = field(default_factory=time.monotonic)
    records: int = 0
    size: int = 0
    verb: str = "written"
    decided: int = 0

    def add(self, manifest: Manifest) -> None:
        """Count one finished part."""
        self.records += manifest.rows
        read = manifest.counts.get("read_bytes", 0)
        self.verb = "read" if read else self.verb
        self.size += read or manifest.bytes
        self.decided += sum(n for key, n in manifest.counts.items() if key.startswith(("dropped/", "failed/")))

    def __str__(self) -> str:
        spent = max(time.monotonic() - self.started, 1e-3)
        kept = f", {1 - self.decided / self.records:.0%} go on" if self.records and self.decided else ""
        return f"{self.records / spent:,.0f} records/s, {self.size / spent / 1e6:,.1f} MB/s {self.verb}{kept}"


class Bars:
    """One Rich bar a step, with records/s, MB/s, the share that goes on and the time left."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rates]}"),
            TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        self._bars = Progress(*columns, console=console)
        self._rates = Rates()
        self._bars.start()

    def begin(self, step: str, parts: int, done: int) -> None:
        """A new bar; a step that was finished before is shown as such."""
        self._rates, self._step = Rates(), step
        rates = "finished before" if done == parts else ""
        self._task = self._bars.add_task(step, total=parts, completed=done, rates=rates)

    def advance(self, manifest: Manifest) -> None:
        """Move the bar of the running step."""
        self._rates.add(manifest)
        self._bars.update(self._task, advance=1, rates=str(self._rates))

    def note(self, what: str) -> None:
        """A line above the bars."""
        self._bars.console.print(f"{self._step}: {what}", style="dim", highlight=False, markup=False)

    def close(self) -> None:
        """Leave the finished bars on the screen."""
        self._bars.stop()


class Lines:
    """A line when a step begins and ends, and one every ten seconds between."""

    def begin(self, step: str, parts: int, done: int) -> None:
        """Start counting a step."""
        self._step, self._parts, self._done = step, parts, done
        self._rates, self._spoken = Rates(), time.monotonic()
        if done == parts:
            self._say("finished before")

    def advance(self, manifest: Manifest) -> None:
        """Speak now and then."""
        self._done += 1
        self._rates.add(manifest)
        if self._done == self._parts or time.monotonic() - self._spoken > LINE_EVERY_S:
            self._spoken = time.monotonic()
            self._say(str(self._rates))

    def note(self, what: str) -> None:
        """A line of its own."""
        self._say(what)

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, what: str) -> None:
        print(f"{self._step}: {self._done}/{self._parts} parts, {what}", file=sys.stderr, flush=True)


def choose(console: Console) -> Bars | Lines:
    """Bars on a terminal, lines elsewhere."""
    return Bars(console) if console.is_terminal else Lines()


def describe(out: Path) -> str:
    """A path as people write it: relative where that is shorter."""
    try:
        return str(out.relative_to(Path.cwd()))
    except ValueError:
        return str(out)
