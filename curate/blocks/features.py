"""The numbers that trees decide on, one row a block: the block itself, its place, neighbours, ancestors, group, page.

Most were known to help before: text and link density and their neighbours (Kohlschütter et al., WSDM 2010), tag paths
(Weninger et al., WWW 2010), class and id tokens (Peters and Lecocq, WWW 2013), a second look at the first's result
(Vogels et al., ECIR 2018). Rows are made a piece at a time: a page of a million blocks needs no more room than another.
"""

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import VERBATIM_TEXT, Records
from curate.blocks.measure import (
    BLOCK_COUNT,
    BOLD_SHARE,
    CHARS,
    CLASS_WEIGHT,
    CODE_SHARE,
    COMMAS,
    DIGITS,
    FIRST_UPPER,
    IDEOGRAPHS,
    LAST_TERMINAL,
    LINK_CHARS,
    LINKS,
    LONG_CHARS,
    MAX_WORD,
    MIN_WORD,
    STOPS,
    SYMBOLS,
    TITLE_HITS,
    TOKENS,
    UPPERS,
    WORD_WEIGHT,
)
from curate.blocks.place import WEIGHTS, Places
from curate.blocks.tags import CONTEXTS, IDS, tags
from curate.text.kernel import kernel

Floats = npt.NDArray[np.float32]

_SUMS = ("chars", "link_share", "stops_per_token", "word_weight", "long_share", "chars_per_block")
_CONTEXT_NAMES = (*[names.split()[0] for names in CONTEXTS], "hidden", "comments")
_NEIGHBOURS = (-3, -2, -1, 1, 2, 3)
_WINDOWS = (3, 8, 20)
_ANCESTORS = 5
NAMES: tuple[str, ...] = (
    "chars", "tokens", "link_share", "stops", "commas", "chars_per_token", "digit_share", "upper_share",
    "ideograph_share", "bold_share", "code_share", "title_hits", "title_share", "first_upper", "last_terminal",
    "symbol_share", "links", "verbatim", "after_break", "word_weight", "max_word", "min_word", "inline_class_weight",
    "tag", "depth", "child", "siblings",
    *[f"in_{name}" for name in _CONTEXT_NAMES],
    *[f"class_{name}" for name in ("own", "sum", "low", "high", "last", "last_but_one")],
    "index", "index_from_end", "index_share", "chars_before_share", "source_share", "blocks_since_heading",
    "page_blocks", "page_ideograph_share",
    *[f"page_{name}" for name in _SUMS],
    *[f"neighbour{offset:+d}_{name}" for offset in _NEIGHBOURS
      for name in ("chars", "link_share", "word_weight", "stops", "class_last", "same_path")],
    *[f"window{width}_{name}" for width in _WINDOWS for name in _SUMS],
    *[f"ancestor{level}_{name}" for level in range(_ANCESTORS) for name in (*_SUMS, "page_share", "class_last")],
    *[f"{group}_group_{name}" for group in ("path", "style") for name in (*_SUMS, "blocks", "page_share")],
)  # fmt: skip
FEATURES = len(NAMES)
_NEIGHBOUR_OFFSETS = np.array(_NEIGHBOURS)
_WINDOW_WIDTHS = np.array(_WINDOWS)
_CONTEXT_COUNT = len(_CONTEXT_NAMES)
_HEADING = np.uint32(tags().contexts[IDS["h1"]])


@kernel
def feature_rows(
    blocks: Records, elements: Records, measures: Floats, places: Places, since: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int64], rows: Floats,
) -> None:  # fmt: skip
    """Fill the rows of the blocks `numbers`. since: int32[b], blocks since the last heading."""
    for place in range(len(numbers)):
        number = int(numbers[place])
        row = rows[place]
        at = _own(blocks[number], measures[number], row, 0)
        at = _element(elements[blocks[number]["element"]], elements, places, blocks[number]["element"], row, at)
        at = _position(number, blocks, places, since, row, at)
        for offset in _NEIGHBOUR_OFFSETS:
            at = _neighbour(number, number + offset, blocks, elements, measures, places, row, at)
        for width in _WINDOW_WIDTHS:
            low, high = max(number - width, 0), min(number + width + 1, len(blocks))
            at = _range(places, low, high, row, at)
        element = blocks[number]["element"]
        total = max(places.prefix[-1, CHARS], 1.0)
        for _ in range(_ANCESTORS):
            low, high = elements[element]["first"], elements[element]["end"]
            at = _range(places, low, high, row, at)
            row[at] = (places.prefix[high, CHARS] - places.prefix[low, CHARS]) / total
            row[at + 1] = places.weights[element, 4]
            at += 2
            element = places.wider[element]
        at = _group(places.path_sums[places.path_group[number]], total, row, at)
        at = _group(places.style_sums[places.style_group[number]], total, row, at)


