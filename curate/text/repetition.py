"""Repetition inside a text: equal spans, frequent and repeated n-grams of tokens, repeated windows of characters.

Equality is equality of 64-bit hashes. Definitions: Gopher (arXiv 2112.11446, table A1) as datatrove's code has it,
since the thresholds that people use were tuned on that code:
- of equal lines or paragraphs every one but the first is a duplicate;
- the top n-gram is the most frequent one, the earliest of equals; one that occurs once counts too;
- duplicate n-grams are found by a walk that jumps over every hit. Here n-grams are equal when their tokens are;
  datatrove joins them without a space, so that `ab c` and `a bc` are equal there.

An n-gram can only occur twice where its first n − 1 tokens do. So each length looks only at the places that the one
before has left, which in most texts are few: nine lengths cost little more than the first.
"""

from typing import NamedTuple

import numpy as np

from curate.text.kernel import inner, kernel, signed
from curate.text.scan import Codes, Hashes, Int32s

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_ONE, _32, _33, _6, _63 = np.uint64(1), np.uint64(32), np.uint64(33), np.uint64(6), np.uint64(63)

SMALLEST_TOP, LARGEST_TOP, LARGEST_NGRAM = 2, 4, 10
_SMALLEST_TABLE = 4
# Bits of the filter per hash: one in thirty is suspected for nothing.
_FILTER_BITS = 16


class Bench(NamedTuple):
    """Tables and lists that are used again for every text.

    table: uint64[2^k], keys, 0 where empty; tallies: int32[2^k], how often each key occurs.
    filter: uint64[f], bits. hashes: uint64[c], those that are looked at; places, slots: int32[c], which of them may
    occur twice, and where in the table they are. prefix: uint64[t + 1], sequence hashes; chars: int32[t + 1],
    characters of the tokens before; marked: int32[t], tokens with which a repeated n-gram begins.
    """

    table: Hashes
    tallies: Int32s
    filter: Hashes
    hashes: Hashes
    places: Int32s
    slots: Int32s
    prefix: Hashes
    chars: Int32s
    marked: Int32s


def bench_for(longest: int) -> Bench:
    """Tables for texts of up to `longest` bytes. Only what a text fills is ever touched."""
    size = max(_power_of_two(2 * longest), _SMALLEST_TABLE)
    return Bench(
        np.empty(size, np.uint64), np.empty(size, np.int32),
        np.empty(max(_power_of_two(_FILTER_BITS * longest) // 64, 1), np.uint64),
        np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int32),
        np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int32),
    )  # fmt: skip


def _power_of_two(at_least: int) -> int:
    return 1 << max(at_least - 1, 1).bit_length()


@inner
def mixed(value: np.uint64) -> np.uint64:
    """A hash whose low bits depend on all of `value`'s."""
    value = (value ^ (value >> _33)) * _MIX
    return value ^ (value >> _33)


@inner
def cleared(table: Hashes, items: int) -> int:
    """Empty as much of a table as `items` fill at most half; returns its size, a power of two."""
    size = _SMALLEST_TABLE
    while size < 2 * items:
        size *= 2
    table[:size] = 0
    return size


@inner
def slot_of(table: Hashes, size: int, key: np.uint64) -> np.uint64:
    """Where `key` is, or may be put, among the first `size` slots of an open-addressing table; 0 means empty."""
    last = np.uint64(size - 1)
    slot = key & last
    while table[slot] != 0 and table[slot] != key:
        slot = (slot + _ONE) & last
    return slot


@inner
def seen_before(table: Hashes, size: int, hash_: np.uint64) -> bool:
    """Whether the table holds a hash; afterwards it does."""
    key = mixed(hash_) | _ONE
    slot = slot_of(table, size, key)
    before = table[slot]
    table[slot] = key
    return bool(before == key)


@kernel
def sequence_hashes(hashes: Hashes, starts: Int32s, ends: Int32s, tokens: int, bench: Bench) -> None:
    """Fill bench.prefix with polynomial hashes of all prefixes of the tokens, bench.chars with their characters."""
    bench.prefix[0] = 0
    bench.chars[0] = 0
    for token in range(tokens):
        bench.prefix[token + 1] = bench.prefix[token] * _BASE + mixed(hashes[token])
        bench.chars[token + 1] = bench.chars[token] + ends[token] - starts[token]


