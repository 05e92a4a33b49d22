"""The one way in which this package compiles loops: Numba, without the interpreter lock, cached on disk.

Compiled kernels lie in the user's cache folder, in a folder of their own for every state of the package's source, so a
kernel may use functions and constants of other modules: what Numba's own cache would not notice. Compiling takes half
a minute with blocks, ten seconds without, once per machine and version; one process does it and the others wait for
it, which a lock on a file sees to. Where nothing can be written, every process compiles for itself.
"""

import hashlib
import importlib
import inspect
import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

try:
    import fcntl
except ImportError:  # no such locks: at worst a kernel is compiled twice
    fcntl = None  # type: ignore[assignment]  # to mypy the name stays a module's

Function = TypeVar("Function", bound=Callable[..., Any])
# np.int64 for what kernels count unsigned and return: an int to Numba, and by this type also to a type checker.
signed: Callable[[np.unsignedinteger[Any]], int] = cast(Any, np.int64)
caching: Any = importlib.import_module("numba.core.caching")
registry: Any = importlib.import_module("numba.core.registry")

# Longer than any kernel takes to compile: a process that was stopped while compiling does not block others for ever.
LONGEST_WAIT_S = 120.0
KEPT_UNUSED_S = 30 * 86_400.0
_POLL_S = 0.05


def kernel(function: Function) -> Function:
    """Compile `function` at its first call; integer and float64 semantics are those of numpy."""
    return _compiled(function)


def inner(function: Function) -> Function:
    """A kernel that runs once a byte or tag and makes no array: part of the machine code of those that call it.

    References to arrays are not counted in it, which cost a scan of many small functions four fifths of its time.
    """
    return _compiled(function, forceinline=True, _nrt=False)


def _compiled(function: Function, **options: Any) -> Function:
    compiled: Any = numba.njit(nogil=True, **options)(function)
    if folder() is not None:
        compiled._cache = _Cache(function)  # what njit(cache=True) does with a cache of Numba's own
    return cast(Function, compiled)


def warm_up() -> None:
    """Do what Numba puts off until the first kernel is called: 0.4 s of its own imports."""
    registry.cpu_target.target_context.refresh()


@cache
def folder() -> Path | None:
    """Where the kernels of this state of the source are kept; None where no folder can be written."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = home / "curate" / f"kernels-{source_stamp()}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        probe = place / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
        _forget_old(place)
    except (OSError, RuntimeError):
        return None
    return place


def compiled() -> bool:
    """Whether this Python finds any kernel of this state of the source: without, the first run compiles them."""
    place = folder()
    return place is not None and any(place.glob(f"*.py{sys.version_info.major}{sys.version_info.minor}.nbi"))


def _forget_old(place: Path) -> None:
    """Remove kernels of states of the source that nobody has used for long."""
    os.utime(place)
    for other in place.parent.glob("kernels-*"):
        if time.time() - other.stat().st_mtime > KEPT_UNUSED_S:
            shutil.rmtree(other, ignore_errors=True)


@cache
def source_stamp() -> str:
    """Changes with any module that holds kernels, or what they use."""
    root, digest = resources.files("curate"), hashlib.sha256()
    for folder in ("blocks", "classify", "dedup", "held_out", "pii", "text"):
        for file in sorted(root.joinpath(folder).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                digest.update(f"{folder}/{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


class _Locator(caching._CacheLocator):  # type: ignore[misc]  # Numba does not type it
    """Tells Numba where a function's compiled form lies."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def get_cache_path(self) -> str:
        return str(folder())

    def get_source_stamp(self) -> str:
        loader = self._function.__globals__["__loader__"]  # also one that reads from a zip
        return source_stamp() + hashlib.sha256(loader.get_data(inspect.getfile(self._function))).hexdigest()

    def get_disambiguator(self) -> str:
        return self._function.__module__

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "_Locator":
        return cls(py_func)


class _Impl(caching.CompileResultCacheImpl):  # type: ignore[misc]  # Numba does not type it
    _locator_classes = [_Locator]  # noqa: RUF012  # as Numba declares it


class _Cache(caching.FunctionCache):  # type: ignore[misc]  # Numba does not type it
    """Numba's cache, whose misses are compiled by one process at a time."""

    _impl_class = _Impl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)
        if found is None:
            _LOCK.acquire()
            found = super().load_overload(sig, target_context)
            if found is not None:
                _LOCK.release()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        finally:
            _LOCK.release()


class _Lock:
    """A lock between processes, counted within one: a kernel that is being compiled compiles those that it calls."""

    def __init__(self) -> None:
        self._depth = 0
        self._file: Any = None

    def acquire(self) -> None:
        place = folder()
        if place is None or fcntl is None:
            return
        self._depth += 1
        if self._depth > 1:
            return
        self._file = open(place / ".compiling", "w")  # noqa: SIM115  # held until `release`
        deadline = time.monotonic() + LONGEST_WAIT_S
        while time.monotonic() < deadline:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                time.sleep(_POLL_S)

    def release(self) -> None:
        self._depth = max(self._depth - 1, 0)
        if not self._depth and self._file is not None:
            self._file.close()
            self._file = None


_LOCK = _Lock()
