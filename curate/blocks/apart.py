"""What stands apart from a text: what is hidden, forms, breadcrumbs, buttons, definitions of TeX.

Trees keep such blocks where they read well: a copy of the text or of its code, the terms of a newsletter. Found by
reading pages and measured on gold pages of sites that the weights had not seen (models/extraction/card.md). As with
comments it is a rule: where there is a text outside, what is inside is none of it. Pages that are one form, or hidden
until a script shows them, are judged like any other. Names such as sidebar, related or newsletter gain on gold pages,
too, but in manuals they are boxes within the text and sections about such things.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from curate.blocks.attributes import PART
from curate.blocks.layout import Octets, Records, Scan
from curate.blocks.tags import CONTEXT_BITS, HIDDEN, IDS, name_hash
from curate.blocks.words import BUCKETS, bucket, find, is_space
from curate.text.kernel import inner, kernel

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

# Breadcrumbs, and the lines about the pages before and after in manuals by DocBook and Publican.
_NAMES = "breadcrumb breadcrumbs navheader navfooter docnav"
_CONTEXTS = np.uint32(HIDDEN | CONTEXT_BITS["form"])
_HEADING = np.uint32(CONTEXT_BITS["h1"])
_BUTTON = IDS["button"]
# Commands that define others, in lower case and without the backslash before them.
_DEFINITIONS = tuple(
    np.frombuffer(name, np.uint8)
    for name in (b"newcommand", b"renewcommand", b"providecommand", b"declaremathoperator", b"def\\")
)
_DOLLAR, _OPEN, _CLOSE, _BRACKET, _BRACKET_END, _BACKSLASH = b"$()[]\\"
# So many expected tokens outside are a text, as with comments; and half of what is expected inside, because a hidden
# copy weighs as much as the text. Of 0, .5, 1 and 2 it is what gains most on gold pages.
_TEXT_TOKENS = 50.0
_SHARE = 0.5


def without_apart(scan: Scan, chances: Floats, tokens: Floats) -> Floats:
    """float32[b]: the probabilities, 0 for what stands apart where there is a text outside. tokens: float32[b]."""
    inside = np.zeros(len(scan.blocks), np.bool_)
    find_apart(scan.text, scan.blocks, scan.elements, scan.tokens, _table(), inside)
    expected = chances.astype(np.float64) * tokens
    least = max(_TEXT_TOKENS, _SHARE * float(expected[inside].sum()))
    return np.where(inside, np.float32(0), chances) if expected[~inside].sum() >= least else chances


@cache
def _table() -> Bools:
    """bool[65536]: which buckets of tokens are names of what stands apart."""
    table = np.zeros(BUCKETS, np.bool_)
    for name in _NAMES.split():
        table[bucket(name_hash(name, int(PART)))] = True
    return table


@kernel
def find_apart(
    text: Octets, blocks: Records, elements: Records, tokens: npt.NDArray[np.uint16], table: Bools, apart: Bools
) -> None:
    """Set apart, bool[b]: blocks in elements that stand apart, in buttons that are no headings, and definitions."""
    inside = np.zeros(len(elements), np.bool_)
    buttons = np.zeros(len(elements), np.bool_)
    for number in range(1, len(elements)):
        element = elements[number]
        inside[number] = inside[element["parent"]] or element["context"] & _CONTEXTS != 0
        for token in range(element["tokens"], element["tokens_end"]):
            inside[number] |= table[tokens[token]]
        buttons[number] = buttons[element["parent"]] or element["tag"] == _BUTTON
    for number in range(len(blocks)):
        holder = blocks[number]["element"]
        pressed = buttons[holder] and not elements[holder]["context"] & _HEADING
        apart[number] = inside[holder] or pressed or _is_definition(text, blocks[number])


@inner
def _is_definition(text: Octets, block: Records) -> bool:
    r"""Whether a block begins with a formula that defines a command and ends with a formula: `\( \newcommand… \)`."""
    first, end = int(block["start"]), int(block["end"])
    start = first
    while start < end and (is_space(text[start]) or text[start] in (_DOLLAR, _OPEN, _BRACKET, _BACKSLASH)):
        start += 1
    while end > start and is_space(text[end - 1]):
        end -= 1
    closed = first + 1 < start < end and text[end - 1] in (_DOLLAR, _CLOSE, _BRACKET_END)
    if not closed or text[start - 1] != _BACKSLASH:
        return False
    for name in _DEFINITIONS:  # noqa: SIM110  # kernels know no generators
        if find(text, start, min(end, start + len(name)), name) == start:
            return True
    return False
