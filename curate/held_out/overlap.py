"""How much of a benchmark's entry stands in a text: allenai/decon's method, without its sampling.

A cluster is a stretch of a text in which n-grams of one question are found with no more than 2n in a row between them
that are not its own, so that two words may be changed side by side (decon: 11 for n = 5). Its overlap is the weight of
the question's n-grams that were found over the weight of all. Decon looks at every tenth n-gram and then around it; all
are looked up, which costs less than the words they are made of. Where decon intersects sets of entries at
each step, each entry keeps its own cluster, so that what is found does not depend on where one has started.

Score, with O the overlaps of question, answer (within max(20, twice its length) words behind the cluster) and passage
(within 100 words and its length on both sides), as decon weighs them: .7, .2, .1; .75, .25 without a passage; .85, .15
without an answer. A question of q < 20 n-grams has a confidence of .5 + q / 40; what that takes from its weight goes to
the others. A score below 1 is multiplied by .8 / r, where r falls from 1 at 20 words to .8 at 50: short entries must be
found whole. Unlike in decon an entry may also be judged by its question alone, with its confidence for a weight: a long
question is enough, as its authors put it, and an answer confirms a short one. Half of a question is nothing.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.held_out.index import Floats, Index, Sides
from curate.text.kernel import inner, kernel
from curate.text.scan import SYMBOL_TOKEN, Hashes, Int64s, Octets, Room, room_for, strings
from curate.text.shingles import hash_grams, read_words
from curate.text.traits import Tables, tables

LEAST_OVERLAP = 0.5
CONFIDENT_GRAMS = 20
PERFECT_WORDS, USUAL_WORDS, USUAL_SCORE = 20, 50, 0.8
ANSWER_WINDOW, PASSAGE_WINDOW = 20, 100
_WHOLE = 1 - 1e-9
_NOBODY = -1
_7, _ONE = np.uint64(7), np.uint8(1)
_3 = np.uint64(3)


class Found(NamedTuple):
    """The best match of every text. scores: float64[d], 0 for none; entries: int64[d], −1 for none; starts, stops:
    int64[d], characters of the text that its cluster covers."""

    scores: Floats
    entries: Int64s
    starts: Int64s
    stops: Int64s


class Clusters(NamedTuple):
    """The open cluster of every entry, and what is needed to fill it.

    texts: int64[e], the text it is in, from 1; numbers: int64[e], of the cluster; firsts, lasts: int64[e], positions of
    n-grams; weights: float64[e], found so far. stamps: int64[p], by entry and n-gram: the cluster it was found in last.
    active: int64[e]; grams: uint64[c], n-grams of a window; seen: bool[s], of an answer or a passage.
    """

    texts: Int64s
    numbers: Int64s
    firsts: Int64s
    lasts: Int64s
    weights: Floats
    stamps: Int64s
    active: Int64s
    grams: Hashes
    seen: npt.NDArray[np.bool_]


def search(texts: pa.StringArray, index: Index, ngram: int) -> Found:
    """The entry that each text has most of; of equal ones the first."""
    text = strings(texts)
    entries, count = len(index.totals), len(text.offsets) - 1
    clusters = Clusters(
        np.zeros(entries, np.int64),
        np.zeros(entries, np.int64),
        np.zeros(entries, np.int64),
        np.zeros(entries, np.int64),
        np.zeros(entries),
        np.zeros(len(index.posts), np.int64),
        np.zeros(entries, np.int64),
        np.zeros(text.longest + 1, np.uint64),
        np.zeros(len(index.sides.hashes), np.bool_),
    )
    found = Found(np.zeros(count), np.full(count, _NOBODY), *np.zeros((2, count), np.int64))
    _search(text.octets, text.offsets, tables(), index, ngram, room_for(text.longest), clusters, found)
    return found


@kernel
def _search(
    octets: Octets, offsets: Int64s, tables: Tables, index: Index, ngram: int, room: Room, clusters: Clusters,
    found: Found,
) -> None:  # fmt: skip
    number = 0
    for text in range(len(offsets) - 1):
        words = read_words(octets, offsets[text], offsets[text + 1], tables, room)
        grams = hash_grams(room.lower_hashes[:words], ngram, room.hashes)
        number = _search_text(text, grams, words, index, ngram, room, clusters, found, number)
        if found.entries[text] >= 0:
            _to_characters(text, room, found)


@kernel
def _search_text(
    text: int, grams: int, words: int, index: Index, ngram: int, room: Room, clusters: Clusters, found: Found,
    number: int,
) -> int:  # fmt: skip
    """Follow the clusters of one text, and note the best; returns how many clusters there have been."""
    most_missed, active = 2 * ngram + 1, 0
    for at in range(grams):
        gram = _find(room.hashes[at], index)
        if gram < 0:
            continue
        for post in range(index.offsets[gram], index.offsets[gram + 1]):
            entry = index.posts[post]
            known = clusters.texts[entry] == text + 1
            if not known:
                clusters.texts[entry], clusters.active[active] = text + 1, entry
                active += 1
            elif at - clusters.lasts[entry] > most_missed:
                _close(entry, text, words, index, ngram, room, clusters, found)
            if not known or at - clusters.lasts[entry] > most_missed:
                number += 1
                clusters.numbers[entry], clusters.firsts[entry], clusters.weights[entry] = number, at, 0.0
            if clusters.stamps[post] != clusters.numbers[entry]:
                clusters.stamps[post] = clusters.numbers[entry]
                clusters.weights[entry] += index.weights[gram]
            clusters.lasts[entry] = at
    for place in range(active):
        _close(clusters.active[place], text, words, index, ngram, room, clusters, found)
    return number


@inner
def _find(key: np.uint64, index: Index) -> int:
    """The number of an n-gram of questions, −1 for any other."""
    bits = np.uint64(len(index.bits)) * np.uint64(8)
    place = _scaled_to(key, bits)
    if not index.bits[place >> _3] >> np.uint8(place & _7) & _ONE:
        return -1
    slot = _scaled_to(key, np.uint64(len(index.slots) - 1))
    for at in range(index.slots[slot], index.slots[slot + np.uint64(1)]):
        if index.keys[at] == key:
            return at
    return -1


@inner
def _scaled_to(key: np.uint64, size: np.uint64) -> np.uint64:
    """The highest bits of a hash, as many as tell `size` (a power of 2) numbers apart."""
    return np.uint64((key >> np.uint64(32)) * size >> np.uint64(32))


@kernel
def _close(
    entry: int, text: int, words: int, index: Index, ngram: int, room: Room, clusters: Clusters, found: Found
) -> None:  # fmt: skip
    """Score a cluster that has ended."""
    overlap = clusters.weights[entry] / index.totals[entry]
    if overlap < LEAST_OVERLAP:
        return
    first, stop = clusters.firsts[entry], clusters.lasts[entry] + ngram
    score = _score(entry, overlap, first, stop, words, index, room, clusters)
    best = found.entries[text]
    if score > found.scores[text] or (score == found.scores[text] and entry < best):
        found.scores[text], found.entries[text] = score, entry
        found.starts[text], found.stops[text] = first, stop


@kernel
def _score(
    entry: int, overlap: float, first: int, stop: int, words: int, index: Index, room: Room, clusters: Clusters
) -> float:  # fmt: skip
    answer, passage = index.sides.words[2 * entry], index.sides.words[2 * entry + 1]
    length = index.words[entry]
    if not answer and not passage:
        return _demanding(overlap, length)
    confidence = 0.5 + 0.5 * min(index.grams[entry], CONFIDENT_GRAMS) / CONFIDENT_GRAMS
    of_answer = 0.0 if not answer else 0.2 if passage else 0.25
    of_passage = 0.0 if not passage else 0.1 if answer else 0.15
    of_question = 1 - of_answer - of_passage
    more = 1 + of_question * (1 - confidence) / (of_answer + of_passage)
    score = of_question * confidence * overlap
    if answer:
        end = min(words, stop + max(ANSWER_WINDOW, 2 * answer))
        score += of_answer * more * _side_overlap(2 * entry, stop, end, index.sides, room, clusters)
    if passage:
        begin, end = max(0, first - PASSAGE_WINDOW - passage), min(words, stop + PASSAGE_WINDOW + passage)
        score += of_passage * more * _side_overlap(2 * entry + 1, begin, end, index.sides, room, clusters)
    return max(_demanding(score, length + answer + passage), _demanding(confidence * overlap, length))


@kernel
def _demanding(score: float, length: int) -> float:
    if score >= _WHOLE:
        return 1.0
    share = min(max(length - PERFECT_WORDS, 0), USUAL_WORDS - PERFECT_WORDS) / (USUAL_WORDS - PERFECT_WORDS)
    return score * USUAL_SCORE / (1 - (1 - USUAL_SCORE) * share)


@kernel
def _side_overlap(side: int, start: int, stop: int, sides: Sides, room: Room, clusters: Clusters) -> float:
    """The share, by weight, of an answer's or a passage's n-grams that the words [start, stop) have."""
    begin, end = sides.offsets[side], sides.offsets[side + 1]
    clusters.seen[begin:end] = False
    total, found = sides.weights[begin:end].sum(), 0.0
    grams = hash_grams(room.lower_hashes[start : max(start, stop)], sides.widths[side], clusters.grams)
    for at in range(grams):
        place = begin + np.searchsorted(sides.hashes[begin:end], clusters.grams[at])
        if place < end and sides.hashes[place] == clusters.grams[at] and not clusters.seen[place]:
            clusters.seen[place] = True
            found += sides.weights[place]
    return float(min(found / total, 1.0))


@kernel
def _to_characters(text: int, room: Room, found: Found) -> None:
    """Make a span of words one of characters."""
    word, token = 0, 0
    start, stop = found.starts[text], found.stops[text]
    while word < stop:
        if room.kinds[token] != SYMBOL_TOKEN:
            if word == start:
                found.starts[text] = room.starts[token]
            word += 1
        token += 1
    found.stops[text] = room.ends[token - 1]
