"""Shingles: hashes of the n-grams of a text's words, the sets that fuzzy deduplication compares.

A word is a token of `segment` that is not a symbol, lower-cased one character to one; digits stay, since tables that
differ only in their numbers are not duplicates. A CJK character is a word. n words in a row are a shingle; a text of
fewer words is one shingle of all of them; a text without words has none.

The hash is our own, so that an index written today can be read in years, on any platform:
    word     FNV-1a with 64 bits whose units are code points instead of bytes
    shingle  h = SEED; for each word: h = fmix64(h * PRIME + word), all modulo 2^64, with MurmurHash3's finaliser fmix64
Cost: 25 µs for a text of 4 kB.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text import classes
from curate.text.codepoints import decode, pieces
from curate.text.kernel import kernel
from curate.text.segment import segment

Hashes = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]

# Part of every index on disk: raise it when anything changes the hashes.
SHINGLES_VERSION = 1

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x9FB21C651E98DF25)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)


def shingle_hashes(texts: pa.StringArray, *, ngram: int = 5) -> tuple[Hashes, Int64s, npt.NDArray[np.int32]]:
    """The set of shingles of every text.

    Returns hashes: uint64[s], ascending and without repeats within a text; offsets: int64[d + 1], where the hashes of
    each of d texts begin; token_counts: int32[d], words per text. A null counts as an empty text. Raises ValueError
    when `ngram` is below 1.
    """
    if ngram < 1:
        raise ValueError(f"ngram must be at least 1, not {ngram}")
    parts = [_shingles(piece, ngram) for piece in pieces(texts)]
    hashes, sizes, counts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return hashes, np.concatenate(([0], np.cumsum(sizes))), counts.astype(np.int32)


def _shingles(texts: pa.StringArray, ngram: int) -> tuple[Hashes, Int64s, Int64s]:
    """Hashes, shingles per text and words per text."""
    text = decode(texts)
    words = segment(text).words
    word_hashes = hash_spans(classes.lower()[text.codes], words.starts, words.ends)
    hashes, sizes = _ngram_sets(word_hashes, words.offsets, ngram)
    return hashes, sizes, words.counts


@kernel
def hash_spans(codes: npt.NDArray[np.uint32], starts: Int64s, ends: Int64s) -> Hashes:
    """uint64[s]: FNV-1a over the code points of every span."""
    hashes = np.empty(len(starts), np.uint64)
    for span in range(len(starts)):
        value = _FNV_OFFSET
        for place in range(starts[span], ends[span]):
            value = (value ^ np.uint64(codes[place])) * _FNV_PRIME
        hashes[span] = value
    return hashes


@kernel
def _mix(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> _33)) * _MIX_1
    value = (value ^ (value >> _33)) * _MIX_2
    return value ^ (value >> _33)


@kernel
def _ngram_sets(words: Hashes, offsets: Int64s, ngram: int) -> tuple[Hashes, Int64s]:
    """Sorted distinct n-gram hashes of all texts, and how many each text has."""
    hashes = np.empty(len(words), np.uint64)
    sizes = np.zeros(len(offsets) - 1, np.int64)
    n = 0
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        width = min(ngram, end - begin)
        if width == 0:
            continue
        grams = np.empty(end - begin - width + 1, np.uint64)
        for start in range(len(grams)):
            value = _SEED
            for word in range(begin + start, begin + start + width):
                value = _mix(value * _PRIME + words[word])
            grams[start] = value
        grams.sort()
        for gram in range(len(grams)):
            if gram == 0 or grams[gram] != grams[gram - 1]:
                hashes[n] = grams[gram]
                n += 1
                sizes[text] += 1
    return hashes[:n].copy(), sizes
