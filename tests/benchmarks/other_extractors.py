"""Extractors that are no backends of ours, by import path: `extraction_quality.py other_extractors:justext …`."""

from curate.stages.extractors import Extracted, Page


def justext(page: Page) -> Extracted:
    """jusText (Pomikálek 2011) with the stop words of its own list for English, and without any for other languages."""
    from justext import get_stoplist
    from justext import justext as paragraphs_of

    language = "English" if page.html.isascii() or " the " in page.html else ""
    words = get_stoplist(language) if language else frozenset()
    limits = {} if language else {"stopwords_low": 0, "stopwords_high": 0}
    found = paragraphs_of(page.html, words, **limits) if page.html.strip() else []
    return Extracted("\n".join(one.text for one in found if not one.is_boilerplate))


def readability(page: Page) -> Extracted:
    """readability-lxml, the port of Mozilla's Readability; its HTML made text by lxml."""
    from lxml.html import fromstring
    from readability import Document

    return Extracted("\n".join(fromstring(Document(page.html).summary()).itertext()))
