"""One attempt at a task, told alike by all engines: its name, and what its errors and its worker's deaths become."""

from typing import Any

import pyarrow as pa

from curate.engines import Task
from curate.errors import CurateError, EngineError

# How often a task may kill its worker before the run ends with its name.
TRIES = 3


def label(task: Task, item: tuple[Any, ...]) -> str:
    """What people read: the step and the part."""
    return f"{getattr(task, 'name', type(task).__name__)}, part {item[0]}"


def failure(name: str, error: Exception) -> EngineError:
    """What an unforeseen exception of the task of this name becomes."""
    return EngineError(f"{name} failed: {type(error).__name__}: {error}")


def obituary(name: str, cause: str) -> str:
    """The message when a task has killed its worker too often."""
    return f"{name}: its worker died {TRIES} times ({cause}). Lower --workers or output.part_bytes."


def one_thread() -> None:
    """Keep a worker to one thread, since there is one worker a core."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def attempt(task: Task, item: tuple[Any, ...]) -> Any:
    """Call a task in a worker. Raises nothing but CurateError: any other might not survive the way to the driver."""
    try:
        return task(*item)
    except CurateError:
        raise
    except Exception as error:
        raise failure(label(task, item), error) from error
