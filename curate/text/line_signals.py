"""Signals of lines, sentences and paragraphs, and of what repeats inside a text."""

import numpy as np

from curate.text.char_signals import Floats, Signals
from curate.text.classes import SPACE
from curate.text.counts import Count
from curate.text.kernel import inner, kernel
from curate.text.repetition import (
    LARGEST_NGRAM,
    LARGEST_TOP,
    SMALLEST_TOP,
    Bench,
    cleared,
    count_ngrams,
    duplicate_ngrams,
    mixed,
    seen_before,
    sequence_hashes,
)
from curate.text.scan import FNV_OFFSET, FNV_PRIME, Codes, Room
from curate.text.traits import ASCII_TERMINAL, BULLET, GOPHER_BULLET, TERMINAL_MARK

TOP_NGRAMS = tuple(range(SMALLEST_TOP, LARGEST_TOP + 1))
DUPLICATE_NGRAMS = tuple(range(LARGEST_TOP + 1, LARGEST_NGRAM + 1))

COUNTS = (
    "line_count",
    "sentence_count",
    "javascript_free_line_count",  # only defined above 3 lines
)
RATIOS = (
    "mean_line_length",
    "bullet_line_ratio",  # Gopher's two glyphs
    "any_bullet_line_ratio",
    "ellipsis_line_ratio",
    "terminal_punctuation_line_ratio",  # marks of all scripts
    "ascii_terminal_line_ratio",  # . ! ? " as in C4 and dingo
    "short_line_ratio",
    "duplicate_line_ratio",
    "duplicate_line_char_ratio",
    "duplicate_line_char_ratio_no_newlines",
    "duplicate_paragraph_ratio",
    "duplicate_paragraph_char_ratio",
    *(f"top_{n}gram_char_ratio" for n in TOP_NGRAMS),
    *(f"duplicate_{n}gram_char_ratio" for n in DUPLICATE_NGRAMS),
)

SHORT_LINE_CHARS = 30
FEW_LINES = 3
_NEWLINE, _DOT, _ELLIPSIS, _J, _V = ord("\n"), ord("."), ord("…"), ord("j"), ord("v")
_JAVASCRIPT = np.frombuffer(b"javascript", np.uint8)
_21, _42 = np.uint64(21), np.uint64(42)


def line_signals(counted: Floats) -> Signals:
    """float64[d] for every name in COUNTS and RATIOS, from float64[d, COLUMNS]."""
    of = counted.T
    chars, lines, blocks = of[Count.CHARS], of[Count.LINES], of[Count.PARAGRAPHS]
    return {
        "line_count": lines,
        "sentence_count": of[Count.SENTENCES],
        "javascript_free_line_count": np.where(lines > FEW_LINES, lines - of[Count.JAVASCRIPT_LINES], np.nan),
        "mean_line_length": of[Count.LINE_CHARS] / lines,
        "bullet_line_ratio": of[Count.BULLET_LINES] / lines,
        "any_bullet_line_ratio": of[Count.ANY_BULLET_LINES] / lines,
        "ellipsis_line_ratio": of[Count.ELLIPSIS_LINES] / lines,
        "terminal_punctuation_line_ratio": of[Count.TERMINAL_LINES] / lines,
        "ascii_terminal_line_ratio": of[Count.ASCII_TERMINAL_LINES] / lines,
        "short_line_ratio": of[Count.SHORT_LINES] / lines,
        "duplicate_line_ratio": of[Count.DUPLICATE_LINES] / lines,
        "duplicate_line_char_ratio": of[Count.DUPLICATE_LINE_CHARS] / chars,
        "duplicate_line_char_ratio_no_newlines": of[Count.DUPLICATE_LINE_CHARS] / (chars - of[Count.NEWLINES]),
        "duplicate_paragraph_ratio": of[Count.DUPLICATE_PARAGRAPHS] / blocks,
        "duplicate_paragraph_char_ratio": of[Count.DUPLICATE_PARAGRAPH_CHARS] / chars,
        **_ngram_signals(counted),
    }


def _ngram_signals(counted: Floats) -> Signals:
    """NaN where a text has fewer than n tokens."""
    of = counted.T
    columns = {f"top_{n}gram_char_ratio": (n, Count.TOP_2GRAM_CHARS + n - SMALLEST_TOP) for n in TOP_NGRAMS}
    columns |= {
        f"duplicate_{n}gram_char_ratio": (n, Count.DUPLICATE_5GRAM_CHARS + n - LARGEST_TOP - 1)
        for n in DUPLICATE_NGRAMS
    }
    return {
        name: np.where(of[Count.TOKENS] < n, np.nan, of[column] / of[Count.CHARS])
        for name, (n, column) in columns.items()
    }


