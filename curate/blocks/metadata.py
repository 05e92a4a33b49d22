"""What a page says of itself: title, author, day, site, address, language, from the tags that the scan has marked.

In this order: JSON-LD (schema.org), OpenGraph and other meta tags, then title, time and html elements. Nothing is
guessed from the text. Cost: about 0.1 ms a page.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from typing import Any, NamedTuple

from curate.blocks.layout import LINK, LINKED_DATA, META, ROOT, TIME, TITLE, Scan

MAX_TITLE_CHARS = 300
_MAX_DATA_BYTES = 1 << 20
_MAX_TAG_BYTES = 1 << 14
_MAX_MARKS = 2000
# A name is only looked for where one can begin, and given back in no part: linear whatever stands in the tag.
_ATTRIBUTE = re.compile(r"""(?<![^\s"'<>/=])([^\s"'<>/=]++)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'<>]++))""")
_NAME = re.compile(r"""\b(?:property|name|itemprop|http-equiv)\s*+=\s*+["']?([^\s"'<>]++)""", re.IGNORECASE)
_DAY = re.compile(r"\b((?:19[89]|20\d)\d)[-/.年]\s?(0?[1-9]|1[0-2])[-/.月]\s?(0?[1-9]|[12]\d|3[01])(?!\d)")
_BARE_DAY = re.compile(r"\b((?:19[89]|20\d)\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:T?\d{4,6})?\b")
_IN_URL = re.compile(r"/((?:19[89]|20\d)\d)[/-]?(0[1-9]|1[0-2])[/-]?(0[1-9]|[12]\d|3[01])(?:/|\b)")
_EARLIEST = "1990-01-01"
_PAGES = frozenset(("WebSite", "Organization", "BreadcrumbList", "Person", "ImageObject", "NewsMediaOrganization"))
_NAMES = {
    "title": ("og:title", "twitter:title", "dc.title", "citation_title", "headline"),
    "author": ("author", "article:author", "dc.creator", "citation_author", "parsely-author", "byl", "sailthru.author"),
    "date": ("article:published_time", "og:published_time", "datepublished", "date", "pubdate", "publishdate",
             "publish-date", "dc.date", "dc.date.issued", "dcterms.created", "citation_publication_date", "datecreated",
             "sailthru.date", "article.published", "parsely-pub-date", "weibo:article:create_at", "og:release_date"),
    "site": ("og:site_name", "application-name", "apple-mobile-web-app-title"),
    "url": ("og:url",),
    "language": ("og:locale", "content-language", "dc.language", "language"),
}  # fmt: skip
_WANTED = {name: field for field, names in _NAMES.items() for name in names}


class Metadata(NamedTuple):
    """Strings as the page states them, "" for what it does not. date: ISO 8601 day; language: as declared."""

    title: str = ""
    author: str = ""
    date: str = ""
    site: str = ""
    url: str = ""
    language: str = ""


def read_metadata(html: bytes, scan: Scan, url: str, last_day: str) -> Metadata:
    """last_day: the day of the crawl; a page that states a later one states none."""
    marks = [(kind, html[first:last].decode("utf-8", "replace")) for kind, first, last in _marks(scan)]
    stated = _Stated(last_day)
    for kind, text in marks:
        if kind == LINKED_DATA:
            _from_linked_data(text, stated)
    _from_tags(marks, stated)
    match = _IN_URL.search(url)
    if match:
        stated.add("date", "-".join(match.groups()))
    found = stated.found
    return Metadata(*(found.get(name, "") for name in Metadata._fields))


class _Stated:
    """The first acceptable statement of each field."""

    def __init__(self, last_day: str) -> None:
        self.found: dict[str, str] = {}
        self._last_day = last_day

    def add(self, field: str, value: Any) -> None:
        if not isinstance(value, str) or field in self.found or len(value) > 4 * MAX_TITLE_CHARS:
            return
        text = " ".join(unescape(value).split())
        if field == "date":
            text = day_of(text)
            if not _EARLIEST <= text <= self._last_day:
                return
        if field == "author" and text.startswith("http"):
            return
        if text and "</" not in text:
            self.found[field] = text[:MAX_TITLE_CHARS]


def day_of(text: str) -> str:
    """The first day in a text that is written year, month, day, as ISO 8601; "" if there is none."""
    match = _DAY.search(text) or _BARE_DAY.search(text)
    return f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}" if match else ""


def _marks(scan: Scan) -> list[tuple[int, int, int]]:
    rows: list[tuple[int, int, int]] = [tuple(row) for row in scan.marks[:_MAX_MARKS].tolist()]
    return [row for row in rows if row[2] - row[1] <= (_MAX_DATA_BYTES if row[0] == LINKED_DATA else _MAX_TAG_BYTES)]


def _from_tags(marks: list[tuple[int, str]], stated: _Stated) -> None:
    """Meta tags in the order of their names' worth, then elements."""
    by_name: dict[str, str] = {}
    for kind, text in marks:
        if kind == META:
            name = _NAME.search(text)
            key = name[1].lower() if name else ""
            if key in _WANTED:
                by_name.setdefault(key, _attributes(text).get("content", ""))
    for kind, text in marks:
        if kind == LINK and "canonical" in text.lower():
            attributes = _attributes(text)
            if attributes.get("rel", "").lower() == "canonical":
                stated.add("url", attributes.get("href"))
        elif kind == ROOT:
            stated.add("language", _attributes(text).get("lang"))
    for wanted, field in _WANTED.items():
        stated.add(field, by_name.get(wanted))
    for kind, text in marks:
        if kind == TITLE:
            stated.add("title", text)
        elif kind == TIME:
            stated.add("date", _attributes(text).get("datetime"))


def _attributes(tag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag):
        found.setdefault(name.lower(), double or single or bare)
    return found


def _from_linked_data(text: str, stated: _Stated) -> None:
    """schema.org: the first object that has a headline or a day of publication."""
    with suppress(ValueError, RecursionError):
        for thing in _objects(json.loads(text.strip().strip(";"))):
            kind = thing.get("@type")
            kinds = kind if isinstance(kind, list) else [kind]
            if not _PAGES.isdisjoint(one for one in kinds if isinstance(one, str)):
                continue
            if "headline" in thing or "datePublished" in thing:
                stated.add("title", thing.get("headline") or thing.get("name"))
                stated.add("date", thing.get("datePublished") or thing.get("dateCreated"))
                stated.add("author", _name(thing.get("author")))
                stated.add("site", _name(thing.get("publisher")))
                stated.add("language", thing.get("inLanguage"))


def _objects(data: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if isinstance(data, list):
        for item in data:
            yield from _objects(item, depth)
    elif isinstance(data, dict):
        yield data
        if depth < 3:
            yield from _objects([data[key] for key in ("@graph", "mainEntity") if key in data], depth + 1)


def _name(thing: Any) -> str:
    """The name of a person or organisation, of several the names."""
    if isinstance(thing, list):
        return ", ".join(filter(None, map(_name, thing)))
    if isinstance(thing, dict):
        thing = thing.get("name")
    return thing if isinstance(thing, str) else ""
