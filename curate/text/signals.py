"""Every score of the `score` stage, computed for a batch at once over its code points and tokens.

Definitions follow the code that published thresholds were tuned on: Gopher and FineWeb as in datatrove, C4, dingo and
llm-web-kit (OpenDataLab), ChineseWebText. "Tokens" are words and symbols, "words" are tokens that are not symbols:
counts and lengths are taken over words, ratios over tokens. A ratio without a denominator is NaN: no rule applies.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text import classes
from curate.text.codepoints import Codepoints, decode, pieces
from curate.text.language import BULLETS, GOPHER_BULLETS, SENTENCE_ENDS, TERMINAL, languages
from curate.text.repetition import duplicate_ngram_chars, duplicates, entropy, repeated_windows, top_ngram_chars
from curate.text.segment import SYMBOL_TOKEN, Spans, Tokens, lines, paragraphs, segment
from curate.text.shingles import hash_spans

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TOP_NGRAMS = (2, 3, 4)
DUPLICATE_NGRAMS = (5, 6, 7, 8, 9, 10)
SHORT_LINE_CHARS = 30
CHINESE = (0x4E00, 0x9FA5)
CHAR_NGRAM = 13
_ENTITY = re.compile("[&\uff06](?:#[0-9]{1,6}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,9})[;\uff1b]")

COUNTS = (
    "char_count", "nonspace_char_count", "word_count", "line_count", "sentence_count", "stop_word_distinct",
    "stop_word_count", "curly_bracket_count", "lorem_ipsum_count", "longest_word_chars", "longest_unpunctuated_words",
    "longest_space_run", "letter_count",
)  # fmt: skip
RATIOS = (
    "mean_word_length", "hash_word_ratio", "ellipsis_word_ratio", "symbol_word_ratio", "alphabetic_word_ratio",
    "alphabetic_token_ratio",
    "stop_word_ratio", "unique_word_ratio", "upper_word_ratio", "newline_word_ratio", "bullet_line_ratio",
    "any_bullet_line_ratio", "ellipsis_line_ratio", "terminal_punctuation_line_ratio", "short_line_ratio",
    "mean_line_length", "duplicate_line_ratio", "duplicate_line_char_ratio", "duplicate_line_char_ratio_no_newlines",
    "duplicate_paragraph_ratio", "duplicate_paragraph_char_ratio", "newline_char_ratio", "curly_bracket_ratio",
    "chinese_char_ratio", "digit_char_ratio", "special_char_ratio", "html_entity_ratio", "unspaced_char_ratio",
    "char_entropy", "repeated_13char_ratio",
    *(f"top_{n}gram_char_ratio" for n in TOP_NGRAMS),
    *(f"duplicate_{n}gram_char_ratio" for n in DUPLICATE_NGRAMS),
)  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """What all signals look at, made once. langs: language code per text."""

    text: Codepoints
    flags: npt.NDArray[np.uint16]
    tokens: Tokens
    lines: Spans
    langs: tuple[str | None, ...]

    def chars(self, mask: Mask) -> Floats:
        """float64[d]: characters per text where `mask` (bool[c]) is True."""
        before = np.concatenate(([0], np.cumsum(mask)))
        return np.asarray(np.diff(before[self.text.offsets]), np.float64)

    def has(self, flag: int) -> Mask:
        """bool[c]: characters with a flag of `classes`."""
        return np.asarray(self.flags & np.uint16(flag) != 0)

    def is_one_of(self, characters: str) -> Mask:
        """bool[c]: characters that are among `characters`."""
        return np.asarray(np.isin(self.text.codes, [ord(character) for character in characters]))


def signals(texts: pa.StringArray, langs: pa.StringArray) -> dict[str, Floats]:
    """float64[d] for every name in COUNTS and RATIOS; NaN where a signal is not defined."""
    parts, start = [], 0
    codes = langs.to_pylist()
    for piece in pieces(texts):
        parts.append(_signals(piece, tuple(codes[start : start + len(piece)])))
        start += len(piece)
    return {name: np.concatenate([part[name] for part in parts]) for name in (*COUNTS, *RATIOS)}


def _signals(texts: pa.StringArray, langs: tuple[str | None, ...]) -> dict[str, Floats]:
    text = decode(texts)
    batch = Batch(text, classes.flags()[text.codes], segment(text), lines(text), langs)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: dict[str, Floats] = {}
        for group in _GROUPS:
            found |= group(batch)
    return found


def _characters(batch: Batch) -> dict[str, Floats]:
    total = batch.text.lengths.astype(np.float64)
    curly = batch.chars(batch.is_one_of("{}"))
    low, high = CHINESE
    return {
        "char_count": total,
        "nonspace_char_count": batch.chars(~batch.has(classes.SPACE)),
        "letter_count": batch.chars(batch.has(classes.LETTER)),
        "curly_bracket_count": curly,
        "curly_bracket_ratio": curly / total,
        "newline_char_ratio": batch.chars(batch.text.codes == 10) / total,
        "chinese_char_ratio": batch.chars((batch.text.codes >= low) & (batch.text.codes <= high)) / total,
        "digit_char_ratio": batch.chars(batch.has(classes.DIGIT)) / total,
        "special_char_ratio": batch.chars(batch.has(classes.DEBRIS)) / total,
        "unspaced_char_ratio": batch.chars(batch.has(classes.UNSPACED)) / total,
        "longest_space_run": _longest_run(batch.has(classes.SPACE), batch.text.offsets),
        "char_entropy": entropy(batch.text.codes, batch.text.offsets),
        "repeated_13char_ratio": _repeated_char_ngrams(batch),
    }


def _strings(batch: Batch) -> dict[str, Floats]:
    """Signals that look for strings; the texts that hold any are few."""
    low = classes.lower()[batch.text.codes].astype("<u4").tobytes().decode("utf-32-le", "replace")
    spans = list(zip(batch.text.offsets[:-1].tolist(), batch.text.offsets[1:].tolist(), strict=True))
    lorem = [low.count("lorem ipsum", start, end) for start, end in spans]
    entities = [_entity_chars(low, start, end) for start, end in spans]
    total = batch.text.lengths.astype(np.float64)
    return {"lorem_ipsum_count": np.array(lorem, float), "html_entity_ratio": np.array(entities, float) / total}


def _entity_chars(text: str, start: int, end: int) -> int:
    """Characters of HTML entities that were not decoded, in half-width or full-width spelling."""
    if text.find(";", start, end) < 0 and text.find("\uff1b", start, end) < 0:
        return 0
    return sum(len(match[0]) for match in _ENTITY.finditer(text, start, end))


def _words(batch: Batch) -> dict[str, Floats]:
    tokens, words = batch.tokens.spans, batch.tokens.words
    count, word_count = tokens.counts.astype(np.float64), words.counts.astype(np.float64)
    first = batch.text.codes[tokens.starts] if len(tokens) else np.zeros(0, np.uint32)
    hashes = _per_text(first == ord("#"), tokens, tokens.lengths)
    ellipses = _per_text((first == ord("…")) | ((first == ord(".")) & (tokens.lengths >= 3)), tokens)
    letters, uppers, lowers = (_any_char(batch, tokens, f) for f in (classes.LETTER, classes.UPPER, classes.LOWER))
    return {
        "word_count": word_count,
        "mean_word_length": _per_text(np.ones(len(words), np.bool_), words, words.lengths) / word_count,
        "longest_word_chars": _longest_word(batch, words),
        "hash_word_ratio": hashes / count,
        "ellipsis_word_ratio": ellipses / count,
        "symbol_word_ratio": (hashes + ellipses) / count,
        "alphabetic_word_ratio": _per_text(letters, tokens) / word_count,
        "alphabetic_token_ratio": _per_text(letters, tokens) / count,
        "upper_word_ratio": _per_text(uppers & ~lowers, tokens) / count,
        "unique_word_ratio": _distinct(batch, tokens) / count,
        "newline_word_ratio": batch.chars(batch.text.codes == 10) / count,
        "longest_unpunctuated_words": _longest_run(batch.tokens.kinds != SYMBOL_TOKEN, tokens.offsets),
        **_stop_words(batch),
    }


def _stop_words(batch: Batch) -> dict[str, Floats]:
    """Case-sensitive, as Gopher's rule is: a page in capitals has none. NaN for a language without a list."""
    tokens = batch.tokens.spans
    hashes = hash_spans(batch.text.codes, tokens.starts, tokens.ends)
    known, text_of = languages(), tokens.text_of
    found = {
        name: np.full(len(batch.text), np.nan) for name in ("stop_word_distinct", "stop_word_count", "stop_word_ratio")
    }
    for code in sorted({lang for lang in batch.langs if lang in known}):
        inside = np.array([lang == code for lang in batch.langs])
        gopher, common = (_hashes_of(words) for words in (known[code].gopher, known[code].stop_words))
        is_gopher, is_common = np.isin(hashes, gopher), np.isin(hashes, common)
        pairs = np.unique(np.stack([text_of[is_gopher].astype(np.uint64), hashes[is_gopher]]), axis=1)
        distinct = np.bincount(pairs[0].astype(np.int64), minlength=len(batch.text))
        counted = np.bincount(text_of[is_gopher], minlength=len(batch.text))
        shares = np.bincount(text_of[is_common], minlength=len(batch.text)) / tokens.counts
        for name, values in zip(found, (distinct, counted, shares), strict=True):
            found[name][inside] = values[inside]
    return found


