"""What two sequences of tokens have in common: fingerprints by which they meet, and the exact runs.

A fingerprint is the hash of k tokens in a row. Winnowing keeps of every w fingerprints in a row the smallest, so two
sequences that share k + w − 1 tokens in a row share a fingerprint: they have a whole window in common, and the smallest
of it depends on nothing else. On average 2 / (w + 1) fingerprints a token are kept. A window's choice stays while it is
among the smallest, so that a text of one word over and over has few. Source: Schleimer, Wilkerson, Aiken 2003,
"Winnowing: local algorithms for document fingerprinting", sections 3 and 5.

Whether a run of tokens occurs in another text is then looked up in a table of all of that text's runs of this length,
and compared token by token. Cost: 7 ns a token for fingerprints; for a pair 15 ns a token of u and 4 ns of v, or, where
repetition keeps matches from going on, as many comparisons as a run is long: linear in any case.
"""

from typing import NamedTuple

import numpy as np

from curate.text.kernel import kernel
from curate.text.repetition import cleared, slot_of
from curate.text.scan import Hashes, Int32s, Int64s
from curate.text.sequences import Mask, Sequences
from curate.text.shingles import hash_grams, keep_distinct

_ONE = np.uint64(1)


class Runs(NamedTuple):
    """Room for the runs of a sequence. grams: uint64[t], their hashes; table: uint64[2^k], the same to look up;
    places: int32[2^k], where in the sequence each entry begins first."""

    grams: Hashes
    table: Hashes
    places: Int32s


def fingerprints(tokens: Sequences, gram: int, window: int) -> tuple[Hashes, Int64s]:
    """(fingerprints: uint64[f], distinct within a text; sizes: int64[d], how many each text has).

    A text of fewer than gram + window − 1 tokens has none.
    """
    found = np.empty(len(tokens.hashes), np.uint64)
    sizes = np.zeros(len(tokens.words), np.int64)
    longest = int(np.diff(tokens.offsets).max(initial=0))
    n = _winnow(tokens.hashes, tokens.offsets, gram, window, np.empty(longest, np.uint64), found, sizes)
    return found[:n], sizes


def mark_shared(own: Sequences, v: Int64s, others: Sequences, u: Int64s, length: int, marked: Mask) -> Mask:
    """Mark in `own` all runs of `length` tokens that the text v[i] shares with u[i] of `others`.

    v, u: int64[n], numbers of texts; pairs with the same u stand together. marked: bool[t], which tokens of `own` are
    part of such a run; only set, never cleared. Returns bool[n]: which pairs share a run.
    """
    longest = max(int(np.diff(texts.offsets).max(initial=0)) for texts in (own, others))
    size = 1 << max(2 * longest, 4).bit_length()
    room = Runs(np.empty(longest, np.uint64), np.empty(size, np.uint64), np.empty(size, np.int32))
    share = np.zeros(len(v), np.bool_)
    _mark(own.hashes, own.offsets, v, others.hashes, others.offsets, u, length, room, marked, share)
    return share


@kernel
def _winnow(
    hashes: Hashes, offsets: Int64s, gram: int, window: int, grams: Hashes, found: Hashes, sizes: Int64s
) -> int:
    n = 0
    for text in range(len(offsets) - 1):
        own = hashes[offsets[text] : offsets[text + 1]]
        if len(own) < gram + window - 1:
            continue
        chosen = found[n : n + _smallest(grams[: hash_grams(own, gram, grams)], window, found[n:])]
        chosen.sort()
        sizes[text] = keep_distinct(chosen)
        n += sizes[text]
    return n


@kernel
def _smallest(grams: Hashes, window: int, found: Hashes) -> int:
    """Put the smallest hash of every window into `found`, once for as long as the choice stays; returns how many."""
    n = 0
    chosen = -1
    for last in range(window - 1, len(grams)):
        first = last - window + 1
        if chosen < first:
            chosen = last
            for place in range(last - 1, first - 1, -1):
                if grams[place] < grams[chosen]:
                    chosen = place
        elif grams[last] < grams[chosen]:
            chosen = last
        else:
            continue
        found[n] = grams[chosen]
        n += 1
    return n


@kernel
def _mark(
    own: Hashes, own_offsets: Int64s, v: Int64s, others: Hashes, other_offsets: Int64s, u: Int64s, length: int,
    room: Runs, marked: Mask, share: Mask,
) -> None:  # fmt: skip
    size = 0
    for pair in range(len(v)):
        theirs = others[other_offsets[u[pair]] : other_offsets[u[pair] + 1]]
        mine = own[own_offsets[v[pair]] : own_offsets[v[pair] + 1]]
        if pair == 0 or u[pair] != u[pair - 1]:
            size = _remember(theirs, length, room)
        share[pair] = _mark_text(mine, theirs, length, size, room, marked[own_offsets[v[pair]] :])


@kernel
def _remember(tokens: Hashes, length: int, room: Runs) -> int:
    """Put all runs of a sequence into the table; returns its size."""
    grams = hash_grams(tokens, length, room.grams)
    size = cleared(room.table, grams)
    for place in range(grams):
        key = room.grams[place] | _ONE
        slot = slot_of(room.table, size, key)
        if room.table[slot] != key:
            room.table[slot], room.places[slot] = key, place
    return size


@kernel
def _mark_text(mine: Hashes, theirs: Hashes, length: int, size: int, room: Runs, marked: Mask) -> bool:
    """Mark every run of `mine` that is in `theirs`: one that goes on where the last one was found, or in the table."""
    grams, table, places = room.grams, room.table, room.places
    share = False
    place, until = -1, 0
    for start in range(hash_grams(mine, length, grams)):
        behind = place + length
        if place >= 0 and behind < len(theirs) and theirs[behind] == mine[start + length - 1]:
            place += 1
        else:
            key = grams[start] | _ONE
            slot = slot_of(table, size, key)
            place = int(places[slot]) if table[slot] == key else -1
            if place < 0 or not _equal(mine, start, theirs, place, length):
                place = -1
                continue
        share = True
        for token in range(max(start, until), start + length):
            marked[token] = True
        until = start + length
    return share


@kernel
def _equal(mine: Hashes, start: int, theirs: Hashes, place: int, length: int) -> bool:
    same = 0
    while same < length and mine[start + same] == theirs[place + same]:
        same += 1
    return same == length
