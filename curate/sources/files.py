"""Which files an input is made of, what they are called for ever, and what format they have.

A file's `source` is its input's name + "/" + its path below the input's root, so it is equal on every machine and
store; document ids start from it. Local paths, globs and fsspec URLs (s3://, gs://, hf://, https://, memory://) are
taken alike.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from curate.errors import CurateError, EngineError, RecipeError
from curate.objects import Remote, admitted, open_system, persist

WARC_KINDS = ("warc", "arc", "wet")
# Endings after a compression's own is taken off.
_FORMATS = {
    ".warc": "warc", ".arc": "arc", ".wet": "wet", ".wat": "warc", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet", ".txt": "text", ".text": "text",
}  # fmt: skip
_COMPRESSIONS = (".open", ".gz", ".zst", ".zstd")  # `.open`: a WARC that its crawler has not closed yet
_CONTENT_MAGIC = {b"WARC/": "warc", b"filedesc:": "arc", b"PAR1": "parquet"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class Input:
    """One `[[input]]` of a recipe.

    root: a local folder or fsspec URL. paths: files, folders or globs below it; none means everything.
    columns: for JSONL and Parquet, our column (text, html, url, date, title) → theirs.
    """

    name: str
    root: str
    paths: tuple[str, ...] = ()
    crawl: int | None = None
    format: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceFile:
    """One file to read. version: its modification time or tag, which only decides whether it is read again."""

    source: str
    path: str
    size_bytes: int
    version: str
    format: str
    crawl: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """A run of records of one file: those that start in [start, end) of `path_to_read`.

    start, end: in bytes of the stored file (row groups for Parquet); end is None for the rest of the file.
    spill: a plain copy of this run's records, for files that cannot be entered in the middle; `start` is then where it
    begins in the decompressed stream.
    """

    file: SourceFile
    start: int = 0
    end: int | None = None
    estimated_bytes: int = 0
    spill: str | None = None


def input_from_path(path: str) -> Input:
    """The input that `--input PATH` means: root is the folder that a file, folder or glob starts in."""
    if "://" in path:
        scheme, _, rest = path.partition("://")
        fixed = _before_glob(rest.rstrip("/"))
        whole = fixed == rest.rstrip("/")
        folder = whole and ("/" not in fixed or not PurePosixPath(fixed).suffix)  # a host or bucket has dots of its own
        root = fixed if folder else str(PurePosixPath(fixed).parent if whole else PurePosixPath(fixed))
        below = "" if folder else rest.rstrip("/")[len(root) :].lstrip("/")
        return Input(PurePosixPath(root).name or scheme, f"{scheme}://{root}", (below,) if below else ())
    full = os.path.abspath(path)
    if os.path.isdir(full):
        return Input(os.path.basename(full) or "root", full)
    root = os.path.dirname(full) if os.path.lexists(full) else _before_glob(full)
    return Input(os.path.basename(root) or "root", root, (os.path.relpath(full, root),))


def _before_glob(path: str) -> str:
    """The folders of a path before the first one that holds a wildcard; a path without wildcards as it is."""
    parts = path.split("/")
    wild = [number for number, part in enumerate(parts) if set(part) & set("*?[")]
    return "/".join(parts[: wild[0]]) or "/" if wild else path


def list_files(inputs: Sequence[Input]) -> list[SourceFile]:
    """All files of all inputs, sorted by source.

    Raises RecipeError for a path that does not exist or leaves its root, an input without files, a source given twice.
    """
    files: dict[str, SourceFile] = {}
    for item in inputs:
        found = _listed(item)
        if not found:
            raise RecipeError(f"input {item.name!r} holds no files: {item.root} {' '.join(item.paths)}".rstrip())
        for file in found:
            if file.source in files:
                raise RecipeError(f"{file.source!r} is given twice: document ids start with it, so it must be unique")
            files[file.source] = file
    return [files[source] for source in sorted(files)]


def _listed(item: Input) -> list[SourceFile]:
    try:
        if "://" in item.root:
            return admitted(lambda: list(_files_of(item)), Remote(item.root))
        return list(_files_of(item))
    except CurateError:
        raise
    except Exception as error:  # each store's client has errors of its own
        raise EngineError(f"cannot list {item.root!r}: {type(error).__name__}: {error}") from error


def _files_of(item: Input) -> Iterator[SourceFile]:
    system, root = open_system(item.root)
    for path in sorted(set(_paths(system, root, item))):
        size, version = _state(system, path)
        below = _below(root, path, item)
        where = path if "file" in system.protocol else system.unstrip_protocol(path)
        kind = _format(path, where) if item.format == "auto" else item.format
        yield SourceFile(_printable(f"{item.name}/{below}"), where, size, version, kind, item.crawl, dict(item.columns))


def is_unchanged(piece: Piece) -> bool:
    """Whether what a piece is read from is what was listed: a spilled copy is ours, a file has its size and version."""
    if piece.spill:
        return True
    system, path = open_system(piece.file.path)
    try:
        return _state(system, path) == (piece.file.size_bytes, piece.file.version)
    except FileNotFoundError:
        return False


def _state(system: Any, path: str) -> tuple[int, str]:
    """(bytes as stored, version) of a file. fsspec's local file system follows links, as the reader will."""
    info = _ask(system, "info", path)
    version = info.get("mtime") or info.get("ETag") or info.get("LastModified") or info.get("created") or ""
    return int(info.get("size") or 0), str(version)


