"""One recipe on every engine: what an engine adds to the time of a run, and how time and memory grow with the input.

    python tests/benchmarks/engines.py [--quick] [--engines local ray spark] [--times 1 3 10] [--recipe FILE] [INPUT …]

The input, web archives of one gzip member a record, is cut into as many slices of equal size as the largest of --times
says; each size is a run over so many of them, no two sizes below the largest over the same ones. Without INPUT, as
pipeline.py does. Engines take turns. An engine's start and end are a run over a single page, and told apart. Memory is
that of all processes of a run, as in harness.py, and that of its largest Python process: workers, or the driver. Moved
are the rows of all exchanges, as bytes in memory. Every run of a size must have the same digest.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastwarc.warc import ArchiveIterator, WarcRecordType
from harness import ROOT, Table, Watched, arguments, parse, watch
from pipeline import default_archives

from curate.digest import digest_run

PAGES = (WarcRecordType.response, WarcRecordType.resource)


class Measured(NamedTuple):
    """One run. moved: bytes of all exchanges."""

    watched: Watched
    pages: int
    moved: int
    digest: str


def main() -> None:
    """Print a line for every size and engine."""
    parser = arguments(__doc__)
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--engines", nargs="+", default=["local", "ray", "spark"], choices=["local", "ray", "spark"])
    parser.add_argument("--times", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--recipe", type=Path, default=ROOT / "pipelines" / "web.toml")
    given = parse(parser, times=[1, 3])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slices = cut(given.inputs or default_archives(folder, given), max(given.times), folder / "slices")
        one = first_page(slices[0], folder / "one.warc.gz")
        sizes = {0: [one], **disjoint(slices, given.times)}
        found: dict[tuple[int, str], list[Measured]] = {}
        for _ in range(given.repeat):
            for times, archives in sizes.items():
                for engine in given.engines:
                    print(f"{engine}, {times} ×", file=sys.stderr, flush=True)
                    found.setdefault((times, engine), []).append(measure(engine, archives, given))
    check(found)
    show(found, given)


def cut(archives: Sequence[Path], number: int, folder: Path) -> list[Path]:
    """The records of all archives as so many archives of equally many, copied as they are stored."""
    folder.mkdir()
    spans = [(path, *span) for path in archives for span in members(path)]
    slices = []
    for index in range(number):
        mine = spans[index * len(spans) // number : (index + 1) * len(spans) // number]
        slices.append(copy(mine, folder / f"{index:03d}.warc.gz"))
    return slices


def members(path: Path) -> Iterator[tuple[int, int]]:
    """Where the gzip member of every page begins and ends."""
    with path.open("rb") as file:
        iterator = ArchiveIterator(file, record_types=WarcRecordType.any_type, parse_http=False)
        starts = [(record.stream_pos, record.record_type in PAGES) for record in iterator]
    ends = [start for start, _ in starts[1:]] + [path.stat().st_size]
    return ((start, end) for (start, wanted), end in zip(starts, ends, strict=True) if wanted)


def copy(spans: Sequence[tuple[Path, int, int]], target: Path) -> Path:
    """An archive of these members."""
    with target.open("wb") as out:
        for path, start, end in spans:
            with path.open("rb") as file:
                file.seek(start)
                out.write(file.read(end - start))
    return target


def first_page(archive: Path, target: Path) -> Path:
    """An archive of one page."""
    return copy([(archive, *next(members(archive)))], target)


def disjoint(slices: Sequence[Path], times: Sequence[int]) -> dict[int, Sequence[Path]]:
    """So many slices for each size, one behind the other as far as they reach."""
    found, start = {}, 0
    for number in times:
        start = start if start + number <= len(slices) else 0
        found[number] = slices[start : start + number]
        start += number
    return found


def measure(engine: str, archives: Sequence[Path], given: argparse.Namespace) -> Measured:
    """Run the recipe once in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "curate", "run", str(given.recipe), "--out", str(out), "--engine", engine]
        command += [word for path in archives for word in ("--input", str(path))]
        seen = watch([*command, "--workers", str(given.workers)])
        summary: dict[str, Any] = json.loads((out / "run.json").read_text(encoding="utf-8"))
        moved = sum(step["shuffled_bytes"] for step in summary["steps"])
        return Measured(seen, summary["totals"]["records_in"], moved, digest_run(out)["digest"])


def check(found: dict[tuple[int, str], list[Measured]]) -> None:
    """Raises ValueError where two runs of one size differ."""
    for size in {times for times, _ in found}:
        digests = {run.digest for (times, _), runs in found.items() if times == size for run in runs}
        if len(digests) != 1:
            raise ValueError(f"{size} ×: {len(digests)} digests of one input: {sorted(digests)}")


def show(found: dict[tuple[int, str], list[Measured]], given: argparse.Namespace) -> None:
    """Seconds without an engine's start are those of the whole run less those of a single page."""
    heads = ["pages", "engine", "seconds", "start", "× local", "× local, without start", "× smallest, without start",
             "MB, all processes", "MB, largest Python", "MB moved", "all runs"]  # fmt: skip
    title = f"{given.recipe.name}, {given.workers} workers, median of {given.repeat}; one digest each size:"
    table = Table(title, heads, given.markdown)
    seconds = {key: statistics.median_low(run.watched.seconds for run in runs) for key, runs in found.items()}
    net = {(times, engine): value - seconds[0, engine] for (times, engine), value in seconds.items()}
    for times in given.times:
        for engine in given.engines:
            runs = found[times, engine]
            reference, smallest = (times, given.engines[0]), (given.times[0], engine)
            memory, python = (
                statistics.median_low(sizes)
                for sizes in zip(*((run.watched.memory, run.watched.python) for run in runs), strict=True)
            )
            table.add(
                f"{runs[0].pages:,}",
                engine,
                f"{seconds[times, engine]:.1f}",
                f"{seconds[0, engine]:.1f}",
                f"{seconds[times, engine] / seconds[reference]:.2f}",
                f"{net[times, engine] / net[reference]:.2f}",
                f"{net[times, engine] / net[smallest]:.2f}",
                f"{memory / 1e6:,.0f}",
                f"{python / 1e6:,.0f}",
                f"{runs[0].moved / 1e6:,.1f}",
                ", ".join(f"{run.watched.seconds:.1f}" for run in runs),
            )
    table.show()


if __name__ == "__main__":
    main()
