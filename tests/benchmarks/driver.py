"""What the driver of a run costs where parts are many: made manifests, no data.

    python tests/benchmarks/driver.py [--parts 10000 100000]

For each number of parts one step's manifests are published as tasks do, gathered, and then read as a run reads them:
to see what is left to do, to sum a step up, to make the next step's fingerprints. Seconds and peak memory of the
process are shown; both must grow no faster than parts. A process for each number, so that peaks are its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.engines.local import LocalEngine
from curate.progress import Silent
from curate.run import step_summary
from curate.steps import Finished, Place, chain, complete
from curate.store import Dataset, Manifest, write_text

PER_FILE = 1000


def main() -> None:
    """Print a row for each number of parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(measure(given.alone)))
        return
    for parts in given.parts:
        command = [sys.executable, __file__, "--alone", str(parts)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"{parts:>9,} parts  " + "  ".join(f"{what} {value:,.2f}" for what, value in found.items()))


def measure(parts: int) -> dict[str, float]:
    """Seconds of each kind of reading, and MB of memory beyond what the process had before."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), LocalEngine(1), Silent())
        dataset = place.dataset("00-made", parts)
        publish(dataset, parts)
        before = peak_mb()
        wanted = [fingerprint(part) for part in range(parts)]
        step = Finished("00-made", dataset, ())
        found = {
            "resume_s": timed(lambda: complete(dataset, wanted, place, lambda todo: iter(()))),
            "sum_s": timed(lambda: step_summary(step)),
            "fingerprints_s": timed(lambda: [chain("next", mark) for mark in step.fingerprints()]),
        }
        return {**found, "mb": peak_mb() - before}


def publish(dataset: Dataset, parts: int) -> None:
    """Manifests as they are when gathered, with as many counts as a step of rules has."""
    counts = {f"dropped/rules/reason_{n}": n for n in range(40)}
    for start in range(0, parts, PER_FILE):
        made = (
            Manifest(part, fingerprint(part), 3000, 1 << 20, "0" * 64, counts)
            for part in range(start, start + PER_FILE)
        )
        write_text(
            Path(dataset.folder) / f"manifests-{start // PER_FILE:05d}.jsonl",
            "".join(json.dumps(asdict(m)) + "\n" for m in made),
        )


def fingerprint(part: int) -> str:
    """As long as a real one."""
    return f"{part:064x}"


def timed(work: Callable[[], Any]) -> float:
    """Seconds on the clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_mb() -> float:
    """The largest that this process has been."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