def _paths(system: Any, root: str, item: Input) -> Iterator[str]:
    for wanted in item.paths or ("",):
        path = wanted if os.path.isabs(wanted) else f"{root}/{wanted}".rstrip("/")
        if set(wanted) & set("*?[") and not _ask(system, "exists", path):  # a file may be called `a[1].warc`
            matches = [match for match in _ask(system, "glob", path) if not _ask(system, "isdir", match)]
            if not matches:
                raise RecipeError(f"input {item.name!r}: nothing matches {wanted!r} below {item.root}")
            yield from matches
        elif _ask(system, "isdir", path):
            yield from _ask(system, "find", path)
        elif _ask(system, "exists", path):
            yield path
        else:
            raise RecipeError(f"input {item.name!r}: there is no {wanted or item.root!r}; is the path right?")


def _ask(system: Any, verb: str, path: str) -> Any:
    """What a file system says of a path; a store is asked again where it fails to answer."""
    ask = getattr(system, verb)
    return ask(path) if "file" in system.protocol else persist(lambda: ask(path), path)


def _below(root: str, path: str, item: Input) -> str:
    """The path below the root with forward slashes."""
    trunk, leaf = root.rstrip("/") + "/", os.path.normpath(path) if "://" not in path else path
    if not leaf.startswith(trunk) or "/../" in leaf:
        raise RecipeError(f"input {item.name!r}: {path!r} lies outside its root {item.root!r}")
    return leaf[len(trunk) :]


def _printable(source: str) -> str:
    """A name that is not UTF-8 with its bytes spelled out, as a source has to be text."""
    return source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def format_of(path: str) -> str:
    """warc, arc, wet, html, jsonl, parquet or text by the file's name; "unsupported" for everything else."""
    name = PurePosixPath(path).name.lower()
    for ending in _COMPRESSIONS:
        name = name.removesuffix(ending)
    for ending, kind in _FORMATS.items():
        if name.endswith(ending):
            return kind
    return "unsupported"


def _format(path: str, where: str) -> str:
    """By name, else by the first bytes: crawlers leave files without an ending, or with one of their own."""
    kind = format_of(path)
    if kind != "unsupported":
        return kind
    from curate.sources.inflate import open_inflated

    try:
        with open_inflated(where) as stream:
            head = stream.read(16)
    except OSError:
        return kind
    return next((known for magic, known in _CONTENT_MAGIC.items() if head.startswith(magic)), kind)


def open_stored(path: str) -> Any:
    """The stored bytes of a local file or URL, seekable, read in large blocks."""
    if "://" not in path:
        return open(path, "rb", buffering=1 << 20)
    from curate.sources.remote import open_remote

    return open_remote(path)


def compression_of(head: bytes) -> str | None:
    """gzip, zstd or None by a file's first bytes."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
