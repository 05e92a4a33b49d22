"""Compiled kernels: kept per state of the source, compiled by one process while others wait, optional."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.text import kernel as kernels

# Calls a kernel that calls another and says how many were compiled here, and how many were found.
SCRIPT = """
import pyarrow as pa
from curate.text import brief, scan
brief.brief(pa.array(["one two", "三"]))
stats = [k.stats for k in (brief._count, scan.read, scan.tokenise)]
print(sum(sum(s.cache_misses.values()) for s in stats), sum(sum(s.cache_hits.values()) for s in stats))
"""


def start(home: Path | str) -> subprocess.Popen[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, text=True)


def counts(process: subprocess.Popen[str]) -> tuple[int, int]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    missed, hit = map(int, out.split())
    return missed, hit


def test_one_process_compiles_and_the_others_wait(tmp_path: Path) -> None:
    found = sorted(counts(process) for process in [start(tmp_path) for _ in range(2)])
    assert found[0] == (0, 1), "the one that waited found the whole kernel"
    assert found[1][0] >= 1
    (folder,) = (tmp_path / "curate").iterdir()
    assert folder.name == f"kernels-{kernels.source_stamp()}"


def test_tells_whether_anything_has_been_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernels.folder.cache_clear()
    before = kernels.compiled()
    counts(start(tmp_path))
    after = kernels.compiled()
    kernels.folder.cache_clear()  # of a folder that goes
    assert (before, after) == (False, True)


def test_without_a_folder_every_process_compiles() -> None:
    assert counts(start("/proc/nowhere"))[1] == 0


def test_without_a_folder_there_is_nothing_to_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kernels, "folder", lambda: None)
    lock = kernels._Lock()
    lock.acquire()
    lock.release()
    assert list(tmp_path.iterdir()) == [], "no lock file in the working directory"


def test_a_changed_source_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = set()
    for stamp in ("one", "two"):
        monkeypatch.setattr(kernels, "source_stamp", lambda stamp=stamp: stamp)
        kernels.folder.cache_clear()
        folders.add(kernels.folder())
    kernels.folder.cache_clear()
    assert len(folders) == 2


def test_kernels_that_nobody_has_used_for_long_are_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, recent = tmp_path / "curate" / "kernels-old", tmp_path / "curate" / "kernels-recent"
    for folder in (old, recent):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernels.folder.cache_clear()
    assert kernels.folder() is not None
    kernels.folder.cache_clear()
    assert recent.exists()
    assert not old.exists()
