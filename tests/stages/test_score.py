"""The `score` stage, and the traps that lie in published definitions: each has bitten an implementation before."""

import math
from typing import Any

import pyarrow as pa
import pytest

from curate.rule import decide
from curate.stage import StageCall
from curate.stages.rules import load_pack
from curate.stages.score import score
from curate.text.signals import COUNTS, RATIOS

SENTENCE = "The cat sat on the mat and looked at the moon with great care. "


def scores(text: str | None, lang: str | None = "en") -> dict[str, Any]:
    columns = StageCall(score, "score").apply(
        {"text": pa.array([text], pa.string()), "lang": pa.array([lang], pa.string())}
    )
    return {name: values[0].as_py() for name, values in columns.items()}


def reasons(pack: str, text: str, lang: str = "en") -> list[str]:
    """Every rule of a pack that the text breaks."""
    rules = load_pack(pack)[2]
    columns = {"lang": pa.array([lang])}
    columns |= StageCall(score, "score").apply({"text": pa.array([text]), "lang": columns["lang"]})
    return [rule.reason for rule in rules if decide([rule], columns, 1).rule[0] >= 0]


def test_types() -> None:
    columns = score(pa.array(["a b", None]), pa.array(["en", "en"]))
    assert {name: values.type for name, values in columns.items()} == dict(score.adds)
    assert all(columns[name].type == pa.int32() for name in COUNTS)
    assert all(columns[name].type == pa.float32() for name in RATIOS)


def test_undefined_is_null_not_zero() -> None:
    found = scores("", "en")
    assert found["word_count"] == found["line_count"] == 0
    assert all(found[name] is None for name in RATIOS)
    assert set(scores(None).values()) == {None}
    few = scores("one two three four")
    assert few["top_4gram_char_ratio"] is not None
    assert few["duplicate_5gram_char_ratio"] is None
    assert few["javascript_free_line_count"] is None
    assert scores("eins zwei", "de")["stop_word_distinct"] is None
    assert scores("\n")["newline_word_ratio"] is None


def test_trap_1_duplicate_line_chars_with_and_without_newlines() -> None:
    text = "ab\nab\n\n\nxyz"  # 11 characters, 4 of them line feeds; one line of 2 is a duplicate
    found = scores(text)
    assert found["duplicate_line_char_ratio"] == pytest.approx(2 / 11)
    assert found["duplicate_line_char_ratio_no_newlines"] == pytest.approx(2 / 7)
    bounds = {rule.score: rule.max for rule in load_pack("fineweb")[2]}
    assert bounds["duplicate_line_char_ratio_no_newlines"] == 0.1, "the paper's value, not datatrove's default of 0.01"


def test_trap_2_top_ngram_counts_single_occurrences_and_spaces() -> None:
    assert scores("aa bb cc")["top_2gram_char_ratio"] == pytest.approx(5 / 8), "once is enough: short texts fail"
    chinese = scores("好好好好好好", "zh")["top_2gram_char_ratio"]
    assert chinese == pytest.approx(3 * 5 / 6)
    assert chinese > 1, "the joining spaces push it over 1"


def test_trap_3_duplicate_ngrams_are_joined_without_spaces_and_jump() -> None:
    words = ["aa", "bb", "cc", "dd", "ee"]
    text = " ".join(words * 3)
    # 15 words; hits at the 6th and, five words further, at the 11th: 2 × 10 characters without spaces
    assert scores(text)["duplicate_5gram_char_ratio"] == pytest.approx(20 / len(text))


def test_trap_4_alphabetic_words_are_a_minimum() -> None:
    rule = next(rule for rule in load_pack("gopher")[2] if rule.reason == "gopher_few_alphabetic_words")
    assert (rule.min, rule.max) == (0.8, None)
    assert "gopher_few_alphabetic_words" in reasons("gopher", "12 34 56 78 the and " * 20)