def _lines(batch: Batch) -> dict[str, Floats]:
    spans, codes = batch.lines, batch.text.codes
    count, total = spans.counts.astype(np.float64), batch.text.lengths.astype(np.float64)
    first, last = (codes[spans.starts], codes[spans.ends - 1]) if len(spans) else (codes[:0], codes[:0])
    dots = np.zeros(len(spans), np.bool_)
    long = spans.lengths >= 3
    dots[long] = (codes[spans.ends[long] - 2] == ord(".")) & (codes[spans.ends[long] - 3] == ord("."))
    repeated = duplicates(codes, spans)
    repeated_chars = _per_text(repeated, spans, spans.lengths)
    return {
        "line_count": count,
        "mean_line_length": _per_text(np.ones(len(spans), np.bool_), spans, spans.lengths) / count,
        "bullet_line_ratio": _per_text(_among(first, GOPHER_BULLETS), spans) / count,
        "any_bullet_line_ratio": _per_text(_among(first, BULLETS), spans) / count,
        "ellipsis_line_ratio": _per_text((last == ord("…")) | (dots & (last == ord("."))), spans) / count,
        "terminal_punctuation_line_ratio": _per_text(_among(last, "".join(sorted(TERMINAL))), spans) / count,
        "short_line_ratio": _per_text(spans.lengths <= SHORT_LINE_CHARS, spans) / count,
        "duplicate_line_ratio": _per_text(repeated, spans) / count,
        "duplicate_line_char_ratio": repeated_chars / total,
        "duplicate_line_char_ratio_no_newlines": repeated_chars / (total - batch.chars(codes == 10)),
        "sentence_count": _sentences(batch),
    }


