"""Where a block stands: sums over elements and windows in O(1), groups of like blocks, class weights on the way.

The blocks in an element are a range, so that a prefix sum over the blocks answers for any element.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import Records
from curate.blocks.measure import CLASS_WEIGHT, SUMMED
from curate.text.kernel import kernel

Floats = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
WIDEST = 4
# Columns of `Places.weights`: of an element itself, and sum, lowest, highest and last two over the way to it.
OWN, SUM, LOW, HIGH, LAST, LAST_BUT_ONE, WEIGHTS = range(7)


class Places(NamedTuple):
    """prefix: float64[b + 1, SUMMED], measures of all blocks before. wider: int32[e], the nearest ancestor that holds
    more blocks. weights: float32[e, WEIGHTS]. path_group, style_group: int32[b], group of each block's element;
    path_sums, style_sums: float32[g, SUMMED].
    """

    prefix: npt.NDArray[np.float64]
    wider: Int32s
    weights: Floats
    path_group: Int32s
    style_group: Int32s
    path_sums: Floats
    style_sums: Floats


def find_places(
    blocks: Records, elements: Records, tokens: npt.NDArray[np.uint16], measures: Floats, classes: Floats
) -> Places:
    """classes: float32[65536], the weight of each bucket of class tokens."""
    places = Places(
        np.zeros((len(blocks) + 1, SUMMED)),
        np.zeros(len(elements), np.int32),
        np.zeros((len(elements), WEIGHTS), np.float32),
        np.zeros(len(blocks), np.int32),
        np.zeros(len(blocks), np.int32),
        np.zeros((len(blocks), SUMMED), np.float32),
        np.zeros((len(blocks), SUMMED), np.float32),
    )
    slots = 1 << int(2 * len(blocks) + 1).bit_length()
    fill(blocks, elements, tokens, measures, classes, places, np.zeros(slots, np.uint64), np.zeros(slots, np.uint64))
    return places


@kernel
def fill(
    blocks: Records, elements: Records, tokens: npt.NDArray[np.uint16], measures: Floats, classes: Floats,
    places: Places, path_slots: npt.NDArray[np.uint64], style_slots: npt.NDArray[np.uint64],
) -> None:  # fmt: skip
    """Fill the places of all blocks and elements."""
    for number in range(len(blocks)):
        block = blocks[number]
        weight = np.float32(0)
        for token in range(block["tokens"], block["tokens_end"]):
            weight += classes[tokens[token]]
        measures[number, CLASS_WEIGHT] = weight
        for column in range(SUMMED):
            places.prefix[number + 1, column] = places.prefix[number, column] + measures[number, column]
    for number in range(len(elements)):
        _element(number, elements, tokens, classes, places.wider, places.weights)
    _group(blocks, elements["path"], measures, path_slots, places.path_group, places.path_sums)
    _group(blocks, elements["style"], measures, style_slots, places.style_group, places.style_sums)


@kernel
def _element(
    number: int, elements: Records, tokens: npt.NDArray[np.uint16], classes: Floats, wider: Int32s, weights: Floats
) -> None:
    element = elements[number]
    own = np.float32(0)
    for token in range(element["tokens"], element["tokens_end"]):
        own += classes[tokens[token]]
    parent = element["parent"]
    row = weights[number]
    row[OWN] = own
    if parent < 0:
        wider[number] = 0
        return
    above = weights[parent]
    row[SUM] = above[SUM] + own
    row[LOW] = min(above[LOW], own)
    row[HIGH] = max(above[HIGH], own)
    row[LAST] = own if own != 0 else above[LAST]
    row[LAST_BUT_ONE] = above[LAST] if own != 0 else above[LAST_BUT_ONE]
    holder = elements[parent]
    same = holder["first"] == element["first"] and holder["end"] == element["end"]
    wider[number] = wider[parent] if same else parent


@kernel
def _group(
    blocks: Records, keys: npt.NDArray[np.uint64], measures: Floats, slots: npt.NDArray[np.uint64], groups: Int32s,
    sums: Floats,
) -> None:  # fmt: skip
    """Number the blocks by the key of their element, and sum the measures of each group."""
    mask = np.uint64(len(slots) - 1)
    numbers = np.zeros(len(slots), np.int32)
    found = 0
    for number in range(len(blocks)):
        key = keys[blocks[number]["element"]] | np.uint64(1)
        at = (key ^ key >> np.uint64(32)) & mask
        while slots[at] != 0 and slots[at] != key:
            at = (at + np.uint64(1)) & mask
        if slots[at] == 0:
            slots[at] = key
            numbers[at] = found
            found += 1
        group = numbers[at]
        groups[number] = group
        for column in range(SUMMED):
            sums[group, column] += measures[number, column]
