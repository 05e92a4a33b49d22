"""Third-party extractors behind one signature: (html, url, mode) → text, title, date.

They are imported only in the extraction child. Every call is independent of the calls before it. Measured on gold
pages by tests/benchmarks/extraction_quality.py.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

BACKENDS = ("trafilatura", "resiliparse", "magic_html")
MODES = ("default", "fast", "precision", "recall")


@dataclass(frozen=True)
class Extracted:
    """What an extractor made of a page; date: ISO 8601 day as the page states it, "" where it states none."""

    text: str
    title: str = ""
    date: str = ""


Extractor = Callable[[str, str, str], Extracted]


@cache
def load_extractor(backend: str) -> Extractor:
    """The extractor of a name in BACKENDS, or of an import path `package.module:function`."""
    if ":" in backend:
        module, _, name = backend.partition(":")
        found: Extractor = getattr(importlib.import_module(module), name)
        return found
    extractors: dict[str, Extractor] = {
        "trafilatura": _trafilatura,
        "resiliparse": _resiliparse,
        "magic_html": _magic_html,
    }
    return extractors[backend]


def _trafilatura(html: str, url: str, mode: str) -> Extracted:
    """trafilatura.extract (Barbaresi, ACL 2021), on a tree that its metadata are read from as well."""
    from trafilatura import extract
    from trafilatura.metadata import extract_metadata
    from trafilatura.utils import load_html

    tree = load_html(html)
    if tree is None:
        return Extracted("")
    # the extensive date search costs more than the extraction, and guesses
    metadata = extract_metadata(tree, url or None, {"extensive_search": False, "original_date": True}, True)
    text = extract(
        tree,
        url=url or None,
        fast=mode == "fast",
        favor_precision=mode == "precision",
        favor_recall=mode == "recall",
    )
    return Extracted(text or "", metadata.title or "", metadata.date or "")


def _resiliparse(html: str, url: str, mode: str) -> Extracted:
    """Resiliparse's rule-based main text (Bevendorff et al., ECIR 2018): about ten times faster, less precise."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(html)
    text = extract_plain_text(tree, main_content=True, alt_texts=False, comments=mode == "recall")
    return Extracted(text or "", (tree.title or "").strip())


def _magic_html(html: str, url: str, mode: str) -> Extracted:
    """magic-html of OpenDataLab: stronger on Chinese pages; its HTML fragment is turned into plain text."""
    from magic_html import GeneralExtractor
    from resiliparse.extract.html2text import extract_plain_text

    found = GeneralExtractor().extract(html, base_url=url)
    text = extract_plain_text(found.get("html") or "", main_content=False, preserve_formatting=True)
    return Extracted(text or "", found.get("title") or "")
