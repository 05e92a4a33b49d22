"""Texts as sequences of tokens, each a 64-bit hash of the token as it is written, and runs of tokens back as bytes.

Tokens are those of the scan, marks included: a CJK character is one. Two texts whose sequences are equal differ in
white space only, as far as equal hashes are equal tokens. Cost: 8 ns a character, 8 bytes a token.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.kernel import kernel
from curate.text.scan import (
    SYMBOL_TOKEN,
    Hashes,
    Int32s,
    Int64s,
    Octets,
    Room,
    character,
    pieces,
    read,
    room_for,
    strings,
    token_hash,
    tokenise,
)
from curate.text.traits import Tables, tables

Mask = npt.NDArray[np.bool_]


class Sequences(NamedTuple):
    """The tokens of d texts. hashes: uint64[t]; offsets: int64[d + 1], where each text's begin; words: int32[d], how
    many of a text's tokens are words."""

    hashes: Hashes
    offsets: Int64s
    words: Int32s


def sequences(texts: pa.StringArray) -> Sequences:
    """The tokens of every text; a null counts as an empty text."""
    hashes, sizes, words = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for piece in pieces(texts):
        text = strings(piece)
        found = np.empty(text.size, np.uint64)
        counts = np.zeros((2, len(text.offsets) - 1), np.int64)
        n = _tokens(text.octets, text.offsets, tables(), room_for(text.longest), found, counts)
        hashes.append(found[:n].copy())
        sizes.append(counts[0])
        words.append(counts[1].astype(np.int32))
    offsets = np.concatenate(([0], np.cumsum(np.concatenate(sizes))))
    return Sequences(np.concatenate(hashes), offsets, np.concatenate(words))


def runs(texts: pa.StringArray, offsets: Int64s, marked: Mask) -> tuple[Int64s, Int32s, Int32s]:
    """(text, start, stop), in bytes of the text, of every longest run of marked tokens.

    offsets, marked: bool[t], as in `sequences`.
    """
    most = int(np.count_nonzero(marked[1:] > marked[:-1])) + len(texts)
    number, start, stop = np.empty(most, np.int64), np.empty(most, np.int32), np.empty(most, np.int32)
    text = strings(texts)
    room = room_for(text.longest)
    n = _runs(text.octets, text.offsets, offsets, marked, tables(), room, number, start, stop)
    return number[:n], start[:n], stop[:n]


@kernel
def _tokens(
    octets: Octets, offsets: Int64s, tables: Tables, room: Room, found: Hashes, counts: npt.NDArray[np.int64]
) -> int:
    n = 0
    for text in range(len(offsets) - 1):
        tokens = tokenise(read(octets, offsets[text], offsets[text + 1], tables, room), room)
        for token in range(tokens):
            found[n] = token_hash(room.codes, room.starts[token], room.ends[token])
            counts[1, text] += room.kinds[token] != SYMBOL_TOKEN
            n += 1
        counts[0, text] = tokens
    return n


@kernel
def _runs(
    octets: Octets, text_offsets: Int64s, offsets: Int64s, marked: Mask, tables: Tables, room: Room, number: Int64s,
    start: Int32s, stop: Int32s,
) -> int:  # fmt: skip
    n = 0
    for text in range(len(offsets) - 1):
        own = marked[offsets[text] : offsets[text + 1]]
        if not own.any():
            continue
        begin, end = text_offsets[text], text_offsets[text + 1]
        tokens = tokenise(read(octets, begin, end, tables, room), room)
        at, chars = begin, 0
        for token in range(tokens):
            if not own[token]:
                continue
            if token == 0 or not own[token - 1]:
                at, chars = _after(octets, at, end, room.starts[token] - chars), room.starts[token]
                number[n], start[n] = text, at - begin
            if token + 1 == tokens or not own[token + 1]:
                at, chars = _after(octets, at, end, room.ends[token] - chars), room.ends[token]
                stop[n] = at - begin
                n += 1
    return n


@kernel
def _after(octets: Octets, at: int, stop: int, characters: int) -> int:
    """Where so many characters behind `at` end."""
    for _ in range(characters):
        _, at = character(octets, at, stop)
    return at
