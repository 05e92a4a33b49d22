"""Everything curate raises on purpose, as one tree; the leaf decides the exit status of the command line.

CurateError
├── RecipeError      2   the recipe or an argument is wrong: nothing was read or written
├── DataError        3   more records failed than the recipe allows: all parts are done, nothing is published
└── EngineError      4   storage, a worker or a cluster failed: run the same command again
    └── LockError    4   another run holds this output folder

A message says what is wrong, where, and what to do about it. Errors that belong to one record are not exceptions:
they are ledger rows (`failed(stage, error)`).
"""

import difflib
from collections.abc import Iterable


class CurateError(Exception):
    """Base of every error that curate raises on purpose."""

    exit_status = 1


class RecipeError(CurateError):
    """The recipe, an argument or an input path is wrong; nothing has been read or written."""

    exit_status = 2


class DataError(CurateError):
    """More records failed than the recipe allows."""

    exit_status = 3


class EngineError(CurateError):
    """Storage, a worker or a cluster failed; what is finished stays finished."""

    exit_status = 4


class LockError(EngineError):
    """Another run is working on the same output folder."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" (did you mean 'x'?)"` for the closest known word, else the list of known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known: {', '.join(known)})" if known else ""