@inner
def _power(n: int) -> np.uint64:
    value = _ONE
    for _ in range(n):
        value = value * _BASE
    return value


@inner
def _ngram(prefix: Hashes, at: int, n: int, power: np.uint64) -> np.uint64:
    return mixed(prefix[at + n] - prefix[at] * power)


@kernel
def find_repeated(items: int, bench: Bench) -> int:
    """Find which of bench.hashes[:items] may occur more than once; returns how many.

    They are listed in bench.places, in order; bench.slots says where in the table each is, and bench.tallies, by slot,
    how often it occurs: once, where the filter was wrong. It lets through what may have occurred before. Whatever
    occurs twice is among that, so that alone is put into the table, and a second filter keeps nearly all others from
    being looked up there. What a filter says cannot be guessed, so nothing branches on it: an item is always listed,
    and the next one is written over it.
    """
    suspects = _suspects(items, bench)
    if not suspects:
        return 0
    size, bits = _table_suspects(suspects, bench)
    found = _filtered(items, bits, bench)
    tabled = np.uint64(0)
    for number in range(found):
        place = bench.places[number]
        key = bench.hashes[np.uint64(place)] | _ONE
        slot = slot_of(bench.table, size, key)
        bench.tallies[slot] += 1
        bench.places[tabled], bench.slots[tabled] = place, slot
        tabled += np.uint64(bench.table[slot] == key)
    return signed(tabled)


@kernel
def _suspects(items: int, bench: Bench) -> int:
    """List the items whose hash may have occurred before in bench.places; returns how many."""
    shift = _cleared_filter(bench.filter, items)
    hashes, filter_, places = bench.hashes, bench.filter, bench.places
    found = np.uint64(0)
    for item in range(items):
        word, bit = _filter_place(hashes[item], shift)
        bits = filter_[word]
        places[found] = item
        found += np.uint64(bits & bit == bit)
        filter_[word] = bits | bit
    return signed(found)


@kernel
def _table_suspects(suspects: int, bench: Bench) -> tuple[int, np.uint64]:
    """Put the listed items into the table and a filter of their own: (size of the table, shift of the filter)."""
    size = cleared(bench.table, suspects)
    shift = _cleared_filter(bench.filter, suspects)
    for number in range(suspects):
        hash_ = bench.hashes[np.uint64(bench.places[number])]
        word, bit = _filter_place(hash_, shift)
        bench.filter[word] |= bit
        slot = slot_of(bench.table, size, hash_ | _ONE)
        bench.table[slot] = hash_ | _ONE
        bench.tallies[slot] = 0
    return size, shift


@kernel
def _filtered(items: int, shift: np.uint64, bench: Bench) -> int:
    """List the items that the filter knows in bench.places; returns how many."""
    hashes, filter_, places = bench.hashes, bench.filter, bench.places
    found = np.uint64(0)
    for item in range(items):
        word, bit = _filter_place(hashes[item], shift)
        places[found] = item
        found += np.uint64(filter_[word] & bit == bit)
    return signed(found)


@inner
def _cleared_filter(filter_: Hashes, items: int) -> np.uint64:
    """Empty as much of the filter as `items` need; returns by how many bits a hash is shifted to address a bit."""
    bits = 6
    while (1 << bits) < _FILTER_BITS * items:
        bits += 1
    filter_[: 1 << (bits - 6)] = 0
    return np.uint64(64 - bits)


@inner
def _filter_place(hash_: np.uint64, shift: np.uint64) -> tuple[np.uint64, np.uint64]:
    """(word, the two bits in it) of a hash: the word by its high bits, one bit by the next and one by its lowest."""
    address = hash_ >> shift
    return address >> _6, _ONE << (address & _63) | _ONE << (hash_ & _63)


