"""Third-party extractors behind one signature: Page → Extracted.

They are imported only in the extraction child. Every call is independent of the calls before it and of today's date.
Measured on gold pages by tests/benchmarks/extraction_quality.py.
"""

import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Any

from curate.stages.page_tree import parse, parse_leniently

# Backends, each with the packages whose versions may change what it returns.
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "trafilatura": ("trafilatura", "htmldate", "justext", "lxml"),
    "resiliparse": ("resiliparse",),
    "magic_html": ("magic-html", "resiliparse", "lxml"),
}
# The packages behind `extract_date`, for a day where another extractor finds none.
HTMLDATE = ("htmldate", "lxml")
# Later than any crawl: the bound of a page's own date where the day of its crawl is not known.
NO_DAY = "2100-01-01"
MAX_TITLE_CHARS = 300


@dataclass(frozen=True)
class Page:
    """What an extractor is given. day: ISO 8601 day of the crawl; mode: default, fast, precision or recall.

    comments: whether readers' comments belong to the text.
    """

    html: str
    url: str = ""
    day: str = NO_DAY
    mode: str = "default"
    comments: bool = False


@dataclass(frozen=True)
class Extracted:
    """What an extractor made of a page; date: ISO 8601 day as the page states it, "" where it states none."""

    text: str
    title: str = ""
    date: str = ""


Extractor = Callable[[Page], Extracted]


def load_extractor(backend: str) -> Extractor:
    """The extractor of a name in DISTRIBUTIONS, `htmldate`, or that of an import path `package.module:function`."""
    if ":" in backend:
        module, _, name = backend.partition(":")
        found: Extractor = getattr(importlib.import_module(module), name)
        return found
    extractors: dict[str, Extractor] = {
        "trafilatura": extract_with_trafilatura,
        "resiliparse": extract_with_resiliparse,
        "magic_html": extract_with_magic_html,
        "htmldate": extract_date,
    }
    return extractors[backend]


def extract_with_trafilatura(page: Page) -> Extracted:
    """trafilatura (Barbaresi, ACL 2021) over a mended tree, one parse for title, date and text.

    Its full metadata (authors, tags, licence, …) would add 40 % to the cost of the text; title and date alone add 8 %.
    """
    for parse_page in (parse, parse_leniently):
        tree = parse_page(page.html)
        found = Extracted("") if tree is None else _extract_tree(tree, page)
        if found.text.strip():
            break
    return found


def _extract_tree(tree: Any, page: Page) -> Extracted:
    from trafilatura import extract

    title, date = _title(tree), _date(tree, page)
    text = extract(
        tree,
        url=page.url or None,
        fast=page.mode == "fast",
        include_comments=page.comments,
        favor_precision=page.mode == "precision",
        favor_recall=page.mode == "recall",
    )
    return Extracted(text or "", title, date)


def _title(tree: Any) -> str:
    """From meta tags, then JSON-LD, then the headings."""
    from trafilatura.metadata import examine_meta, extract_meta_json, extract_title

    metadata = examine_meta(tree)
    with suppress(Exception):  # pages hold any JSON
        metadata = extract_meta_json(tree, metadata)
    title = metadata.title or extract_title(tree) or ""
    title = " ".join(unescape(title[: MAX_TITLE_CHARS * 2]).split())[:MAX_TITLE_CHARS]
    return "" if "</" in title else title  # a title element that is never closed


def _date(tree: Any, page: Page) -> str:
    """The day of publication, by htmldate (Barbaresi, JOSS 2020).

    Its extensive search costs more than the extraction and guesses, so it is off. Its own bound is the day of the run,
    which would make the result depend on it; here it is the day of the crawl.
    """
    from htmldate import find_date

    url = page.url or None
    return find_date(tree, extensive_search=False, original_date=True, max_date=page.day, url=url) or ""


def extract_date(page: Page) -> Extracted:
    """The day of publication alone."""
    tree = parse(page.html)
    return Extracted("", date="" if tree is None else _date(tree, page))


def extract_with_resiliparse(page: Page) -> Extracted:
    """Resiliparse's rule-based main text (Bevendorff et al., ECIR 2018): ten times faster, less precise; no date."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(page.html)
    text = extract_plain_text(tree, main_content=True, alt_texts=False, comments=page.comments)
    return Extracted(text or "", (tree.title or "").strip())


def extract_with_magic_html(page: Page) -> Extracted:
    """magic-html of OpenDataLab: stronger on Chinese pages; its HTML fragment is turned into plain text; no date."""
    from magic_html import GeneralExtractor
    from resiliparse.extract.html2text import extract_plain_text

    try:
        found = GeneralExtractor().extract(page.html, base_url=page.url)
    except ValueError as error:
        if error.args:
            raise
        return Extracted("")  # a bare ValueError is how it says that this is no page, or one without an article
    text = extract_plain_text(found.get("html") or "", main_content=False, preserve_formatting=True)
    return Extracted(text or "", found.get("title") or "")
