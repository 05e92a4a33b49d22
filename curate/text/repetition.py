"""Repetition inside a document: equal lines and paragraphs, frequent and repeated n-grams, as datatrove counts them.

Equality is equality of 64-bit hashes. Definitions: Gopher (arXiv 2112.11446, table A1) as datatrove's code has it,
since the thresholds that people use were tuned on that code:
- of equal lines or paragraphs every one but the first is a duplicate;
- the top n-gram is the most frequent one, the earliest of equals; one that occurs once counts too;
- duplicate n-grams are found by a walk that jumps over every hit, their words joined without a space.
Cost: 20 ns a token and n.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate.text.kernel import kernel
from curate.text.segment import Spans
from curate.text.shingles import hash_spans

Int64s = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_33 = np.uint64(33)


def duplicates(codes: npt.NDArray[np.uint32], spans: Spans) -> npt.NDArray[np.bool_]:
    """bool[s]: spans whose characters an earlier span of the same text has."""
    return np.asarray(_seen_before(hash_spans(codes, spans.starts, spans.ends), spans.offsets))


def top_ngram_chars(codes: npt.NDArray[np.uint32], tokens: Spans, sizes: Sequence[int]) -> list[Int64s]:
    """int64[d] for every n of `sizes`: length of the most frequent n-gram, joined with spaces, times its count."""
    hashes = hash_spans(codes, tokens.starts, tokens.ends)
    return [_top(hashes, tokens.lengths, tokens.offsets, n) for n in sizes]


def duplicate_ngram_chars(codes: npt.NDArray[np.uint32], tokens: Spans, sizes: Sequence[int]) -> list[Int64s]:
    """int64[d] for every n of `sizes`: characters of the words in repeated n-grams."""
    ends = np.cumsum(tokens.lengths)
    starts = ends - tokens.lengths
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(tokens.starts - starts, tokens.lengths)
    prefix, powers = _prefix_hashes(codes[places])
    return [_greedy(prefix, powers, starts, ends, tokens.offsets, n) for n in sizes]


def repeated_windows(codes: npt.NDArray[np.uint32], offsets: Int64s, n: int) -> Int64s:
    """int64[d]: how many of a text's n-grams of characters occur in it more than once."""
    prefix, powers = _prefix_hashes(codes)
    return np.asarray(_repeated(prefix, powers, offsets, n))


def entropy(codes: npt.NDArray[np.uint32], offsets: Int64s) -> npt.NDArray[np.float64]:
    """float64[d]: bits per character of the distribution of a text's characters; NaN for an empty text."""
    return np.asarray(_entropy(codes, offsets))


@kernel
def _mixed(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> _33)) * _MIX
    return value ^ (value >> _33)


@kernel
def _prefix_hashes(codes: npt.NDArray[np.uint32]) -> tuple[Hashes, Hashes]:
    """Polynomial hashes of all prefixes modulo 2^64, and the powers that take a prefix off."""
    prefix = np.zeros(len(codes) + 1, np.uint64)
    powers = np.ones(len(codes) + 1, np.uint64)
    for at in range(len(codes)):
        prefix[at + 1] = prefix[at] * _BASE + _mixed(np.uint64(codes[at]) + np.uint64(1))
        powers[at + 1] = powers[at] * _BASE
    return prefix, powers


@kernel
def _slot(table: Hashes, key: np.uint64) -> np.int64:
    """Where `key` is, or may be put, in an open-addressing table whose size is a power of two; 0 means empty."""
    slot = np.int64(key & np.uint64(len(table) - 1))
    while table[slot] != 0 and table[slot] != key:
        slot = np.int64((slot + 1) & (len(table) - 1))
    return slot


@kernel
def _table_size(items: int) -> int:
    """A power of two of which `items` fill at most half."""
    size = 4
    while size < 2 * items:
        size *= 2
    return size


@kernel
def _seen_before(hashes: Hashes, offsets: Int64s) -> npt.NDArray[np.bool_]:
    seen = np.zeros(len(hashes), np.bool_)
    for text in range(len(offsets) - 1):
        table = np.zeros(_table_size(offsets[text + 1] - offsets[text]), np.uint64)
        for at in range(offsets[text], offsets[text + 1]):
            key = _mixed(hashes[at]) | np.uint64(1)
            slot = _slot(table, key)
            seen[at] = table[slot] == key
            table[slot] = key
    return seen


@kernel
def _greedy(prefix: Hashes, powers: Hashes, starts: Int64s, ends: Int64s, offsets: Int64s, n: int) -> Int64s:
    found = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1]
        table = np.zeros(_table_size(last - first), np.uint64)
        at = first
        while at + n <= last:
            begin, end = starts[at], ends[at + n - 1]
            key = _mixed(prefix[end] - prefix[begin] * powers[end - begin]) | np.uint64(1)
            slot = _slot(table, key)
            if table[slot] == key:
                found[text] += end - begin
                at += n
            else:
                table[slot] = key
                at += 1
    return found


@kernel
def _top(hashes: Hashes, lengths: Int64s, offsets: Int64s, n: int) -> Int64s:
    found = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1]
        size = _table_size(last - first)
        table, counts, places = np.zeros(size, np.uint64), np.zeros(size, np.int64), np.zeros(size, np.int64)
        best = np.int64(-1)
        for at in range(first, last - n + 1):
            key = np.uint64(0)
            for word in range(at, at + n):
                key = _mixed(key * _BASE + hashes[word])
            key |= np.uint64(1)
            slot = _slot(table, key)
            if table[slot] == 0:
                table[slot], places[slot] = key, at
            counts[slot] += 1
        for other in range(size):
            if counts[other] and (best < 0 or (counts[other], -places[other]) > (counts[best], -places[best])):
                best = np.int64(other)
        if best >= 0:
            chars = np.int64(n - 1)
            for word in range(places[best], places[best] + n):
                chars += lengths[word]
            found[text] = chars * counts[best]
    return found


@kernel
def _repeated(prefix: Hashes, powers: Hashes, offsets: Int64s, n: int) -> Int64s:
    found = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1]
        size = _table_size(last - first)
        table, counts = np.zeros(size, np.uint64), np.zeros(size, np.int32)
        for at in range(first, last - n + 1):
            key = _mixed(prefix[at + n] - prefix[at] * powers[n]) | np.uint64(1)
            slot = _slot(table, key)
            table[slot] = key
            counts[slot] += 1
            if counts[slot] > 1:
                found[text] += 2 if counts[slot] == 2 else 1
    return found


@kernel
def _entropy(codes: npt.NDArray[np.uint32], offsets: Int64s) -> npt.NDArray[np.float64]:
    bits = np.full(len(offsets) - 1, np.nan)
    counts = np.zeros(0x110000, np.int64)
    for text in range(len(offsets) - 1):
        total = offsets[text + 1] - offsets[text]
        for at in range(offsets[text], offsets[text + 1]):
            counts[codes[at]] += 1
        if total:
            bits[text] = 0.0
        for at in range(offsets[text], offsets[text + 1]):
            share = counts[codes[at]] / total
            if share > 0:
                bits[text] -= share * np.log2(share)
                counts[codes[at]] = 0
    return bits
