"""Trees are mended without losing a word: layout tables unfolded, data tables and verbatim text left alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from curate.stages.page_tree import MAX_CELL_CHARS, collapse_white_space, mend, unfold_layout_tables

LONG = "word " * (MAX_CELL_CHARS // 5 + 1)


def tree_of(body: str) -> Any:
    return lxml_html.document_fromstring(f"<html><body>{body}</body></html>")


def unfolded(body: str) -> str:
    tree = tree_of(body)
    unfold_layout_tables(tree)
    return str(lxml_html.tostring(tree.find("body")[0], encoding="unicode"))


@pytest.mark.parametrize(
    "cell", [LONG, "<p>a</p><p>b</p>", "a<br>b<br>c<br>d<br>e", "<table><tr><td>1</td></tr></table>"],
    ids=["long", "blocks", "breaks", "table"],
)  # fmt: skip
def test_a_table_with_a_piece_of_the_page_in_it_is_unfolded(cell: str) -> None:
    found = unfolded(f"<table><tbody><tr><td>menu</td><td>{cell}</td></tr></tbody></table>")
    assert found.startswith("<div><div><div><div>menu</div><div>")
    assert ("<table>" in found) == ("<table>" in cell)


def test_a_table_of_data_stays() -> None:
    data = "<table><tr><th>year</th><th>rain</th></tr><tr><td><p>1990</p></td><td>512<br>mm</td></tr></table>"
    assert unfolded(data) == data
    assert data in unfolded(f"<table><tr><td>{data}</td></tr></table>")


def test_a_form_between_table_and_rows() -> None:
    form = tree_of(f"<div><table><tr><td>{LONG}</td></tr></table></div>")
    table = form.find(".//table")
    wrapper = table.makeelement("form")
    wrapper.extend(list(table))
    table.append(wrapper)
    unfold_layout_tables(form)
    assert not list(form.iter("table", "tr", "td"))


def test_white_space_of_the_source_is_one_space() -> None:
    tree = tree_of(
        "<p>one\n   two <b>three\r\n\tfour</b>\n five</p><pre>a\n  b<i>c\nd</i>\n e</pre><textarea>x\ny</textarea>"
    )
    collapse_white_space(tree)
    assert tree.find(".//p").text_content() == "one two three four five"
    assert tree.find(".//textarea").text_content() == "x\ny"
    assert tree.find(".//pre").text == "a\n  b"
    assert tree.find(".//pre/i").tail == "\n e"


PIECES = st.recursive(
    st.sampled_from(["text ", "<br>", "\n  ", LONG, "<hr>"]),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>",
        st.sampled_from(["p", "div", "table", "tr", "td", "th", "tbody", "form", "span", "pre", "ul", "li"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


@given(PIECES)
def test_no_word_is_lost_and_none_moves(body: str) -> None:
    before, after = tree_of(body), mend(tree_of(body))
    assert after.text_content().split() == before.text_content().split()
    assert [element.tag for element in after.iter() if element.tag == "pre"] == ["pre"] * len(list(before.iter("pre")))
