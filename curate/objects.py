"""Objects of a store (s3://, gs://, az://, memory://): what a run asks of them, and how it deals with their moods.

A store fails now and then: it is busy (503), it drops a connection in the middle of a body, it does not answer. Every
request goes through `persist`, which asks again after growing pauses and ends in an EngineError that names the object;
the store's client is told not to ask again by itself. What cannot be mended by asking again is not asked again.
Nothing is cached, listings least of all. Credentials are those of the environment that a process runs in.

Cost: `Remote.exists` and its like ask once or twice, everything else once; a listing once for 1,000 names.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from pathlib import PurePosixPath
from typing import Any, TypeVar

from curate.errors import EngineError, RecipeError

# Pauses of 0.5, 1, 2, 4, 8, 16 and 20 seconds, each shortened by up to half by chance: the workers of a cluster that
# were all told to slow down do not come back all at once.
TRIES = 8
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
# Objects of up to this size are read whole, by one request.
WHOLE_BYTES = 1 << 20

# What fsspec needs for a scheme, as an extra of ours.
_EXTRAS = {"http": "http", "https": "http", "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}
# One request at a time for one file, so that an upload holds 50 MB; workers are many already. Tries are ours alone.
_S3: Mapping[str, Any] = {"max_concurrency": 1, "config_kwargs": {"retries": {"max_attempts": 0}}}
_LASTING = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError, TypeError)

T = TypeVar("T")
# Bytes [start, end) of an object; None: its own ends.
Range = tuple["Remote", int | None, int | None]


@dataclass(frozen=True, order=True)
class Remote:
    """An object of a store, or the folder that names with a common prefix make. It pickles as its URL."""

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "Remote":
        return Remote(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its last ending."""
        return PurePosixPath(self.name).stem

    @property
    def parent(self) -> "Remote":
        """The folder that it lies in."""
        return Remote(self.url.rpartition("/")[0])

    def with_name(self, name: str) -> "Remote":
        """Another name in the same folder."""
        return self.parent / name

    def absolute(self) -> "Remote":
        """Itself: URLs are the same everywhere."""
        return self

    resolve = absolute

    def is_file(self) -> bool:
        """Whether there is such an object."""
        return self._kind() == "file"

    def is_dir(self) -> bool:
        """Whether there are objects below it."""
        return self._kind() == "directory"

    def exists(self) -> bool:
        """Whether there is anything of this name."""
        return bool(self._kind())

    def iterdir(self) -> "Iterator[Remote]":
        """What lies in the folder, in no order; nothing where there is none."""
        with suppress(FileNotFoundError):
            names = {str(found).rstrip("/").rpartition("/")[2] for found in self.ask("ls", detail=False)}
            yield from (self / name for name in names - {self.name})  # some tools leave an object for the folder itself

    def glob(self, pattern: str) -> "Iterator[Remote]":
        """What lies in the folder and has such a name."""
        return (found for found in self.iterdir() if fnmatchcase(found.name, pattern))

    def read_bytes(self) -> bytes:
        """The whole object. Raises FileNotFoundError."""
        return bytes(self.ask("cat_file"))

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole object as text. Raises FileNotFoundError."""
        return self.read_bytes().decode(encoding)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object."""
        try:
            self.ask("rm_file")
        except FileNotFoundError:
            if not missing_ok:
                raise

    def ask(self, verb: str, *args: Any, tries: int = TRIES, **options: Any) -> Any:
        """What fsspec's file system answers to a verb for this path."""
        system, path = open_system(self.url)
        return persist(lambda: getattr(system, verb)(path, *args, **options), self.url, tries)

    def _kind(self) -> str:
        try:
            return str(self.ask("info")["type"])
        except FileNotFoundError:
            return ""


def open_system(root: str) -> tuple[Any, str]:
    """(fsspec file system, path in it) of a folder or URL. Raises RecipeError where there is none for its scheme."""
    import fsspec

    where = root if "://" in root else os.path.abspath(root)
    scheme = where.partition("://")[0]
    try:
        options = _S3 if scheme in ("s3", "s3a") else {}
        system, path = fsspec.core.url_to_fs(where, use_listings_cache=False, **options)
    except (ImportError, ValueError) as error:
        extra = _EXTRAS.get(scheme)
        hint = f"; pip install 'curate[{extra}]'" if extra and isinstance(error, ImportError) else ""
        raise RecipeError(f"cannot open {root!r}: {error}{hint}") from error
    if options:
        system.retries = 1
    return system, path.rstrip("/") or "/"