@kernel
def count_lines(characters: int, room: Room, bench: Bench, out: Floats) -> None:
    """Fill the columns of lines: between line feeds, without the white space around them; blank ones are none."""
    size = cleared(bench.table, int(out[Count.NEWLINES]) + 1)
    javascript = _may_name_javascript(room.lower[:characters])
    start = 0
    while start < characters:
        stop = start
        while stop < characters and room.codes[stop] != _NEWLINE:
            stop += 1
        first, last = _stripped(room.traits, start, stop)
        if last > first:
            _count_line(first, last, room, out)
            out[Count.JAVASCRIPT_LINES] += javascript and _names_javascript(room.lower, first, last)
            if seen_before(bench.table, size, span_hash(room.codes, first, last)):
                out[Count.DUPLICATE_LINES] += 1
                out[Count.DUPLICATE_LINE_CHARS] += last - first
        start = stop + 1


@kernel
def _count_line(first: int, last: int, room: Room, out: Floats) -> None:
    codes = room.codes
    head, tail, end = room.traits[first], room.traits[last - 1], codes[last - 1]
    dots = last - first >= 3 and end == _DOT and codes[last - 2] == _DOT and codes[last - 3] == _DOT
    out[Count.LINES] += 1
    out[Count.LINE_CHARS] += last - first
    out[Count.SHORT_LINES] += last - first <= SHORT_LINE_CHARS
    out[Count.BULLET_LINES] += head & GOPHER_BULLET != 0
    out[Count.ANY_BULLET_LINES] += head & BULLET != 0
    out[Count.ELLIPSIS_LINES] += end == _ELLIPSIS or dots
    out[Count.TERMINAL_LINES] += tail & TERMINAL_MARK != 0
    out[Count.ASCII_TERMINAL_LINES] += tail & ASCII_TERMINAL != 0


@kernel
def count_paragraphs(characters: int, room: Room, bench: Bench, out: Floats) -> None:
    """Fill the columns of paragraphs: blocks between two or more line feeds in a row, blank ones left out."""
    size = cleared(bench.table, int(out[Count.NEWLINES]) // 2 + 1)
    start = 0
    while start < characters:
        stop = _block_end(room.codes, start, characters)
        first, last = _stripped(room.traits, start, stop)
        if last > first:
            out[Count.PARAGRAPHS] += 1
            whole = start == 0 and stop == characters  # nothing that it could repeat
            if not whole and seen_before(bench.table, size, span_hash(room.codes, first, last)):
                out[Count.DUPLICATE_PARAGRAPHS] += 1
                out[Count.DUPLICATE_PARAGRAPH_CHARS] += last - first
        start = stop + 2


@kernel
def count_repetition(tokens: int, room: Room, bench: Bench, out: Floats) -> None:
    """Fill the columns of n-grams."""
    sequence_hashes(room.hashes, room.starts, room.ends, tokens, bench)
    for place in range(tokens):
        bench.marked[place] = place
    marked = tokens
    for n in range(SMALLEST_TOP, LARGEST_TOP + 1):
        if tokens >= n:
            count, place, marked = count_ngrams(tokens, n, marked, bench)
            chars = bench.chars[place + n] - bench.chars[place] + n - 1
            out[Count.TOP_2GRAM_CHARS + n - SMALLEST_TOP] = chars * count
    for n in range(LARGEST_TOP + 1, LARGEST_NGRAM + 1):
        if marked:
            chars, marked = duplicate_ngrams(tokens, n, marked, bench)
            out[Count.DUPLICATE_5GRAM_CHARS + n - LARGEST_TOP - 1] = chars


@inner
def span_hash(codes: Codes, start: int, end: int) -> np.uint64:
    """A hash of the characters [start, end), three at a time."""
    value = FNV_OFFSET ^ np.uint64(end - start)
    at = start
    while at < end:
        three = np.uint64(codes[at])
        if at + 1 < end:
            three |= np.uint64(codes[at + 1]) << _21
        if at + 2 < end:
            three |= np.uint64(codes[at + 2]) << _42
        value = (value ^ three) * FNV_PRIME
        value ^= value >> _21
        at += 3
    return mixed(value)


@inner
def _block_end(codes: Codes, at: int, stop: int) -> int:
    """The first place from `at` where two line feeds stand in a row, else `stop`."""
    for place in range(at + 1, stop):
        if codes[place] == _NEWLINE and codes[place - 1] == _NEWLINE:
            return place - 1
    return stop


@inner
def _stripped(traits: Codes, start: int, end: int) -> tuple[int, int]:
    while start < end and traits[start] & SPACE:
        start += 1
    while end > start and traits[end - 1] & SPACE:
        end -= 1
    return start, end


@inner
def _may_name_javascript(lower: Codes) -> bool:
    """Whether it is worth to look for javascript in lines: j and v stand one character apart somewhere."""
    found = 0
    for at in range(len(lower) - 2):
        found += (lower[at] == _J) & (lower[at + 2] == _V)
    return found > 0


@inner
def _names_javascript(lower: Codes, first: int, last: int) -> bool:
    for at in range(first, last - len(_JAVASCRIPT) + 1):
        if lower[at] == _J:
            place = 1
            while place < len(_JAVASCRIPT) and lower[at + place] == _JAVASCRIPT[place]:
                place += 1
            if place == len(_JAVASCRIPT):
                return True
    return False
