"""The process that third-party parsers run in: `python -m curate.stages.extract_child MEMORY_BYTES`.

Reads requests (backend, mode, url, html) from standard input, answers (status, text, title, date). It may be killed at
any moment; it ends when its parent does. What extractors print goes nowhere.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

from curate.stages.extractors import load_extractor
from curate.stages.frames import read_frame, write_frame


def main() -> None:
    """Answer requests until there are no more."""
    limit_memory(int(sys.argv[1]))
    die_with_parent()
    requests, answers = sys.stdin.buffer, _take_over_stdout()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            backend, mode, url, html = (part.decode("utf-8", "replace") for part in read_frame(requests))
            write_frame(answers, [part.encode("utf-8", "replace") for part in answer(backend, mode, url, html)])


def answer(backend: str, mode: str, url: str, html: str) -> tuple[str, str, str, str]:
    """("ok", text, title, date), or an error code with three empty strings."""
    try:
        found = load_extractor(backend)(html, url, mode)
    except MemoryError:
        return "memory", "", "", ""
    except RecursionError:
        return "too_deep", "", "", ""
    except Exception as error:  # whatever a third-party parser raises belongs to this page alone
        return f"extractor: {type(error).__name__}", "", "", ""
    return "ok", found.text, found.title, found.date


def limit_memory(limit_bytes: int) -> None:
    """Let allocation fail beyond `limit_bytes` of address space, where the system knows that limit."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def die_with_parent() -> None:
    """On Linux, be killed when the parent is; elsewhere the end of standard input has to do."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _take_over_stdout() -> BinaryIO:
    """The real standard output for answers; what others print to it is thrown away."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return answers


if __name__ == "__main__":
    main()
