"""Signals of words: how many, how long, which, and what stands between them.

Tokens are words and symbols. Counts and lengths are taken over words, shares over tokens, as in datatrove's Gopher
filter; where a published threshold presumes otherwise there is a signal for each.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text import classes
from curate.text.batch import Batch, Floats, Signals, longest, per_text, runs
from curate.text.codepoints import decode
from curate.text.language import languages
from curate.text.repetition import duplicates
from curate.text.segment import SYMBOL_TOKEN, Spans
from curate.text.shingles import Hashes, hash_spans

COUNTS = (
    "word_count",
    "longest_word_chars",
    "longest_unpunctuated_words",
    "stop_word_distinct",
    "stop_word_count",
)
RATIOS = (
    "mean_word_length",
    "hash_word_ratio",
    "ellipsis_word_ratio",
    "symbol_word_ratio",
    "alphabetic_word_ratio",  # per word
    "alphabetic_token_ratio",  # per token
    "upper_word_ratio",
    "short_text_upper_word_ratio",  # only defined below 200 words
    "unique_word_ratio",
    "newline_word_ratio",
    "stop_word_ratio",
)

SHORT_TEXT_WORDS = 200


def word_signals(batch: Batch) -> Signals:
    """float64[d] for every name in COUNTS and RATIOS."""
    tokens, words = batch.tokens.spans, batch.words
    token_count, word_count = tokens.counts.astype(np.float64), words.counts.astype(np.float64)
    hashes, ellipses = batch.count(batch.text.codes == ord("#")), _ellipses(batch)
    letters = per_text(tokens, batch.holds(tokens, classes.LETTER))
    upper = per_text(tokens, batch.holds(tokens, classes.UPPER) & ~batch.holds(tokens, classes.LOWER)) / token_count
    distinct = word_count - per_text(words, duplicates(batch.lower, words))
    return {
        "word_count": word_count,
        "mean_word_length": per_text(words, weights=words.lengths) / word_count,
        "longest_word_chars": longest(words.where(~batch.holds(words, classes.UNSPACED))),
        "longest_unpunctuated_words": _longest_unpunctuated(batch),
        "hash_word_ratio": hashes / token_count,
        "ellipsis_word_ratio": ellipses / token_count,
        "symbol_word_ratio": (hashes + ellipses) / token_count,
        "alphabetic_word_ratio": letters / word_count,
        "alphabetic_token_ratio": letters / token_count,
        "upper_word_ratio": upper,
        "short_text_upper_word_ratio": np.where(word_count < SHORT_TEXT_WORDS, upper, np.nan),
        "unique_word_ratio": distinct / word_count,
        "newline_word_ratio": batch.newlines / token_count,
        **_stop_words(batch),
    }


def _ellipses(batch: Batch) -> Floats:
    """How often `...` or `…` occurs; six dots in a row are two."""
    dots = runs(batch.text.codes == ord("."), batch.text.offsets)
    return per_text(dots, weights=dots.lengths // 3) + batch.count(batch.text.codes == ord("…"))


def _longest_unpunctuated(batch: Batch) -> Floats:
    """Words in the longest stretch of a line without a symbol."""
    tokens = batch.tokens.spans
    line_starts = np.searchsorted(tokens.starts, batch.lines.starts)
    stretches = runs(batch.tokens.kinds != SYMBOL_TOKEN, np.append(line_starts, len(tokens)))
    return longest(Spans(stretches.starts, stretches.ends, np.searchsorted(stretches.starts, tokens.offsets)))


def _stop_words(batch: Batch) -> Signals:
    """The few words of Gopher's rule as they are written (a page in capitals has none), the many in lower case.

    NaN for a language without lists.
    """
    tokens = batch.tokens.spans
    as_written = hash_spans(batch.text.codes, tokens.starts, tokens.ends)
    lowered = hash_spans(batch.lower, tokens.starts, tokens.ends)
    found = {name: np.full(len(batch.text), np.nan) for name in (*COUNTS[-2:], "stop_word_ratio")}
    for lang in sorted({lang for lang in batch.langs if lang in languages()}):
        few, many = languages()[lang].gopher, languages()[lang].stop_words
        inside = np.array([own == lang for own in batch.langs])
        listed = _among(as_written, _hashes_of(few))
        found["stop_word_count"][inside] = per_text(tokens, listed)[inside]
        once = tokens.where(listed)
        found["stop_word_distinct"][inside] = per_text(once, ~duplicates(batch.text.codes, once))[inside]
        common = per_text(tokens, _among(lowered, _hashes_of(many)))
        found["stop_word_ratio"][inside] = (common / tokens.counts)[inside]
    return found


def _among(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """bool[n]: which hashes are among `known`, which is sorted and not empty."""
    place = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(known[place] == hashes)


@cache
def _hashes_of(words: frozenset[str]) -> Hashes:
    text = decode(pa.array(sorted(words), pa.string()))
    return np.sort(hash_spans(text.codes, text.offsets[:-1], text.offsets[1:]))
