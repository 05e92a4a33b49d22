"""The frozen character classes against the interpreter's Unicode tables."""

import unicodedata

import numpy as np
import pytest

from curate.text import classes


def flags_of(char: str) -> int:
    return int(classes.flags()[ord(char)])


def test_categories_equal_unicodedata() -> None:
    """Exactly, where the interpreter has the same Unicode version; nearly, where it has a later one."""
    flags = classes.flags()
    differences = 0
    for code in range(classes.CODE_POINTS):
        category = unicodedata.category(chr(code))
        if flags[code] & (classes.UNASSIGNED | classes.HAN) or category == "Cn":
            continue
        differences += bool(flags[code] & classes.LETTER) != category.startswith("L")
        differences += bool(flags[code] & classes.DIGIT) != (category == "Nd")
        differences += bool(flags[code] & classes.EXTEND) != (category[0] == "M" or category == "Cf")
    assert differences <= (0 if unicodedata.unidata_version == "14.0.0" else 20)


def test_spaces_are_those_of_str() -> None:
    spaces = {chr(code) for code in np.flatnonzero(classes.flags() & classes.SPACE)}
    assert spaces == {chr(code) for code in range(classes.CODE_POINTS) if chr(code).isspace()}


@pytest.mark.parametrize("char", "中㐀龥々〇豈𠀀𪜀\U00030000\U000323af")
def test_han_in_every_plane(char: str) -> None:
    """Also where Unicode 14 has assigned nothing yet: planes 2 and 3 are set aside for Han."""
    assert flags_of(char) & classes.HAN
    assert flags_of(char) & classes.WORD
    assert not flags_of(char) & classes.SYMBOL


@pytest.mark.parametrize("char", "あんアーｱゝ")
def test_kana(char: str) -> None:
    assert flags_of(char) & classes.KANA


@pytest.mark.parametrize("char", "aé中한9_½")
def test_words(char: str) -> None:
    assert flags_of(char) & classes.WORD


@pytest.mark.parametrize("char", ".,$+。「👍\u0378")
def test_symbols(char: str) -> None:
    assert flags_of(char) & classes.SYMBOL
    assert not flags_of(char) & classes.WORD


def test_accents_only_modify() -> None:
    assert flags_of("\u0301") & classes.ACCENT
    assert not flags_of("\u093f") & classes.ACCENT  # a Devanagari vowel
    assert not flags_of("\u3099") & classes.ACCENT  # か + voicing mark is another letter, が


@pytest.mark.parametrize("char", "ไລမខ")
def test_scripts_without_spaces(char: str) -> None:
    assert flags_of(char) & classes.UNSPACED


def test_lower_is_one_to_one() -> None:
    lower = classes.lower()
    assert [chr(lower[ord(char)]) for char in "AÉΣİßǅж中"] == list("aéσißǆж中")


def test_printed_list_is_the_stored_one(capsys: pytest.CaptureFixture[str]) -> None:
    if unicodedata.unidata_version != "14.0.0":
        pytest.skip(f"the list is of Unicode 14, this interpreter has {unicodedata.unidata_version}")
    classes.print_categories()
    stored = classes.resources.files("curate.text").joinpath("categories.txt").read_text(encoding="ascii")
    assert capsys.readouterr().out == stored
