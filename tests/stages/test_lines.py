"""The `lines` stage: which lines go, what is cut out of others, what is counted and when a text is dropped."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.rule import decide
from curate.stage import StageCall
from curate.stages.lines import lines

OFF = {
    "min_words": 0, "max_word_chars": 1 << 30, "max_upper_ratio": 1.0, "max_digit_ratio": 1.0, "javascript": "keep",
    "policy": False, "counters": False, "phrases": False,
}  # fmt: skip
PROSE = "The river runs past the old mill and on to the sea."


def edit(text: str, **parameters: Any) -> str:
    return str(lines(pa.array([text]), **{**OFF, **parameters})["text"][0].as_py())


def survivors(candidates: list[str], **parameters: Any) -> list[str]:
    """The lines that are left when each stands between lines of prose."""
    text = edit("\n".join(f"{PROSE}\n{line}" for line in candidates), **parameters)
    return [line for line in text.split("\n") if line != PROSE]


@pytest.mark.parametrize(
    ("parameters", "gone", "stay"),
    [
        ({"min_words": 2}, ["Home", "— —", "家", "»"], ["Go home", "回家"]),
        ({"max_word_chars": 20}, ["x " + "a" * 21], ["x " + "a" * 20, "这是一个没有空格的很长很长很长很长的中文句子"]),
        ({"max_upper_ratio": 0.5}, ["BUY NOW", "ABc"], ["ABcd", "The UN met"]),
        ({"max_digit_ratio": 0.999999}, ["2024", "١٢٣"], ["20 24", "2024."]),
        ({"javascript": "any"}, ["I like JavaScript a lot"], ["I like Java a lot"]),
        ({"javascript": "notice"}, ["Please enable JavaScript.", "请启用JavaScript"], ["I like JavaScript a lot"]),
        (
            {"policy": True},
            ["Read our Privacy Policy", "本站隐私政策", "We use cookies"],
            ["We bake cookies", "政策与隐私"],
        ),
        (
            {"counters": True},
            ["3 likes", "3.2K Likes", "12,345 views", "• 1 comment", "12 次浏览", "阅读 1.2万", "评论(3)", "点赞数：5"],
            ["3 people like it", "likes", "五 次浏览", "阅读 3 本书", "Version 3"],
        ),
        ({"end_marks": True}, ["No mark", "Wait...", "等等。"], ["Yes.", "Why?", 'He said "no"', "It's the boys'"]),
    ],
)
def test_lines_that_go(parameters: dict[str, Any], gone: list[str], stay: list[str]) -> None:
    assert survivors([*gone, *stay], **parameters) == stay
    assert survivors([*gone, *stay]) == [*gone, *stay], "every rule can be switched off"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A short teaser. Read more...", "A short teaser."),
        ("Sign-in to comment", "to comment"),
        ("Nothing: 3 items in cart today", "Nothing: 3  today"),
        ("点击 阅读全文", "点击"),
        ("Read more... is what it says", "Read more... is what it says"),
        ("You can sign-in", "You can sign-in"),
        ("one two three four five six seven eight nine ten. Read more...",) * 2,
    ],
)
def test_phrases_are_cut_out_of_short_lines(line: str, expected: str) -> None:
    assert survivors([line], phrases=True) == [expected]


def test_a_line_that_is_only_a_phrase_goes() -> None:
    found = lines(pa.array([f"{PROSE}\nRead more...\n{PROSE}"]))
    assert found["text"].to_pylist() == [f"{PROSE}\n{PROSE}"]
    assert found["lines_removed"].to_pylist() == [1]


def test_c4_counts_words_before_it_removes_citations_and_looks_for_marks_behind_that() -> None:
    c4 = {"min_words": 3, "end_marks": True, "citations": True}
    assert survivors(["Two words. [1]", "It ended. [12][edit]"], **c4) == ["Two words.", "It ended."]
    assert survivors(["Two words."], **c4) == []


def test_paragraphs_stay_apart() -> None:
    assert edit(f"Home\n\n{PROSE}\nMenu\n\nMenu\n\n{PROSE}\n\nEnd", min_words=2) == f"{PROSE}\n\n{PROSE}"


def test_counts() -> None:
    found = lines(pa.array([f"{PROSE}\nHome\n3 likes\n\n{PROSE}", "Home", "", None, " \n"]))
    assert found["lines_removed"].to_pylist() == [2, 1, 0, 0, 0]
    assert found["lines_removed_words"].to_pylist() == [3, 1, 0, 0, 0]
    assert found["lines_removed_words_ratio"].to_pylist() == [pytest.approx(3 / 27), 1, None, None, None]
    assert found["text"].to_pylist() == [f"{PROSE}\n\n{PROSE}", "", "", None, " \n"]
    assert found["lines_chars"].to_pylist() == [104, 0, 0, 0, 0]


def test_verdicts() -> None:
    documents = [PROSE * 9 + "\nHome", f"{PROSE}\nHome", "Home", ""]
    call = StageCall(lines, "lines", {}, lines.rules_for({}))
    verdicts = decide(call.rules, call.apply({"text": pa.array(documents)}), 4)
    reasons = [call.rules[rule].reason if rule >= 0 else None for rule in verdicts.rule]
    assert reasons == [None, "many_lines_removed", "empty_text", "empty_text"]


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text("aB1 .\n", max_size=30)), max_size=5), st.integers(0, 5))
def test_batches_do_not_show(documents: list[str | None], at: int) -> None:
    array = pa.array(documents, pa.string())
    whole = lines(array)
    parts = [lines(array.slice(0, at)), lines(array.slice(at))]
    for name, values in whole.items():
        assert [value for part in parts for value in part[name].to_pylist()] == values.to_pylist()
    assert {name: values.type for name, values in whole.items()} == dict(lines.adds)


@settings(deadline=None)
@given(st.text("aB1 .\n", max_size=60))
def test_an_untouched_text_is_the_same_to_the_byte(text: str) -> None:
    found = lines(pa.array([text]), **OFF)
    assert found["text"].to_pylist() == [text]
    assert found["lines_removed_words"].to_pylist() == [0]
