"""The stage `extract`: texts, limits, failures, and independence of one page from all others."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import RecipeError
from curate.recipe import parse_params
from curate.rule import decide
from curate.sources import Limits, Piece, input_from_path, list_files, read
from curate.sources.charset import decode_text
from curate.stage import parameters_of
from curate.stages.extract import broken_limit, crawl_day, extract, is_deeper
from curate.stages.extractors import NO_DAY, Extracted, Page, extract_with_magic_html, extract_with_trafilatura

SENTENCE = "The river has changed its bed more than once, and the people of the town remember each time of it. "
DEFAULTS = parse_params("extract", parameters_of(extract.function), {})


def page(body: str = "", title: str = "The river", head: str = "") -> str:
    paragraphs = body or "".join(f"<p>{SENTENCE * 3}{number}</p>" for number in range(4))
    return f"<html><head><title>{title}</title>{head}</head><body><article>{paragraphs}</article></body></html>"


def run(rows: list[dict[str, Any]], **parameters: Any) -> list[dict[str, Any]]:
    """The stage over rows of its columns; what is not given is null."""
    kinds = {"html": pa.binary()}
    columns = [pa.array([row.get(name) for row in rows], kinds.get(name, pa.string())) for name in extract.needs]
    added = extract(*columns, **parameters)
    assert {name: values.type for name, values in added.items()} == dict(extract.adds)
    return [
        dict(zip(added, values, strict=True)) for values in zip(*(v.to_pylist() for v in added.values()), strict=True)
    ]


def run_pages(*pages: str | bytes, **parameters: Any) -> list[dict[str, Any]]:
    return run([{"html": html.encode() if isinstance(html, str) else html} for html in pages], **parameters)


@pytest.mark.parametrize("backend", ["trafilatura", "resiliparse"])
def test_text_and_title_of_a_page(backend: str) -> None:
    navigation = "<nav><a href='/'>Home</a><a href='/about'>About us</a></nav>"
    html = page().replace("<body>", f"<body>{navigation}<script>var hidden = 'not text';</script>")
    (found,) = run_pages(html, backend=backend)
    assert found["error"] is None
    assert found["text"].count("The river has changed its bed") == 12
    assert "About us" not in found["text"]
    assert "hidden" not in found["text"]
    assert found["title"] == "The river"
    assert found["extract_chars"] == len(found["text"].strip())
    assert found["extract_timing_dependent"] == 0


def test_readers_comments_are_left_out_unless_asked_for() -> None:
    comment = "".join(
        f"<li class='comment'><p>What a well told story of the river, number {n}.</p></li>" for n in range(9)
    )
    html = page().replace("</body>", f"<section id='comments'><ol class='comment-list'>{comment}</ol></section></body>")
    without, with_them = run_pages(html)[0], run_pages(html, comments=True)[0]
    assert "well told story" not in without["text"]
    assert "well told story" in with_them["text"]


@pytest.mark.parametrize(
    "html",
    [
        "<head><title>The river</title></head>" + "".join(f"<p>{SENTENCE * 3}{n}</p>" for n in range(4)),
        f"<!DOCTYPE html><title>The river</title><div>{SENTENCE * 9}</div>",
        f"<div><p>{SENTENCE * 5}</p></div>",
    ],
)
def test_pages_that_lxml_loses_are_parsed_again(html: str) -> None:
    assert "The river has changed its bed" in run_pages(html)[0]["text"]


def test_a_title_that_is_never_closed_is_none() -> None:
    (found,) = run_pages(f"<html><head><title>The river</head><body><p>{SENTENCE * 9}</p></body></html>")
    assert "</" not in (found["title"] or "")
    assert len(found["title"] or "") <= 300


def test_records_that_are_text_already_pass_unchanged() -> None:
    texts = ["  two\r\nlines\t", "", "<b>not markup here</b>", "\u3000"]
    rows: list[dict[str, Any]] = [{"text": text, "title": "its own"} for text in texts]
    rows.append({"text": "given", "html": page().encode()})
    found = run([*rows, {}])
    assert [row["text"] for row in found] == [*texts, "given", ""]
    assert [row["title"] for row in found] == ["its own"] * 4 + [None, None]
    assert [row["extract_chars"] for row in found] == [10, 0, 22, 0, 5, 0]
    assert all(row["error"] is None for row in found)


@pytest.mark.parametrize("backend", ["trafilatura", "magic_html"])
@pytest.mark.parametrize(
    "html",
    [b"", b" ", b"\0\0\0", b"<html></html>", b"plain words", b"<", b"\xff\xfe", b"<!DOCTYPE html>", b"\x89PNG\r\n"],
)
def test_pages_without_text_are_dropped_as_no_text(html: bytes, backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs {backend}")
    (found,) = run_pages(html, backend=backend)
    assert (found["error"], found["text"], found["extract_chars"]) == (None, "", 0)
    verdicts = decide(extract.rules_for({}), {"extract_chars": pa.array([0, 1], pa.int32())}, 2)
    assert list(verdicts.rule) == [0, -1]
    assert extract.rules_for({})[0].reason == "no_text"
    assert (verdicts.score[0], verdicts.threshold[0]) == (0, 1)


def test_pages_are_decoded_before_they_are_parsed() -> None:
    chinese = "这座城市位于河流的北岸,有着悠久的历史。" * 10
    html = page(f"<p>{chinese}</p>", title="城市")
    rows = [
        {"html": html.encode("gb18030"), "charset": "gb2312"},
        {"html": html.replace("<head>", '<head><meta charset="big5">').encode(), "charset": "utf-8"},
        {"html": html.encode("utf-16")},
    ]
    for found in run(rows):
        assert found["text"] == f"{chinese}"
        assert found["title"] == "城市"


def test_nul_bytes_and_invalid_utf8_do_not_end_a_page() -> None:
    broken = page().encode().replace(b"remember", b"remem\0ber").replace(b"town", b"to\xffwn")
    (found,) = run_pages(broken)
    assert found["text"].count("The river has changed its bed") == 12


def test_the_pages_own_date_stands_beside_the_records() -> None:
    head = '<meta property="article:published_time" content="2031-03-04T10:00:00Z">'
    rows = [{"html": page(head=head).encode(), "date": date} for date in ("2032-01-01T00:00:00Z", None, "2024-05-01")]
    assert [row["extract_date"] for row in run(rows)] == ["2031-03-04", "2031-03-04", None]
    assert "date" not in extract.adds


def test_the_crawls_day_bounds_dates_whatever_today_is() -> None:
    assert crawl_day("2024-05-01T10:00:00Z") == "2024-05-01"
    assert {crawl_day(None), crawl_day(""), crawl_day("May 2024")} == {NO_DAY}


def test_a_title_of_the_record_is_kept_where_the_page_has_none() -> None:
    bare = page().replace("<title>The river</title>", "")
    assert run([{"html": bare.encode(), "title": "From the record"}])[0]["title"] == "From the record"
    assert run([{"html": page(title=" R&amp;D\n today ").encode(), "title": "x"}])[0]["title"] == "R&D today"


def test_limits_that_need_no_clock_come_first() -> None:
    nested = "<div>" * 200_000 + "deep" + "</div>" * 200_000
    table = page("<table>" + "<tr><td>1</td></tr>" * 60_000 + "</table>")
    deep = "<div>" * 3000 + "deep" + "</div>" * 3000
    found = run_pages(page(), nested, table, deep, page() * 30, max_html_bytes=3_000_000, max_nodes=100_000)
    assert [row["error"] for row in found] == [None, "too_many_nodes", "too_many_nodes", "too_deep", None]
    assert [row["error"] for row in run_pages(page(), page() * 2, max_html_bytes=len(page()))] == [None, "too_large"]
    assert found[1]["text"] is None
    assert found[1]["extract_chars"] is None


@pytest.mark.parametrize(
    "html",
    [
        "<script>" + "for (i=0; i<n; i++) if (a<b) {}\n" * 3000 + "</script>",
        "<svg>" + "<path d='M0 0'/>" * 5000 + "</svg>",
        "<!--" + "<div>" * 5000 + "-->",
        "<ul>" + "<li>one" * 5000 + "</ul>",
        "<p>line<br>" * 5000,
        "<STYLE>" + "a<b " * 5000 + "</Style>",
        "<table>" + "<tr><td><b>1</b>" * 3000 + "</table>",
        "<!--" * 100_000,
        "<script>" * 90_000,
        "</div>" * 5000,
        "<" * 90_000,
    ],
)
def test_what_only_looks_deep_is_not(html: str) -> None:
    assert broken_limit(html, 100_000, 1000) is None


Nest = tuple[str, int]


@st.composite
def nests(draw: st.DrawFn) -> Nest:
    """(HTML, how deep it is nested), built from the inside out."""
    made: Nest = ("", 0)
    for _ in range(draw(st.integers(0, 12))):
        name = draw(st.sampled_from(["div", "B", "custom-tag", "span class='x'"]))
        beside = draw(st.sampled_from(["", "text", "<br>", "<img src=x />", "<!-- <div><div> -->", "<p>one", "a < b",
                                       "<script>'<i><i>'</script>", "</p>", "<i>x</i>"]))  # fmt: skip
        depth = max(made[1], 1 if beside.startswith(("<script", "<i>")) else 0)
        made = (f"<{name}>{beside}{made[0]}</{name.split()[0]}>", depth + 1)
    return made


@given(nests())
def test_depth_is_that_of_the_elements(nest: Nest) -> None:
    html, depth = nest
    assert not is_deeper(html, depth)
    assert depth == 0 or is_deeper(html, depth - 1)


def test_bad_pages_leave_their_neighbours_alone() -> None:
    pages = [
        "first page",
        "loop",
        "second page",
        "hog",
        "exit",
        "third page",
        "raise",
        "recurse",
        "disturb",
        "last page",
    ]
    limits = {"backend": "hostile_backends:behave", "cpu_limit_s": 0.5, "memory_limit_bytes": 512 << 20}
    found = run_pages(*pages, **limits)
    errors = {
        "loop": "timeout",
        "hog": "memory",
        "exit": "crashed",
        "raise": "extractor: KeyError",
        "recurse": "too_deep",
    }
    for html, row in zip(pages, found, strict=True):
        assert row["error"] == errors.get(html), html
        assert row["text"] == (None if html in errors else html.upper())
        assert row["extract_timing_dependent"] == (html == "loop")
    quick = [html for html in pages if html != "loop"]
    backwards = run_pages(*reversed(quick), **limits)
    assert backwards[::-1] == [row for html, row in zip(pages, found, strict=True) if html != "loop"]


def test_the_worker_never_loads_a_parser() -> None:
    code = (
        "import sys, pyarrow as pa\n"
        "from curate.stages.extract import extract\n"
        "none = pa.array([None], pa.string())\n"
        f"html = pa.array([{page()!r}.encode()], pa.binary())\n"
        "assert extract(none, html, none, none, none, none)['extract_chars'][0].as_py() > 500\n"
        "print(*(name.partition('.')[0] for name in sys.modules))\n"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"lxml", "trafilatura", "htmldate", "justext", "magic_html"} & set(loaded)


def test_a_backend_that_is_not_there_is_a_recipe_error() -> None:
    assert extract.check is not None
    extract.check(**DEFAULTS)
    extract.check(**{**DEFAULTS, "backend": "hostile_backends:behave"})
    for backend, why in (
        ("trafilature", "trafilatura, resiliparse, magic_html"),
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("hostile_backends:absent", "no attribute 'absent'"),
    ):
        with pytest.raises(RecipeError, match=why):
            extract.check(**{**DEFAULTS, "backend": backend})


def test_magic_html_works_or_says_what_it_needs() -> None:
    assert extract.check is not None
    parameters = {**DEFAULTS, "backend": "magic_html"}
    if importlib.util.find_spec("magic_html") is None:
        with pytest.raises(RecipeError, match=r"Python 3\.12|pip install"):
            extract.check(**parameters)
        return
    extract.check(**parameters)
    (found,) = run_pages(page(), backend="magic_html")
    assert "The river has changed its bed" in found["text"]


def test_magic_htmls_word_for_no_page_is_told_from_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a magic-html of our own, as the real one needs Python 3.12."""

    class GeneralExtractor:
        def extract(self, html: str, base_url: str) -> dict[str, str]:
            raise ValueError(*html.split())

    monkeypatch.setitem(sys.modules, "magic_html", SimpleNamespace(GeneralExtractor=GeneralExtractor))
    assert extract_with_magic_html(Page("")) == Extracted("")
    with pytest.raises(ValueError, match="cannot"):
        extract_with_magic_html(Page("cannot"))


