"""Tasks and stages that ask for GPUs and tell what they were given; workers and recipes name them by import path."""

import functools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from curate.resources import Resources
from curate.rule import Rule
from curate.stage import stage

# One task after another writes a line; those of 4 kB or less never mix.
TOLD = "told"


@functools.cache
def model(folder: str) -> int:
    """Stands for the weights that a stage keeps; tells when it is loaded."""
    with (Path(folder) / "loaded").open("a") as file:
        file.write(f"{os.getpid()}\n")
    return 2


@dataclass(frozen=True)
class Tell:
    """Doubles numbers, in `seconds`, and tells which GPUs its process saw and when; kills it at `deadly`, `times`.

    meet: it waits until so many processes have loaded the model.
    """

    folder: str
    seconds: float = 0.15
    meet: int = 1
    deadly: int = -1
    times: int = 0

    def __call__(self, number: int) -> int:
        started = time.monotonic()
        if number == self.deadly:
            with (Path(self.folder) / "deaths").open("a") as file:
                file.write("x")
            if len((Path(self.folder) / "deaths").read_text()) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        result = model(self.folder) * number
        while len((Path(self.folder) / "loaded").read_text().split()) < self.meet and time.monotonic() < started + 60:
            time.sleep(0.01)
        time.sleep(self.seconds)
        with (Path(self.folder) / TOLD).open("a") as file:
            file.write(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')!r} {started} {time.monotonic()}\n")
        return result


@dataclass(frozen=True)
class Told:
    """What a task has told."""

    pid: int
    gpus: str
    started: float
    ended: float


def told(folder: Path) -> list[Told]:
    """Of all tasks, in the order in which they ended."""
    lines = [line.split() for line in (folder / TOLD).read_text().splitlines()]
    return [Told(int(pid), gpus.strip("'"), float(started), float(ended)) for pid, gpus, started, ended in lines]


def most_at_once(tasks: list[Told]) -> int:
    """How many of the tasks ran at the same time."""
    return max(sum(other.started <= task.started < other.ended for other in tasks) for task in tasks)


@stage(
    needs=["text"],
    adds={"weight": pa.int32()},
    rules=[Rule("weight", "too_light", min=40)],
    resources=Resources(gpus=1, memory_bytes=1 << 20),
)
def weigh(text: pa.StringArray, *, folder: str = "", seconds: float = 0.0, meet: int = 1) -> pa.Array:
    """As heavy as it is long; a model would do it on a GPU. Tells what it was given, where there is a folder for it."""
    if folder:
        Tell(folder, seconds, meet)(0)
    return pa.array([len(value) for value in text.to_pylist()])


@stage(needs=["text"], adds={"length": pa.int32()})
def measure(text: pa.StringArray) -> pa.Array:
    """Needs nothing beside a core."""
    return pa.array([len(value) for value in text.to_pylist()])
