"""What a stage asks of the worker that runs it: cores, GPUs, memory.

    @stage(needs=["text"], adds={"quality": pa.float32()}, resources=Resources(gpus=1, memory_bytes=4 << 30))

Resources say where and how many at a time, never what comes out: they are no part of a fingerprint, and a run may be
finished with others, or on a machine without a GPU.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """cpus: cores. gpus: whole ones, or the share of one that it takes. memory_bytes: 0 for what any worker has.

    A GPU is used where there is one; the stage works on the CPU where there is none.
    """

    cpus: int = 1
    gpus: float = 0
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for what no worker can have."""
        if self.cpus < 1 or self.gpus < 0 or self.memory_bytes < 0:
            raise ValueError("cpus are 1 or more, gpus and memory_bytes 0 or more")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ValueError(f"gpus = {self.gpus}: whole ones, or a share of one")

    def workers_at(self, gpus: int) -> int:
        """How many workers so many GPUs are enough for; those that need a part of one never have parts of two."""
        return gpus * int(1 / self.gpus) if self.gpus <= 1 else gpus // int(self.gpus)

    def __str__(self) -> str:
        """What people read: `1 GPU, 4.0 GiB`, nothing for what is usual."""
        named = [
            (self.cpus > 1, f"{self.cpus} cores"),
            (self.gpus > 0, f"{self.gpus:g} {'GPUs' if self.gpus > 1 else 'GPU'}"),
            (self.memory_bytes > 0, f"{self.memory_bytes / (1 << 30):.1f} GiB of memory"),
        ]
        return ", ".join(text for is_asked, text in named if is_asked)


# What a worker has when nobody asks for anything.
USUAL = Resources()


def together(asked: Iterable[Resources]) -> Resources:
    """What stages need that run in turn in one worker: the most cores and GPUs of any, the memory of all together."""
    found = list(asked) or [USUAL]
    return Resources(
        max(one.cpus for one in found), max(one.gpus for one in found), sum(one.memory_bytes for one in found)
    )