def gold_rows(shared_data: Path, step: int) -> list[dict[str, Any]]:
    (file,) = list_files([input_from_path(str(shared_data / "gold" / "small-dev.warc.gz"))])
    batches = read(Piece(file), Limits(), lambda key, n: None)
    return [row for batch in batches for row in batch.to_pylist() if row["html"]][::step]


def test_real_pages_give_in_the_child_what_they_give_here(shared_data: Path) -> None:
    rows = gold_rows(shared_data, 8)
    found = run(rows)
    for row, ours in zip(rows, found, strict=True):
        assert ours["error"] is None
        page_ = Page(decode_text(row["html"], row["charset"]), row["url"], crawl_day(row["date"]))
        assert ours["text"] == extract_with_trafilatura(page_).text, row["url"]
    assert sum(bool(row["title"]) for row in found) >= 0.9 * len(found)
    assert sum(bool(row["extract_date"]) for row in found) >= 0.5 * len(found)
    assert run(rows[::-3]) == found[::-3]


@pytest.mark.proof
def test_no_backend_falls_below_plain_trafilatura(shared_data: Path) -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "extraction_quality.py"
    spec = importlib.util.spec_from_file_location("extraction_quality", script)
    assert spec is not None
    assert spec.loader is not None
    quality = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(quality)
    pages, score = quality.gold_pages("small-dev"), quality.load_score()
    averages = {
        name: quality.average(quality.run_backend(name, pages)[0], pages, score) for name in ("plain", "trafilatura")
    }
    print(json.dumps(averages))
    assert len(pages) == 227
    f1_of_zh_of_others_of_all = zip(averages["trafilatura"][:3], averages["plain"][:3], strict=True)
    assert all(ours > plain + 0.01 for ours, plain in f1_of_zh_of_others_of_all)


