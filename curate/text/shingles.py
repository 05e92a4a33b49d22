"""Shingles: the set of word n-grams of a text, as 64-bit hashes, and how many words it has.

Words are the tokens that are no symbols, in lower case, with the marks that follow them; digits stay, since tables that
differ only in their numbers are not duplicates. A CJK character is a word. n words in a row are a shingle; a text of
fewer words is one shingle of all of them; a text without words has none.

The hash is our own, so that an index written today can be read in years, on any platform:
    word     FNV-1a with 64 bits whose units are code points instead of bytes
    shingle  fmix64(Σ word[i] · PRIME^(n − 1 − i)), all modulo 2^64, with MurmurHash3's finaliser fmix64: it rolls, so
             that a longer n costs no more
Cost: 4 ns a character for the words, 3 ns a word for the shingles; a set, which is sorted, 6 ns a word more.
"""

import numpy as np
import pyarrow as pa

from curate.text.kernel import kernel
from curate.text.scan import (
    SYMBOL_TOKEN,
    Hashes,
    Int32s,
    Int64s,
    Octets,
    Room,
    pieces,
    read,
    room_for,
    strings,
    token_hash,
    tokenise,
)
from curate.text.traits import Tables, tables

# Part of every index on disk: raise it when anything changes the hashes.
SHINGLES_VERSION = 2

_PRIME = np.uint64(0x9FB21C651E98DF25)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_1, _33 = np.uint64(1), np.uint64(33)


def shingle_sets(texts: pa.StringArray, *, ngram: int = 5) -> tuple[Hashes, Int64s]:
    """(hashes: uint64[s], ascending and without repeats within a text; offsets: int64[d + 1], where each text's begin).

    A null counts as an empty text. Raises ValueError when `ngram` is below 1.
    """
    if ngram < 1:
        raise ValueError(f"ngram must be at least 1, not {ngram}")
    hashes, sizes = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for piece in pieces(texts):
        text = strings(piece)
        found, size = np.empty(text.size, np.uint64), np.zeros(len(text.offsets) - 1, np.int64)
        n = _sets(text.octets, text.offsets, ngram, tables(), room_for(text.longest), found, size)
        hashes.append(found[:n].copy())
        sizes.append(size)
    return np.concatenate(hashes), np.concatenate(([0], np.cumsum(np.concatenate(sizes))))


@kernel
def _sets(octets: Octets, offsets: Int64s, ngram: int, tables: Tables, room: Room, found: Hashes, sizes: Int64s) -> int:
    n = 0
    for text in range(len(offsets) - 1):
        words = read_words(octets, offsets[text], offsets[text + 1], tables, room)
        grams = found[n : n + hash_shingles(words, ngram, room)]
        _sort(room.hashes[: len(grams)], room.starts, grams)
        sizes[text] = keep_distinct(grams)
        n += sizes[text]
    return n


@kernel
def keep_distinct(ascending: Hashes) -> int:
    """Move one of each number to the front, still ascending; returns how many there are."""
    n = 0
    for at in range(len(ascending)):
        if at == 0 or ascending[at] != ascending[n - 1]:
            ascending[n] = ascending[at]
            n += 1
    return n


@kernel
def _sort(hashes: Hashes, counts: Int32s, ascending: Hashes) -> None:
    """Sort evenly spread hashes in linear time: each goes to the run of its first bits, then past a few neighbours.

    counts: room for as many numbers as there are hashes.
    """
    if not len(hashes):
        return
    bits = 0
    while 2 << bits <= len(hashes):
        bits += 1
    shift = np.uint64(63 - bits)  # and once more by 1, as shifting by 64 is undefined
    counts[: 1 << bits] = 0
    for place in range(len(hashes)):
        counts[hashes[place] >> _1 >> shift] += 1
    start = 0
    for run in range(1 << bits):
        start, counts[run] = start + counts[run], start
    for place in range(len(hashes)):
        run = hashes[place] >> _1 >> shift
        ascending[counts[run]] = hashes[place]
        counts[run] += 1
    for place in range(1, len(hashes)):
        value, at = ascending[place], place
        while at > 0 and ascending[at - 1] > value:
            ascending[at] = ascending[at - 1]
            at -= 1
        ascending[at] = value


@kernel
def read_words(octets: Octets, start: int, stop: int, tables: Tables, room: Room) -> int:
    """Put the hashes of a text's words, in lower case, into room.lower_hashes; returns how many words it has."""
    words = 0
    tokens = tokenise(read(octets, start, stop, tables, room), room)
    for token in range(tokens):
        room.lower_hashes[words] = token_hash(room.lower, room.starts[token], room.ends[token])
        words += room.kinds[token] != SYMBOL_TOKEN
    return words


@kernel
def hash_shingles(words: int, ngram: int, room: Room) -> int:
    """Put the hashes of all n-grams of the words into room.hashes, in order; returns how many there are."""
    return hash_grams(room.lower_hashes[:words], min(ngram, words), room.hashes)


@kernel
def hash_grams(words: Hashes, width: int, grams: Hashes) -> int:
    """Put the hashes of all runs of `width` words into `grams`, in order; returns how many there are."""
    if not width or width > len(words):
        return 0
    value, power = np.uint64(0), np.uint64(1)
    for word in range(width):
        value = value * _PRIME + words[word]
        power *= _PRIME
    grams[0] = _finished(value)
    for gram in range(1, len(words) - width + 1):
        value = value * _PRIME + (words[gram + width - 1] - words[gram - 1] * power)
        grams[gram] = _finished(value)
    return len(words) - width + 1


@kernel
def _finished(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> _33)) * _MIX_1
    value = (value ^ (value >> _33)) * _MIX_2
    return value ^ (value >> _33)
