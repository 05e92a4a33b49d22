"""Stages that misbehave on one document; recipes of tests name them by import path."""

import os
import re
import signal
import time
from pathlib import Path

import pyarrow as pa

from curate.stage import stage
from curate.stages.extractors import Extracted, Page

# Words of one page of the made crawl, and of no other.
TITLE = "Page 11"


def _is_here(title: pa.StringArray) -> bool:
    return TITLE in title.to_pylist()


@stage(needs=["title"], adds={"calm": pa.bool_()})
def angry(title: pa.StringArray) -> pa.Array:
    """Raises at the page."""
    if _is_here(title):
        raise ValueError("this page, of all pages")
    return pa.array([True] * len(title))


@stage(needs=["title"], adds={"alive": pa.bool_()})
def deadly(title: pa.StringArray) -> pa.Array:
    """Kills its worker at the page."""
    if _is_here(title):
        os.kill(os.getpid(), signal.SIGKILL)
    return pa.array([True] * len(title))


@stage(needs=["title"], adds={"scored": pa.bool_()})
def modelless(title: pa.StringArray) -> pa.Array:
    """Opens a model that this machine does not have."""
    with open("no-such-model.bin", "rb"):
        return pa.array([True] * len(title))


@stage(needs=["url"], adds={"done": pa.bool_()})
def endless(url: pa.StringArray, *, how: str, calls: str) -> pa.Array:
    """Never returns. calls: a file with a mark for every call."""
    with Path(calls).open("a") as file:
        file.write("x")
    if how == "in C":
        re.match(r"(a+)+$", "a" * 64 + "b")
    while how == "in Python":
        pass
    while True:
        time.sleep(0.01 if how == "looking now and then" else 3600)


def deadly_extractor(page: Page) -> Extracted:
    """Kills the process that it runs in at some pages."""
    if "deadly" in page.html:
        os.kill(os.getpid(), signal.SIGKILL)
    return Extracted(page.html, "A title")
