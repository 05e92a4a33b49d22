"""What a kernel has to know of a character, in one 32-bit word: its class, what it does in segmentation, which marks.

One look-up a character, and a text's first 128 code points stay in the fastest cache. Bits 0–15 are the flags of
`classes`, bits 16–18 the role, the rest marks.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text import classes
from curate.text.language import BULLETS, CLOSERS, GOPHER_BULLETS, SENTENCE_ENDS, TERMINAL

ROLE_SHIFT = 16
ROLE_MASK = 7
SPACE, LETTER, DIGIT, IDEOGRAPH, EXTEND, SYMBOL, MID_LETTER, MID_DIGIT = range(8)

SENTENCE_END = 1 << 19
NEEDS_SPACE = 1 << 20  # . ! ? end a sentence only in front of white space or a closer
CLOSER = 1 << 21
TERMINAL_MARK = 1 << 22
ASCII_TERMINAL = 1 << 23  # . ! ? " as in C4 and dingo
GOPHER_BULLET = 1 << 24
BULLET = 1 << 25
CHINESE = 1 << 26  # U+4E00 to U+9FA5, as dingo and llm-web-kit count

_MARKS = {
    SENTENCE_END: SENTENCE_ENDS, NEEDS_SPACE: ".!?", CLOSER: CLOSERS, TERMINAL_MARK: TERMINAL, ASCII_TERMINAL: '.!?"',
    GOPHER_BULLET: GOPHER_BULLETS, BULLET: BULLETS,
}  # fmt: skip


class Tables(NamedTuple):
    """traits: uint32[0x110000]; lower: uint32[0x110000], the lower case of every code point."""

    traits: npt.NDArray[np.uint32]
    lower: npt.NDArray[np.uint32]


@cache
def tables() -> Tables:
    """Both tables, made once a process in 50 ms."""
    flags = classes.flags()
    found = flags.astype(np.uint32) | _roles(flags) << np.uint32(ROLE_SHIFT)
    for bit, characters in _MARKS.items():
        found[[ord(character) for character in characters]] |= np.uint32(bit)
    found[0x4E00:0x9FA6] |= np.uint32(CHINESE)
    found.setflags(write=False)
    return Tables(found, classes.lower())


def _roles(flags: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint32]:
    roles = np.full(classes.CODE_POINTS, SYMBOL, np.uint32)
    roles[flags & classes.SPACE != 0] = SPACE
    roles[flags & classes.WORD != 0] = LETTER
    roles[flags & classes.DIGIT != 0] = DIGIT
    roles[flags & (classes.HAN | classes.KANA) != 0] = IDEOGRAPH
    roles[flags & classes.EXTEND != 0] = EXTEND
    roles[[ord(mark) for mark in "'’·"]] = MID_LETTER
    roles[[ord(mark) for mark in ".,"]] = MID_DIGIT
    return roles
