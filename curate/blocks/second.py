"""The second look: what the first trees think of a block's neighbours, ancestors, group and page.

Means are weighted by tokens, in O(1) each by prefix sums.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import Records
from curate.blocks.measure import TOKENS
from curate.blocks.page import Measured
from curate.blocks.place import Places
from curate.text.kernel import kernel

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_NEIGHBOURS = (-4, -3, -2, -1, 1, 2, 3, 4)
_WINDOWS = (2, 5, 12, 30)
_ANCESTORS = 5
NAMES: tuple[str, ...] = (
    "p",
    *[f"p_neighbour{offset:+d}" for offset in _NEIGHBOURS],
    *[f"p_window{width}" for width in _WINDOWS],
    *[f"p_ancestor{level}" for level in range(_ANCESTORS)],
    "p_path_group", "p_style_group", "p_page", "p_page_tokens", "p_before", "p_highest_before", "p_highest_after",
)  # fmt: skip
SECOND_FEATURES = len(NAMES)
_OFFSETS, _WIDTHS = np.array(_NEIGHBOURS), np.array(_WINDOWS)


class SecondLook(NamedTuple):
    """A page's first probabilities with their sums. first: float32[b]; sums: float64[b + 1, 2], groups:
    float64[2, g, 2], tokens and expected tokens; highest: float32[2, b + 1], the highest one before and after.
    """

    first: Floats
    sums: Doubles
    groups: Doubles
    highest: Floats


def second_look(page: Measured, first: Floats) -> SecondLook:
    """Sum up the first probabilities of all blocks."""
    count = len(first)
    sums, groups = np.zeros((count + 1, 2)), np.zeros((2, count, 2))
    look = SecondLook(first, sums, groups, np.zeros((2, count + 1), np.float32))
    sum_up(page.measures, page.places, look)
    return look


def second_rows(page: Measured, look: SecondLook, numbers: npt.NDArray[np.int64] | None = None) -> Floats:
    """float32[n, SECOND_FEATURES] of the blocks `numbers`, of all if there are none given."""
    numbers = np.arange(len(look.first)) if numbers is None else numbers
    rows = np.empty((len(numbers), SECOND_FEATURES), np.float32)
    fill(page.scan.blocks, page.scan.elements, page.places, look, numbers, rows)
    return rows


@kernel
def sum_up(measures: Floats, places: Places, look: SecondLook) -> None:
    """Fill the sums."""
    first, sums, groups, highest = look
    for number in range(len(first)):
        tokens = np.float64(max(measures[number, TOKENS], np.float32(1)))
        wanted = tokens * first[number]
        sums[number + 1, 0] = sums[number, 0] + tokens
        sums[number + 1, 1] = sums[number, 1] + wanted
        highest[0, number + 1] = max(highest[0, number], first[number])
        for kind in range(2):
            group = places.path_group[number] if kind == 0 else places.style_group[number]
            groups[kind, group, 0] += tokens
            groups[kind, group, 1] += wanted
    for number in range(len(first) - 1, -1, -1):
        highest[1, number] = max(highest[1, number + 1], first[number])


@kernel
def fill(
    blocks: Records, elements: Records, places: Places, look: SecondLook, numbers: npt.NDArray[np.int64], rows: Floats
) -> None:
    """Fill the rows of the blocks `numbers`."""
    first, sums, groups, highest = look
    count = len(blocks)
    for place in range(len(numbers)):
        number = int(numbers[place])
        row = rows[place]
        row[0] = first[number]
        at = 1
        for offset in _OFFSETS:
            other = number + offset
            row[at] = first[other] if 0 <= other < count else -1
            at += 1
        for width in _WIDTHS:
            row[at] = _mean(sums, max(number - width, 0), min(number + width + 1, count))
            at += 1
        element = blocks[number]["element"]
        for _ in range(_ANCESTORS):
            row[at] = _mean(sums, elements[element]["first"], elements[element]["end"])
            element = places.wider[element]
            at += 1
        path, style = places.path_group[number], places.style_group[number]
        row[at] = groups[0, path, 1] / groups[0, path, 0]
        row[at + 1] = groups[1, style, 1] / groups[1, style, 0]
        row[at + 2] = _mean(sums, 0, count)
        row[at + 3] = sums[count, 1]
        row[at + 4] = sums[number, 1] / max(sums[count, 1], 1e-9)
        row[at + 5] = highest[0, number]
        row[at + 6] = highest[1, number + 1]


@kernel
def _mean(sums: Doubles, low: int, high: int) -> float:
    mean: float = (sums[high, 1] - sums[low, 1]) / max(sums[high, 0] - sums[low, 0], 1.0)
    return mean
