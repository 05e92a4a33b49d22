"""A whole run, measured: documents a second, memory of all its processes, and where the time goes.

    python tests/benchmarks/pipeline.py [--recipe pipelines/web.toml] [--workers 2] [--repeat 3] [INPUT …]

Without INPUT: the 3,081 gold pages that lie beside the checkout. Memory is the sum of proportional set sizes of the
run's processes, sampled twice a second (Linux). Seconds of a stage are a worker's, per page that came in; those of
deduplication are on the clock. The median run is shown.

With --peers DIR, which holds datatrove's virtual environment, its own chain runs on the same archives as often, by the
scripts beside the checkout: WarcReader and Trafilatura, then Gopher, C4 and FineWeb filters, then MinHash.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
GOLD = ROOT.parent / "shared" / "data" / "gold"
SAMPLE_EVERY_S = 0.5


class Watched(NamedTuple):
    """A process that has ended. memory: peak bytes of it and its children together; largest: of one of them."""

    seconds: float
    memory: int
    largest: int


class Measured(NamedTuple):
    """One run, and what it says of itself."""

    seconds: float
    memory: int
    largest: int
    summary: dict[str, Any]


def main() -> None:
    """Print one table."""
    arguments = _arguments()
    inputs = arguments.inputs or [str(GOLD / f"{name}-dev.warc.gz") for name in ("gold", "segments")]
    if not arguments.inputs and not GOLD.is_dir():
        sys.exit("name an INPUT, or put the gold pages beside the checkout in ../shared")
    python = arguments.peers and arguments.peers.resolve() / "datatrove" / "bin" / "python"
    runs, chains = [], []
    for _ in range(arguments.repeat):
        runs.append(measure(arguments.recipe, inputs, arguments.workers))
        if python:
            chains.append(datatrove_chain(python, [Path(path) for path in inputs], arguments.workers))
    middle = statistics.median_low(run.seconds for run in runs)
    show(next(run for run in runs if run.seconds == middle), [run.seconds for run in runs])
    if chains:
        whole = statistics.median(sum(chain) for chain in chains)
        spread = "; ".join(" + ".join(f"{seconds:.1f}" for seconds in chain) for chain in chains)
        print(f"datatrove: {whole:.1f} s, {whole / middle:.2f} times as long ({spread})")


def measure(recipe: Path, inputs: list[str], workers: int) -> Measured:
    """Run the recipe once in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        given = [word for path in inputs for word in ("--input", path)]
        command = [sys.executable, "-m", "curate", "run", str(recipe), *given, "--out", str(out)]
        seen = watch([*command, "--workers", str(workers)])
        return Measured(*seen, json.loads((out / "run.json").read_text(encoding="utf-8")))


def watch(command: list[str], **environment: str) -> Watched:
    """Run a command to its end and sample the memory of its session."""
    started = time.monotonic()
    run = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    memory = largest = 0
    seconds: float | None = None
    while seconds is None:
        sizes = [proportional_set_bytes(pid) for pid in processes_of(run.pid)]
        memory, largest = max(memory, sum(sizes)), max(largest, *sizes, 0)
        try:
            run.wait(SAMPLE_EVERY_S)
            seconds = time.monotonic() - started
        except subprocess.TimeoutExpired:
            continue
    if run.returncode:
        sys.exit(f"{' '.join(command)}: exit status {run.returncode}")
    return Watched(seconds, memory, largest)


def processes_of(session: int) -> list[int]:
    """All processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == session:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def proportional_set_bytes(pid: int) -> int:
    """Memory of a process, with its share of what it has in common with others; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def show(run: Measured, all_seconds: list[float]) -> None:
    """Totals, then a line a stage."""
    totals, steps = run.summary["totals"], run.summary["steps"]
    pages = totals["records_in"]
    spread = ", ".join(f"{seconds:.1f}" for seconds in sorted(all_seconds))
    print(
        f"{pages} records, {totals['kept']} kept, {run.seconds:.1f} s ({spread}), {pages / run.seconds:.0f} records/s"
    )
    print(f"memory {run.memory / 1e6:.0f} MB in all, {run.largest / 1e6:.0f} MB the largest process")
    spent: dict[str, float] = {}
    for step in steps:
        for stage, seconds in step["seconds"].items():
            spent[stage] = spent.get(stage, 0.0) + seconds
    print(f"{'stage':<24} {'seconds':>8} {'ms/page':>8}")
    for stage, seconds in spent.items():
        print(f"{stage:<24} {seconds:>8.1f} {seconds / pages * 1000:>8.2f}")
    outside = sum(seconds for stage, seconds in spent.items() if stage != "extract")
    print(f"{'all but extract':<24} {outside:>8.1f} {outside / pages * 1000:>8.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--recipe", type=Path, default=ROOT / "pipelines" / "web.toml")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="folder with the virtual environments of other tools")
    return parser.parse_args()


def datatrove_chain(python: Path, archives: list[Path], workers: int) -> list[float]:
    """Seconds of extraction, filters and MinHash, each a process that reads what the one before has written."""
    scripts = ROOT.parent / "shared" / "bench" / "peers"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "warc").mkdir()
        for archive in archives:
            (folder / "warc" / archive.name).symlink_to(archive)
        places = [folder / "warc", folder / "extracted", folder / "filtered", folder / "deduplicated"]
        seconds = []
        for script, source, target in zip(("extract", "filters", "minhash"), places, places[1:], strict=False):
            given = source if source.name == "warc" else source / "o"
            command = [python, scripts / f"datatrove_{script}.py", given, target, workers]
            seconds.append(watch([str(word) for word in command]).seconds)
        return seconds


if __name__ == "__main__":
    main()
