"""A whole run, measured: documents a second, memory of all its processes, and where the time goes.

    python tests/benchmarks/pipeline.py [--quick] [--recipe pipelines/web.toml] [--peers DIR] [INPUT …]

Without INPUT, archives as *.warc.gz: the 3,081 gold pages that lie beside the checkout, or else the demo's 367 pages,
which pip fetches, in one archive a worker; --quick takes a fourth of these. Memory is the sum of proportional set sizes
of the run's processes, sampled four times a second (Linux). Seconds of a stage are a worker's, per page that came in;
those of deduplication are on the clock. The median run is shown.

Beside it datatrove's chain on the same archives: WarcReader and Trafilatura, Gopher, C4 and FineWeb filters, MinHash.
"""

import argparse
import json
import statistics
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from environments import Peer, installed
from harness import GOLD, ROOT, FailedError, Table, Watched, arguments, parse, watch
from warcio.warcwriter import WARCWriter


class Measured(NamedTuple):
    """One run, and what it says of itself."""

    watched: Watched
    summary: dict[str, Any]


def main() -> None:
    """Print two tables: whole processes, and our stages."""
    parser = arguments(__doc__)
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--recipe", type=Path, default=ROOT / "pipelines" / "web.toml")
    given = parse(parser)
    peers = [] if given.alone else installed(("datatrove",), given.peers)
    with tempfile.TemporaryDirectory() as name:
        archives = given.inputs or default_archives(Path(name), given)
        runs, chains = [], []
        for _ in range(given.repeat):
            runs.append(measure(given.recipe, archives, given.workers))
            chains += [chain for peer in peers if (chain := peer_chain(peer, archives, given.workers))]
    middle = statistics.median_low(run.watched.seconds for run in runs)
    run = next(run for run in runs if run.watched.seconds == middle)
    show_processes(run, [run.watched for run in runs], {peer.label: chains for peer in peers if chains}, given)
    show_stages(run, given)


def default_archives(folder: Path, given: argparse.Namespace) -> list[Path]:
    """The gold pages where they are and time is given for them, or else the demo's."""
    if GOLD.is_dir() and not given.quick:
        return [GOLD / f"{name}-dev.warc.gz" for name in ("gold", "segments")]
    sys.path.insert(0, str(ROOT / "pipelines"))
    import demo_pages

    demo_pages.fetch_all(ROOT / "demo" / "pages")
    pages = sorted((ROOT / "demo" / "pages").rglob("*.html"))[:: 4 if given.quick else 1]
    return [pack(pages[i :: given.workers], folder / f"{i}.warc.gz") for i in range(given.workers)]


def pack(pages: list[Path], target: Path) -> Path:
    """An archive of pages, as if they had just been fetched."""
    with target.open("wb") as file:
        writer = WARCWriter(file)
        for number, page in enumerate(pages):
            response = BytesIO(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page.read_bytes())
            url = f"https://{page.parent.name}.example/{number}"
            writer.write_record(writer.create_warc_record(url, "response", payload=response))
    return target


def measure(recipe: Path, archives: list[Path], workers: int) -> Measured:
    """Run the recipe once in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        where = [word for path in archives for word in ("--input", str(path))]
        command = [sys.executable, "-m", "curate", "run", str(recipe), *where, "--out", str(out)]
        watched = watch([*command, "--workers", str(workers)])
        return Measured(watched, json.loads((out / "run.json").read_text(encoding="utf-8")))


def peer_chain(peer: Peer, archives: list[Path], workers: int) -> Watched | None:
    """Its own way through the same archives."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "warc"
        source.mkdir()
        for archive in archives:
            (source / archive.name).symlink_to(archive.resolve())
        try:
            return watch(peer.command("web", source, Path(name) / "out", workers))
        except FailedError as error:
            print(f"{peer.label} is skipped: {error}", file=sys.stderr)
            return None


def show_processes(
    run: Measured, ours: list[Watched], theirs: dict[str, list[Watched]], given: argparse.Namespace
) -> None:
    """Totals of each tool."""
    totals = run.summary["totals"]
    title = f"{totals['records_in']:,} records, of which we keep {totals['kept']:,}, {given.workers} workers"
    heads = ["", "seconds", "records/s", "MB, all processes", "MB, the largest", "times as long", "all runs"]
    table = Table(f"{title}, median of {given.repeat}:", heads, given.markdown)
    for name, watched in {f"curate run {given.recipe.name}": ours, **theirs}.items():
        seconds, memory, largest, _ = (statistics.median_low(column) for column in zip(*watched, strict=True))
        ratio, rate = seconds / run.watched.seconds, totals["records_in"] / seconds
        sizes = [f"{size / 1e6:,.0f}" for size in (memory, largest)]
        table.add(
            name,
            f"{seconds:.1f}",
            f"{rate:.0f}",
            *sizes,
            f"{ratio:.2f}",
            ", ".join(f"{one.seconds:.1f}" for one in watched),
        )
    table.show()


def show_stages(run: Measured, given: argparse.Namespace) -> None:
    """A line a stage."""
    pages = run.summary["totals"]["records_in"]
    spent: dict[str, float] = {}
    for step in run.summary["steps"]:
        for stage, seconds in step["seconds"].items():
            spent[stage] = spent.get(stage, 0.0) + seconds
    spent["all but extract"] = sum(seconds for stage, seconds in spent.items() if stage != "extract")
    table = Table("Our stages, in a worker's time:", ["stage", "seconds", "ms a page"], given.markdown)
    for stage, seconds in spent.items():
        table.add(stage, f"{seconds:.1f}", f"{seconds / pages * 1000:.2f}")
    table.show()


if __name__ == "__main__":
    main()
