"""Signals of words: how many, how long, which, and what stands between them.

Tokens are words and symbols. Counts and lengths are taken over words, shares over tokens, as in datatrove's Gopher
filter; where a published threshold presumes otherwise there is a signal for each.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.char_signals import Floats, Signals
from curate.text.classes import LETTER, LOWER, SPACE, UNSPACED, UPPER
from curate.text.counts import Count
from curate.text.kernel import inner, kernel
from curate.text.language import languages
from curate.text.repetition import Bench, cleared, seen_before
from curate.text.scan import SYMBOL_TOKEN, Codes, Hashes, Room, read, room_for, strings, token_hash, tokenise
from curate.text.traits import CLOSER, NEEDS_SPACE, SENTENCE_END, tables

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
UNKNOWN = -1
# A few words a language are told apart by the bits of one number.
_MOST_FEW = 64
_ONE = np.uint64(1)
# Slots per word, and bits of a hash that may be skipped: enough for every word to have a slot of its own.
_SPARSE, _MOST_SKIPPED = 32, 32
_SPACE, _NEWLINE, _DOT, _ELLIPSIS = ord(" "), ord("\n"), ord("."), ord("…")
_LOREM, _IPSUM = (np.frombuffer(word.encode(), np.uint8) for word in ("lorem", "ipsum"))


class StopWords(NamedTuple):
    """Tables of words, a row per language, without collisions: one look tells whether a token is among them.

    many: uint64[l, s], hashes of the common words in lower case, 0 where a slot is empty; few: uint64[l, s], a bit of
    its own for each of the few words of Gopher's rule, 0 for the others. skipped: low bits of a hash in front of those
    that are its slot.
    """

    many: Hashes
    few: Hashes
    skipped: np.uint64


def word_signals(counted: Floats) -> Signals:
    """float64[d] for every name in COUNTS and RATIOS, from float64[d, COLUMNS]."""
    of = counted.T
    tokens, words = of[Count.TOKENS], of[Count.WORDS]
    capitals = of[Count.CAPITAL_TOKENS] / tokens
    return {
        "word_count": words,
        "longest_word_chars": of[Count.LONGEST_WORD_CHARS],
        "longest_unpunctuated_words": of[Count.LONGEST_UNPUNCTUATED_WORDS],
        "stop_word_distinct": of[Count.DISTINCT_GOPHER_STOP_WORDS],
        "stop_word_count": of[Count.GOPHER_STOP_WORDS],
        "mean_word_length": of[Count.WORD_CHARS] / words,
        "hash_word_ratio": of[Count.HASHES] / tokens,
        "ellipsis_word_ratio": of[Count.ELLIPSES] / tokens,
        "symbol_word_ratio": (of[Count.HASHES] + of[Count.ELLIPSES]) / tokens,
        "alphabetic_word_ratio": of[Count.LETTER_TOKENS] / words,
        "alphabetic_token_ratio": of[Count.LETTER_TOKENS] / tokens,
        "upper_word_ratio": capitals,
        "short_text_upper_word_ratio": np.where(words < SHORT_TEXT_WORDS, capitals, np.nan),
        "unique_word_ratio": of[Count.DISTINCT_WORDS] / words,
        "newline_word_ratio": of[Count.NEWLINES] / tokens,
        "stop_word_ratio": of[Count.STOP_WORDS] / tokens,
    }


def language_numbers(langs: Sequence[str | None]) -> npt.NDArray[np.int64]:
    """int64[d]: the row of each text's language in `stop_words`, UNKNOWN where there is none."""
    rows: dict[str | None, int] = {code: row for row, code in enumerate(sorted(languages()))}
    return np.array([rows.get(lang, UNKNOWN) for lang in langs], np.int64)


@cache
def stop_words() -> StopWords:
    """The tables of all languages, in order of their codes."""
    known = [languages()[code] for code in sorted(languages())]
    if max(len(language.gopher) for language in known) > _MOST_FEW:
        raise ValueError("a language has too many words for Gopher's rule")
    words = [sorted(language.stop_words | language.gopher) for language in known]
    hashes = [_hashes_of(of_one) | _ONE for of_one in words]
    size, skipped = _without_collisions(hashes)
    many, few = np.zeros((2, len(known), size), np.uint64)
    for row, language in enumerate(known):
        slots = hashes[row] >> skipped & np.uint64(size - 1)
        bits = iter(range(_MOST_FEW))
        many[row, slots] = hashes[row]
        few[row, slots] = [1 << next(bits) if word in language.gopher else 0 for word in words[row]]
    return StopWords(many, few, skipped)


def _without_collisions(hashes: Sequence[Hashes]) -> tuple[int, np.uint64]:
    """(slots, skipped bits) with which no two words of a language share a slot."""
    size = 1 << (_SPARSE * max(map(len, hashes)) - 1).bit_length()
    while True:
        for skipped in np.arange(_MOST_SKIPPED, dtype=np.uint64):
            if all(len(np.unique(keys >> skipped & np.uint64(size - 1))) == len(keys) for keys in hashes):
                return size, skipped
        size *= 2


