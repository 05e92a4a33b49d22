"""Which benchmark entries have an n-gram, and how much that says.

An n-gram of questions weighs ln(1 + entries / entries that have it); one that more than COMMON entries have is the
benchmark's own way of asking and counts for nothing. Words and hashes are those of curate.text: lower case, no
punctuation, a CJK character is a word. Built once a process. Memory: 40 to 60 bytes for every word of the benchmarks,
so that 1 million entries of 50 words take 2 to 3 GB and 15,000 of them (MMLU's test set) 40 MB; a bit map of 2 bytes
an n-gram, which a processor's cache holds, answers nearly all look-ups of ordinary texts.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.held_out.entries import Entry
from curate.text.kernel import kernel
from curate.text.scan import Hashes, Int32s, Int64s, Octets, Room, room_for, strings
from curate.text.shingles import hash_grams, read_words
from curate.text.traits import Tables, tables

Floats = npt.NDArray[np.float64]

COMMON = 1000
# Longest n-grams of answers and of passages (decon's): a shorter answer is one n-gram of all its words.
SIDE_NGRAMS = (2, 4)
_BITS_PER_GRAM = 16


class Sides(NamedTuple):
    """Answers and passages, in turn: of entry e at 2e and 2e + 1.

    words, widths: int32[2e], how many words each has, 0 for none, and of how many its n-grams are. offsets: int64[2e +
    1], where its n-grams begin; hashes: uint64[s], ascending; weights: float64[s].
    """

    words: Int32s
    widths: Int32s
    offsets: Int64s
    hashes: Hashes
    weights: Floats


class Index(NamedTuple):
    """N-grams of questions, and entries by them.

    bits: uint8[2^b / 8], the map, by an n-gram's highest bits. keys: uint64[g], ascending; slots: int32[2^k + 1], where
    those with the same highest k bits begin; offsets: int64[g + 1], where an n-gram's entries begin in posts: int32[p];
    weights: float64[g]. words, grams: int32[e], of a question; totals: float64[e], the weight of all its n-grams.
    """

    bits: Octets
    keys: Hashes
    slots: Int32s
    offsets: Int64s
    posts: Int32s
    weights: Floats
    words: Int32s
    grams: Int32s
    totals: Floats
    sides: Sides


class Benchmarks(NamedTuple):
    """sources: of each entry, for people; fingerprint: sha256 of all that a search can show."""

    table: Index
    sources: tuple[str, ...]
    fingerprint: str


def build(entries: Sequence[Entry], ngram: int, min_words: int) -> Benchmarks:
    """Index entries; of equal ones the first counts.

    Left out are questions with fewer than `ngram` words, and entries with fewer than `min_words` in all.
    """
    words = [word_hashes([entry[part] for entry in entries]) for part in (1, 2, 3)]
    chosen, seen = [], set()
    for number in range(len(entries)):
        parts = [hashes[offsets[number] : offsets[number + 1]] for hashes, offsets in words]
        key = b"|".join(part.tobytes() for part in parts)
        if len(parts[0]) >= ngram and sum(map(len, parts)) >= min_words and key not in seen:
            seen.add(key)
            chosen.append((number, parts))
    kept = [entries[number] for number, _ in chosen]
    questions = [_grams(parts[0], ngram) for _, parts in chosen]
    sides = _sides([part for _, parts in chosen for part in parts[1:]])
    lengths = np.array([len(parts[0]) for _, parts in chosen], np.int32)
    digest = sha256(repr(kept).encode("utf-8", "surrogatepass")).hexdigest()
    return Benchmarks(_index(questions, lengths, sides), tuple(entry.source for entry in kept), digest)


def word_hashes(texts: Sequence[str]) -> tuple[Hashes, Int64s]:
    """(uint64[w] hashes of all words, int64[t + 1] where each text's begin)."""
    text = strings(pa.array(texts, pa.string()))
    found, offsets = np.empty(text.size, np.uint64), np.zeros(len(texts) + 1, np.int64)
    _read_all(text.octets, text.offsets, tables(), room_for(text.longest), found, offsets)
    return found[: offsets[-1]].copy(), offsets


@kernel
def _read_all(
    octets: Octets, starts: Int64s, tables: Tables, room: Room, found: Hashes, offsets: Int64s
) -> None:  # fmt: skip
    for text in range(len(starts) - 1):
        words = read_words(octets, starts[text], starts[text + 1], tables, room)
        offsets[text + 1] = offsets[text] + words
        found[offsets[text] : offsets[text + 1]] = room.lower_hashes[:words]


def _grams(words: Hashes, width: int) -> Hashes:
    """Distinct n-grams, ascending."""
    found = np.empty(len(words) + 1, np.uint64)
    return np.unique(found[: hash_grams(words, width, found)])


def _offsets(arrays: Sequence[Hashes]) -> Int64s:
    return np.cumsum([0, *map(len, arrays)]).astype(np.int64)


def _weights(hashes: Hashes, entries: int) -> tuple[Hashes, Int64s, Int64s, Floats]:
    """(distinct hashes, which of them each is, how often each is, its weight)."""
    keys, which, times = np.unique(hashes, return_inverse=True, return_counts=True)
    return keys, which, times, np.log1p(entries / times)


def _sides(parts: Sequence[Hashes]) -> Sides:
    widths = [min(SIDE_NGRAMS[number % 2], len(part)) for number, part in enumerate(parts)]
    grams = [_grams(part, width) for part, width in zip(parts, widths, strict=True)]
    hashes = np.concatenate([*grams, np.empty(0, np.uint64)])
    _, which, _, weights = _weights(hashes, max(len(parts) // 2, 1))
    lengths = np.array([len(part) for part in parts], np.int32)
    return Sides(lengths, np.array(widths, np.int32), _offsets(grams), hashes, weights[which])


def _index(questions: Sequence[Hashes], words: Int32s, sides: Sides) -> Index:
    entry = np.repeat(np.arange(len(questions), dtype=np.int32), [len(grams) for grams in questions])
    hashes = np.concatenate([*questions, np.empty(0, np.uint64)])
    _, which, times, _ = _weights(hashes, max(len(questions), 1))
    telling = times[which] <= COMMON
    hashes, entry = hashes[telling], entry[telling]
    keys, which, times, weights = _weights(hashes, max(len(questions), 1))
    order = np.lexsort((entry, which))
    size = max(len(keys).bit_length(), 4)
    firsts = keys >> np.uint64(64 - size)
    slots = np.searchsorted(firsts, np.arange((1 << size) + 1, dtype=np.uint64)).astype(np.int32)
    return Index(
        _bit_map(keys, size),
        keys,
        slots,
        np.concatenate(([0], np.cumsum(times))).astype(np.int64),
        entry[order],
        weights,
        words,
        np.bincount(entry, minlength=len(words)).astype(np.int32),
        np.bincount(entry, weights[which], minlength=len(words)).astype(np.float64),
        sides,
    )


def _bit_map(keys: Hashes, size: int) -> Octets:
    """uint8[2^(size + 4) / 8]: a bit for the highest bits of every key."""
    bits = np.zeros(_BITS_PER_GRAM << size, np.bool_)
    bits[keys >> np.uint64(64 - size - _BITS_PER_GRAM.bit_length() + 1)] = True
    return np.packbits(bits, bitorder="little")
