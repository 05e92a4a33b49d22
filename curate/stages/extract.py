"""Main text, title and date of a page: half of the cost of a crawl by `blocks`, over 90 % by others.

Pages are decoded here. Foreign parsers, nearly all of the danger of a crawl, run in a child process (sandbox.py) with
limits on CPU time and memory; limits that do not depend on a clock come first: bytes, nodes, depth. Our own (`blocks`)
takes time in proportion to the bytes, whatever they are, and needs neither. A record that is text already passes
unchanged.

Cost: trafilatura 22 ms a page, title and date 3; everything else here, pipe included, about 1 ms. `blocks` 1 ms in all.
"""

import importlib.util
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple

import pyarrow as pa

from curate.blocks.extractor import Options, extract_blocks
from curate.blocks.model import fingerprint
from curate.errors import EngineError, RecipeError
from curate.rule import Rule
from curate.sources.charset import decode_text, decode_utf8
from curate.stage import stage, versions_of
from curate.stages.extractors import DISTRIBUTIONS, HTMLDATE, NO_DAY
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
_STATED = ("extract_author", "extract_site", "extract_url", "extract_lang")

Mode = Literal["default", "fast", "precision", "recall"]
Weights = Literal["all", "permissive"]
BLOCKS = "blocks"


def check(
    *, backend: str, mode: Mode, comments: bool, markdown: bool, htmldate: bool, weights: Weights, cpu_limit_s: float,
    memory_limit_bytes: int, **sizes: int,
) -> dict[str, str]:  # fmt: skip
    """The backend must be installed; one of the user's own must start. Returns what else its results depend on."""
    if backend == BLOCKS:
        return {"weights": fingerprint(weights), **(versions_of(HTMLDATE) if htmldate else {})}
    if markdown:
        raise RecipeError(f"extract.markdown: only backend = {BLOCKS!r} writes Markdown, not {backend!r}")
    if htmldate:
        raise RecipeError(f"extract.htmldate: it is for backend = {BLOCKS!r}; {backend!r} has its own way with dates")
    if ":" in backend:
        try:
            _sandbox(backend, mode, comments, Limits(memory_limit_bytes, cpu_limit_s)).start()
        except EngineError as error:
            raise RecipeError(f"extract.backend = {backend!r}: {error}") from error
    elif backend not in DISTRIBUTIONS:
        known = ", ".join((*DISTRIBUTIONS, BLOCKS))
        raise RecipeError(f"extract.backend = {backend!r}: give one of {known}, or package.module:function")
    elif importlib.util.find_spec(backend) is None:
        if backend == "magic_html" and sys.version_info < (3, 12):
            raise RecipeError("extract.backend = 'magic_html' needs Python 3.12 or newer, and this is an older one")
        raise RecipeError(f"extract.backend = {backend!r} is not installed: pip install 'curate[magic-html]'")
    return versions_of(DISTRIBUTIONS.get(backend, ()))


def rules(*, backend: str = "trafilatura", **others: object) -> list[Rule]:
    """A text there must be; how sure a backend has to be of it is for the recipe to say."""
    found = [Rule("extract_chars", "no_text", min=1)]
    return [*found, Rule("extract_confidence", "low_extract_confidence", min=0.0)] if backend == BLOCKS else found


