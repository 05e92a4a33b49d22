"""Every score of the `score` stage, from one scan of each text.

Definitions follow the code that published thresholds were tuned on: Gopher and FineWeb as in datatrove, C4, dingo and
llm-web-kit (OpenDataLab), ChineseWebText. A ratio without a denominator is NaN: no rule applies. To add a signal, name
it in COUNTS or RATIOS of the module where its like are and compute it there from the columns of `counts`; a new column
is filled by the kernel beside it.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text import char_signals, line_signals, word_signals
from curate.text.char_signals import Floats, Signals, count_characters
from curate.text.classes import CODE_POINTS
from curate.text.counts import COLUMNS
from curate.text.kernel import kernel
from curate.text.line_signals import count_lines, count_repetition
from curate.text.repetition import Bench, bench_for
from curate.text.scan import Int64s, Octets, Room, hash_tokens, read, room_for, strings, tokenise
from curate.text.traits import Tables, tables
from curate.text.word_signals import (
    StopWords,
    count_sentences,
    count_stop_words,
    count_words,
    language_numbers,
    stop_words,
)

_MODULES = (char_signals, word_signals, line_signals)
_GROUPS = (char_signals.char_signals, word_signals.word_signals, line_signals.line_signals)

COUNTS = tuple(name for module in _MODULES for name in module.COUNTS)
RATIOS = tuple(name for module in _MODULES for name in module.RATIOS)
OF_STOP_WORDS = ("stop_word_distinct", "stop_word_count", "stop_word_ratio")


def signals(texts: pa.StringArray, langs: pa.StringArray) -> Signals:
    """float64[d] for every name in COUNTS and RATIOS; NaN where a signal is not defined or the text is null."""
    numbers = language_numbers(langs.to_pylist())
    counted = count(texts, numbers)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {name: values for group in _GROUPS for name, values in group(counted).items()}
    missing = np.asarray(texts.is_null())
    for name, values in found.items():
        undefined = missing | (numbers < 0) if name in OF_STOP_WORDS else missing
        found[name] = np.where(np.isfinite(values) & ~undefined, values, np.nan)
    return found


def count(texts: pa.StringArray, numbers: npt.NDArray[np.int64]) -> Floats:
    """float64[d, COLUMNS]: everything that signals are made of. numbers: int64[d], from `language_numbers`."""
    text = strings(texts)
    counted = np.zeros((len(text.offsets) - 1, COLUMNS))
    frequency = np.zeros(CODE_POINTS, np.int32)
    room, bench = room_for(text.longest), bench_for(text.longest)
    _count(text.octets, text.offsets, numbers, tables(), stop_words(), frequency, room, bench, counted)
    return counted


@kernel
def _count(
    octets: Octets, offsets: Int64s, numbers: Int64s, tables: Tables, stops: StopWords,
    frequency: npt.NDArray[np.int32], room: Room, bench: Bench, counted: Floats,
) -> None:  # fmt: skip
    for text in range(len(offsets) - 1):
        out = counted[text]
        characters = read(octets, offsets[text], offsets[text + 1], tables, room)
        tokens = tokenise(characters, room)
        hash_tokens(tokens, room)
        count_characters(characters, room, frequency, tables.traits, bench, out)
        count_words(tokens, characters, room, bench, out)
        count_sentences(tokens, characters, room, out)
        if numbers[text] >= 0:
            count_stop_words(tokens, room, numbers[text], stops, out)
        count_lines(characters, room, bench, out)
        count_repetition(tokens, room, bench, out)
