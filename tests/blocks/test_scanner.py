"""The scanner beside a reference in plain Python, on made tag soup, on known cases and on pages made to hurt."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scan_reference import Reference, names

from curate.blocks.layout import LINK, LINKED_DATA, META, ROOT, TIME, TITLE, Scan
from curate.blocks.scanner import scan_page
from curate.blocks.tags import NAMES

BLOCK_TAGS = sorted(names("p div li ul ol td th tr table tbody h1 h2 section button caption dl dt dd blockquote pre"))
INLINE_TAGS = ["a", "b", "span", "i", "code", "em", "custom-tag"]
SILENT_TAGS = ["select", "option", "svg", "rt", "rp", "ruby", "template"]
ALL = [*BLOCK_TAGS, *INLINE_TAGS, *SILENT_TAGS, "br", "hr", "img", "body", "html", "head"]
SOUP = st.lists(
    st.one_of(
        st.sampled_from([f"<{name}>" for name in ALL] + [f"</{name}>" for name in ALL]),
        st.sampled_from(["<p class='a b'>", '<div id="x>y">', "<a href=x>", "<br/>", "<svg/>", "<DIV\n>", "<td a=b/>"]),
        st.sampled_from(["one", " two ", "三四", "\n", "\t", "é", "\u3000", "\xa0", "a<b", "<", "</", "<3", "x > y"]),
        st.sampled_from(["&amp;", "&lt;p&gt;", "&eacute", "&notit;", "&#65;", "&#x4e2d", "&nbsp;", "&", "&x", "&ngE;"]),
        st.sampled_from(["<!-- <p>x -->", "<!-->", "<!--->", "<!-- x --!>", "<!DOCTYPE html>", "<?xml x?>", "</ x>"]),
        st.sampled_from(["<script>'<p>'</script>", "<style>x</STYLE >", "<title>t</title>", "<xmp><p></xmp>"]),
        st.sampled_from(["<script>", "<!--", "<p class='", "<a title=\"", "<title>", "<textarea>"]),
    ),
    max_size=30,
).map("".join)  # fmt: skip


def found(scan: Scan) -> list[tuple[str, tuple[str, ...]]]:
    """(text, tags of the elements around it) of every block."""
    blocks = []
    for block in scan.blocks:
        tags: list[str] = []
        element = int(block["element"])
        while element > 0:
            tags.insert(0, NAMES[scan.elements[element]["tag"]])
            element = int(scan.elements[element]["parent"])
        text = scan.text[block["start"] : block["end"]].tobytes().decode()
        blocks.append((text, tuple(tags)))
    return blocks


def texts(html: str) -> list[str]:
    return [text for text, _ in found(scan_page(html.encode()))]


@given(SOUP)
@settings(max_examples=600, deadline=None)
def test_blocks_and_their_elements_are_those_of_the_reference(html: str) -> None:
    assert found(scan_page(html.encode())) == Reference(html).run()


@given(st.binary(max_size=200))
def test_any_bytes_make_a_page(data: bytes) -> None:
    scan = scan_page(data)
    assert np.all(scan.blocks["end"] > scan.blocks["start"])
    assert np.all(scan.blocks["source_end"] <= len(data))
    assert np.all(scan.elements["first"] <= scan.elements["end"])


@given(SOUP)
@example("one<rt>")
def test_ranges_of_elements_hold_exactly_the_blocks_below_them(html: str) -> None:
    scan = scan_page(html.encode())
    for number, block in enumerate(scan.blocks):
        above = set()
        element = int(block["element"])
        while element >= 0:
            above.add(element)
            element = int(scan.elements[element]["parent"])
        holding = {e for e, row in enumerate(scan.elements) if row["first"] <= number < row["end"]}
        assert above == holding


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one<p>two", ["one", "two"]),
        ("a&lt;b&gt; &amp;amp; &euro; &#8364; &#x80; &hellip;", ["a<b> &amp; € € € …"]),
        ("&#0;&#xD800;&#1114112;&#99999999999;", ["\ufffd" * 4]),
        ("&notin; &notit; &copy2", ["∉ ¬it; ©2"]),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字</ruby>", ["漢字"]),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", ["a", "b", "c", "d"]),
        ("<table><tr><td>1<td>2<tr><td>3</table>", ["1", "2", "3"]),
        ("<pre>\n a\n  <b>b</b>\tc\n</pre>", ["\n a\n  b\tc\n"]),
        ("<pre>a<br>b</pre>", ["a\nb"]),
        ("<p>in <b>the</b>\n  <i>middle</i>, <a href=x>linked</a>.", ["in the middle, linked."]),
        ("<select><option>no</select>yes<svg><text>no</text></svg>", ["yes"]),
        ("<div><svg>lost</div>found", ["found"]),
        ("<title>never closed<p>text", ["never closed", "text"]),
        ("x<script>'</p>' < 3 </script >y", ["xy"]),
        ("<p>before<script>never closed", ["before"]),
    ],
)
def test_known_cases(html: str, expected: list[str]) -> None:
    assert texts(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<math><mi>x</mi><annotation encoding='application/x-tex'>x^2 &lt; 1</annotation></math>", "$x^2 < 1$"),
        ("<span class='katex'><span class='katex-mathml'><math><annotation encoding='application/x-tex'>y</annotation>"
         "</math></span><span class='katex-html'><span>y</span>y</span></span>!", "$y$!"),
        ("<span class='MathJax_Preview'>z</span><script type='math/tex; mode=display'>z<1</script>", "$$z<1$$"),
        ("<script type='math/tex'>z</script>", "$z$"),
        ("<math><mi>a</mi><mo>+</mo><mi>b</mi></math>", "a+b"),
    ],
)  # fmt: skip
def test_formulas_keep_their_source_once(html: str, expected: str) -> None:
    assert texts(f"<p>{html}") == [expected]


def test_links_and_bold_are_counted_in_bytes() -> None:
    (block,) = scan_page(b"<p>ab <a href=x>cd <b>ef</b></a><a name=y>gh</a> <b>i</b>").blocks
    assert (block["link_bytes"], block["links"], block["bold_bytes"]) == (len(" cd ef"), 1, len(" ef") + len(" i"))


def test_marks_are_those_that_speak_of_the_page() -> None:
    html = (
        b"<html lang=en><title>T</title><meta name=a content=b><link rel=canonical href=c><time datetime=d>"
        b"<script type='application/ld+json'>{}</script><svg><title>no</title></svg>"
    )
    marks = [(int(kind), html[first:last]) for kind, first, last in scan_page(html).marks]
    assert marks == [
        (ROOT, b"<html lang=en>"), (TITLE, b"T"), (META, b"<meta name=a content=b>"),
        (LINK, b"<link rel=canonical href=c>"), (TIME, b"<time datetime=d>"), (LINKED_DATA, b"{}"),
    ]  # fmt: skip


MEGA = 1_000_000
HOSTILE = {
    "50 MB of text": b"<p>" + b"word " * (10 * MEGA),
    "50 MB of tags": b"<p>word</p>" * (50 * MEGA // 11),
    "nested": b"<div>" * 200_000 + b"x" + b"</div>" * 200_000,
    "nested, closed by others": b"<div><b>" * 200_000 + b"</p></span></i></td>" * 200_000,
    "siblings": b"<ul>" + b"<li>x" * MEGA,
    "open tables": b"<table><td>" * 200_000 + b"</tr>" * 200_000,
    "unclosed script": b"<p>x</p><script>" + b"</scrip <p>" * MEGA,
    "unclosed titles": b"<title>x" * MEGA,
    "unclosed textareas": b"<textarea>x" * MEGA,
    "unclosed comment": b"<!--" + b"--" * MEGA + b"- -" * MEGA,
    "unclosed quote": b'<a href="' + b"x" * (10 * MEGA),
    "attributes": b"<a " + b"a=b " * (2 * MEGA) + b">",
    "classes": b"<p class='" + b"aB-c1 " * (2 * MEGA) + b"'>",
    "formulas": b"<math>" * MEGA,
    "formulas without source": b"<math>x</math>" * MEGA,
    "references": b"&nGt;" * (2 * MEGA)
    + b"&" * MEGA
    + b"&#" * MEGA
    + b"&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 100_000,
    "lone signs": b"<" * (5 * MEGA),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear_on_pages_made_to_hurt(name: str) -> None:
    scan_page(b"<p>warm up</p>")
    started = time.process_time()
    scan_page(HOSTILE[name])
    assert time.process_time() - started < 2


def test_no_index_leaves_its_array(tmp_path: Path) -> None:
    """The same tests with every index checked."""
    if "NUMBA_BOUNDSCHECK" in os.environ:
        pytest.skip("this is that run")
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    files = [__file__, str(Path(__file__).with_name("test_extractor.py"))]
    chosen = "reference or bytes or cases or formulas or marks"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files, "-k", chosen]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
