"""Runs as processes of their own, to be killed and finished again."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from curate.digest import digest_run

RECIPE = """
name = "kill"
[[stage]]
use = "extract"
backend = "resiliparse"
[[stage]]
use = "language"
[[stage]]
use = "normalise"
[[stage]]
use = "score"
[[stage]]
use = "exact_dedup"
[[stage]]
use = "fuzzy_dedup"
[output]
part_bytes = 20000
max_failed_ratio = 1.0
[tokens]
vocab_size = 400
sequence_length = 128
"""


def recipe_with(part_bytes: int, path: Path) -> Path:
    """The recipe in a file, its parts of another size: fewer, where each takes an engine long."""
    path.write_text(RECIPE.replace("part_bytes = 20000", f"part_bytes = {part_bytes}"), encoding="utf-8")
    return path


def start(
    recipe: Path,
    crawl: Path,
    out: Path,
    before: Callable[[], None] | None = None,
    engine: str = "local",
    more: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """The command, in a session of its own; `before` is called in the new process."""
    command = [sys.executable, "-m", "curate", "run", str(recipe), "--input", str(crawl), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--workers", "2", "--engine", engine, *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        start_new_session=True,
    )


def finish(recipe: Path, crawl: Path, out: Path, engine: str = "local") -> dict[str, str]:
    """The digest of the run that the command makes or ends."""
    process = start(recipe, crawl, out, engine=engine)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    return digest_run(out)


def wait_for(path: str, folder: Path) -> None:
    """Until something of this name lies in the folder."""
    until = time.monotonic() + 60
    while not list(folder.glob(path)):
        assert time.monotonic() < until, f"no {path} in {folder}"
        time.sleep(0.01)