def test_blocks_run_in_the_worker_and_say_how_sure_they_are() -> None:
    html = page(head="<link rel=canonical href='https://a.b/river'><meta property='og:site_name' content='Gazette'>")
    found, large, text = run(
        [{"html": html.encode()}, {"html": b"x" * 2000}, {"text": "given"}], backend="blocks", max_html_bytes=1500
    )
    assert found["text"].count("The river has changed its bed") == 12
    assert (found["title"], found["extract_site"], found["extract_url"]) == (
        "The river",
        "Gazette",
        "https://a.b/river",
    )
    assert 0.5 < found["extract_confidence"] <= 1
    assert (large["error"], large["extract_confidence"]) == ("too_large", None)
    assert (text["text"], text["extract_confidence"]) == ("given", None)
    assert extract.check is not None
    assert extract.check(**{**DEFAULTS, "backend": "blocks"}).keys() == {"weights"}


def test_only_blocks_have_a_confidence_to_decide_on() -> None:
    assert [rule.reason for rule in extract.rules_for({})] == ["no_text"]
    assert [rule.reason for rule in extract.rules_for({"backend": "blocks"})] == ["no_text", "low_extract_confidence"]


def test_markdown_is_for_blocks_alone() -> None:
    assert extract.check is not None
    with pytest.raises(RecipeError, match="markdown"):
        extract.check(**{**DEFAULTS, "markdown": True})
    (found,) = run_pages(page("<h2>One</h2>" + f"<p>{SENTENCE * 5}</p>" * 3), backend="blocks", markdown=True)
    assert "## One" in found["text"] or found["text"].count("\n\n") == 2


