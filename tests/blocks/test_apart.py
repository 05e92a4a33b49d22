"""What stands apart is no text where there is another one, and judged like any block where there is none."""

import time

import numpy as np
import numpy.typing as npt
import pytest

from curate.blocks.apart import without_apart
from curate.blocks.scanner import scan_page

PROSE = "<p>text</p>"


def left(html: str, chances: list[float], tokens: list[float]) -> npt.NDArray[np.float32]:
    scan = scan_page(html.encode())
    assert len(scan.blocks) == len(chances)
    return without_apart(scan, np.array(chances, np.float32), np.array(tokens, np.float32))


@pytest.mark.parametrize(
    "apart",
    [
        "<div hidden>copy</div>",
        "<div style='display: none'><p>copy</p></div>",
        "<form><p>I agree</p></form>",
        "<ol class='breadcrumb-list'><li>Home</li></ol>",
        "<div class='navfooter'><a href='ch7'>Next</a></div>",
        "<pre><button>Copy</button></pre>",
        r"<p>\( \newcommand{\id}{\mathrm{id}}\) \( \def\x{1} \)</p>",
        r"<p>$$\DeclareMathOperator{\rank}{rank}$$</p>",
    ],
)
def test_what_stands_apart_is_dropped_beside_a_text(apart: str) -> None:
    assert left(PROSE + apart, [0.9, 0.8], [100, 100]).tolist() == [np.float32(0.9), 0]


@pytest.mark.parametrize(
    "within",
    [
        "<h3><button>How much is it?</button></h3>",
        "<button><h3>How much is it?</h3></button>",
        "<div class='sidebar'>a box of a manual</div>",
        r"<p>\newcommand defines a command, and this is about \(x\)</p>",
        r"<p>\( \newcommand{\id}{\mathrm{id}}\) is how to begin</p>",
        "<p>newcommand (without a backslash)</p>",
        "<p>(</p>",
    ],
)
def test_what_only_looks_like_it_stays(within: str) -> None:
    assert left(PROSE + within, [0.9, 0.8], [100, 100]).tolist() == [np.float32(0.9), np.float32(0.8)]


def test_a_hidden_copy_is_dropped_and_a_text_that_a_script_will_show_is_not() -> None:
    page = PROSE + "<div style='display:none'>the same or more</div>"
    assert left(page, [0.9, 0.9], [100, 110])[1] == 0
    assert left(page, [0.9, 0.9], [100, 300])[1] == np.float32(0.9)


def test_a_page_that_is_one_form_is_judged_like_any_other() -> None:
    chances = left(f"<div>logo</div><form>{PROSE}</form>", [0.2, 0.9], [3, 100])
    assert chances.tolist() == [np.float32(0.2), np.float32(0.9)]


def test_a_page_without_blocks_has_none() -> None:
    assert len(left("", [], [])) == 0


@pytest.mark.parametrize("page", ["<p>" + r"\(" * 500_000 + "$", "<p>$</p>" * 300_000, "<form><i hidden>x" * 200_000])
def test_time_is_linear(page: str) -> None:
    left(PROSE, [0.9], [100])
    scan = scan_page(page.encode())
    ones = np.ones(len(scan.blocks), np.float32)
    started = time.process_time()
    without_apart(scan, ones, ones)
    assert time.process_time() - started < 0.3
