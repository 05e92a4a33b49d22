"""What the text of each block is like: characters and tokens, the weights of its words, overlap with the title.

Tokens are those of `text.scan`; pairs of neighbouring ideographs count as words, because one ideograph says little.
Cost: about 8 ns a character.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import Octets, Records
from curate.blocks.tags import FNV_OFFSET
from curate.blocks.words import bucket, mix
from curate.text.classes import DIGIT, UPPER
from curate.text.kernel import kernel
from curate.text.scan import IDEOGRAPH_TOKEN, SYMBOL_TOKEN, Room, read, room_for, token_hash, tokenise
from curate.text.traits import SENTENCE_END, TERMINAL_MARK, Tables, tables

Floats = npt.NDArray[np.float32]

# Columns of the measures, one row a block. Up to SUMMED they are summed over elements, windows and groups.
(CHARS, TOKENS, LINK_CHARS, STOPS, WORD_WEIGHT, LONG_CHARS, BLOCK_COUNT, IDEOGRAPHS, SUMMED) = range(9)
(
    DIGITS,
    UPPERS,
    COMMAS,
    BOLD_SHARE,
    CODE_SHARE,
    TITLE_HITS,
    FIRST_UPPER,
    LAST_TERMINAL,
    SYMBOLS,
    LINKS,
    CLASS_WEIGHT,
    MAX_WORD,
    MIN_WORD,
    BYTES,
) = range(8, 22)
MEASURES = 22
_TITLE_SLOTS = 512
_MAX_TITLE_TOKENS = 256
_LONG_CHARS = 60
_COMMAS = np.array([ord(mark) for mark in ",，、;；"], np.uint32)

_DIGIT, _UPPER, _SENTENCE_END, _TERMINAL = (np.uint32(bit) for bit in (DIGIT, UPPER, SENTENCE_END, TERMINAL_MARK))


def measure_blocks(text: Octets, blocks: Records, title: bytes, words: Floats) -> tuple[Floats, Any, Any]:
    """(measures[b, MEASURES], buckets of all words: uint16[…], int64[b + 1]: where each block's words begin).

    words: float32[65536], the weight of each bucket.
    """
    measures = np.zeros((len(blocks), MEASURES), np.float32)
    longest = int((blocks["end"] - blocks["start"]).max(initial=0))
    room = room_for(max(longest, len(title)) + 1)
    seen = np.zeros(_TITLE_SLOTS, np.uint64)
    known = tables()
    note_title(np.frombuffer(title, np.uint8), known, room, seen)
    buckets = np.empty(2 * len(text) + 1, np.uint16)
    firsts = np.zeros(len(blocks) + 1, np.int64)
    measure(text, blocks, known, room, seen, words, measures, buckets, firsts)
    return measures, buckets[: firsts[-1]], firsts


@kernel
def note_title(title: Octets, known: Tables, room: Room, seen: npt.NDArray[np.uint64]) -> None:
    """Put the title's words into a hash table."""
    found = tokenise(read(title, 0, len(title), known, room), room)
    for token in range(min(found, _MAX_TITLE_TOKENS)):
        if room.kinds[token] != SYMBOL_TOKEN:
            key = token_hash(room.lower, room.starts[token], room.ends[token])
            at = np.int64(key % np.uint64(_TITLE_SLOTS))
            while seen[at] != 0 and seen[at] != key:
                at = (at + 1) % _TITLE_SLOTS
            seen[at] = key


@kernel
def measure(
    text: Octets, blocks: Records, known: Tables, room: Room, seen: npt.NDArray[np.uint64], words: Floats,
    measures: Floats, buckets: npt.NDArray[np.uint16], firsts: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Fill measures, buckets and firsts for all blocks."""
    for number in range(len(blocks)):
        block = blocks[number]
        row = measures[number]
        start, end = block["start"], block["end"]
        chars = read(text, start, end, known, room)
        _characters(chars, room, row)
        found = tokenise(chars, room)
        last = _words(found, room, seen, buckets, firsts[number], row)
        firsts[number + 1] = last
        _weigh(words, buckets, firsts[number], last, row)
        octets = max(end - start, 1)
        row[CHARS] = chars
        row[TOKENS] = found
        row[LINK_CHARS] = chars * min(block["link_bytes"] / octets, 1.0)
        row[LONG_CHARS] = chars if chars >= _LONG_CHARS else 0
        row[BLOCK_COUNT] = 1
        row[BOLD_SHARE] = block["bold_bytes"] / octets
        row[CODE_SHARE] = block["code_bytes"] / octets
        row[LINKS] = block["links"]
        row[BYTES] = octets


@kernel
def _characters(chars: int, room: Room, row: Floats) -> None:
    digits = uppers = stops = commas = 0
    for at in range(chars):
        traits = room.traits[at]
        digits += 1 if traits & _DIGIT else 0
        uppers += 1 if traits & _UPPER else 0
        stops += 1 if traits & _SENTENCE_END else 0
        for mark in _COMMAS:
            commas += 1 if room.codes[at] == mark else 0
    row[DIGITS] = digits
    row[UPPERS] = uppers
    row[STOPS] = stops
    row[COMMAS] = commas
    if chars:
        row[FIRST_UPPER] = 1 if room.traits[0] & _UPPER else 0
        row[LAST_TERMINAL] = 1 if room.traits[chars - 1] & _TERMINAL else 0


@kernel
def _words(
    found: int, room: Room, seen: npt.NDArray[np.uint64], buckets: npt.NDArray[np.uint16], at: int, row: Floats
) -> int:
    """Write the buckets of a block's words from `at` on; returns where they end."""
    ideographs = symbols = hits = 0
    before = np.uint64(0)
    for token in range(found):
        kind = room.kinds[token]
        key = token_hash(room.lower, room.starts[token], room.ends[token])
        if kind == SYMBOL_TOKEN:
            symbols += 1
            before = np.uint64(0)
        else:
            slot = np.int64(key % np.uint64(_TITLE_SLOTS))
            while seen[slot] != 0 and seen[slot] != key:
                slot = (slot + 1) % _TITLE_SLOTS
            hits += 1 if seen[slot] == key else 0
            if kind == IDEOGRAPH_TOKEN:
                ideographs += 1
                if before != 0:
                    buckets[at] = bucket(mix(before, key))
                    at += 1
                before = key
            else:
                before = np.uint64(0)
        if kind != IDEOGRAPH_TOKEN:
            buckets[at] = bucket(mix(FNV_OFFSET, key))
            at += 1
    row[IDEOGRAPHS] = ideographs
    row[SYMBOLS] = symbols
    row[TITLE_HITS] = hits
    return at


@kernel
def _weigh(words: Floats, buckets: npt.NDArray[np.uint16], first: int, last: int, row: Floats) -> None:
    """The weights of a block's words: their sum over the root of their number, highest and lowest."""
    total = np.float32(0)
    high = low = np.float32(0)
    for at in range(first, last):
        weight = words[buckets[at]]
        total += weight
        high = max(high, weight)
        low = min(low, weight)
    row[WORD_WEIGHT] = total / np.sqrt(np.float32(max(last - first, 1)))
    row[MAX_WORD] = high
    row[MIN_WORD] = low
