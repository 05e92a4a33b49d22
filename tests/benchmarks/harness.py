"""What the benchmarks share: arguments, a watch on whole processes, tables for the terminal and the documentation."""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import curate

ROOT = Path(__file__).parents[2]
GOLD = ROOT.parent / "shared" / "data" / "gold"
SAMPLE_EVERY_S = 0.25


class Watched(NamedTuple):
    """A process that has ended. memory: peak bytes of it and its children together; largest: of one of them; python: of
    one of them that runs Python, as all workers of all engines do."""

    seconds: float
    memory: int
    largest: int
    python: int


class FailedError(Exception):
    """A command that was watched did not end well; the message is its last line."""


class Table:
    """Printed at once, title first; the first column is text, all others are figures."""

    def __init__(self, title: str, heads: Iterable[str], markdown: Path | None) -> None:
        self.title, self.heads, self.markdown = title, list(heads), markdown
        self.rows: list[list[str]] = []

    def add(self, name: str, *figures: str) -> None:
        """One row, of as many cells as there are heads."""
        self.rows.append([name, *figures])

    def show(self) -> None:
        """Print it, and add it to the Markdown file where there is one."""
        lines = [self.heads, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        print(f"\n{self.title}")
        for cells in lines:
            figures = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
            print("  ".join([cells[0].ljust(widths[0]), *figures]), flush=True)
        if self.markdown:
            rule = ["---", *["--:"] * (len(self.heads) - 1)]
            rows = "".join(f"| {' | '.join(cells)} |\n" for cells in (self.heads, rule, *self.rows))
            with self.markdown.open("a", encoding="utf-8") as file:
                file.write(f"\n{self.title}\n\n{rows}")


def arguments(doc: str | None, repeat: int = 3) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take; one would read an abbreviation otherwise than another does."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small run, to see that all of it works; start and kernels weigh most"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=repeat, help="runs of each, of which medians are shown")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where the other tools are, or are installed")
    parser.add_argument("--alone", action="store_true", help="leave the other tools out")
    parser.add_argument("--markdown", type=_file_to_write, metavar="FILE", help="add the tables to this file, too")
    return parser


def _file_to_write(name: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)  # now, not when there are tables after hours of work
    return path


def parse(parser: argparse.ArgumentParser, **quick: object) -> argparse.Namespace:
    """What was given, where `quick` holds the defaults of a quick run."""
    if "--quick" in sys.argv:
        parser.set_defaults(repeat=1, **quick)
    return parser.parse_args()


def machine() -> str:
    """Date, versions and processor: what figures need to be compared with others."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    processor = f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GB"
    return f"{date.today():%d %B %Y}, curate {curate.__version__}, Python {platform.python_version()}, {processor}"


def watch(command: list[str], **environment: str) -> Watched:
    """Run a command to its end and sample the memory of its session. Raises FailedError."""
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        run = subprocess.Popen(
            command, stdout=said, stderr=said, start_new_session=True, env={**os.environ, **environment}
        )
        try:
            sizes = _sample(run)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
        seconds = time.monotonic() - started
        if run.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:]
            raise FailedError(f"exit status {run.returncode}: {' '.join(last)[:200]}")
    return Watched(seconds, *sizes)


def _sample(run: subprocess.Popen[bytes]) -> tuple[int, int, int]:
    memory = largest = python = 0
    while True:
        sizes = {pid: proportional_set_bytes(pid) for pid in processes_of(run.pid)}
        memory, largest = max(memory, sum(sizes.values())), max(largest, *sizes.values(), 0)
        python = max(python, *(size for pid, size in sizes.items() if runs_python(pid)), 0)
        try:
            run.wait(SAMPLE_EVERY_S)
            return memory, largest, python
        except subprocess.TimeoutExpired:
            continue


def processes_of(leader: int) -> list[int]:
    """All processes of the session that it leads, and all that descend from it: Ray's have sessions of their own."""
    found = {leader}
    for pid, (parent, session) in sorted(_ancestry().items()):  # a child's number may be lower, but hardly ever is
        if session == leader or parent in found:
            found.add(pid)
    return sorted(found)


def _ancestry() -> dict[int, tuple[int, int]]:
    """Process → (parent, session)."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = int(fields[1]), int(fields[3])
    return found


def runs_python(pid: int) -> bool:
    """Whether a process runs Python; False for one that is gone."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.startswith("python")
    except OSError:
        return False


def proportional_set_bytes(pid: int) -> int:
    """Memory of a process, with its share of what it has in common with others; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
