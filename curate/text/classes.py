"""What a character is: one 16-bit set of flags for every code point, the same under every Python version.

The general categories come from categories.txt, a run-length list of Unicode 14, not from the interpreter's
`unicodedata`: a crawl that is deduplicated against an index of last year must segment text as last year's run did.
Code points that Unicode 14 has not assigned are symbols, except in planes 2 and 3, which are set aside for Han.
`python -m curate.text.classes` prints the list anew. Cost: 40 ms and 7 MB, once per process.
"""

import unicodedata
from functools import cache
from importlib import resources
from itertools import groupby

import numpy as np
import numpy.typing as npt

CODE_POINTS = 0x110000

SPACE = 1 << 0  # white space, line breaks included
WORD = 1 << 1  # letters, numbers and connectors of all scripts, Han and kana included
HAN = 1 << 2
KANA = 1 << 3
EXTEND = 1 << 4  # marks and format characters: they stay with what they follow
LETTER = 1 << 5
DIGIT = 1 << 6  # decimal digits of any script
UPPER = 1 << 7
LOWER = 1 << 8
SYMBOL = 1 << 9  # punctuation and symbols, the connector _ among them
UNSPACED = 1 << 10  # letters of scripts that are written without spaces, other than Han and kana
CONTROL = 1 << 11  # control characters other than tab and the line breaks
PRIVATE = 1 << 12
DEBRIS = 1 << 13  # replacement and object characters and the empty box: what broken decoding leaves behind (dingo)
ACCENT = 1 << 14  # marks that only modify: text stays readable without them
UNASSIGNED = 1 << 15

_HAN = ((0x3005, 0x3006), (0x3007, 0x3008), (0x3021, 0x302A), (0x3038, 0x303C), (0x3400, 0x4DC0), (0x4E00, 0xA000),
        (0xF900, 0xFB00), (0x20000, 0x2FFFE), (0x30000, 0x3FFFE))  # fmt: skip
_KANA = ((0x3041, 0x3097), (0x309D, 0x30A0), (0x30A1, 0x30FB), (0x30FC, 0x3100), (0x31F0, 0x3200), (0xFF66, 0xFFA0),
         (0x1AFF0, 0x1B000), (0x1B000, 0x1B168))  # fmt: skip
# Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham, Myanmar Extended-B and -A, Tai Viet.
_UNSPACED = ((0x0E00, 0x0F00), (0x1000, 0x10A0), (0x1780, 0x1800), (0x1950, 0x19E0), (0x1A20, 0x1AB0), (0xA9E0, 0xAA00),
             (0xAA60, 0xAAE0))  # fmt: skip
_DEBRIS = ((0xFFFC, 0xFFFE), (0x25A1, 0x25A2))
# Vowel signs of Indic and South-East Asian scripts are marks too, but a word is unreadable without them.
_ACCENT = ((0x0300, 0x0900), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xFE00, 0xFE30), (0xE0100, 0xE01F0))


@cache
def flags() -> npt.NDArray[np.uint16]:
    """uint16[0x110000]: the flags of every code point."""
    names, starts = _categories()
    runs = np.diff([*starts, CODE_POINTS])
    table = np.repeat(np.array([_flags_of(name) for name in names], np.uint16), runs)
    table[[*range(9, 14), *range(0x1C, 0x20), 0x85]] = SPACE
    _mark(table, _HAN, WORD | UNASSIGNED, HAN | WORD | LETTER)
    _mark(table, _KANA, WORD, KANA | LETTER)
    _mark(table, _UNSPACED, LETTER | EXTEND, UNSPACED)
    _mark(table, _DEBRIS, SYMBOL | UNASSIGNED, DEBRIS | SYMBOL)
    _mark(table, _ACCENT, EXTEND, ACCENT)
    table[table & HAN != 0] &= np.uint16(~UNASSIGNED & 0xFFFF)
    table[table & UNASSIGNED != 0] |= SYMBOL
    table.setflags(write=False)
    return table


@cache
def lower() -> npt.NDArray[np.uint32]:
    """uint32[0x110000]: the lower case of every letter, one to one (İ becomes i, ß and the numeral Ⅷ stay)."""
    table = np.arange(CODE_POINTS, dtype=np.uint32)
    for code in np.flatnonzero(flags() & UPPER):
        table[code] = ord(chr(code).lower()[0])
    table.setflags(write=False)
    return table


def _categories() -> tuple[list[str], list[int]]:
    """General category and first code point of every run."""
    text = resources.files("curate.text").joinpath("categories.txt").read_text(encoding="ascii")
    runs = [item for line in text.splitlines() if not line.startswith("#") for item in line.split()]
    return [run[-2:] for run in runs], [int(run[:-2], 16) for run in runs]


def _flags_of(category: str) -> int:
    major = {"L": WORD | LETTER, "N": WORD, "M": EXTEND, "Z": SPACE, "P": SYMBOL, "S": SYMBOL}
    exact = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Nd": DIGIT, "Pc": WORD, "Cf": EXTEND, "Cc": CONTROL, "Co": PRIVATE}
    return major.get(category[0], 0) | exact.get(category, 0 if category[0] in major else UNASSIGNED)


def _mark(table: npt.NDArray[np.uint16], ranges: tuple[tuple[int, int], ...], among: int, flag: int) -> None:
    """Set `flag` on the code points of `ranges` that have one of the flags `among`."""
    for start, stop in ranges:
        block = table[start:stop]
        block[block & among != 0] |= flag


def print_categories() -> None:
    """Print categories.txt from the interpreter's Unicode tables."""
    print(f"# General categories of Unicode {unicodedata.unidata_version}: first code point and category of every run.")
    items, start = [], 0
    for category, run in groupby(unicodedata.category(chr(code)) for code in range(CODE_POINTS)):
        items.append(f"{start:x}{category}")
        start += len(list(run))
    for at in range(0, len(items), 16):
        print(" ".join(items[at : at + 16]))


if __name__ == "__main__":
    print_categories()