@kernel
def _own(block: Records, of: Floats, row: Floats, at: int) -> int:
    chars, tokens = max(of[CHARS], np.float32(1)), max(of[TOKENS], np.float32(1))
    row[0] = of[CHARS]
    row[1] = of[TOKENS]
    row[2] = of[LINK_CHARS] / chars
    row[3] = of[STOPS]
    row[4] = of[COMMAS]
    row[5] = chars / tokens
    row[6] = of[DIGITS] / chars
    row[7] = of[UPPERS] / chars
    row[8] = of[IDEOGRAPHS] / tokens
    row[9] = of[BOLD_SHARE]
    row[10] = of[CODE_SHARE]
    row[11] = of[TITLE_HITS]
    row[12] = of[TITLE_HITS] / tokens
    row[13] = of[FIRST_UPPER]
    row[14] = of[LAST_TERMINAL]
    row[15] = of[SYMBOLS] / tokens
    row[16] = of[LINKS]
    row[17] = 1 if block["kind"] == VERBATIM_TEXT else 0
    row[18] = 1 if block["kind"] == 1 else 0
    row[19] = of[WORD_WEIGHT]
    row[20] = of[MAX_WORD]
    row[21] = of[MIN_WORD]
    row[22] = of[CLASS_WEIGHT]
    return 23


@kernel
def _element(element: Records, elements: Records, places: Places, number: int, row: Floats, at: int) -> int:
    row[at] = element["tag"]
    row[at + 1] = element["depth"]
    row[at + 2] = element["child"]
    row[at + 3] = elements[max(int(element["parent"]), 0)]["children"]
    at += 4
    for bit in range(_CONTEXT_COUNT):
        row[at + bit] = element["context"] >> np.uint32(bit) & np.uint32(1)
    at += _CONTEXT_COUNT
    for column in range(WEIGHTS):
        row[at + column] = places.weights[number, column]
    return at + WEIGHTS


@kernel
def _position(number: int, blocks: Records, places: Places, since: npt.NDArray[np.int32], row: Floats, at: int) -> int:
    count = len(blocks)
    total = places.prefix[count, CHARS]
    row[at] = number
    row[at + 1] = count - number
    row[at + 2] = number / count
    row[at + 3] = places.prefix[number, CHARS] / max(total, 1.0)
    row[at + 4] = blocks[number]["source"] / max(blocks[count - 1]["source_end"], 1)
    row[at + 5] = since[number]
    row[at + 6] = count
    row[at + 7] = places.prefix[count, IDEOGRAPHS] / max(places.prefix[count, TOKENS], 1.0)
    return _range(places, 0, count, row, at + 8)


@kernel
def _range(places: Places, low: int, high: int, row: Floats, at: int) -> int:
    """Sums over the blocks [low, high)."""
    above, below = places.prefix[high], places.prefix[low]
    chars = above[CHARS] - below[CHARS]
    scale = 1 / max(chars, 1.0)
    row[at] = chars
    row[at + 1] = (above[LINK_CHARS] - below[LINK_CHARS]) * scale
    row[at + 2] = (above[STOPS] - below[STOPS]) / max(above[TOKENS] - below[TOKENS], 1.0)
    row[at + 3] = (above[WORD_WEIGHT] - below[WORD_WEIGHT]) / max(high - low, 1)
    row[at + 4] = (above[LONG_CHARS] - below[LONG_CHARS]) * scale
    row[at + 5] = chars / max(high - low, 1)
    return at + 6


@kernel
def _group(sums: Floats, total: float, row: Floats, at: int) -> int:
    scale = 1 / max(sums[CHARS], np.float32(1))
    row[at] = sums[CHARS]
    row[at + 1] = sums[LINK_CHARS] * scale
    row[at + 2] = sums[STOPS] / max(sums[TOKENS], np.float32(1))
    row[at + 3] = sums[WORD_WEIGHT] / sums[BLOCK_COUNT]
    row[at + 4] = sums[LONG_CHARS] * scale
    row[at + 5] = sums[CHARS] / sums[BLOCK_COUNT]
    row[at + 6] = sums[BLOCK_COUNT]
    row[at + 7] = sums[CHARS] / total
    return at + 8


@kernel
def _neighbour(
    number: int, other: int, blocks: Records, elements: Records, measures: Floats, places: Places, row: Floats, at: int
) -> int:
    if other < 0 or other >= len(blocks):
        for column in range(6):
            row[at + column] = -1
        return at + 6
    of = measures[other]
    mine, its = blocks[number]["element"], blocks[other]["element"]
    row[at] = of[CHARS]
    row[at + 1] = of[LINK_CHARS] / max(of[CHARS], np.float32(1))
    row[at + 2] = of[WORD_WEIGHT]
    row[at + 3] = of[STOPS]
    row[at + 4] = places.weights[its, 4]
    row[at + 5] = 1 if elements[mine]["path"] == elements[its]["path"] else 0
    return at + 6


@kernel
def since_heading(blocks: Records, elements: Records, since: npt.NDArray[np.int32]) -> None:
    """Fill since: int32[b], how many blocks ago the last heading stood; −1 before the first."""
    last = -1
    for number in range(len(blocks)):
        if elements[blocks[number]["element"]]["context"] & _HEADING:
            last = number
        since[number] = number - last if last >= 0 else -1
