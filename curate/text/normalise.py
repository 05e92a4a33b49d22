"""The normal form of a text.

It follows the character tables of OpenDataLab's llm-web-kit and the blank-line rule of DCLM and Dolma 3; each step can
be switched off, since code and formulas want their spaces and ligatures kept. Cost: 30 µs for 4 kB in which nothing is
to be done, which is most of what an extractor yields, and ten times that otherwise.
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

_BREAKS = dict.fromkeys(map(ord, "\v\f\x1c\x1d\x1e\x85\u2028\u2029"), "\n")
_SPACES = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_INVISIBLE: dict[int, None] = dict.fromkeys([0xAD, *range(0x200B, 0x200E), *range(0x2060, 0x2064), 0xFEFF, 0xFFFC])
_CONTROLS: dict[int, None] = dict.fromkeys(c for c in [*range(0x20), *range(0x7F, 0xA0)] if c not in (9, 10, 0x85))
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
# Every character that a table below, or the pattern above, says something of.
_TOUCHED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u2000-\u200d\u2028\u2029\u202f\u205f-\u2063\u3000\ue000-\uf8ff\ufeff\ufffc"
    "\U000f0000-\U000ffffd\U00100000-\U0010fffd]"
)
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
    if _TOUCHED.search(text):
        text = _unix(text) if steps.breaks else text
        text = (_INDENT.sub("", text) if steps.spaces else text).translate(_table(steps))
        text = _PRIVATE.sub("", text) if steps.private else text
    if steps.citations:
        text = _CITATION.sub("", text)
    if steps.table_bars and "|" in text:
        text = "\n".join(map(_without_bars, text.split("\n")))
    if steps.compose:
        text = unicodedata.normalize("NFC", text)
    if steps.blank_lines:
        text = _TRAILING_SPACE.sub("\n", text) if " \n" in text or "\t\n" in text else text
        text = (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text).strip("\n")
    return text.lstrip(" ") if steps.spaces else text


def _without_bars(line: str) -> str:
    """The text of a table row with one filled cell: pages are laid out with tables, and extractors write their cells.

    A row with two filled cells is a table's and stays as it is.
    """
    if "|" not in line:
        return line
    cells = [cell for cell in map(str.strip, line.split("|")) if cell]
    return line if len(cells) > 1 else "".join(cells)


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
