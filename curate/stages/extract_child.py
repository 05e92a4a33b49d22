"""The process that third-party parsers run in: `python -m curate.stages.extract_child BACKEND MODE TEXT MEMORY_BYTES`.

TEXT is `main`, or `comments` where readers' comments belong to the text.


Says "ready" or what is missing, then answers requests (url, day, html) with (status, text, title, date). It may be
killed at any moment, and it ends when its parent does. What extractors print goes nowhere.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

from curate.stages.extractors import Extractor, Page, load_extractor
from curate.stages.frames import read_message, write_message

_WARM_UP = "<html><head><title>A page</title></head><body><article><p>Some text.</p></article></body></html>"


def main() -> None:
    """Answer requests until there are no more."""
    backend, mode, text, memory_bytes = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches children too; it is not for them
    die_with_parent()
    limit_resources(int(memory_bytes))
    requests, answers = take_over_pipes()
    with contextlib.suppress(EOFError, BrokenPipeError):
        extractor = _start(backend, answers)
        while True:
            url, day, html = (part.decode("utf-8", "replace") for part in read_message(requests))
            write_message(answers, answer(extractor, Page(html, url, day, mode, text == "comments")))


def answer(extractor: Extractor, page: Page) -> list[bytes]:
    """["ok", text, title, date] or [error code] in UTF-8."""
    try:
        found = extractor(page)
        return [part.encode("utf-8", "replace") for part in ("ok", found.text, found.title, found.date)]
    except MemoryError:
        return [b"memory"]
    except RecursionError:
        return [b"too_deep"]
    except Exception as error:  # whatever a third-party parser raises belongs to this page alone
        return [f"extractor: {type(error).__name__}".encode()]


def limit_resources(memory_bytes: int) -> None:
    """Let allocation fail beyond `memory_bytes` of address space, where the system knows that limit; no core files."""
    for kind, limit in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


def die_with_parent() -> None:
    """On Linux, be killed when the parent is; elsewhere the end of standard input has to do."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """(requests, answers), moved away from standard input and output, where extractors could disturb them."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    return requests, answers


def _start(backend: str, answers: BinaryIO) -> Extractor:
    """Import everything before the first page, so that no page pays for it with its CPU time."""
    try:
        extractor = load_extractor(backend)
        if ":" not in backend:
            extractor(Page(_WARM_UP))
    except Exception as error:
        write_message(answers, [b"failed", f"{type(error).__name__}: {error}".encode("utf-8", "replace")])
        raise EOFError from error
    write_message(answers, [b"ready"])
    return extractor


if __name__ == "__main__":
    main()
