"""Main text, title and date of a page. 90 % of the cost of a crawl, and nearly all of its danger.

Pages are decoded here; the parsers run in a child process (sandbox.py) with limits on CPU time and memory. Limits that
do not depend on a clock come first: bytes, number of tags, depth. A record that is text already passes unchanged.
"""

import importlib.util
import re
import sys
from functools import cache
from typing import Literal, NamedTuple

import pyarrow as pa

from curate.errors import RecipeError
from curate.rule import Rule
from curate.sources.charset import decode_text
from curate.stage import stage
from curate.stages.extractors import BACKENDS
from curate.stages.sandbox import Sandbox

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Elements that have no end tag, or may go without one.
_UNCLOSED = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
     "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "colgroup", "rt", "rp",
     "html", "head", "body")
)  # fmt: skip
# Pages with fewer tags are not measured: no parser's stack is in danger.
_SHALLOW_TAGS = 2000


def check(*, backend: str, **limits: object) -> None:
    """The backend must be one that can be imported here."""
    if ":" in backend:
        if importlib.util.find_spec(backend.partition(":")[0]) is None:
            raise RecipeError(f"extract.backend: there is no module {backend.partition(':')[0]!r}")
        return
    if backend not in BACKENDS:
        raise RecipeError(
            f"extract.backend is one of {', '.join(BACKENDS)} or package.module:function, not {backend!r}"
        )
    if importlib.util.find_spec(backend) is None:
        if backend == "magic_html" and sys.version_info < (3, 12):
            raise RecipeError("extract.backend = 'magic_html' needs Python 3.12 or newer")
        raise RecipeError(f"extract.backend = {backend!r} is not installed: pip install 'curate[magic-html]'")


@stage(
    needs=["url", "html", "charset", "text", "title"],
    adds={
        "text": pa.string(),
        "title": pa.string(),
        "extract_date": pa.string(),
        "extract_chars": pa.int32(),
        "extract_timing_dependent": pa.int32(),
        "error": pa.string(),
    },
    rules=[Rule("extract_chars", "no_text", min=1)],
    durable=True,
    check=check,
)
def extract(
    url: pa.StringArray,
    html: pa.BinaryArray,
    charset: pa.StringArray,
    text: pa.StringArray,
    title: pa.StringArray,
    *,
    backend: str = "trafilatura",
    mode: Literal["default", "fast", "precision", "recall"] = "default",
    cpu_limit_s: float = 30.0,
    memory_limit_bytes: int = 2 << 30,
    max_html_bytes: int = 8 << 20,
    max_tags: int = 200_000,
    max_depth: int = 2000,
) -> dict[str, pa.Array]:
    """Extract with `backend`; a page over a limit fails: too_large, too_many_tags, too_deep, timeout, memory, crashed.

    `extract_date` is the day that the page itself states; the record's own `date` is left alone.
    """
    sandbox = _sandbox(memory_limit_bytes, cpu_limit_s)
    pages = []
    for page, place, label, given, known_title in zip(html, url, charset, text, title, strict=True):
        if not page.is_valid:
            pages.append(Page(given.as_py() or "", known_title.as_py()))
            continue
        source = decode_text(page.as_py(), label.as_py()) if len(page.as_buffer()) <= max_html_bytes else None
        error = "too_large" if source is None else broken_limit(source, max_tags, max_depth)
        if error or source is None:
            pages.append(Page(None, known_title.as_py(), error=error))
        else:
            pages.append(_ask(sandbox, (backend, mode, place.as_py() or "", source), known_title.as_py()))
    return {
        "text": pa.array([page.text for page in pages], pa.string()),
        "title": pa.array([page.title for page in pages], pa.string()),
        "extract_date": pa.array([page.date for page in pages], pa.string()),
        "extract_chars": pa.array([None if p.text is None else len(p.text.strip()) for p in pages], pa.int32()),
        "extract_timing_dependent": pa.array([page.timed for page in pages], pa.int32()),
        "error": pa.array([page.error for page in pages], pa.string()),
    }


class Page(NamedTuple):
    """What became of one record; timed: 1 where a clock has had a say."""

    text: str | None
    title: str | None
    date: str | None = None
    error: str | None = None
    timed: int = 0


def _ask(sandbox: Sandbox, request: tuple[str, ...], title: str | None) -> Page:
    (status, text, found_title, date), timed = sandbox.ask([part.encode("utf-8", "replace") for part in request])
    if status != "ok":
        return Page(None, title, error=status, timed=int(timed))
    return Page(text, found_title or title, date or None, timed=int(timed))


def broken_limit(html: str, max_tags: int, max_depth: int) -> str | None:
    """too_many_tags or too_deep, in linear time, before any parser sees the page."""
    tags = html.count("<")
    if tags > max_tags:
        return "too_many_tags"
    if tags < min(_SHALLOW_TAGS, max_depth):
        return None
    depth = 0
    for match in _TAG.finditer(html):
        if match[2].lower() not in _UNCLOSED:
            depth = max(0, depth - 1) if match[1] else depth + 1
            if depth > max_depth:
                return "too_deep"
    return None


@cache
def _sandbox(memory_limit_bytes: int, cpu_limit_s: float) -> Sandbox:
    """One child a process, kept between batches."""
    return Sandbox(memory_limit_bytes, cpu_limit_s)
