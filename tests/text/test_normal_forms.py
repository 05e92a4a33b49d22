"""The stored normal form and the one that is hashed, step by step."""

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from curate.text.coarse import coarse, coarse_plainly
from curate.text.normalise import Steps, normalise

NONE = Steps(*[False] * len(Steps._fields))


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        ("breaks", "a\r\nb\rc\vd\fe\x85f\u2028g\u2029h", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("spaces", "a\xa0b\u2003c\u202fd\u205fe\u3000f", "a b c d e f"),
        ("spaces", "  a", "a"),
        ("spaces", "a\n\u3000\u3000b\n \xa0 c\n    d\n\te", "a\nb\nc\n    d\n\te"),
        ("invisible", "a\u200b\u200c\u200d\u2060\ufeff\xad\ufffc\u2061\u2062\u2063b", "ab"),
        ("private", "a\ue000\uf8ff\U000f0000\U0010fffdb", "ab"),
        ("compose", "e\u0301 か\u3099", "é が"),
        ("blank_lines", "\n\na \t\n\n \n\n\nb\n", "a\n\nb"),
        ("table_bars", "|  |\n| One cell. | |\n| a | b |\nx || y", "\nOne cell.\n| a | b |\nx || y"),
        ("citations", "One.[12][edit] Two[citation needed] [x]", "One. Two [x]"),
    ],
)
def test_each_step_alone(step: str, text: str, expected: str) -> None:
    assert normalise(text, NONE._replace(**{step: True})) == expected
    assert normalise(text, NONE) == text, "every other step is off"


def test_controls_go_and_tab_stays() -> None:
    assert normalise("a\x00\x07\x9f\tb", Steps()) == "a\tb"


def test_directional_marks_stay() -> None:
    """Listed by the source, not removed by it: Hebrew and Arabic need them."""
    assert normalise("a\u200f\u202eb", Steps()) == "a\u200f\u202eb"


def test_compatibility_forms_stay() -> None:
    """NFC, not NFKC: formulas and full-width text keep their characters."""
    assert normalise("x² ﬁ Ａ", Steps()) == "x² ﬁ Ａ"


@settings(deadline=None)
@given(texts)
def test_twice_is_once(text: str) -> None:
    once = normalise(text, Steps())
    assert normalise(once, Steps()) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\n\n\n" not in once
    assert not set(once) & set("\r\v\f\x85\u2028\u2029\xa0\u3000\u200b\ufeff\x00")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Hello,  World!", "hello world"),
        ("Café №1", "cafe № 9"),
        ("2024-11-24", "1999 01 02"),
        ("\u200bé", "E"),
        ("中文，文本。", "中文 文本"),
    ],
)
def test_same_for_exact_dedup(left: str, right: str) -> None:
    forms = coarse(pa.array([left, right]))
    assert forms[0] == forms[1]


@pytest.mark.parametrize(("left", "right"), [("が", "か"), ("की", "के"), ("a b", "ab"), ("1", "11"), ("中", "文")])
def test_different_for_exact_dedup(left: str, right: str) -> None:
    forms = coarse(pa.array([left, right]))
    assert forms[0] != forms[1]


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), texts), max_size=4))
def test_hash_form(documents: list[str | None]) -> None:
    forms = [None if form is None else form.decode() for form in coarse(pa.array(documents, pa.string()))]
    assert forms == [None if document is None else coarse_plainly(document) for document in documents]
    for form in (form for form in forms if form):
        assert form == " ".join(form.split())
        assert not any(unicodedata.category(char)[0] in "PS" and char != "_" for char in form)
        assert not any(char.isdigit() and unicodedata.category(char) == "Nd" and char != "0" for char in form)
    assert coarse(pa.array(forms, pa.string())) == [None if form is None else form.encode() for form in forms]


@settings(deadline=None)
@given(st.text(max_size=20))
def test_hash_form_of_any_characters(text: str) -> None:
    assert coarse(pa.array([text])) == [coarse_plainly(text).encode()]


def test_hash_form_of_characters_that_grow_or_fall_apart() -> None:
    for text in ("ȺȾ" * 9, "İstanbul", "한국어", "की", "e\u0301\u0323", "\u0344", "ﬁ"):
        assert coarse(pa.array([text, "next"])) == [coarse_plainly(text).encode(), b"next"]
