"""Extractors that misbehave in the way that the page asks for; tests name them by import path."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

from curate.stages.extractors import Extracted, Page

pages_seen = 0


def behave(page: Page) -> Extracted:
    """Do what the first word of the page says; any other page comes back in capitals."""
    word = page.html.split(" ", 1)[0]
    if word in _MISDEEDS:
        _MISDEEDS[word]()
    return Extracted(page.html.upper(), "A title", "2024-01-02")


def count_pages(page: Page) -> Extracted:
    """An extractor with a state: how many pages it has seen, and in which process."""
    global pages_seen
    pages_seen += 1
    return Extracted(str(pages_seen), str(os.getpid()))


def _loop() -> None:
    while True:
        pass


def _hog() -> None:
    hoard = []
    while True:
        hoard.append(bytearray(16 << 20))


def _recurse() -> None:
    _recurse()


def _raise() -> None:
    raise KeyError("a detail that may differ between runs")


def _exit_quietly() -> None:
    sys.exit(0)


def _disturb() -> None:
    """Write to and read from everything that could be the pipe."""
    print("printed")
    sys.stdout.buffer.write(b"\xff" * 100_000)
    sys.stdout.flush()
    os.write(1, b"\0" * 100)
    assert sys.stdin.read() == ""
    os.write(2, b"noise")


_MISDEEDS: dict[str, Callable[[], object]] = {
    "loop": _loop,
    "hog": _hog,
    "recurse": _recurse,
    "raise": _raise,
    "leave": _exit_quietly,
    "exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "sleep": lambda: time.sleep(10**6),
    "slow": lambda: time.sleep(0.5),
    "disturb": _disturb,
}
