"""Signals of lines, sentences and paragraphs, and of what repeats inside a text."""

import re

import numpy as np
import numpy.typing as npt

from curate.text import classes
from curate.text.batch import Batch, Floats, Mask, Signals, members, per_text
from curate.text.language import BULLETS, CLOSERS, GOPHER_BULLETS, SENTENCE_ENDS, TERMINAL
from curate.text.repetition import duplicate_ngram_chars, duplicates, top_ngram_chars
from curate.text.segment import Spans, paragraphs

TOP_NGRAMS = (2, 3, 4)
DUPLICATE_NGRAMS = (5, 6, 7, 8, 9, 10)

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
_JAVASCRIPT = "javascript"


def line_signals(batch: Batch) -> Signals:
    """float64[d] for the counts and shares of lines and sentences."""
    spans, codes = batch.lines, batch.text.codes
    count = spans.counts.astype(np.float64)
    repeated = duplicates(codes, spans)
    repeated_chars = per_text(spans, repeated, spans.lengths)
    first, last = codes[spans.starts], codes[spans.ends - 1]
    return {
        "line_count": count,
        "sentence_count": _sentences(batch),
        "javascript_free_line_count": np.where(count > FEW_LINES, count - _javascript_lines(batch), np.nan),
        "mean_line_length": per_text(spans, weights=spans.lengths) / count,
        "bullet_line_ratio": per_text(spans, members(GOPHER_BULLETS)[first]) / count,
        "any_bullet_line_ratio": per_text(spans, members(BULLETS)[first]) / count,
        "ellipsis_line_ratio": per_text(spans, (last == ord("…")) | _end_in_dots(codes, spans)) / count,
        "terminal_punctuation_line_ratio": per_text(spans, members(TERMINAL)[last]) / count,
        "ascii_terminal_line_ratio": per_text(spans, members('.!?"')[last]) / count,
        "short_line_ratio": per_text(spans, spans.lengths <= SHORT_LINE_CHARS) / count,
        "duplicate_line_ratio": per_text(spans, repeated) / count,
        "duplicate_line_char_ratio": repeated_chars / batch.chars,
        "duplicate_line_char_ratio_no_newlines": repeated_chars / (batch.chars - batch.newlines),
    }


def repetition_signals(batch: Batch) -> Signals:
    """float64[d] for repeated paragraphs and n-grams; NaN where a text has fewer than n tokens."""
    codes, tokens, blocks = batch.text.codes, batch.tokens.spans, paragraphs(batch.text)
    repeated = duplicates(codes, blocks)
    found = {
        "duplicate_paragraph_ratio": per_text(blocks, repeated) / blocks.counts,
        "duplicate_paragraph_char_ratio": per_text(blocks, repeated, blocks.lengths) / batch.chars,
    }
    for n, chars in zip(TOP_NGRAMS, top_ngram_chars(codes, tokens, TOP_NGRAMS), strict=True):
        found[f"top_{n}gram_char_ratio"] = np.where(tokens.counts < n, np.nan, chars / batch.chars)
    for n, chars in zip(DUPLICATE_NGRAMS, duplicate_ngram_chars(codes, tokens, DUPLICATE_NGRAMS), strict=True):
        found[f"duplicate_{n}gram_char_ratio"] = np.where(tokens.counts < n, np.nan, chars / batch.chars)
    return found


def _sentences(batch: Batch) -> Floats:
    """Stretches that hold a word, between line feeds and marks; . ! ? only where white space or a closer follows.

    So 3.14 and example.org end no sentence; an abbreviation does.
    """
    codes, offsets = batch.text.codes, batch.text.offsets
    follows = np.concatenate((batch.has(classes.SPACE) | members(CLOSERS)[codes], [True]))[1:]
    follows[offsets[1:][batch.text.lengths > 0] - 1] = True
    breaks = (codes == 10) | (members(SENTENCE_ENDS)[codes] & (~members(".!?")[codes] | follows))
    words = batch.words
    number = np.cumsum(breaks)[words.starts]
    opens = np.diff(number, prepend=-1) > 0
    opens[words.offsets[:-1][words.counts > 0]] = True
    return per_text(words, opens)


def _end_in_dots(codes: npt.NDArray[np.uint32], spans: Spans) -> Mask:
    """bool[s]: whether the last three characters are dots."""
    before = np.concatenate((np.zeros(3, np.uint32), codes))
    dots = [before[spans.ends + place] == ord(".") for place in range(3)]
    return np.asarray(np.logical_and.reduce([spans.lengths >= 3, *dots]))


def _javascript_lines(batch: Batch) -> Floats:
    """float64[d]: lines that hold the word."""
    places = np.array([match.start() for match in re.finditer(_JAVASCRIPT, batch.lower_text)], np.int64)
    line = np.searchsorted(batch.lines.starts, places, side="right") - 1
    inside = (line >= 0) & (places + len(_JAVASCRIPT) <= np.append(batch.lines.ends, 0)[line])
    return np.bincount(batch.lines.text_of[np.unique(line[inside])], minlength=len(batch.text)).astype(np.float64)
