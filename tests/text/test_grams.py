"""N-grams against the same numbers in plain Python, and what must never change about them."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
import text_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from curate.text.grams import GRAM_BITS, GRAMS_VERSION, WINDOW_BYTES, grams

MASK = (1 << 64) - 1


def number(value: int) -> int:
    return ((value ^ value >> 32) * 0x9E3779B97F4A7C15 & MASK) >> (64 - GRAM_BITS)


def fnv(text: str) -> int:
    value = 0xCBF29CE484222325
    for char in text:
        value = (value ^ ord(char)) * 0x100000001B3 & MASK
    return value


def folded(text: str) -> str:
    return "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in reference.lower(text))


def expected(window: str) -> list[int]:
    """Of one window, in the order in which n-grams are met first."""
    line = " " + " ".join("".join(" " if c.isspace() else c for c in folded(window)).split(" "))
    line = " ".join(line.split(" ")) + " "
    while "  " in line:
        line = line.replace("  ", " ")
    found = [fnv(line[at:end]) for at in range(len(line)) for end in range(at + 1, min(at + 5, len(line)) + 1)]
    tokens = [fnv(folded(token)) for token, _ in reference.tokens(window)]
    for at, token in enumerate(tokens):
        value = 0x51AFD7ED558CCD1B * 0x9FB21C651E98DF25 + token & MASK
        found.append(value)
        found += [value * 0x9FB21C651E98DF25 + after & MASK for after in tokens[at + 1 : at + 2]]
    return list(dict.fromkeys(map(number, found)))


def windows(text: str) -> list[str]:
    """The cuts: windows of the same size, each end moved on to where no word is cut in two."""
    octets = text.encode()
    count = -(-len(octets) // WINDOW_BYTES)
    ends = [0]
    for window in range(1, count + 1):
        at = len(octets) * window // count
        while at < len(octets) and 0x20 < octets[at] < 0xE3:
            at += 1
        ends.append(max(ends[-1], at))
    return [octets[start:end].decode() for start, end in pairwise(ends)]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(st.none(), texts, texts.map(lambda text: text * 40)), max_size=4))
def test_equals_reference(documents: list[str | None]) -> None:
    found = grams(pa.array(documents, pa.string()))
    starts = [0, *found.ends.tolist()]
    for row, document in enumerate(documents):
        own = range(*found.windows[row : row + 2].tolist())
        got = [found.numbers[starts[window] : starts[window + 1]].tolist() for window in own]
        assert got == [expected(window) for window in windows(document or "")]


def test_numbers_are_those_of_weight_files_that_exist() -> None:
    """Another hash is another version: every weight file would have to be trained anew."""
    found = grams(pa.array(["Ａb 的"])).numbers
    assert GRAMS_VERSION == 1
    assert (len(found), found[:4].tolist(), int(found.sum())) == (21, [1475325, 1402846, 1347455, 384546], 21120702)


def test_case_width_and_spaces_do_not_matter() -> None:
    plain, shown = (
        set(grams(pa.array([text])).numbers.tolist()) for text in ("buy now! 好", "  ＢＵＹ\n\u3000Now！　好 ")
    )
    assert plain == shown


@pytest.mark.parametrize("script", ["word ", "的", "слово "])
def test_windows_are_of_about_one_size_and_cut_no_word(script: str) -> None:
    text = script * 1000
    found = grams(pa.array([text]))
    assert found.windows.tolist() == [0, -(-len(text.encode()) // WINDOW_BYTES)]
    known = set(grams(pa.array([script * 100])).numbers.tolist())
    assert set(found.numbers.tolist()) <= known
    sizes = np.diff(found.ends, prepend=0)
    assert sizes.max() - sizes.min() <= 8


def test_texts_do_not_see_each_other() -> None:
    texts_ = ["one two", "", "one two three", "一二"]
    apart = [grams(pa.array([text])).numbers.tolist() for text in texts_]
    assert grams(pa.array(texts_)).numbers.tolist() == [number for numbers in apart for number in numbers]


def test_no_texts_have_no_grams() -> None:
    for empty in (pa.array([], pa.string()), pa.array([None, ""], pa.string())):
        found = grams(empty)
        assert (len(found.numbers), len(found.ends), found.windows.tolist()) == (0, 0, [0] * (len(empty) + 1))
