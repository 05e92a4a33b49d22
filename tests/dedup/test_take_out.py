"""Taking spans out of texts: what is left, how the ends are joined, what is counted."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.spans import SPAN_LIST
from curate.dedup.take_out import columns_of, take_out


def without(text: str) -> str:
    """The text without what stands between ⟦ and ⟧ in it."""
    spans, plain = [], b""
    for piece in re.split("(⟦[^⟧]*⟧)", text):
        if piece.startswith("⟦"):
            spans += [len(plain), len(plain) + len(piece[1:-1].encode())]
            piece = piece[1:-1]
        plain += piece.encode()
    found = take_out(pa.array([plain.decode()]), pa.array([spans], SPAN_LIST), "x")
    return str(found["text"][0].as_py())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("one ⟦two⟧ three", "one three"),
        ("⟦one⟧ two", "two"),
        ("one ⟦two⟧", "one"),
        ("⟦one⟧", ""),
        ("one ⟦two⟧ ⟦three⟧ four", "one four"),
        ("one ⟦two⟧⟦three⟧ four ⟦five⟧", "one four"),
        ("A\n⟦B⟧\nC", "A\nC"),
        ("A\n\n⟦B⟧\nC", "A\n\nC"),
        ("A\n⟦B⟧\n\nC", "A\n\nC"),
        ("A\n\n\n\n⟦B⟧\n\n\n\nC", "A\n\nC"),
        ("A\n\n⟦B⟧\n⟦C⟧\n\nD\n", "A\n\nD"),
        ("A\n⟦B⟧ C", "A\nC"),
        ("A\n⟦B⟧\n    C", "A\n    C"),
        ("A\n    ⟦B⟧\n\tC\r\n", "A\n\tC"),
        ("A\r\n⟦B⟧\r\nC", "A\nC"),
        ("甲⟦乙丙⟧丁", "甲丁"),
        ("甲。⟦乙丙⟧，丁", "甲。，丁"),
        ("甲\n\u3000\u3000⟦乙丙⟧\n\u3000\u3000丁", "甲\n\u3000\u3000丁"),
        ("甲\u3000⟦乙⟧\u3000丁", "甲 丁"),
        ("foo⟦中中⟧bar", "foo bar"),
        ("3⟦中中⟧.14", "3 .14"),
        ("foo⟦中中⟧中", "foo中"),
        ("(⟦one⟧)", "()"),
        ("𠀀⟦é⟧𠀀", "𠀀𠀀"),
        ("nothing \n\n\n\n goes ", "nothing \n\n\n\n goes "),
    ],
)
def test_how_the_ends_meet(text: str, left: str) -> None:
    assert without(text) == left


def test_counts() -> None:
    documents = ["one two three", "甲乙丙", "two", "", None, "one  two"]
    spans = [[3, 7], [3, 6], [0, 3], [], None, None]
    found = take_out(pa.array(documents), pa.array(spans, SPAN_LIST), "x")
    assert found["text"].to_pylist() == ["one three", "甲丙", "", "", None, "one  two"]
    assert found["x_removed"].to_pylist() == [1, 1, 1, 0, 0, 0]
    assert found["x_removed_words"].to_pylist() == [1, 1, 1, 0, 0, 0]
    assert found["x_removed_chars"].to_pylist() == [4, 1, 3, 0, 0, 0]
    assert found["x_chars"].to_pylist() == [9, 2, 0, 0, 0, 8]
    assert found["x_removed_ratio"].to_pylist() == [pytest.approx(4 / 13), pytest.approx(1 / 3), 1, None, None, 0]
    assert {name: values.type for name, values in found.items()} == columns_of("x")


texts = st.lists(
    st.sampled_from(
        ["a", "Zß", "7", "甲", "𠀀", "e\u0301", ".", "-", "'", " ", "  ", "\n", "\n\n", "\u3000", "\t", "\r\n"]
    ),
    max_size=30,
).map("".join)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, st.lists(st.integers(0, 40)))))
def test_all_but_white_space_is_what_the_spans_leave(given: list[tuple[str, list[int]]]) -> None:
    documents, spans, left = [], [], []
    for text, cuts in given:
        at = sorted({cut for cut in cuts if cut <= len(text)})
        pairs = list(zip(at[::2], at[1::2], strict=False))
        documents.append(text)
        spans.append([len(text[:end].encode()) for pair in pairs for end in pair])
        edges = [0, *(end for pair in pairs for end in pair), len(text)]
        left.append("".join(text[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)))
    array, lists = pa.array(documents, pa.string()), pa.array(spans, SPAN_LIST)
    found = take_out(array, lists, "x")
    assert ["".join(text.split()) for text in found["text"].to_pylist()] == ["".join(text.split()) for text in left]
    for text, new, pairs in zip(documents, found["text"].to_pylist(), spans, strict=True):
        assert len(new.encode()) <= len(text.encode())
        assert pairs or new == text
    half = len(documents) // 2
    parts = [take_out(array[:half], lists[:half], "x"), take_out(array[half:], lists[half:], "x")]
    for name, values in found.items():
        assert [value for part in parts for value in part[name].to_pylist()] == values.to_pylist()
