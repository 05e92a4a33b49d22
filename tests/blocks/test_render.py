"""Text and Markdown of kept blocks."""

import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from curate.blocks.cells import whole_rows
from curate.blocks.outline import MAX_LEVEL
from curate.blocks.render import render
from curate.blocks.scanner import scan_page

MEGA = 1_000_000


def rendered(html: str, markdown: bool = False) -> str:
    scan = scan_page(html.encode())
    return render(scan, np.ones(len(scan.blocks), np.bool_), markdown)


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+\d*", text)


def as_html(markdown: str) -> str:
    """What a reader of CommonMark sees, without white space between tags."""
    return re.sub(r">\s+|\s+<", lambda found: found[0].strip(), MarkdownIt().enable("table").render(markdown))


TABLE = "<table><tr><th>Year<th>Height<tr><td>1890<td><b>3|4</b> m</table>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>A</h1><p>b<br>c<p>d", "A\nb\nc\nd"),
        (TABLE, "Year | Height\n1890 | 3|4 m"),
        ("<table><tr><td>a<br>b<td>c</table>", "a b | c"),
        ("<table><tr><td>a<br>b</table>", "a\nb"),
        ("<table><tr><td><p>one<p>two<td>three</table>", "one\ntwo\nthree"),
        (f"<table><tr><td>a<td>{'b' * 1001}<tr><td>c<td>d</table>", f"a\n{'b' * 1001}\nc | d"),
        ("<table><tr><td>a<td><table><tr><td>b<td>c</table></table>", "a\nb | c"),
        ("<table><tr><td><pre>1\n2</pre><td><pre>a\nb</pre></table>", "1\n2\na\nb"),
        ("<pre>\n  a\n\n    b\n</pre>", "  a\n\n    b"),
        ("<h2>Module<a href='#module'>¶</a></h2><p><a href='#module'>¶</a></p>see ¶", "Module\n¶\nsee ¶"),
        ("<table><tr><td>a<td><td> <tr><td><td>b</table>", "a\nb"),
    ],
)
def test_text(html: str, expected: str) -> None:
    assert rendered(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h2>A</h2><p>b<br>c<p>d", "## A\n\nb\nc\n\nd"),
        ("<h2>A<br>B</h2>c", "## A B\n\nc"),
        (f"<p>x</p>{TABLE}<p>y", "x\n\n| Year | Height |\n| --- | --- |\n| 1890 | 3\\|4 m |\n\ny"),
        ("<table><tr><th>a<tr><th>b<td>c<td>d</table>", "| a |  |  |\n| --- | --- | --- |\n| b | c | d |"),
        ("<table><tr><td>a<td>b<tr><td><td>c<br>d</table>", "| a | b |\n| --- | --- |\n|  | c d |"),
        ("<table><tr><td>a<tr><td>b</table>", "a\n\nb"),
        ("<table><tr><td>a<td><td> <tr><td><td>b</table>", "a\n\nb"),
        ("<ul><li>a<table><tr><td>b<td>c</table></ul>", "- a\n\n  | b | c |\n  | --- | --- |"),
        ("<ul><li>a<li>b<ol><li>c<li>d</ol></ul>e", "- a\n- b\n  1. c\n  2. d\n\ne"),
        ("<ol><li>a<p>b<p>c<li>d<ul><li>e</ul>f</ol>", "1. a\n\n   b\n\n   c\n2. d\n   - e\n\n   f"),
        ("<ol><li>a<br>b</ol><ul><li>c</ul>", "1. a\n   b\n\n- c"),
        ("<ol>" + "<li>x" * 10 + "<p>y</ol>", "\n".join(f"{n}. x" for n in range(1, 11)) + "\n\n    y"),
        ("<ul><li><ul><li>a<li>b</ul></ul>", "- - a\n  - b"),
        ("<ul><li><h3>a</h3>b</ul>", "- ### a\n\n  b"),
        ("<pre>\na\n  b</pre>c", "```\na\n  b\n```\n\nc"),
        ("<pre>a<div>  b</div>c</pre><pre>d</pre>", "```\na\n  b\nc\n```\n\n```\nd\n```"),
        ("<pre>a ``` b `````</pre>", "``````\na ``` b `````\n``````"),
        ("<ul><li>a<pre>b\n  c</pre></ul>", "- a\n\n  ```\n  b\n    c\n  ```"),
        ("<blockquote><p>a</blockquote>", "> a"),
        ("<blockquote><p>a<p>b<blockquote>c</blockquote></blockquote>d", "> a\n>\n> b\n>\n> > c\n\nd"),
        ("<blockquote><ul><li>a<li>b<p>c</ul></blockquote>", "> - a\n> - b\n>\n>   c"),
        ('<p>a <script type="math/tex">x|y</script> b', "a $x|y$ b"),
        ('<script type="math/tex; mode=display">x</script>', "$$x$$"),
    ],
)
def test_markdown(html: str, expected: str) -> None:
    assert rendered(html, markdown=True) == expected


def test_dropped_blocks_leave_no_trace() -> None:
    scan = scan_page(b"<p>a<p>b<p>c")
    assert render(scan, np.array([True, False, True])) == "a\nc"
    assert render(scan, np.zeros(3, np.bool_), markdown=True) == ""


