"""Where the files of a run lie: on a file system, or in an object store; the verbs that differ between the two.

A local place is a pathlib.Path. A place in a store is a `Remote`, which has as much of a Path as a run needs, so most
code does not see the difference. What a store cannot do is not there: no renames, no links, no writing into an object.
A file is made on this machine's disk and put by one request that happens or does not; folders are prefixes.
"""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

from curate.errors import RecipeError
from curate.objects import Remote, admitted, open_system, persist, read_ranges

COPIES_AT_A_TIME = 16


def place(where: str | Path) -> Path:
    """The path or URL that a string means, as a Path or what stands in for one: the one place where Remotes are made.

    Raises RecipeError for a URL that pathlib has spoilt, which would be a local folder called `s3:`.
    """
    text = str(where)
    if "://" in text:
        scheme, _, rest = text.partition("://")
        if scheme in ("file", "local"):
            return Path(rest)
        return cast(Path, Remote(f"{scheme}://{re.sub('/+', '/', rest).rstrip('/')}"))
    if re.match(r"[a-z][a-z0-9+.-]+:/", text):
        raise RecipeError(
            f"{text!r} was a URL before it was made a Path; give it as text, or as curate.storage.place(URL)"
        )
    return Path(where)


def reached(where: str) -> Path:
    """The place of a run that the command line names. Raises RecipeError where its store does not let us in."""
    path = place(where)
    if isinstance(path, Remote):
        admitted(partial(_look, path), path)
    return path


def _look(folder: Remote) -> None:
    """Raises FileNotFoundError where the bucket is missing: that has a cause in the store, an empty folder has none."""
    try:
        folder.ask("ls", detail=False, tries=3)
    except FileNotFoundError as error:
        if error.__cause__ is not None:
            raise


def draft(path: Path) -> Path:
    """Where to make the file that is to become `path`: beside it, or on this machine's disk for a store."""
    token = secrets.token_hex(8)
    if isinstance(path, Remote):
        return Path(tempfile.gettempdir()) / f"curate-{token}-{path.name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{token}.tmp")


def publish(made: Path, path: Path, check: Callable[[], None], *, lasting: bool) -> None:
    """Give a draft its name, at once and as a whole, if `check` raises nothing.

    lasting: on a local disk the name itself survives a power cut as well.
    """
    if isinstance(path, Remote):
        check()
        persist(partial(_put, made, path), path.url)
        return
    with open(made, "rb") as file:
        os.fsync(file.fileno())
    check()
    os.replace(made, path)
    if lasting:
        _sync_folder(path.parent)


def _put(made: Path, path: Remote) -> None:
    """Raises OSError for an upload in parts that is gone: the answer to its end was lost, and it was given up then."""
    system, name = open_system(path.url)
    try:
        system.put_file(str(made), name)
    except FileNotFoundError as error:
        raise OSError(f"an upload was not there any more: {error}") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_tree(folder: Path) -> None:
    """Delete a folder with all that is in it, as far as there is one."""
    if isinstance(folder, Remote):
        with suppress(FileNotFoundError):
            folder.ask("rm", recursive=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, in no order; nothing where there is none."""
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []


def read_all(paths: Sequence[Path], size: int | None = None) -> list[bytes]:
    """The bytes of files of one folder, or the first `size` of each; of a store asked for together."""
    if paths and isinstance(paths[0], Remote):
        return read_ranges([(cast(Remote, path), None if size is None else 0, size) for path in paths])
    found = []
    for path in paths:
        with open(path, "rb") as file:
            found.append(file.read(-1 if size is None else size))
    return found


@contextmanager
def local_copies(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """The files on this machine's disk, for the length of the block; local ones as they are."""
    if not (paths and isinstance(paths[0], Remote)):
        yield paths
        return
    with tempfile.TemporaryDirectory(prefix="curate-") as folder:
        copies = [Path(folder) / path.name for path in paths]
        for path, copy in zip(paths, copies, strict=True):
            cast(Remote, path).ask("get_file", str(copy))
        yield copies


def put_in_place(target: Path, files: Mapping[str, Path], texts: Mapping[str, str] | None = None) -> None:
    """Make `target` hold exactly `files`, name → file of the same run, and then `texts`, name → content.

    On a file system they are linked into a new folder, which takes the place of the old one. A store copies them one
    by one, without passing them through this machine, and what is left over of an older run goes at the end. So who
    reads looks whether `run.json` is there first, which it is not meanwhile.
    """
    texts = texts or {}
    if isinstance(target, Remote):
        with ThreadPoolExecutor(COPIES_AT_A_TIME) as threads:
            list(threads.map(partial(_copy, open_system(target.url)[0], target), files.items()))
        for name, text in texts.items():
            _write(cast(Path, target / name), text)
        _remove_others(target, {*files, *texts})
        return
    fresh = target.with_name(f".{target.name}.new")
    remove_tree(fresh)
    fresh.mkdir(parents=True)
    for name, file in files.items():
        _link(file, fresh / name)
    for name, text in texts.items():
        _write(fresh / name, text)
    _swap(fresh, target)


def _copy(system: Any, folder: Remote, item: tuple[str, Path]) -> None:
    """One connection serves all threads: to open one takes longer than to copy."""
    source, target = (system._strip_protocol(str(place)) for place in (item[1], folder / item[0]))
    persist(lambda: system.cp_file(source, target), str(item[1]))


def _remove_others(folder: Remote, names: set[str]) -> None:
    trunk = open_system(folder.url)[1] + "/"
    for found in folder.ask("find"):
        name = str(found).removeprefix(trunk)
        if name not in names:
            (folder / name).unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    made = draft(path)
    try:
        made.write_text(text, encoding="utf-8")
        publish(made, path, lambda: None, lasting=True)
    finally:
        made.unlink(missing_ok=True)


def _link(file: Path, name: Path) -> None:
    """The file under another name, without a copy where the file system can do so."""
    name.parent.mkdir(parents=True, exist_ok=True)
    try:
        name.hardlink_to(file)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(file, name)


def _swap(fresh: Path, target: Path) -> None:
    """Put a folder in the place of an older one."""
    if target.exists():
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old)
    else:
        fresh.rename(target)
