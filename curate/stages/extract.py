"""Main text, title and date of a page. 90 % of the cost of a crawl, and nearly all of its danger.

Pages are decoded here; the parsers run in a child process (sandbox.py) with limits on CPU time and memory. Limits that
do not depend on a clock come first: bytes, nodes, depth. A record that is text already passes unchanged.

Cost: trafilatura 22 ms a page, title and date 3; everything else here, pipe included, about 1 ms.
"""

import importlib.util
import re
import sys
from functools import cache
from typing import Literal, NamedTuple

import pyarrow as pa

from curate.errors import EngineError, RecipeError
from curate.rule import Rule
from curate.sources.charset import decode_text
from curate.stage import stage, versions_of
from curate.stages.extractors import DISTRIBUTIONS, NO_DAY
from curate.stages.sandbox import Limits, Sandbox

# A comment, a tag's name, or the raw text element whose content is not markup, and what stands before the next tag.
_MARK = re.compile(r"<(?:(!--)|(/?)([a-zA-Z][^\s/<>]*)([^<>]*))")
_RAW_TEXT = frozenset(("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"))
# Elements that have no end tag, or may go without one.
_UNCLOSED = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
     "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "colgroup", "rt", "rp",
     "html", "head", "body")
)  # fmt: skip
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Mode = Literal["default", "fast", "precision", "recall"]


def check(
    *, backend: str, mode: Mode, comments: bool, cpu_limit_s: float, memory_limit_bytes: int, **sizes: int
) -> dict[str, str]:
    """The backend must be installed; one of the user's own must start. Returns the versions of its packages."""
    if ":" in backend:
        try:
            _sandbox(backend, mode, comments, Limits(memory_limit_bytes, cpu_limit_s)).start()
        except EngineError as error:
            raise RecipeError(f"extract.backend = {backend!r}: {error}") from error
    elif backend not in DISTRIBUTIONS:
        known = ", ".join(DISTRIBUTIONS)
        raise RecipeError(f"extract.backend = {backend!r}: give one of {known}, or package.module:function")
    elif importlib.util.find_spec(backend) is None:
        if backend == "magic_html" and sys.version_info < (3, 12):
            raise RecipeError("extract.backend = 'magic_html' needs Python 3.12 or newer, and this is an older one")
        raise RecipeError(f"extract.backend = {backend!r} is not installed: pip install 'curate[magic-html]'")
    return versions_of(DISTRIBUTIONS.get(backend, ()))


@stage(
    needs=["url", "html", "charset", "text", "title", "date"],
    adds={
        "text": pa.string(),
        "title": pa.string(),
        "extract_date": pa.string(),
        "extract_chars": pa.int32(),
        "extract_timing_dependent": pa.int32(),
        "error": pa.string(),
    },
    rules=[Rule("extract_chars", "no_text", min=1)],
    version=3,
    durable=True,
    check=check,
)
def extract(
    url: pa.StringArray,
    html: pa.BinaryArray,
    charset: pa.StringArray,
    text: pa.StringArray,
    title: pa.StringArray,
    date: pa.StringArray,
    *,
    backend: str = "trafilatura",
    mode: Mode = "default",
    comments: bool = False,
    cpu_limit_s: float = 30.0,
    memory_limit_bytes: int = 1 << 30,
    max_html_bytes: int = 8 << 20,
    max_nodes: int = 100_000,
    max_depth: int = 2000,
) -> dict[str, pa.Array]:
    """Extract with `backend`: trafilatura, resiliparse, magic_html, or a function Page → Extracted by import path.

    comments: whether readers' comments belong to the text; without them token F1 on gold pages is .03 higher.
    A page over a limit fails: too_large, too_many_nodes, too_deep; timeout, memory, crashed, extractor: Exception.
    `extract_date` is the day that the page itself states; the record's own `date` is left alone.
    `extract_timing_dependent` is 1 where a clock has decided: those that failed(timeout).
    """
    sandbox = _sandbox(backend, mode, comments, Limits(memory_limit_bytes, cpu_limit_s))
    found: list[Found] = []
    for page, place, label, given, name, day in zip(html, url, charset, text, title, date, strict=True):
        if given.is_valid or not page.is_valid:
            found.append(Found(given.as_py() or "", name.as_py()))
            continue
        source = decode_text(page.as_py(), label.as_py()) if len(page.as_buffer()) <= max_html_bytes else None
        error = "too_large" if source is None else broken_limit(source, max_nodes, max_depth)
        if source is None or error:
            found.append(Found(None, name.as_py(), error=error))
        else:
            found.append(_ask(sandbox, place.as_py() or "", crawl_day(day.as_py()), source, name.as_py()))
    return _columns(found)


class Found(NamedTuple):
    """What became of one record."""

    text: str | None
    title: str | None
    date: str | None = None
    error: str | None = None


def _columns(found: list[Found]) -> dict[str, pa.Array]:
    chars = [None if one.text is None else len(one.text.strip()) for one in found]
    return {
        "text": pa.array([one.text for one in found], pa.string()),
        "title": pa.array([one.title for one in found], pa.string()),
        "extract_date": pa.array([one.date for one in found], pa.string()),
        "extract_chars": pa.array(chars, pa.int32()),
        "extract_timing_dependent": pa.array([int(one.error == "timeout") for one in found], pa.int32()),
        "error": pa.array([one.error for one in found], pa.string()),
    }


def _ask(sandbox: Sandbox, url: str, day: str, html: str, title: str | None) -> Found:
    status, *parts = sandbox.ask([part.encode("utf-8", "replace") for part in (url, day, html)])
    if status != "ok":
        return Found(None, title, error=status)
    text, found_title, date = parts
    return Found(text, found_title or title, date or None)


def crawl_day(date: str | None) -> str:
    """The day of an ISO 8601 date, or one in the future where there is none."""
    return date[:10] if date and _DAY.match(date) else NO_DAY


def broken_limit(html: str, max_nodes: int, max_depth: int) -> str | None:
    """too_many_nodes or too_deep, in linear time, before any parser sees the page; None for nearly all pages."""
    nodes = html.count("<") - html.count("</")
    if nodes > max_nodes:
        return "too_many_nodes"
    return "too_deep" if nodes > max_depth and is_deeper(html, max_depth) else None


def is_deeper(html: str, max_depth: int) -> bool:
    """Whether elements are nested more than `max_depth` deep; scripts, styles and comments hold none."""
    depth = at = 0
    while match := _MARK.search(html, at):
        at = match.end()
        comment, end, name, rest = match.groups()
        if comment:
            at = html.find("-->", at)
            if at < 0:
                return False
            continue
        name = name.lower()
        if name in _UNCLOSED or rest.endswith("/"):
            continue
        if name in _RAW_TEXT and not end:
            at = _end_of_raw_text(html, name, at)
            if at < 0:
                return False
        depth = max(0, depth - 1) if end else depth + 1
        if depth > max_depth:
            return True
    return False


def _end_of_raw_text(html: str, name: str, at: int) -> int:
    """Where `</name` stands, in any case, or −1."""
    match = _end_tag(name).search(html, at)
    return match.start() if match else -1


@cache
def _end_tag(name: str) -> re.Pattern[str]:
    return re.compile(f"</{name}", re.IGNORECASE)


@cache
def _sandbox(backend: str, mode: Mode, comments: bool, limits: Limits) -> Sandbox:
    """One child a process and setting, kept between batches."""
    return Sandbox((backend, mode, "comments" if comments else "main"), limits)