def _repetition(batch: Batch) -> dict[str, Floats]:
    codes, tokens = batch.text.codes, batch.tokens.spans
    total = batch.text.lengths.astype(np.float64)
    blocks = paragraphs(batch.text)
    repeated = duplicates(codes, blocks)
    found = {
        "duplicate_paragraph_ratio": _per_text(repeated, blocks) / blocks.counts,
        "duplicate_paragraph_char_ratio": _per_text(repeated, blocks, blocks.lengths) / total,
    }
    for n in TOP_NGRAMS:
        found[f"top_{n}gram_char_ratio"] = top_ngram_chars(codes, tokens, n) / total
    for n in DUPLICATE_NGRAMS:
        found[f"duplicate_{n}gram_char_ratio"] = duplicate_ngram_chars(codes, tokens, n) / total
    return found


def _sentences(batch: Batch) -> Floats:
    """Stretches between sentence-ending marks and line feeds that hold at least one word."""
    breaks = batch.is_one_of(SENTENCE_ENDS + "\n")
    number = np.cumsum(breaks)
    words = batch.tokens.words
    keys = np.unique(np.stack([words.text_of, number[words.starts]]) if len(words) else np.zeros((2, 0), int), axis=1)
    return np.asarray(np.bincount(keys[0], minlength=len(batch.text)), np.float64)


def _repeated_char_ngrams(batch: Batch) -> Floats:
    """Share of 13-character n-grams that occur more than once, on lower-cased text without spaces (ChineseWebText)."""
    kept = ~batch.has(classes.SPACE)
    codes = classes.lower()[batch.text.codes[kept]]
    offsets = np.concatenate(([0], np.cumsum(kept)))[batch.text.offsets]
    ngrams = np.maximum(np.diff(offsets) - CHAR_NGRAM + 1, 0)
    return np.asarray(repeated_windows(codes, offsets, CHAR_NGRAM) / ngrams)


def _distinct(batch: Batch, tokens: Spans) -> Floats:
    return tokens.counts - _per_text(duplicates(batch.text.codes, tokens), tokens)


def _longest_word(batch: Batch, words: Spans) -> Floats:
    """Longest word of a script that is written with spaces between words."""
    spaced = ~_any_char(batch, words, classes.UNSPACED)
    found = np.zeros(len(batch.text))
    np.maximum.at(found, words.text_of[spaced], words.lengths[spaced])
    return found


def _any_char(batch: Batch, spans: Spans, flag: int) -> Mask:
    """bool[s]: spans that hold a character with the flag."""
    before = np.concatenate(([0], np.cumsum(batch.has(flag))))
    return np.asarray(before[spans.ends] > before[spans.starts])


def _longest_run(mask: Mask, offsets: npt.NDArray[np.int64]) -> Floats:
    """float64[d]: the longest run of True inside each text."""
    place = np.arange(len(mask))
    run = place - np.maximum.accumulate(np.where(mask, -1, place)) if len(mask) else place
    text_of = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    run = np.minimum(run, place - offsets[text_of] + 1)
    found = np.zeros(len(offsets) - 1)
    np.maximum.at(found, text_of[mask], run[mask])
    return found


def _per_text(mask: Mask, spans: Spans, weights: npt.NDArray[np.int64] | None = None) -> Floats:
    """float64[d]: how many spans have `mask`, or the sum of their weights."""
    chosen = None if weights is None else weights[mask].astype(np.float64)
    return np.bincount(spans.text_of[mask], weights=chosen, minlength=len(spans.counts)).astype(np.float64)


def _among(codes: npt.NDArray[np.uint32], characters: str) -> Mask:
    return np.asarray(np.isin(codes, [ord(character) for character in characters]))


def _hashes_of(words: frozenset[str]) -> npt.NDArray[np.uint64]:
    text = decode(pa.array(sorted(words), pa.string()))
    return hash_spans(text.codes, text.offsets[:-1], text.offsets[1:])


_GROUPS: tuple[Callable[[Batch], dict[str, Floats]], ...] = (_characters, _strings, _words, _lines, _repetition)
