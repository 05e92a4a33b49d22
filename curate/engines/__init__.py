"""Engines: the two verbs that every step is written in, and the choice of who carries them out.

    map(task, items)      each task publishes its part and returns the manifest; tasks are idempotent and may run twice
    exchange(job)         emit on every input part, all rows of a bucket to one reduce

`local` is a process pool on this machine and the default; `ray` and `spark` give the same work to a cluster. An engine
is one short file that knows nothing of stages.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from curate.errors import RecipeError
from curate.resources import USUAL, Resources
from curate.store import Manifest
from curate.wide import Emit

# Engine → (module, class, the package it stands on).
_ENGINES = {
    "local": ("curate.engines.local", "LocalEngine", "pebble"),
    "ray": ("curate.engines.ray", "RayEngine", "ray"),
    "spark": ("curate.engines.spark", "SparkEngine", "pyspark"),
}

Task = Callable[..., Any]
Reducer = Callable[[int, Iterator[pa.RecordBatch]], Manifest]


@dataclass(frozen=True)
class Exchange:
    """One exchange: what to emit from `inputs` parts, and what to do with each bucket in `todo`.

    schema: of the emitted rows, beginning with `bucket: int32` in 0..buckets−1. scratch: a folder for what is on its
    way, which outlives a killed run. fingerprint: of the emitted rows; scratch files of another one are not used.
    """

    emit: Emit
    reduce: Reducer
    inputs: int
    schema: pa.Schema
    todo: Sequence[int]
    scratch: str
    fingerprint: str

    @property
    def name(self) -> str:
        """The folder that `scratch` lies in, which is called for the step and the exchange."""
        return Path(self.scratch).parent.name


class Engine(Protocol):
    """The two verbs. Results come in the order in which they are finished."""

    def map(self, task: Task, items: Sequence[tuple[Any, ...]], needs: Resources = USUAL) -> Iterator[Any]:
        """Call `task(*item)` for every item, anywhere, at least once; yield what it returns.

        needs: what each worker has while it works on this; no GPU where `gpus()` is 0.
        """
        ...

    def gpus(self) -> int:
        """How many GPUs steps that ask for one may use. Where there are none, they work without."""
        ...

    def exchange(self, job: Exchange) -> Iterator[Manifest]:
        """Emit, shuffle and reduce; yield one manifest for every bucket in `job.todo`, empty ones too."""
        ...

    def close(self) -> None:
        """Let go of workers; nothing of the run is lost."""
        ...


def open_engine(name: str, workers: int | None = None, gpus: int | None = None) -> Engine:
    """The engine of this name; it starts at its first task. Raises RecipeError where its package is missing.

    gpus: use no more than these; a cluster is asked for them even where it has none yet. None: those that there are.
    """
    module, kind, package = _ENGINES[name]
    try:
        engine: Engine = getattr(importlib.import_module(module), kind)(workers, gpus)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise RecipeError(f"--engine {name} needs the package {package}: pip install 'curate[{name}]'") from error
    return engine
