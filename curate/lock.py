"""One run at a time per output folder.

The lock is an advisory lock on OUT/.lock, which the system lets go of when the process ends however it ends, and a
random token inside it. Workers carry the token as a fence: one that outlives a killed run cannot publish into the next.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.errors import EngineError, LockError
from curate.store import Fence


@contextmanager
def lock(out: Path) -> Iterator[Fence]:
    """Hold OUT for the length of the block. Raises LockError when another run has it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise EngineError(f"cannot write to {out}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LockError(f"another run is working on {out}; wait for it, or choose another --out") from error
        token = secrets.token_hex(16)
        os.ftruncate(handle, 0)
        os.pwrite(handle, token.encode(), 0)
        os.fsync(handle)
        yield Fence(str(out / ".lock"), token)
    finally:
        os.close(handle)
