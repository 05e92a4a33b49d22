"""The normal form of a text, and the coarser one that exact deduplication hashes.

`normalise` follows the character tables of OpenDataLab's llm-web-kit and the blank-line rule of DCLM and Dolma 3; each
step can be switched off, since code and formulas want their spaces and ligatures kept. `normalise_for_hash` keeps only
what a reader would call the same text: letters without accents in lower case, every digit as 0, single spaces.
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import pyarrow as pa

from curate.text import classes

_BREAKS = dict.fromkeys(map(ord, "\v\f\x1c\x1d\x1e\x85\u2028\u2029"), "\n")
_SPACES = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_INVISIBLE: dict[int, None] = dict.fromkeys([0xAD, *range(0x200B, 0x200E), *range(0x2060, 0x2064), 0xFEFF, 0xFFFC])
_CONTROLS: dict[int, None] = dict.fromkeys(c for c in [*range(0x20), *range(0x7F, 0xA0)] if c not in (9, 10, 0x85))
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
# Typographic indents: a paragraph in Chinese begins with two ideographic spaces. Those of code are ASCII and stay.
_WIDE = "\xa0\u2000-\u200a\u202f\u205f\u3000"
_INDENT = re.compile(f"^[ \t]*[{_WIDE}][ \t{_WIDE}]*", re.MULTILINE)
_TRAILING_SPACE = re.compile(r"[ \t]+\n")
_BLANK_LINES = re.compile(r"\n{3,}")
# Wikis put them behind a sentence (C4 takes them out).
CITATION = r"\[(?:\d{1,4}|edit|citation needed|note \d{1,3})\]"
_CITATION = re.compile(CITATION)


class Steps(NamedTuple):
    """Which steps of `normalise` are taken."""

    compose: bool = True
    breaks: bool = True
    spaces: bool = True
    invisible: bool = True
    private: bool = True
    blank_lines: bool = True
    citations: bool = False
    table_bars: bool = True


def normalise(text: str, steps: Steps) -> str:
    """One text in normal form; applying it again changes nothing."""
    text = _unix(text) if steps.breaks else text
    text = (_INDENT.sub("", text) if steps.spaces else text).translate(_table(steps))
    if steps.private:
        text = _PRIVATE.sub("", text)
    if steps.citations:
        text = _CITATION.sub("", text)
    if steps.table_bars and "|" in text:
        text = "\n".join(map(_without_bars, text.split("\n")))
    if steps.compose:
        text = unicodedata.normalize("NFC", text)
    if steps.blank_lines:
        text = _BLANK_LINES.sub("\n\n", _TRAILING_SPACE.sub("\n", text)).strip("\n")
    return text.lstrip(" ") if steps.spaces else text


def _without_bars(line: str) -> str:
    """The text of a table row with one filled cell: pages are laid out with tables, and extractors write their cells.

    A row with two filled cells is a table's and stays as it is.
    """
    if "|" not in line:
        return line
    cells = [cell for cell in map(str.strip, line.split("|")) if cell]
    return line if len(cells) > 1 else "".join(cells)


def normalise_for_hash(texts: pa.StringArray) -> pa.StringArray:
    """The coarse form of every text: equal for texts that differ in case, accents, digits, punctuation or spacing only.

    Null stays null; a text without letters and digits becomes "".
    """
    return pa.array([None if text is None else _coarse(text) for text in texts.to_pylist()], pa.string())


def _coarse(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return " ".join(text.translate(_coarse_table()).split())


class _CoarseTable(dict[int, int | str | None]):
    """Code point → its coarse form, filled as it is met: there are a million, a text holds a few hundred."""

    def __missing__(self, code: int) -> int | str | None:
        flags = int(classes.flags()[code])
        if flags & classes.DIGIT:
            form: int | str | None = "0"
        elif flags & classes.WORD:
            form = chr(code).lower()
        elif flags & classes.EXTEND:
            # accents go; vowel signs of scripts that cannot be read without them stay
            form = None if flags & classes.ACCENT or not unicodedata.category(chr(code)).startswith("M") else code
        else:
            form = " "
        self[code] = form
        return form


@cache
def _coarse_table() -> _CoarseTable:
    return _CoarseTable()


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@cache
def _table(steps: Steps) -> dict[int, str | None]:
    table: dict[int, str | None] = dict(_CONTROLS)
    if not steps.breaks:
        table = {code: form for code, form in table.items() if code not in (0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E)}
    if steps.breaks:
        table |= _BREAKS
    if steps.spaces:
        table |= _SPACES
    if steps.invisible:
        table |= _INVISIBLE
    return table
