"""Signals of characters and strings: how long a text is and what it is written with."""

import re
from itertools import pairwise

import numpy as np

from curate.text import classes
from curate.text.batch import Batch, Floats, Signals, longest, runs
from curate.text.repetition import entropy, repeated_windows

COUNTS = (
    "char_count",
    "nonspace_char_count",
    "letter_count",
    "curly_bracket_count",  # opening ones, as in C4
    "lorem_ipsum_count",
    "longest_space_run",
)
RATIOS = (
    "chinese_char_ratio",
    "digit_char_ratio",
    "newline_char_ratio",
    "curly_bracket_ratio",
    "special_char_ratio",
    "html_entity_ratio",
    "unspaced_char_ratio",
    "char_entropy",
    "repeated_13char_ratio",
)

CHAR_NGRAM = 13
_CHINESE = (0x4E00, 0x9FA5)
_ENTITY = re.compile("[&\uff06](?:#[0-9]{1,6}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,9})[;\uff1b]")


def char_signals(batch: Batch) -> Signals:
    """float64[d] for every name in COUNTS and RATIOS."""
    codes, total = batch.text.codes, batch.chars
    opening = batch.count(codes == ord("{"))
    low, high = _CHINESE
    return {
        "char_count": total,
        "nonspace_char_count": batch.count(~batch.has(classes.SPACE)),
        "letter_count": batch.count(batch.has(classes.LETTER)),
        "curly_bracket_count": opening,
        "curly_bracket_ratio": (opening + batch.count(codes == ord("}"))) / total,
        "newline_char_ratio": batch.newlines / total,
        "chinese_char_ratio": batch.count((codes >= low) & (codes <= high)) / total,
        "digit_char_ratio": batch.count(batch.has(classes.DIGIT)) / total,
        "special_char_ratio": batch.count(batch.has(classes.DEBRIS)) / total,
        "unspaced_char_ratio": batch.count(batch.has(classes.UNSPACED)) / total,
        "longest_space_run": longest(runs(batch.has(classes.SPACE), batch.text.offsets)),
        "char_entropy": entropy(codes, batch.text.offsets),
        "repeated_13char_ratio": _repeated_char_ngrams(batch),
        **_strings(batch),
    }


def _strings(batch: Batch) -> Signals:
    text, spans = batch.lower_text, list(pairwise(batch.text.offsets.tolist()))
    lorem = [text.count("lorem ipsum", start, end) for start, end in spans]
    entities = [_entity_chars(text, start, end) for start, end in spans]
    return {"lorem_ipsum_count": np.array(lorem, float), "html_entity_ratio": np.array(entities, float) / batch.chars}


def _entity_chars(text: str, start: int, end: int) -> int:
    """Characters of HTML entities that were not decoded, in half-width or full-width spelling."""
    if text.find(";", start, end) < 0 and text.find("\uff1b", start, end) < 0:
        return 0
    return sum(len(match[0]) for match in _ENTITY.finditer(text, start, end))


def _repeated_char_ngrams(batch: Batch) -> Floats:
    """Share of 13-character n-grams that occur more than once, on lower-cased text without spaces.

    ChineseWebText (arXiv 2311.01149); its code leaves out the last n-gram, this does not.
    """
    kept = ~batch.has(classes.SPACE)
    offsets = np.concatenate(([0], np.cumsum(kept)))[batch.text.offsets]
    ngrams = np.maximum(np.diff(offsets) - CHAR_NGRAM + 1, 0)
    return np.asarray(repeated_windows(batch.lower[kept], offsets, CHAR_NGRAM) / ngrams)