def _hashes_of(words: Sequence[str]) -> Hashes:
    """Hashes of tokens."""
    found = []
    for word in words:
        text = strings(pa.array([word], pa.string()))
        room = room_for(text.longest)
        if tokenise(read(text.octets, text.offsets[0], text.offsets[1], tables(), room), room) != 1:
            raise ValueError(f"the stop word {word!r} is not one token")
        found.append(token_hash(room.codes, room.starts[0], room.ends[0]))
    return np.array(found, np.uint64)


@kernel
def count_words(tokens: int, characters: int, room: Room, bench: Bench, out: Floats) -> None:
    """Fill the columns of words."""
    size = cleared(bench.table, tokens)
    words = word_chars = longest = letters = capitals = distinct = ellipses = 0
    for token in range(tokens):
        seen = room.seen[token]
        letters += seen & LETTER != 0
        capitals += seen & (UPPER | LOWER) == UPPER
        if room.kinds[token] == SYMBOL_TOKEN:
            start = room.starts[token]
            if room.codes[start] == _DOT or room.codes[start] == _ELLIPSIS:
                ellipses += _ellipses(room.codes, start, room.ends[token])
            continue
        length = room.ends[token] - room.starts[token]
        words += 1
        word_chars += length
        longest = max(longest, 0 if seen & UNSPACED else length)
        distinct += not seen_before(bench.table, size, room.lower_hashes[token])
    out[Count.TOKENS], out[Count.WORDS], out[Count.WORD_CHARS] = tokens, words, word_chars
    out[Count.LONGEST_WORD_CHARS], out[Count.DISTINCT_WORDS] = longest, distinct
    out[Count.LETTER_TOKENS], out[Count.CAPITAL_TOKENS], out[Count.ELLIPSES] = letters, capitals, ellipses


@kernel
def count_sentences(tokens: int, characters: int, room: Room, out: Floats) -> None:
    """Fill the columns of what ends in white space or at marks: sentences, stretches of words, lorem ipsum."""
    sentences = run = longest_run = longest_gap = lorem = before = 0
    open_sentence = False
    for token in range(tokens + 1):
        start = room.starts[token] if token < tokens else characters
        longest_gap = max(longest_gap, start - before)
        for place in range(before, start):
            if room.codes[place] == _NEWLINE:
                open_sentence, run = False, 0
            elif room.codes[place] == _SPACE:
                lorem += _is_lorem(room.lower, place, characters)
        if token == tokens:
            break
        before = room.ends[token]
        if room.kinds[token] == SYMBOL_TOKEN:
            run = 0
            if room.seen[token] & SENTENCE_END and _ends_sentence(start, before, characters, room):
                open_sentence = False
        else:
            run += 1
            longest_run = max(longest_run, run)
            sentences += not open_sentence
            open_sentence = True
    out[Count.SENTENCES], out[Count.LONGEST_UNPUNCTUATED_WORDS] = sentences, longest_run
    out[Count.LONGEST_SPACE_RUN], out[Count.LOREM_IPSUM] = longest_gap, lorem


@kernel
def count_stop_words(tokens: int, room: Room, lang: int, stops: StopWords, out: Floats) -> None:
    """Fill the columns of stop words, for a language that has any."""
    many, few = stops.many[lang], stops.few[lang]
    last = np.uint64(len(many) - 1)
    seen = n_few = n_many = np.uint64(0)
    distinct = 0
    for token in range(tokens):
        key = room.lower_hashes[token] | _ONE
        slot = key >> stops.skipped & last
        known = np.uint64(many[slot] == key)
        as_listed = np.uint64(room.hashes[token] == room.lower_hashes[token])  # a page in capitals has none of the few
        bit = few[slot] * (known & as_listed)
        n_many += known
        n_few += np.uint64(bit != 0)
        seen |= bit
    while seen:
        distinct += 1
        seen &= seen - _ONE
    out[Count.STOP_WORDS], out[Count.GOPHER_STOP_WORDS], out[Count.DISTINCT_GOPHER_STOP_WORDS] = n_many, n_few, distinct


@inner
def _is_lorem(lower: Codes, space: int, characters: int) -> bool:
    """Whether `lorem` stands before a space and `ipsum` behind it, inside of longer words too."""
    if space < 5 or space + 5 >= characters or lower[space - 1] != _LOREM[4]:
        return False
    for place in range(5):
        if lower[space - 5 + place] != _LOREM[place] or lower[space + 1 + place] != _IPSUM[place]:
            return False
    return True


@inner
def _ends_sentence(start: int, end: int, characters: int, room: Room) -> bool:
    """Whether a token of marks ends a sentence. . ! ? do only in front of white space or a closer.

    So 3.14 and example.org end no sentence; an abbreviation does.
    """
    for place in range(start, end):
        traits = room.traits[place]
        if traits & SENTENCE_END:
            last = place + 1 == characters
            if not traits & NEEDS_SPACE or last or room.traits[place + 1] & (SPACE | CLOSER):
                return True
    return False


@inner
def _ellipses(codes: Codes, start: int, end: int) -> int:
    """How often `...` or `…` occurs; six dots in a row are two."""
    found = run = 0
    for place in range(start, end):
        found += codes[place] == _ELLIPSIS
        run = run + 1 if codes[place] == _DOT else 0
        found += run > 0 and run % 3 == 0
    return found
