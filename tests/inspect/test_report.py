"""The report: what it says, and that a hostile page cannot do anything in it."""

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_run import Record, dropped, failed, ordinary, text_record, write_run

from curate.errors import EngineError
from curate.inspect.report import render_report, write_report
from curate.inspect.run_folder import RunFolder, open_run

SCRIPT = "<script>window.pwned=1</script>"
BREAKOUT = '"><img src=x onerror="window.pwned=1">'
CLOSING = "</title></style></svg></pre><svg onload=window.pwned=1>"
TEMPLATE = "{{ 7 * 7 }}{% raw %}"
TURNED = "\u202egnihsif\x00\x1b[2J\u200b"
EVIL = f"{SCRIPT}{BREAKOUT}{CLOSING}{TEMPLATE}{TURNED}"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


def hostile() -> list[Record]:
    """Pages that try to break out of every place of the report that shows something crawled."""
    here = {"title": EVIL, "text": EVIL * 3, "lang": f"en{BREAKOUT}"}
    kept = [
        text_record(0, **here, url=f"javascript:window.pwned=1//{EVIL}"),
        text_record(1, url=f"http://{BREAKOUT}.example/{SCRIPT}"),
        text_record(2, url="https://a.example/?q=" + SCRIPT, title=None, text="<b>bold?</b>"),
    ]
    same = dropped("exact_dedup", "exact_duplicate", duplicate_of=kept[0].doc_id)
    return [
        *kept,
        *(text_record(n, **here, url="data:text/html," + SCRIPT, verdict=same) for n in range(10, 14)),
        text_record(20, **here, verdict=dropped("rules", f"reason{BREAKOUT}", score=1.0, threshold=2.0)),
        Record(f"in/{EVIL.replace('/', '')}.html", 0, {"url": EVIL}, failed("read", f"bad_html{SCRIPT}: {EVIL}")),
    ]


@pytest.fixture(scope="module")
def hostile_html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = write_run(tmp_path_factory.mktemp("hostile") / "out", hostile(), name=EVIL)
    return write_report(out)


class Reader(HTMLParser):
    """Collects tags, attributes, ids and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_a_parser_sees_only_our_own_elements(hostile_html: Path) -> None:
    html = hostile_html.read_text(encoding="utf-8")
    reader = read(html)
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "form", "base", "b onload"}
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert attributes.keys() <= OUR_ATTRIBUTES, (tag, attributes)
        href = attributes.get("href")
        assert href is None or href.startswith("#") or (tag, href) == ("link", "data:,"), href
        assert tag == "link" or "src" not in attributes
    text = "".join(reader.words)
    assert SCRIPT in text
    assert BREAKOUT in text
    assert TEMPLATE in text
    assert "49" not in text.partition("{{")[2][:20]


OUR_ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "style", "id", "aria-label", "viewbox",
    "role", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "text-anchor", "dir", "d",
}  # fmt: skip


def test_nothing_acts_invisibly(hostile_html: Path) -> None:
    html = hostile_html.read_text(encoding="utf-8")
    for character in "\u202e\x00\x1b\u200b":
        assert character not in html
    assert "⟦U+202E⟧gnihsif⟦U+0000⟧⟦U+001B⟧[2J⟦U+200B⟧" in html


def test_styles_hold_only_numbers(hostile_html: Path) -> None:
    for _, attributes in read(hostile_html.read_text(encoding="utf-8")).tags:
        style = attributes.get("style")
        if style is not None:
            width = style.removeprefix("width:").removesuffix("%")
            assert 0 <= float(width) <= 100


def test_the_policy_forbids_scripts_and_requests(hostile_html: Path) -> None:
    metas = [attributes for tag, attributes in read(hostile_html.read_text(encoding="utf-8")).tags if tag == "meta"]
    policies = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome on the PATH")
def test_a_browser_runs_nothing_of_it(hostile_html: Path, tmp_path: Path) -> None:
    """Even without the policy: the file is loaded as it is, and with the policy taken out and a probe put in."""
    html = hostile_html.read_text(encoding="utf-8")
    policy = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; """
    assert policy in html
    probe = "<script>onload=()=>{document.title='pwned is '+window.pwned}</script></body>"
    naked = tmp_path / "naked.html"
    naked.write_text(html.replace(policy, '<meta name="x" content="').replace("</body>", probe), encoding="utf-8")
    assert "<title>pwned is undefined</title>" in dump_dom(naked, tmp_path / "a")
    dom = dump_dom(hostile_html, tmp_path / "b")
    names = {tag for tag, _ in read(dom).tags}
    assert {"svg", "details", "table"} <= names
    assert not names & {"script", "img"}
    # The probe itself works: a script that does run is noticed.
    alive = tmp_path / "alive.html"
    alive.write_text(f"<body>{SCRIPT}{probe}", encoding="utf-8")
    assert "<title>pwned is 1</title>" in dump_dom(alive, tmp_path / "c")