def test_htmldate_is_asked_where_blocks_find_no_day() -> None:
    body = "".join(f"<p>{SENTENCE * 3}{number}</p>" for number in range(4))
    in_text = page(f'<span class="date">March 12, 2021</span>{body}')
    stated = in_text.replace("</title>", "</title><meta name=date content=2020-02-03>")
    too_deep = in_text.replace("<article>", "<article>" + "<div>" * 3000)
    without = run_pages(in_text, stated, too_deep, backend="blocks")
    found = run_pages(in_text, stated, too_deep, backend="blocks", htmldate=True)
    assert [one["extract_date"] for one in without] == [None, "2020-02-03", None]
    assert [one["extract_date"] for one in found] == ["2021-03-12", "2020-02-03", None]
    assert [one["text"] for one in found] == [one["text"] for one in without]
    assert [one["extract_timing_dependent"] for one in found] == [0, 0, 0]


def test_a_day_that_is_not_found_in_time_costs_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.stages.sandbox._POLL_S", 0.005)
    slow = page("<div><p>In 2019 it rained.</p></div>" * 30_000)
    (found,) = run_pages(slow, backend="blocks", htmldate=True, cpu_limit_s=0.001)
    assert found["error"] is None
    assert found["text"]
    assert (found["extract_date"], found["extract_timing_dependent"]) == (None, 1)


def test_htmldate_is_for_blocks_and_its_version_counts() -> None:
    assert extract.check is not None
    with pytest.raises(RecipeError, match=r"extract\.htmldate: it is for backend = 'blocks'"):
        extract.check(**{**DEFAULTS, "htmldate": True})
    assert extract.check(**{**DEFAULTS, "backend": "blocks", "htmldate": True}).keys() == {
        "weights",
        "htmldate",
        "lxml",
    }
