"""Lists of domains, URLs and URL words, read once per process and kept as sorted 64-bit hashes.

A list is a file with one entry a line, or a folder in UT1's format: a subfolder per category with files `domains` and
`urls`. Local or any fsspec URL. `#` starts a comment line. An entry may carry a level after a space (`example.com 2`);
without one it is 1. An entry's category is the name of its subfolder, or of the file.

Cost: 11 bytes an entry, so 13 million domains take 140 MB a process, and about 3 µs an entry to load. Two of 13 million
names share a hash with a chance of 1 in 200,000, and an unlisted name meets a listed one with 1 in 10^12.
"""

import tomllib
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b, sha256
from importlib import resources
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import RecipeError
from curate.objects import open_system
from curate.sources.files import open_stored
from curate.stages.url_parts import domain_key, url_key

OURS = "default"


class Listed(NamedTuple):
    """Entries sorted by hash, each once with its worst level: keys uint64[n], levels and categories uint16[n]."""

    keys: npt.NDArray[np.uint64]
    levels: npt.NDArray[np.uint8]
    categories: npt.NDArray[np.uint16]
    names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """sha256 of all that a look-up can show."""
        digest = sha256(repr(self.names).encode())
        for column in (self.keys, self.levels, self.categories):
            digest.update(column.tobytes())
        return digest.hexdigest()

    def find(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """int64[m]: where each key stands, −1 for those that are not listed."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int64)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)


class Tiers(NamedTuple):
    """URL words by how much one of them says."""

    strict: tuple[str, ...]
    hard: frozenset[str]
    soft: frozenset[str]

    @property
    def fingerprint(self) -> str:
        """sha256 of the words of every tier."""
        return sha256(repr([sorted(tier) for tier in self]).encode()).hexdigest()


def hash_keys(keys: Sequence[str]) -> npt.NDArray[np.uint64]:
    """uint64[n]: the first 8 bytes of blake2b of each string."""
    digests = b"".join([blake2b(key.encode("utf-8", "replace"), digest_size=8).digest() for key in keys])
    return np.frombuffer(digests, np.dtype("<u8"))


@cache
def load_domains(paths: tuple[str, ...]) -> Listed:
    """The domains of all lists. Raises RecipeError for a list that is missing or cannot be read."""
    return _load(paths, "domains")


@cache
def load_urls(paths: tuple[str, ...]) -> Listed:
    """The URLs of all lists. Raises RecipeError for a list that is missing or cannot be read."""
    return _load(paths, "urls")


@cache
def load_words(path: str) -> Tiers:
    """A TOML file with the lists `strict`, `hard` and `soft`. Raises RecipeError."""
    try:
        if path == OURS:
            text = resources.files("curate.stages").joinpath("lists/words.toml").read_text(encoding="utf-8")
        else:
            with open_stored(path) as stored:
                text = stored.read().decode("utf-8")
        table = {tier: [_word(word) for word in words] for tier, words in tomllib.loads(text).items()}
        return Tiers(tuple(table["strict"]), frozenset(table["hard"]), frozenset(table["soft"]))
    except OSError as error:
        raise RecipeError(f"urls.words: cannot read {path!r}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:  # not UTF-8 and not TOML are ValueErrors
        raise RecipeError(f"urls.words: {path!r} must hold the lists strict, hard and soft: {error}") from error


def _word(word: Any) -> str:
    if not isinstance(word, str) or not word:
        raise TypeError(f"{word!r} is not a word")
    return word.lower()


def _load(paths: Sequence[str], kind: str) -> Listed:
    digests, levels, categories = bytearray(), array("B"), array("H")
    names: dict[str, int] = {}
    key_of = domain_key if kind == "domains" else url_key
    for path in paths:
        for category, lines in _files(path, kind):
            number = names.setdefault(category, len(names))
            for entry, level in _entries(lines, f"urls.{kind}: {path!r}"):
                digests += blake2b(key_of(entry).encode("utf-8", "replace"), digest_size=8).digest()
                levels.append(level)
                categories.append(number)
    keys = np.frombuffer(bytes(digests), np.dtype("<u8"))
    order = np.lexsort((-np.array(levels, np.int16), keys))  # stable: of equal levels the first list's entry is kept
    order = order[np.r_[True, np.diff(keys[order]) != 0]] if len(order) else order
    return Listed(keys[order], np.array(levels, np.uint8)[order], np.array(categories, np.uint16)[order], tuple(names))


def _files(path: str, kind: str) -> Iterator[tuple[str, Iterator[str]]]:
    """(category, lines) of a list file, or of every file named `kind` below a folder."""
    if path == OURS:
        folder = resources.files("curate.stages").joinpath(f"lists/{kind}")
        for file in sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else ():
            yield PurePosixPath(file.name).stem, iter(file.read_text(encoding="utf-8").splitlines())
        return
    for name in _file_names(path, kind):
        place = PurePosixPath(name)
        yield (place.parent.name if place.name == kind else place.stem), _lines(name, f"urls.{kind}: {path!r}")


def _lines(name: str, where: str) -> Iterator[str]:
    try:
        with open_stored(name) as stored:
            for line in stored:
                yield line.decode("utf-8", "replace")
    except OSError as error:
        raise RecipeError(f"{where}: cannot read the list: {error.strerror or error}") from error


def _file_names(path: str, kind: str) -> list[str]:
    try:
        system, root = open_system(path)
        if not system.exists(root):
            raise RecipeError(f"urls.{kind}: there is no list {path!r}")
        if not system.isdir(root):
            return [path]
        found = sorted(name for name in system.find(root) if name.rpartition("/")[2] == kind)
    except (OSError, ValueError, ImportError) as error:  # what a remote store may answer with
        raise RecipeError(f"urls.{kind}: cannot open the list {path!r}: {error}") from error
    if not found:
        raise RecipeError(f"urls.{kind}: no file named {kind!r} below the folder {path!r}")
    return [name if "file" in system.protocol else system.unstrip_protocol(name) for name in found]


def _entries(lines: Iterator[str], where: str) -> Iterator[tuple[str, int]]:
    """(entry, level) of every line that is not empty or a comment."""
    for number, line in enumerate(lines, 1):
        entry, *level = line.split()[:2] or ("#",)
        if entry.startswith("#"):
            continue
        try:
            yield entry, min(max(int(*level), 0), 255) if level else 1
        except ValueError as error:
            raise RecipeError(
                f"{where}, line {number}: {level[0]!r} is no level; write `domain` or `domain 2`"
            ) from error
