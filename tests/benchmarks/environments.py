"""Virtual environments of the tools that the benchmarks compare with, made with pip when they are first wanted.

    python tests/benchmarks/environments.py [--peers DIR] [NAME …]

Pins of one tool exclude those of another, so each has an environment of its own: in DIR, or in curate-peers below the
user's cache folder. A tool whose Python is not on the PATH, or that pip cannot install, is skipped, and why is said.
Together they take 8 GB of disk, 6 of them Data-Juicer's, and some minutes; a second call finds them in place.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Environment:
    """What pip installs, the tool itself first and pinned, and the versions of Python that it runs on."""

    requirements: tuple[str, ...]
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")

    @property
    def version(self) -> str:
        """The tool's own."""
        return self.requirements[0].rpartition("==")[2]


ENVIRONMENTS = {
    "datatrove": Environment(("datatrove[io,processing]==0.10.1", "orjson", "spacy", "lxml_html_clean")),
    "data-juicer": Environment(("py-data-juicer==1.6.1", "aiohttp"), ("3.11", "3.12")),
    "text-dedup": Environment(("text-dedup==0.4.1",), ("3.12", "3.13")),
    # Dolma asks for these three without bounds that fit together.
    "dolma": Environment(("dolma==1.2.1", "aiobotocore==2.5.4", "boto3==1.28.17", "s3fs==2023.6.0"), ("3.11", "3.12")),
    "datasketch": Environment(("datasketch==2.0.0",)),
    "rensa": Environment(("rensa==0.5.0", "numpy")),
}


@dataclass(frozen=True)
class Peer:
    """A tool that is installed; `name` is a key of ENVIRONMENTS."""

    name: str
    python: Path

    @property
    def label(self) -> str:
        """Name and version, as tables show it."""
        return f"{self.name} {ENVIRONMENTS[self.name].version}"

    def command(self, job: str, source: Path, out: Path, workers: int) -> list[str]:
        """Run one of the jobs of its script in peers/."""
        script = SCRIPTS / f"run_{self.name.replace('-', '_')}.py"
        return [str(self.python), str(script), job, str(source), str(out), str(workers)]


class NotInstalledError(Exception):
    """The message says why."""


def cache_folder() -> Path:
    """Where environments lie that nobody has named a folder for."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "curate-peers"


def installed(names: tuple[str, ...], folder: Path | None) -> list[Peer]:
    """Those that are there or can be installed; why others are skipped is printed."""
    found = []
    for name in names:
        try:
            found.append(Peer(name, install(name, (folder or cache_folder()).resolve())))
        except NotInstalledError as error:
            print(f"{name} is skipped: {error}", file=sys.stderr)
    return found


def install(name: str, folder: Path) -> Path:
    """The Python of a tool's environment. Raises NotInstalledError."""
    environment, place = ENVIRONMENTS[name], folder / name
    # Written last: an environment that was interrupted, or has other pins, is made anew.
    stamp, wanted = place / "requirements.txt", "\n".join(environment.requirements) + "\n"
    python = place / "bin" / "python"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    base = next(filter(None, map(find_python, environment.pythons)), None)
    if base is None:
        raise NotInstalledError(f"it needs Python {' or '.join(environment.pythons)}, and none is on the PATH")
    print(f"installing {name} {environment.version} into {place}, once", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    _run([base, "-m", "venv", str(place)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *environment.requirements])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def find_python(version: str) -> str | None:
    """A Python of this version that starts: the one running, or one on the PATH, where some are only stand-ins."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    candidates = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
    starts = (path for path in candidates if os.access(path, os.X_OK) and _status([str(path), "-c", ""]) == 0)
    return next(map(str, starts), None)


def _status(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NotInstalledError(f"{' '.join(command[1:4])} …: {said[-1] if said else done.returncode}")


def main() -> None:
    """Install them and say where they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *ENVIRONMENTS], default=[], metavar="NAME")
    parser.add_argument("--peers", type=Path, metavar="DIR")
    given = parser.parse_args()
    for peer in installed(tuple(given.names or ENVIRONMENTS), given.peers):
        print(f"{peer.label}: {peer.python}")


if __name__ == "__main__":
    main()
