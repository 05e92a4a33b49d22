"""The few counts that need no tables: for every line of a text, or where only the number of words is asked for."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.classes import DIGIT, UPPER
from curate.text.kernel import kernel
from curate.text.scan import SYMBOL_TOKEN, Int64s, Octets, Room, read, room_for, strings, tokenise
from curate.text.traits import Tables, tables


class Brief(NamedTuple):
    """int64[d] each: characters, capitals, decimal digits, words, characters of the longest word."""

    chars: Int64s
    capitals: Int64s
    digits: Int64s
    words: Int64s
    longest_word_chars: Int64s


def brief(texts: pa.StringArray) -> Brief:
    """Count every text; a null counts as an empty one."""
    text = strings(texts)
    found = np.zeros((len(Brief._fields), len(text.offsets) - 1), np.int64)
    _count(text.octets, text.offsets, tables(), room_for(text.longest), found)
    return Brief(*found)


@kernel
def _count(octets: Octets, offsets: Int64s, tables: Tables, room: Room, found: npt.NDArray[np.int64]) -> None:
    for text in range(len(offsets) - 1):
        characters = read(octets, offsets[text], offsets[text + 1], tables, room)
        capitals = digits = words = longest = 0
        for at in range(characters):
            capitals += room.traits[at] & UPPER != 0
            digits += room.traits[at] & DIGIT != 0
        for token in range(tokenise(characters, room)):
            if room.kinds[token] != SYMBOL_TOKEN:
                words += 1
                longest = max(longest, room.ends[token] - room.starts[token])
        found[0, text], found[1, text], found[2, text] = characters, capitals, digits
        found[3, text], found[4, text] = words, longest
