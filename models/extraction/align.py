"""Gold text against a page: which tokens of the page are the gold's, by sequence alignment.

A longest common subsequence whose steps count more where they go on from the step before (Needleman and Wunsch 1970
with a premium on runs), so that a menu that shares words with the article is not taken for it. Cost: tokens × gold
tokens, about 2 ns and one byte each.
"""

import re
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

TOKEN = re.compile(r"[㐀-鿿豈-﫿぀-ヿ가-힯]|[^\W_]+")
_STEP, _RUN = np.int32(2), np.int32(3)  # a match, and one that follows a match
_SKIP_PAGE, _SKIP_GOLD, _MATCH = np.uint8(0), np.uint8(1), np.uint8(2)
MAX_CELLS = 2_000_000_000

Int32s = npt.NDArray[np.int32]


def tokens(text: str) -> list[str]:
    """The tokens that text is scored by: a CJK character is one."""
    return TOKEN.findall(text)


def as_numbers(*texts: list[str]) -> list[Int32s]:
    """Token lists as numbers, the same for the same token."""
    known: dict[str, int] = {}
    return [np.array([known.setdefault(token, len(known)) for token in text], np.int32) for text in texts]


def aligned(page: Int32s, gold: Int32s) -> npt.NDArray[np.bool_]:
    """bool[len(page)]: whether a token of the page is matched with one of the gold."""
    if len(page) * len(gold) > MAX_CELLS:
        return np.isin(page, gold)
    found: Any = _align(page, gold)
    return np.asarray(found, np.bool_)


@numba.njit(nogil=True, cache=True)
def _align(page: Int32s, gold: Int32s) -> Any:
    rows, columns = len(page), len(gold)
    way = np.zeros((rows, columns), np.uint8)
    best, above = np.zeros(columns + 1, np.int32), np.zeros(columns + 1, np.int32)
    runs, runs_above = np.zeros(columns + 1, np.int32), np.zeros(columns + 1, np.int32)
    for row in range(rows):
        best[0] = 0
        token = page[row]
        for column in range(columns):
            score, step, run = above[column + 1], _SKIP_PAGE, 0
            if best[column] > score:
                score, step = best[column], _SKIP_GOLD
            if token == gold[column]:
                taken = above[column] + (_RUN if runs_above[column] else _STEP)
                if taken >= score:
                    score, step, run = taken, _MATCH, 1
            best[column + 1], runs[column + 1] = score, run
            way[row, column] = step
        best, above = above, best
        runs, runs_above = runs_above, runs
    matched = np.zeros(rows, np.bool_)
    row, column = rows - 1, columns - 1
    while row >= 0 and column >= 0:
        step = way[row, column]
        if step == _MATCH:
            matched[row] = True
            row, column = row - 1, column - 1
        elif step == _SKIP_GOLD:
            column -= 1
        else:
            row -= 1
    return matched