def test_dropped_cells_and_items_keep_their_place() -> None:
    scan = scan_page(b"<table><tr><td>a<td>b<td>c<tr><td>d<td>e<td>f</table><ol><li>g<li>h<li>i</ol>")
    keep = np.array([True, True, True, False, False, True, False, True, True])
    assert render(scan, keep, markdown=True) == "| a | b | c |\n| --- | --- | --- |\n|  |  | f |\n\n2. h\n3. i"


def test_rows_of_data_are_kept_whole_if_half_of_their_tokens_are() -> None:
    page = b"<table><tr><td>dpkg<td>7<td>packages<tr><td>a<td>8<td>b<tr><td>c<td>d<tr><td><p>e<p>f<td>g</table><p>h"
    keep = np.array([True, False, True, False, True, False, True, False, True, False, False, True])
    tokens = np.ones(len(keep), np.float32)
    text = render(scan := scan_page(page), whole_rows(scan, keep, tokens))
    assert text == "dpkg | 7 | packages\nc | d\ne\nh"


names = st.sampled_from(["p", "h2", "ul", "ol", "li", "blockquote", "pre", "table", "tr", "td", "th", "br", "div", "b"])
pieces = st.lists(st.one_of(names.map("<{}>".format), names.map("</{}>".format), st.just("w"), st.just("w |`` w")))


@given(pieces, st.integers(0, 2**20))
@settings(deadline=None, max_examples=300)
def test_both_hold_the_same_words(given: list[str], seed: int) -> None:
    count = iter(range(10_000))
    html = re.sub("w", lambda _: f"w{next(count)}", "".join(given))
    scan = scan_page(html.encode())
    keep = np.random.default_rng(seed).random(len(scan.blocks)) < 0.8
    text, markdown = render(scan, keep), render(scan, keep, markdown=True)
    assert words_of(text) == words_of(markdown)


# A tree of what Markdown can say, as HTML.
leaves = st.just("<p>w</p>")
trees: Any = st.recursive(
    leaves,
    lambda inside: st.one_of(
        st.lists(inside, min_size=1, max_size=3).map(lambda parts: f"<blockquote>{''.join(parts)}</blockquote>"),
        st.lists(st.lists(inside, min_size=1, max_size=2), min_size=1, max_size=3).map(
            lambda items: "<ul>" + "".join(f"<li>{''.join(parts)}</li>" for parts in items) + "</ul>"
        ),
        st.lists(st.lists(inside, min_size=1, max_size=2), min_size=1, max_size=3).map(
            lambda items: "<ol>" + "".join(f"<li>{''.join(parts)}</li>" for parts in items) + "</ol>"
        ),
    ),
    max_leaves=8,
)


@given(trees)
@settings(deadline=None, max_examples=300)
def test_a_reader_of_markdown_sees_the_tree(tree: str) -> None:
    """Each word stands in the same quotes and lists; only lists and quotes side by side may become one."""
    count = iter(range(10_000))
    html = re.sub("w", lambda _: f"w{next(count)}", tree)
    assert around(as_html(rendered(html, markdown=True))) == around(html)


def around(html: str) -> dict[str, list[str]]:
    """Word → the names of the quotes and lists that it stands in."""
    found: dict[str, list[str]] = {}
    held: list[str] = []
    for end, name, word in re.findall(r"<(/?)(ul|ol|blockquote)[^>]*>|(w\d+)", html):
        if word:
            found[word] = held[:MAX_LEVEL]
        elif end:
            held.pop()
        else:
            held.append(name)
    return found


code = st.text(st.sampled_from("ab `\n\t|>#*"), min_size=1).filter(lambda text: text.strip())


@given(code, st.integers(0, 3), st.booleans())
@settings(deadline=None)
def test_code_is_what_it_was(text: str, depth: int, quoted: bool) -> None:
    element = "<blockquote>" if quoted else "<ul><li>"
    markdown = rendered(element * depth + f"<pre>{text}</pre>", markdown=True)
    (block,) = [token for token in MarkdownIt().parse(markdown) if token.type == "fence"]
    assert block.content == text.lstrip("\n").rstrip() + "\n"


HOSTILE = {
    "paragraphs": "<p>x" * MEGA,
    "items": "<ol>" + "<li>x" * MEGA,
    "lists": "<ol><li>x" * (MEGA // 2),
    "quotes": "<blockquote><p>x" * (MEGA // 2),
    "cells": "<table><tr>" + "<td>x" * MEGA,
    "empty cells": "<table>" + ("<tr>" + "<td>" * 999 + "<td>x") * 1000,
    "interrupted row": "<table><tr>" + "<td>x</td>y" * (MEGA // 2),
    "rows": "<table>" + "<tr><td>x<td>y" * (MEGA // 2),
    "tables": "<table><tr><td>x<td>" * (MEGA // 4),
    "headings": "<h1>x<br>" * MEGA,
    "code": "<blockquote>" * 9 + "<pre>" + "x\n" * MEGA,
    "ticks": "<pre>" + "`" * MEGA,
    "pieces of code": "<pre>" + "<div>`</div>" * MEGA,
    "breaks": "<table><tr><td>" + "x<br>" * MEGA,
}


@pytest.mark.parametrize("markdown", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear(name: str, markdown: bool) -> None:
    scan = scan_page(HOSTILE[name].encode())
    keep = np.ones(len(scan.blocks), np.bool_)
    rendered(TABLE, markdown)
    started = time.process_time()
    text = render(scan, keep, markdown)
    assert time.process_time() - started < 0.7
    assert len(words_of(text)) == len(words_of(render(scan, keep)))
