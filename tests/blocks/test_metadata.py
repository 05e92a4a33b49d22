"""What a page says of itself, and which of its statements is believed."""

import json
import time

import pytest

from curate.blocks.metadata import Metadata, day_of, read_metadata
from curate.blocks.scanner import scan_page

LAST = "2024-06-01"
ARTICLE = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "WebSite", "name": "not this"},
        {"@type": "NewsArticle", "headline": "The river", "datePublished": "2024-05-06T10:00:00Z",
         "author": [{"@type": "Person", "name": "A. Writer"}, "B. Other"], "publisher": {"name": "The Gazette"},
         "inLanguage": "en-GB"},
    ],
}  # fmt: skip


def stated(html: str, url: str = "") -> Metadata:
    page = html.encode()
    return read_metadata(page, scan_page(page), url, LAST)


def test_linked_data_comes_first() -> None:
    html = f"<title>Gazette – river</title><script type='application/ld+json'>{json.dumps(ARTICLE)}</script>"
    found = stated(html + "<meta property='og:title' content='other'><link rel=canonical href='https://a.b/c'>")
    assert found == Metadata("The river", "A. Writer, B. Other", "2024-05-06", "The Gazette", "https://a.b/c", "en-GB")


def test_meta_tags_and_elements() -> None:
    found = stated(
        "<html lang='de'><title> Der &amp; Fluss\n</title><meta name=author content='C. D.'>"
        "<meta content='Blatt' property='og:site_name'><time datetime='2023-1-2'>"
    )
    assert found == Metadata("Der & Fluss", "C. D.", "2023-01-02", "Blatt", "", "de")


def test_a_day_after_the_crawl_is_none() -> None:
    assert stated("<meta property='article:published_time' content='2025-01-01'>").date == ""
    assert stated("<meta name=date content='2025-01-01'>", "https://a.b/2022/03/04/c").date == "2022-03-04"


@pytest.mark.parametrize(
    ("text", "day"),
    [("2024-05-06T07:08", "2024-05-06"), ("20240506", "2024-05-06"), ("2024年5月6日", "2024-05-06"), ("2024/13/01", ""),
     ("yesterday", ""), ("1234567890", "")],
)  # fmt: skip
def test_days(text: str, day: str) -> None:
    assert day_of(text) == day


@pytest.mark.parametrize(
    "data", ["{", "[" * 100_000, "null", '{"@graph": 3}', '{"headline": 5, "author": {"name": []}}']
)
def test_broken_linked_data_is_passed_over(data: str) -> None:
    assert stated(f"<title>T</title><script type='application/ld+json'>{data}</script>").title == "T"


def test_time_is_linear_in_tags_made_to_hurt() -> None:
    started = time.process_time()
    stated("<meta " + "a" * 1_000_000 + ">" + f"<meta {'a ' * 8000}>" * 200 + f"<meta name={'=' * 8000}>" * 200)
    assert time.process_time() - started < 2