def dump_dom(page: Path, profile: Path) -> str:
    assert CHROMIUM
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={profile}", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()


def test_the_numbers_are_in_it(made_run: RunFolder) -> None:
    html = render_report(made_run)
    words = " ".join(" ".join(read(html).words).split())
    assert "59 records came in, 40 documents were kept" in words
    assert "few_words 8 15.4 %" in words
    assert "exact_duplicate 3 6.8 %" in words
    assert "in/crawl.warc.gz 57 57 40 29.8 % 9.1 %" in words
    assert "timeout 2 in 1 file" in words
    assert "extract 57 8.00 7.125" in words


def test_every_section_of_the_contents_is_there(made_run: RunFolder) -> None:
    reader = read(render_report(made_run))
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    links = [str(attributes["href"])[1:] for tag, attributes in reader.tags if tag == "a"]
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)
    assert {"funnel", "languages", "lengths", "scores", "hosts", "sources", "duplicates", "rejected", "failures",
            "throughput", "recipe"} <= set(links)  # fmt: skip


def test_thresholds_are_drawn_per_language(made_run: RunFolder) -> None:
    html = render_report(made_run)
    figures = html.split("<figure>")[1:]
    words = [figure for figure in figures if "<b>words</b>" in figure]
    assert len(words) == 2
    assert '<text class="limit"' in words[0]
    assert ">50</text>" in words[0]
    assert ">30</text>" in words[1]
    assert "few_words_zh" in words[1]


def test_a_source_that_lost_nearly_all_is_marked(tmp_path: Path) -> None:
    same = text_record(0)
    verdict = dropped("exact_dedup", "exact_duplicate", duplicate_of=same.doc_id)
    copies = [Record("in/mirror.warc.gz", n, text_record(n).columns, verdict) for n in range(1, 40)]
    html = render_report(open_run(write_run(tmp_path / "a", [same, *copies])))
    assert html.count("▲ 100 %") == 2
    few = render_report(open_run(write_run(tmp_path / "b", [same, *copies[:5]])))
    assert "▲" not in few


def test_rebuilding_gives_the_same_bytes(made_out: Path) -> None:
    first = write_report(made_out).read_bytes()
    assert write_report(made_out).read_bytes() == first


def test_parts_do_not_show(tmp_path: Path) -> None:
    reports = {render_report(open_run(write_run(tmp_path / str(n), ordinary(), parts=n))) for n in (1, 2, 5)}
    assert len(reports) == 1


def test_a_run_that_kept_nothing(tmp_path: Path) -> None:
    lost = [Record("in/a.gz", 0, {}, failed("read", "truncated")), Record("in/a.gz", 1, {}, dropped("read", "empty"))]
    html = render_report(open_run(write_run(tmp_path, lost)))
    assert "2 records came in, 0 documents were kept" in html


def test_a_cleaned_run_says_so(made_out: Path, tmp_path: Path) -> None:
    shutil.copytree(made_out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "parts")
    with pytest.raises(EngineError, match="the report reads"):
        write_report(tmp_path / "out")
