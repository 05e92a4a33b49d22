"""Crawled text on its way to a screen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from curate.inspect.show import ACTING, bounds, markdown, number, share, snippet, terminal, visible
from curate.rule import Rule


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("\x1b[31mred", "⟦U+001B⟧[31mred"),
        ("zero\u200bwidth\ufeff", "zero⟦U+200B⟧width⟦U+FEFF⟧"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("می\u200cروم", "می\u200cروم"),
        ("\x00\x7f\x9b", "⟦U+0000⟧⟦U+007F⟧⟦U+009B⟧"),
        ("\udcff", "⟦U+DCFF⟧"),
        ("\U000e0041", "⟦U+E0041⟧"),
        ("plain 中文 😀", "plain 中文 😀"),
    ],
)
def test_characters_that_act_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_visible_acts(text: str) -> None:
    shown = visible(text)
    assert not ACTING.search(shown)
    allowed = {"\n", "\t", "\u200c", "\u200d"}
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in allowed]
    assert visible(shown) == shown


@given(st.text(st.sampled_from("a []\\/x=red\x1b")))
def test_rich_takes_no_orders_from_the_text(text: str) -> None:
    shown = Text.from_markup(f"[bold]{terminal(text)}[/bold]")
    assert {str(span.style) for span in shown.spans} <= {"bold"}
    # Rich itself swallows a backslash before a bracket; nothing else may be lost.
    assert shown.plain.replace("\\", "") == visible(text).replace("\\", "")


@pytest.mark.parametrize("text", ["a", "a\\", "a\\\\", "a\\\\\\", "a\\\\\\\\"])
def test_backslashes_at_the_end_do_not_spoil_the_markup_behind(text: str) -> None:
    shown = Text.from_markup(f"[bold]{terminal(text)}[/bold]")
    assert [(str(span.style), span.start) for span in shown.spans] == [("bold", 0)]
    assert shown.plain.replace("\\", "") == "a"


@given(st.text(st.sampled_from("a *_`|<>&#[]()\n\\!~$-x.:@")))
def test_markdown_cells_hold_no_markup(text: str) -> None:
    shown = markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    special = set("*_`|[]()#!~$@")
    assert all(shown[i - 1] == "\\" for i, c in enumerate(shown) if c in special)


def test_snippets_end_at_a_word() -> None:
    assert snippet("one two three four", 15) == "one two three …"
    assert snippet("一二三四五六七八九十", 4) == "一二三四 …"
    assert snippet("short", 15) == "short"
    assert snippet(None) == snippet("") == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (float("nan"), "–"), (3.0, "3"), (0.1, "0.1"), (0.123456, "0.1235"), (100000, "100,000"),
     (12345.6, "12,346")],
)  # fmt: skip
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 0, "–"), (0, 7, "0 %"), (7, 7, "100 %"), (1, 3, "33.3 %"), (1, 100_000, "0.001 %"),
     (99_999, 100_000, "99.99 %")],
)  # fmt: skip
def test_shares(part: int, whole: int, shown: str) -> None:
    assert share(part, whole) == shown


def test_bounds_in_words() -> None:
    assert bounds(Rule("s", "r", min=0.1)) == "≥ 0.1"
    assert bounds(Rule("s", "r", max=5, langs=("zh",))) == "≤ 5 (zh)"
    assert bounds(Rule("s", "r", min=3, max=10)) == "3 … 10"
    assert bounds(Rule("s", "r", any_of=("en", "zh"))) == "en, zh"


def test_terminal_text_survives_a_console(printed: Console) -> None:
    printed.print(terminal("[bold]not bold[/bold] \x1b[2J"))
    assert "[bold]not bold[/bold] ⟦U+001B⟧[2J" in printed.export_text()
