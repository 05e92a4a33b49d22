"""Signals of lines, sentences and paragraphs, and of what repeats inside a text."""

import numpy as np

from curate.text.char_signals import Floats, Signals
from curate.text.classes import SPACE
from curate.text.counts import Count
from curate.text.kernel import inner, kernel, signed
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
from curate.text.scan import FNV_OFFSET, FNV_PRIME, Codes, Int32s, Room
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
_21, _33, _42 = np.uint64(21), np.uint64(33), np.uint64(42)


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
    """Fill the columns of lines and of paragraphs: blocks between two or more line feeds in a row. Blank ones are none.

    White space around them does not count.
    """
    feeds = _line_feeds(room.codes[:characters], bench.marked)
    lines = start = 0
    for feed in range(feeds + 1):
        stop = bench.marked[feed] if feed < feeds else characters
        lines = _listed(start, stop, lines, room, bench)
        start = stop + 1
    _count_kinds(lines, room, bench, out)
    if _may_name_javascript(room.lower[:characters]):
        out[Count.JAVASCRIPT_LINES] = _javascript_lines(lines, room.lower, bench)
    out[Count.DUPLICATE_LINES], out[Count.DUPLICATE_LINE_CHARS] = _duplicates(lines, room.codes, bench)
    blocks = start = feed = 0
    while feed + 1 < feeds:
        stop = bench.marked[feed]
        feed += 1
        if bench.marked[feed] == stop + 1:
            blocks = _listed(start, stop, blocks, room, bench)
            start = stop + 2
            feed += 1
    blocks = _listed(start, characters, blocks, room, bench)
    out[Count.PARAGRAPHS] = blocks
    out[Count.DUPLICATE_PARAGRAPHS], out[Count.DUPLICATE_PARAGRAPH_CHARS] = _duplicates(blocks, room.codes, bench)


@kernel
def _line_feeds(codes: Codes, places: Int32s) -> int:
    """List the places of line feeds; returns how many."""
    found = np.uint64(0)
    for at in range(len(codes)):
        places[found] = at
        found += np.uint64(codes[at] == _NEWLINE)
    return signed(found)


@inner
def _listed(start: int, stop: int, spans: int, room: Room, bench: Bench) -> int:
    """Put a span, as far as it is not blank, behind others into bench.places and slots; returns how many they are."""
    first, last = _stripped(room.traits, start, stop)
    bench.places[spans], bench.slots[spans] = first, last
    return spans + (last > first)


@kernel
def _count_kinds(lines: int, room: Room, bench: Bench, out: Floats) -> None:
    codes, traits, starts, ends = room.codes, room.traits, bench.places, bench.slots
    chars = short = bullets = any_bullets = ellipses = terminal = ascii_terminal = 0
    for line in range(lines):
        first, last = starts[line], ends[line]
        head, tail, end = traits[first], traits[last - 1], codes[last - 1]
        dots = end == _DOT and last - first >= 3 and codes[last - 2] == _DOT and codes[last - 3] == _DOT
        chars += last - first
        short += last - first <= SHORT_LINE_CHARS
        bullets += head & GOPHER_BULLET != 0
        any_bullets += head & BULLET != 0
        ellipses += end == _ELLIPSIS or dots
        terminal += tail & TERMINAL_MARK != 0
        ascii_terminal += tail & ASCII_TERMINAL != 0
    out[Count.LINES], out[Count.LINE_CHARS], out[Count.SHORT_LINES] = lines, chars, short
    out[Count.BULLET_LINES], out[Count.ANY_BULLET_LINES], out[Count.ELLIPSIS_LINES] = bullets, any_bullets, ellipses
    out[Count.TERMINAL_LINES], out[Count.ASCII_TERMINAL_LINES] = terminal, ascii_terminal


@kernel
def _javascript_lines(lines: int, lower: Codes, bench: Bench) -> int:
    found = 0
    for line in range(lines):
        found += _names_javascript(lower, bench.places[line], bench.slots[line])
    return found


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


@kernel
def _duplicates(spans: int, codes: Codes, bench: Bench) -> tuple[int, int]:
    """(spans that an earlier one equals, characters of them), of those from bench.places to bench.slots.

    Most texts have none, and length, ends and middle tell: only where two spans agree in these are all of them hashed.
    """
    starts, ends = bench.places, bench.slots
    size = cleared(bench.table, spans)
    alike = False
    for span in range(spans):
        alike |= seen_before(bench.table, size, _outline(codes, starts[span], ends[span]))
    found = chars = 0
    if alike:
        size = cleared(bench.table, spans)
        for span in range(spans):
            if seen_before(bench.table, size, span_hash(codes, starts[span], ends[span])):
                found += 1
                chars += ends[span] - starts[span]
    return found, chars


@inner
def _outline(codes: Codes, start: int, end: int) -> np.uint64:
    """A hash of a span's length and of four of its characters."""
    length = np.uint64(end - start)
    value = (length << _42 | np.uint64(codes[start]) << _21 | np.uint64(codes[end - 1])) * FNV_PRIME
    value ^= value >> _33
    return value ^ (np.uint64(codes[start + (end - start) // 2]) << _21 | np.uint64(codes[start + (end - start) // 3]))


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