def test_trap_5_words_are_not_symbols_and_capitals_are_no_stop_words() -> None:
    found = scores("Well , it is ... # fine !")
    assert found["word_count"] == 4
    assert found["mean_word_length"] == pytest.approx((4 + 2 + 2 + 4) / 4)
    assert found["hash_word_ratio"] == pytest.approx(1 / 8), "shares are of words and symbols"
    capitals = scores((SENTENCE * 5).upper())
    assert capitals["stop_word_distinct"] == capitals["stop_word_count"] == 0
    assert "gopher_few_stop_words" in reasons("gopher", (SENTENCE * 5).upper())


def test_trap_6_c4_sees_only_lines_that_survive() -> None:
    from curate.stages.lines import lines

    text = "Lorem ipsum terms of use { apply to all of it.\n" + SENTENCE
    assert reasons("c4", text) == ["c4_few_sentences", "c4_curly_bracket", "c4_lorem_ipsum"]
    edited = lines(pa.array([text]))["text"][0].as_py()
    assert reasons("c4", edited) == ["c4_few_sentences"]


def test_trap_7_refinedweb_counts_stop_words_gopher_counts_different_ones() -> None:
    found = scores("the river the bridge the coast")
    assert (found["stop_word_distinct"], found["stop_word_count"]) == (1, 3)


def test_trap_8_the_last_13_gram_counts() -> None:
    repeated = "abcdefghijklm"
    assert scores(repeated + "xyz" + repeated)["repeated_13char_ratio"] == pytest.approx(2 / 17)


@pytest.mark.parametrize("pack", ["gopher", "c4", "fineweb", "fineweb2_zh", "wanjuan_en", "wanjuan_zh"])
def test_trap_9_a_rule_that_is_off_is_absent(pack: str) -> None:
    """No pack spells "off" as a threshold of 0 or 999; a maximum of 0 means none at all."""
    for rule in load_pack(pack)[2]:
        assert rule.max not in (999,)
        assert rule.max != 0 or rule.score in ("curly_bracket_count", "lorem_ipsum_count")


def test_trap_10_full_width_marks_end_lines() -> None:
    found = scores("今天天气很好。\n我们去公园吗？\n好的！", "zh")
    assert found["terminal_punctuation_line_ratio"] == 1
    assert found["ascii_terminal_line_ratio"] == 0
    assert found["sentence_count"] == 3


def test_trap_11_cantonese_is_not_mandarin() -> None:
    """FineWeb2's values for yue differ from those for cmn: a pack for Chinese says which it has."""
    title, languages, rules = load_pack("fineweb2_zh")
    bounds = {rule.score: rule.min for rule in rules}
    assert (title, languages) == ("fineweb2_zh", ("zh",))
    assert bounds["terminal_punctuation_line_ratio"] == 0.106, "0.111 for Cantonese"
    assert bounds["alphabetic_token_ratio"] == 0.735, "0.765 for Cantonese"


def test_decimals_and_addresses_end_no_sentence() -> None:
    assert scores("Pi is 3.14, see www.example.org for more. Really?\nYes")["sentence_count"] == 3
    assert scores('He said "stop." Then (at last!) nothing.')["sentence_count"] == 3


def test_capitals_only_matter_in_short_texts() -> None:
    short, long = "THE CAT SAT. " * 10, "THE CAT SAT. " * 100
    assert scores(short)["short_text_upper_word_ratio"] == pytest.approx(0.75)
    assert scores(long)["short_text_upper_word_ratio"] is None
    assert scores(long)["upper_word_ratio"] == pytest.approx(0.75)


def test_scripts_without_spaces_are_named() -> None:
    assert scores("ภาษาไทย abc", "th")["unspaced_char_ratio"] == pytest.approx(7 / 11)
    assert scores("中文", "zh")["unspaced_char_ratio"] == 0


def test_entropy() -> None:
    assert scores("abab")["char_entropy"] == pytest.approx(1)
    assert scores("aaaa")["char_entropy"] == 0
    assert math.isclose(scores("abcd")["char_entropy"], 2)
