"""Text and Markdown of kept blocks."""

import numpy as np
import pytest

from curate.blocks.render import render
from curate.blocks.scanner import scan_page


def rendered(html: str, markdown: bool = False) -> str:
    scan = scan_page(html.encode())
    return render(scan, np.ones(len(scan.blocks), np.bool_), markdown)


TABLE = "<table><tr><th>Year<th>Height<tr><td>1890<td><b>3|4</b> m</table>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>A</h1><p>b<br>c<p>d", "A\nb\nc\nd"),
        (TABLE, "Year | Height\n1890 | 3|4 m"),
        ("<table><tr><td><p>one<p>two<td>three</table>", "one\ntwo\nthree"),
        ("<pre>\n  a\n\n    b\n</pre>", "  a\n\n    b"),
    ],
)
def test_text(html: str, expected: str) -> None:
    assert rendered(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h2>A</h2><p>b<br>c<p>d", "## A\n\nb\nc\n\nd"),
        (f"<p>x</p>{TABLE}<p>y", "x\n\n| Year | Height |\n| --- | --- |\n| 1890 | 3\\|4 m |\n\ny"),
        ("<ul><li>a<li>b<ol><li>c<li>d</ol></ul>e", "- a\n- b\n  1. c\n  2. d\n\ne"),
        ("<pre>\na\n  b</pre>c", "```\na\n  b\n```\n\nc"),
        ("<blockquote><p>a</blockquote>", "> a"),
    ],
)
def test_markdown(html: str, expected: str) -> None:
    assert rendered(html, markdown=True) == expected


def test_dropped_blocks_leave_no_trace() -> None:
    scan = scan_page(b"<p>a<p>b<p>c")
    assert render(scan, np.array([True, False, True])) == "a\nc"