@kernel
def _hash_ngrams(tokens: int, n: int, marked: int, bench: Bench) -> int:
    """Fill bench.hashes with those of the n-grams at the listed places, the last of which may lack tokens."""
    power = _power(n)
    items = 0
    while items < marked and bench.marked[items] + n <= tokens:
        bench.hashes[items] = _ngram(bench.prefix, bench.marked[items], n, power)
        items += 1
    return items


@kernel
def count_ngrams(tokens: int, n: int, marked: int, bench: Bench) -> tuple[int, int, int]:
    """(count of the most frequent n-gram, where it first is, places left) among bench.marked's first `marked` places.

    Afterwards bench.marked lists the places whose n-gram occurs more than once. Places that are not listed hold
    n-grams that occur once; where all do, the first one is the most frequent.
    """
    best, best_place, left = 1, 0, np.uint64(0)
    for number in range(find_repeated(_hash_ngrams(tokens, n, marked, bench), bench)):
        place, count = bench.marked[np.uint64(bench.places[number])], bench.tallies[np.uint64(bench.slots[number])]
        if count > best:
            best, best_place = count, place
        bench.marked[left] = place
        left += np.uint64(count > 1)
    return best, best_place, signed(left)


@kernel
def duplicate_ngrams(tokens: int, n: int, marked: int, bench: Bench) -> tuple[int, int]:
    """(characters of the tokens in repeated n-grams, places left) among bench.marked's first `marked` places.

    Afterwards bench.marked lists the places whose n-gram occurs more than once. They are walked over, and every hit is
    jumped over: an n-gram that the walk has met has a negative tally.
    """
    chars = free = 0
    left = np.uint64(0)
    for number in range(find_repeated(_hash_ngrams(tokens, n, marked, bench), bench)):
        place, slot = bench.marked[np.uint64(bench.places[number])], np.uint64(bench.slots[number])
        tally = bench.tallies[slot]
        bench.marked[left] = place
        left += np.uint64(abs(tally) > 1)
        if place >= free:
            bench.tallies[slot] = -abs(tally)
            if tally < 0:
                chars += bench.chars[place + n] - bench.chars[place]
                free = place + n
    return chars, signed(left)


@kernel
def repeated_windows(
    codes: Codes, traits: Codes, left_out: int, characters: int, n: int, bench: Bench
) -> tuple[int, int]:
    """(windows of n characters, how many of them occur more than once), without characters of a trait `left_out`."""
    kept = np.uint64(0)
    squeezed = bench.places
    for at in range(characters):
        squeezed[kept] = codes[at]
        kept += np.uint64(not traits[at] & left_out)
    windows = _hash_windows(squeezed[:kept], n, bench)
    repeated = 0
    for number in range(find_repeated(windows, bench)):
        repeated += bench.tallies[np.uint64(bench.slots[number])] > 1
    return windows, repeated


@kernel
def _hash_windows(codes: Int32s, n: int, bench: Bench) -> int:
    """Fill bench.hashes with hashes of all runs of n characters, 4 to 16; returns how many.

    The hash of a run is made of those of four runs of four characters in it, which may overlap, by other powers than
    these: sums of equal powers would not tell swapped characters apart. Unlike in a rolling hash no step waits for the
    one before, so that the processor takes several at a time.
    """
    windows = max(len(codes) - n + 1, 0)
    if not windows:
        return 0
    fours = bench.prefix
    second, third, fourth = codes[1:], codes[2:], codes[3:]
    for at in range(len(codes) - 3):
        fours[at] = _pair(codes[at], second[at]) * _BASE + _pair(third[at], fourth[at])
    square, cube = _MIX * _MIX, _MIX * _MIX * _MIX
    behind, further, last = fours[min(4, n - 4) :], fours[min(8, n - 4) :], fours[n - 4 :]
    for at in range(windows):
        value = fours[at] * cube + behind[at] * square + further[at] * _MIX + last[at]
        bench.hashes[at] = (value ^ (value >> _32)) * _MIX
    return windows


@inner
def _pair(first: np.int32, second: np.int32) -> np.uint64:
    return np.uint64(first) << _32 | np.uint64(second)