@stage(
    needs=["url", "html", "charset", "text", "title", "date"],
    adds={
        "text": pa.string(),
        "title": pa.string(),
        "extract_date": pa.string(),
        "extract_author": pa.string(),
        "extract_site": pa.string(),
        "extract_url": pa.string(),
        "extract_lang": pa.string(),
        "extract_chars": pa.int32(),
        "extract_confidence": pa.float32(),
        "extract_timing_dependent": pa.int32(),
        "error": pa.string(),
    },
    rules=rules,
    version=6,
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
    markdown: bool = False,
    htmldate: bool = False,
    weights: Weights = "all",
    cpu_limit_s: float = 30.0,
    memory_limit_bytes: int = 1 << 30,
    max_html_bytes: int = 8 << 20,
    max_nodes: int = 100_000,
    max_depth: int = 2000,
) -> dict[str, pa.Array]:
    """Extract with `backend`: trafilatura, resiliparse, magic_html, blocks, or a function Page → Extracted by path.

    comments: whether readers' comments belong to the text, and with `blocks` all posts and answers of a thread, without
    signatures and boxes about users; without comments token F1 on gold pages is .03 higher.
    markdown: headings, lists, tables and code as Markdown, with `blocks` only. mode: precision and recall weigh one
    against the other; fast is trafilatura's. weights: what `blocks` was trained on: all gold sets, or those with a
    permissive licence alone (less exact; models/extraction/card.md).
    A page over a limit fails: too_large, too_many_nodes, too_deep; timeout, memory, crashed, extractor: Exception.
    `blocks` knows of these only too_large.
    `extract_date` is the day that the page itself states; the record's own `date` is left alone. htmldate: where
    `blocks` finds none, look for it in the text with the package of that name, in the child, under the same limits;
    such a page costs ten times as much.
    `extract_author`, `_site`, `_url` (canonical) and `_lang` (declared) are what it states too, with `blocks` only, and
    `extract_confidence` is the token F1 that the model expects of its text: 0 to 1.
    `extract_timing_dependent` is 1 where a clock has decided: those that failed(timeout), or whose day
    was not found in time.
    """
    limits = Limits(memory_limit_bytes, cpu_limit_s)
    if backend == BLOCKS:
        dates = _child(_sandbox("htmldate", mode, False, limits), max_nodes, max_depth) if htmldate else None
        ask = _blocks(Options(mode, comments, markdown, weights), dates)
    else:
        ask = _child(_sandbox(backend, mode, comments, limits), max_nodes, max_depth)
    found: list[Found] = []
    for page, place, label, given, name, day in zip(html, url, charset, text, title, date, strict=True):
        if given.is_valid or not page.is_valid:
            found.append(Found(given.as_py() or "", name.as_py()))
        elif len(page.as_buffer()) > max_html_bytes:
            found.append(Found(None, name.as_py(), error="too_large"))
        else:
            one = ask(page.as_py(), label.as_py(), place.as_py() or "", crawl_day(day.as_py()))
            found.append(one if one.title else one._replace(title=name.as_py()))
    return _columns(found)


class Found(NamedTuple):
    """What became of one record. stated: author, site, address, language; late: whether a clock has decided."""

    text: str | None
    title: str | None = None
    date: str | None = None
    error: str | None = None
    confidence: float | None = None
    stated: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None)
    late: bool = False


# (page, charset label of its record, address, day of the crawl) → what became of it.
Ask = Callable[[bytes, str | None, str, str], Found]


def _blocks(options: Options, dates: Ask | None) -> Ask:
    """dates: asked for the day of a page that states none."""

    def ask(page: bytes, label: str | None, url: str, day: str) -> Found:
        text, confidence, stated = extract_blocks(decode_utf8(page, label), url, day, options)
        author, site, canonical, lang = (
            value or None for value in (stated.author, stated.site, stated.url, stated.language)
        )
        found = Found(text, stated.title, stated.date or None, None, confidence, (author, site, canonical, lang))
        if found.date or not dates:
            return found
        dated = dates(page, label, url, day)
        return found._replace(date=dated.date, late=dated.late)

    return ask


def _child(sandbox: Sandbox, max_nodes: int, max_depth: int) -> Ask:
    def ask(page: bytes, label: str | None, url: str, day: str) -> Found:
        html = decode_text(page, label)
        error = broken_limit(html, max_nodes, max_depth)
        if error:
            return Found(None, error=error)
        status, *parts = sandbox.ask([part.encode("utf-8", "replace") for part in (url, day, html)])
        if status != "ok":
            return Found(None, error=status, late=status == "timeout")
        text, title, date = parts
        return Found(text, title, date or None)

    return ask


def _columns(found: list[Found]) -> dict[str, pa.Array]:
    chars = [None if one.text is None else len(one.text.strip()) for one in found]
    return {
        "text": pa.array([one.text for one in found], pa.string()),
        "title": pa.array([one.title for one in found], pa.string()),
        "extract_date": pa.array([one.date for one in found], pa.string()),
        **{name: pa.array([one.stated[at] for one in found], pa.string()) for at, name in enumerate(_STATED)},
        "extract_chars": pa.array(chars, pa.int32()),
        "extract_confidence": pa.array([one.confidence for one in found], pa.float32()),
        "extract_timing_dependent": pa.array([int(one.late) for one in found], pa.int32()),
        "error": pa.array([one.error for one in found], pa.string()),
    }


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
