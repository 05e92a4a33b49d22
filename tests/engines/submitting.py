"""What a user has who submits a job: a folder with the job and a recipe, and nothing that leads to this checkout."""

import os
import shutil
import socket
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Of a test's environment nothing is handed on by which a job could find the checkout, or a cluster of another test.
KEPT = ("HOME", "JAVA_HOME", "LANG", "PATH", "XDG_CACHE_HOME")


def environment(python: Path, **more: str) -> dict[str, str]:
    """Variables of a shell in which this Python's environment is active, and no other."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PATH": f"{python.parent}{os.pathsep}{kept['PATH']}", **more}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def package(to: Path) -> Path:
    """What a wheel holds of the package, as a zip; `test_packaging` compares a wheel with the checkout."""
    bare = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "curate", to.parent / "packed" / "curate", ignore=bare)
    return Path(shutil.make_archive(str(to.with_suffix("")), "zip", to.parent / "packed"))
