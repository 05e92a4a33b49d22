"""One run at a time per output folder.

On a file system the lock is an advisory lock on OUT/.lock, which the system lets go of when the process ends however it
ends, and a random token inside it. A store knows no such thing: there OUT/.lock is an object that is made only if it is
not there, and OUT/.lock.beat changes every ten seconds as long as its holder lives. Another run that finds a lock
watches the beat: it is refused when that changes, and takes the lock over when it stood still for a minute. No clocks
are compared.

Workers carry the token as a fence: one that outlives a killed run cannot publish into the next.
"""

import fcntl
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.errors import EngineError, LockError
from curate.objects import TRIES, Remote, create, overwrite
from curate.store import Fence

BEAT_S = 10.0
STILL_S = 60.0
LOOK_S = 1.0
# Two runs may have found the same dead lock; the second to take it is the one that has it after this.
SETTLE_S = 3.0


@contextmanager
def lock(out: Path) -> Iterator[Fence]:
    """Hold OUT for the length of the block. Raises LockError when another run has it.

    Of a store also RecipeError, where it does not let us write.
    """
    with _object_lock(out) if isinstance(out, Remote) else _file_lock(out) as fence:
        yield fence


def is_locked(out: Path) -> bool:
    """Whether a run is working on OUT; of a store it may take ten seconds to see that."""
    if isinstance(out, Remote):
        return _stirs(out / ".lock", BEAT_S + LOOK_S)
    try:
        with open(out / ".lock", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # a shared lock, let go of at once
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def _file_lock(out: Path) -> Iterator[Fence]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise EngineError(f"cannot write to {out}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LockError(_refusal(out)) from error
        token = secrets.token_hex(16)
        os.ftruncate(handle, 0)
        os.pwrite(handle, token.encode(), 0)
        os.fsync(handle)
        yield Fence(str(out / ".lock"), token)
    finally:
        os.close(handle)


@contextmanager
def _object_lock(out: Remote) -> Iterator[Fence]:
    path, token = out / ".lock", secrets.token_hex(16)
    _take(path, token)
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(path, token, over), daemon=True)
    beating.start()
    try:
        yield Fence(str(path), token)
    finally:
        over.set()
        beating.join()
        with suppress(EngineError):  # where the store is away the next run waits for a minute
            if _content(path) == token:
                _beat_of(path).unlink(missing_ok=True)
                path.unlink(missing_ok=True)


def _take(path: Remote, token: str) -> None:
    """Make the lock ours, if need be from a run that has died. Raises LockError."""
    dead = ""
    while not create(path, token.encode()):
        if dead:
            raise LockError(_refusal(path.parent))  # another run was faster
        print(f"{path} is there: looking for up to {STILL_S:.0f} s whether its run lives", file=sys.stderr, flush=True)
        found = _content(path)
        if _stirs(path, STILL_S):
            raise LockError(_refusal(path.parent))
        if found and _content(path) == found:
            path.unlink(missing_ok=True)
            dead = found
    if dead:
        time.sleep(SETTLE_S)
        if _content(path) != token:
            raise LockError(_refusal(path.parent))


def _stirs(path: Remote, within_s: float) -> bool:
    """Whether the lock is there and its holder shows a sign of life."""
    seen, until = _signs(path), time.monotonic() + within_s
    while seen[0] and time.monotonic() < until:
        time.sleep(LOOK_S)
        now = _signs(path)
        if now != seen:
            return bool(now[0])
    return False


def _signs(path: Remote) -> tuple[str, str]:
    return _content(path), _content(_beat_of(path))


def _beat(path: Remote, token: str, over: threading.Event) -> None:
    """Show that the holder lives, as long as it is the holder."""
    number = 0
    while not over.wait(BEAT_S):
        number += 1
        with suppress(EngineError):  # not for long: the next beat may come through
            if _content(path, tries=2) != token:
                return
            overwrite(_beat_of(path), f"{token} {number}".encode())


def _beat_of(path: Remote) -> Remote:
    return path.with_name(f"{path.name}.beat")


def _content(path: Remote, tries: int = TRIES) -> str:
    try:
        return bytes(path.ask("cat_file", tries=tries)).decode()
    except FileNotFoundError:
        return ""


def _refusal(out: Path | Remote) -> str:
    return f"another run is working on {out}; wait for it, or choose another --out"
