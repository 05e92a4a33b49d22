"""Repetition inside a document: equal lines and paragraphs, frequent and repeated n-grams, as datatrove counts them.

Equality is equality of 64-bit hashes. Definitions: Gopher (arXiv 2112.11446, table A1) as datatrove's code has it,
since the thresholds that people use were tuned on that code:
- of equal lines or paragraphs every one but the first is a duplicate;
- the top n-gram is the most frequent one, the earliest of equals; one that occurs once counts too;
- duplicate n-grams are found by a walk that jumps over every hit, their words joined without a space.
Cost: 20 ns a token and n.
"""

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
    hashes = hash_spans(codes, spans.starts, spans.ends)
    order = np.lexsort((np.arange(len(spans)), hashes, spans.text_of))
    repeated = np.zeros(len(spans), np.bool_)
    same = (hashes[order][1:] == hashes[order][:-1]) & (spans.text_of[order][1:] == spans.text_of[order][:-1])
    repeated[order[1:][same]] = True
    return repeated


def top_ngram_chars(codes: npt.NDArray[np.uint32], tokens: Spans, n: int) -> Int64s:
    """int64[d]: length of the most frequent n-gram, joined with spaces, times how often it occurs; 0 without any."""
    hashes = hash_spans(codes, tokens.starts, tokens.ends)
    return np.asarray(_top(hashes, tokens.lengths, tokens.offsets, n))


def duplicate_ngram_chars(codes: npt.NDArray[np.uint32], tokens: Spans, n: int) -> Int64s:
    """int64[d]: characters of the words in repeated n-grams."""
    lengths = tokens.lengths
    joined = codes[_inside(tokens, len(codes))]
    prefix, powers = _prefix_hashes(joined)
    ends = np.cumsum(lengths)
    return np.asarray(_greedy(prefix, powers, ends - lengths, ends, tokens.offsets, n))


def repeated_windows(codes: npt.NDArray[np.uint32], offsets: Int64s, n: int) -> Int64s:
    """int64[d]: how many of a text's n-grams of characters occur in it more than once."""
    prefix, powers = _prefix_hashes(codes)
    return np.asarray(_repeated(prefix, powers, offsets, n))


def entropy(codes: npt.NDArray[np.uint32], offsets: Int64s) -> npt.NDArray[np.float64]:
    """float64[d]: bits per character of the distribution of a text's characters; NaN for an empty text."""
    return np.asarray(_entropy(codes, offsets))


def _inside(tokens: Spans, size: int) -> npt.NDArray[np.bool_]:
    """bool[size]: the characters that belong to a token."""
    steps = np.zeros(size + 1, np.int64)
    np.add.at(steps, tokens.starts, 1)
    np.add.at(steps, tokens.ends, -1)
    return np.cumsum(steps[:-1]) > 0


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
def _greedy(prefix: Hashes, powers: Hashes, starts: Int64s, ends: Int64s, offsets: Int64s, n: int) -> Int64s:
    found = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1]
        size = 4
        while size < 2 * (last - first):
            size *= 2
        table = np.zeros(size, np.uint64)
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
        size = 4
        while size < 2 * (last - first):
            size *= 2
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
        for slot in np.arange(size):
            if counts[slot] == 0:
                continue
            if (
                best < 0
                or counts[slot] > counts[best]
                or (counts[slot] == counts[best] and places[slot] < places[best])
            ):
                best = slot
        if best >= 0:
            chars = n - 1
            for word in range(places[best], places[best] + n):
                chars += lengths[word]
            found[text] = chars * counts[best]
    return found


@kernel
def _repeated(prefix: Hashes, powers: Hashes, offsets: Int64s, n: int) -> Int64s:
    found = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1]
        size = 4
        while size < 2 * (last - first):
            size *= 2
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
