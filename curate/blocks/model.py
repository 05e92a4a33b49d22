"""The model: two tables of weights, two ensembles of trees, and how a page is asked of them.

Trained by `python -m models.extraction.train` (see models/extraction/card.md), shipped as one file of numbers beside
this module: no pickle, nothing but numpy needed to read it.
"""

import hashlib
from functools import cache
from importlib import resources
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.page import Measured, measured, rows_of, title_of
from curate.blocks.scanner import scan_page
from curate.blocks.second import second_look, second_rows
from curate.blocks.trees import NODE, Trees, chances

Floats = npt.NDArray[np.float32]

# Of a page with more blocks than any that people read, every k-th is asked about and answers for those up to the next.
MAX_ASKED = 40_000
_PIECE = 1024
# Which weight file: all gold sets, or those with a permissive licence alone.
ALL, PERMISSIVE = "all", "permissive"


class Model(NamedTuple):
    """words, classes: float32[65536]; first, second: the trees, the second ones over the features of both."""

    words: Floats
    classes: Floats
    first: Trees
    second: Trees


class Judged(NamedTuple):
    """A page with the probability of each block, float32[b], and the title that its features were made with."""

    page: Measured
    chances: Floats
    title: str


@cache
def load(weights: str = ALL) -> Model:
    """One of the two models of this package."""
    return unpack(_read(weights))


@cache
def fingerprint(weights: str = ALL) -> str:
    """The sha256 of a weight file: part of the fingerprint of whoever uses it."""
    return hashlib.sha256(_read(weights)).hexdigest()


def _read(weights: str) -> bytes:
    return resources.files("curate.blocks").joinpath(f"{weights}.npz").read_bytes()


def pack(model: Model) -> bytes:
    """The bytes of a weight file; the same for the same model."""
    arrays = {"words": model.words.astype(np.float16), "classes": model.classes.astype(np.float16)}
    for name, trees in (("first", model.first), ("second", model.second)):
        arrays |= {f"{name}_{field}": getattr(trees, field) for field in trees._fields}
    room = BytesIO()
    np.savez_compressed(room, allow_pickle=False, **arrays)
    return room.getvalue()


def unpack(data: bytes) -> Model:
    """What `pack` has packed."""
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        first, second = (
            Trees(arrays[f"{name}_nodes"].astype(NODE), *(arrays[f"{name}_{part}"] for part in Trees._fields[1:]))
            for name in ("first", "second")
        )
        return Model(arrays["words"].astype(np.float32), arrays["classes"].astype(np.float32), first, second)


def judge(html: bytes, model: Model) -> Judged:
    """Scan a page in UTF-8 and say of each block how probably it is main text."""
    scan = scan_page(html)
    title = title_of(html, scan)
    page = measured(scan, title, model.words, model.classes)
    return Judged(page, block_chances(page, model), title)


def asked_blocks(count: int) -> tuple[npt.NDArray[np.int64], int]:
    """(the blocks that the trees are asked about, for how many in a row each answers)."""
    step = max(1, -(-count // MAX_ASKED))
    return np.arange(0, count, step), step


def block_chances(page: Measured, model: Model) -> Floats:
    """float32[b]: the probability of each block."""
    count = len(page.scan.blocks)
    if not count:
        return np.empty(0, np.float32)
    asked, step = asked_blocks(count)
    pieces = [asked[at : at + _PIECE] for at in range(0, len(asked), _PIECE)]
    rows = [rows_of(page, piece) for piece in pieces]
    first = np.concatenate([chances(model.first, piece) for piece in rows])
    look = second_look(page, np.repeat(first, step)[:count])
    second = [
        chances(model.second, np.hstack([row, second_rows(page, look, piece)]))
        for row, piece in zip(rows, pieces, strict=True)
    ]
    return np.repeat(np.concatenate(second), step)[:count]