def persist(act: Callable[[], T], what: str, tries: int = TRIES) -> T:
    """What `act` returns, tried again with growing pauses: it must be safe to be done twice.

    A missing or present object is the caller's business (FileNotFoundError, FileExistsError). Raises EngineError for
    all else, at once where asking again cannot help.
    """
    for attempt in range(tries):
        try:
            return act()
        except (FileNotFoundError, FileExistsError, EngineError, RecipeError):
            raise
        except Exception as error:  # each store's client has errors of its own
            said = f"{type(error).__name__}: {error}"
            if is_denied(error):
                raise EngineError(
                    f"{what}: the store refused it ({said}). {CHECK} Then run the same command."
                ) from error
            if attempt == tries - 1 or isinstance(error, _LASTING):
                raise EngineError(
                    f"cannot reach {what}, tried {attempt + 1} times: {said}. The same command again goes on from here."
                ) from error
            time.sleep(min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S) * random.uniform(0.5, 1))  # noqa: S311  # no secret
    raise AssertionError("unreachable")


CHECK = "Check the credentials of this process (AWS_ACCESS_KEY_ID and so on, or its role) and what they may do there."


def is_denied(error: BaseException | None) -> bool:
    """Whether a store has refused, or there was nothing to show to it."""
    return isinstance(error, PermissionError) or "Credentials" in type(error).__name__


def admitted(act: Callable[[], T], where: Remote) -> T:
    """What `act` returns. Raises RecipeError where the bucket is missing or closed to us."""
    try:
        return act()
    except FileNotFoundError as error:
        raise RecipeError(
            f"{where}: {error}. Is the name right, and the endpoint (AWS_ENDPOINT_URL, where it is not Amazon's)? "
            "Buckets are not created."
        ) from error
    except EngineError as error:
        if is_denied(error.__cause__):
            raise RecipeError(f"{where}: {error.__cause__}. {CHECK}") from error
        raise


def create(remote: Remote, content: bytes) -> bool:
    """Make an object that must not be there yet; whether it is ours. Raises RecipeError for a store that is closed.

    That is told from what it holds: the answer to a request that was carried out may have been lost.
    """
    with suppress(FileExistsError):
        admitted(lambda: remote.ask("pipe_file", content, mode="create"), remote)
    with suppress(FileNotFoundError):
        return remote.read_bytes() == content
    return False


def overwrite(remote: Remote, content: bytes) -> None:
    """Put a small object, tried twice at most: for what is put again soon anyway."""
    remote.ask("pipe_file", content, tries=2)


def read_ranges(ranges: Sequence[Range]) -> list[bytes]:
    """Pieces of objects of one store, asked for together; only those that failed are asked for again.

    Raises FileNotFoundError where an object is missing.
    """
    found: dict[int, bytes] = {}

    def act() -> None:
        waiting = [number for number in range(len(ranges)) if number not in found]
        asked = [ranges[number] for number in waiting]
        system, _ = open_system(asked[0][0].url)
        paths = [system._strip_protocol(remote.url) for remote, _, _ in asked]
        starts, ends = [start for _, start, _ in asked], [end for _, _, end in asked]
        answers = system.cat_ranges(paths, starts, ends, on_error="return")
        failed = []
        for number, (_, start, end), answer in zip(waiting, asked, answers, strict=True):
            if isinstance(answer, BaseException):
                failed.append(answer)
            elif end is not None and len(answer) != end - (start or 0):
                failed.append(EOFError(f"{len(answer)} bytes of {end - (start or 0)}"))
            else:
                found[number] = bytes(answer)
        if failed:
            raise next((error for error in failed if isinstance(error, FileNotFoundError)), failed[0])

    if ranges:
        more = f" and {len(ranges) - 1} more" if len(ranges) > 1 else ""
        persist(act, f"{ranges[0][0]}{more}")
    return [found[number] for number in range(len(ranges))]


class Seekable(RawIOBase):
    """A file of known size to read at will: the part of it that asks nothing of a store."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """As any file does."""
        start = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self.size}[whence]
        self._position = max(start + offset, 0)
        return self._position


class RangeFile(Seekable):
    """An object, by one request a read, and none for what a small object holds."""

    def __init__(self, remote: Remote) -> None:
        super().__init__(int(remote.ask("info")["size"]))
        self._remote = remote
        self._whole = remote.read_bytes() if self.size <= WHOLE_BYTES else None

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, all of them."""
        start = min(self._position, self.size)
        end = self.size if size is None or size < 0 else min(start + size, self.size)
        self._position = end
        if self._whole is not None:
            return self._whole[start:end]
        return read_ranges([(self._remote, start, end)])[0] if end > start else b""
