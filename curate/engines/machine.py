"""What this machine has for workers, found without importing anything that would set up a GPU in the driver.

A worker sees the GPUs that it has been given and no others, by CUDA_VISIBLE_DEVICES, which CUDA reads at its first use;
a worker that was given none sees none, whatever the machine has.
"""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from curate.resources import Resources

VISIBLE = "CUDA_VISIBLE_DEVICES"
# A broken driver may leave nvidia-smi without an answer.
_ANSWER_S = 20.0
# The lock of a worker that has just died may take a moment to go.
_LEASE_S = 30.0
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

# What locks this worker's GPUs; they are free again when it ends, however it ends.
_leases: list[IO[bytes]] = []


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_memory_bytes() -> int:
    """Memory of this machine, or of the container where that has a limit below it."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such file, or no limit: "max"
            limits.append(int(Path(path).read_text(encoding="ascii")))
    return min(limits)


def visible_gpus() -> tuple[str, ...]:
    """The GPUs, or the instances that MIG has cut them into, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get(VISIBLE)
    if given is not None:  # CUDA itself stops at the first that it does not know
        return tuple(name.strip() for name in given.split(",") if name.strip() not in ("", "-1", "NoDevFiles"))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_ANSWER_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return listed_gpus(listed.stdout)


def listed_gpus(listing: str) -> tuple[str, ...]:
    """UUIDs in what `nvidia-smi -L` prints; a GPU that is cut into instances counts as these."""
    found: list[str] = []
    for line in listing.splitlines():
        if named := re.search(r"\(UUID: ([^)]+)\)", line):
            if named[1].startswith("MIG-") and found and found[-1].startswith("GPU-"):
                found.pop()
            found.append(named[1])
    return tuple(found)


def gpu_slots(names: Sequence[str], needs: Resources) -> tuple[str, ...]:
    """What workers with these needs may be given, a value of CUDA_VISIBLE_DEVICES a worker.

    Those that share GPUs are spread over all; with fewer GPUs than one worker asks for, it gets those.
    """
    workers, each = needs.workers_at(len(names)), max(1, int(needs.gpus))
    starts = (worker * each % max(1, len(names)) for worker in range(max(1, workers)))
    return tuple(",".join(names[start : start + each]) for start in starts) if names else ()


def lease(slots: Sequence[str], path: str) -> None:
    """Take a slot that no living worker has, and make its GPUs all that this process sees.

    path: a file whose bytes stand for the slots; a worker locks its own, and a dead one's lock is gone with it.
    """
    locks = open(path, "wb")  # noqa: SIM115  # open as long as the process lives, and so are its locks
    until = time.monotonic() + _LEASE_S
    while time.monotonic() < until:
        for number, slot in enumerate(slots):
            with suppress(BlockingIOError, PermissionError):  # both say that another process has it
                fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                _leases.append(locks)
                show_gpus(slot)
                return
        time.sleep(0.05)
    raise RuntimeError("no GPU has come free: a worker that was to end still holds its own")


def show_gpus(slot: str = "") -> None:
    """Make these GPUs all that this process sees; CUDA must not have been used in it."""
    os.environ[VISIBLE] = slot
