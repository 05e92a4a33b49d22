"""Takes out of every page the paragraphs that its whole site repeats: an edit, not a verdict.

For crawls of whole sites; off unless a recipe has it. Extraction sees one page at a time, so a notice, a menu or a
sidebar that reads like text passes. Over the pages of one host it is plain: what stands on many of them is of the site,
not of the page. Counting happens behind extraction, on what it has kept, and not as evidence within it: that would mean
to read and scan every page twice, half of a run's cost once more, for the same counts. What extraction has
dropped already, no count brings back. Place it behind `exact_dedup`, so that a page with two addresses is counted once;
`paragraph_dedup` leaves one copy of what repeats, this stage none, and it looks at no other host.

A paragraph is a line, equal to another when their coarse forms are (see `paragraph_dedup`). A page is a URL without
scheme and fragment; captures of the same URL count once. A paragraph goes where at least `min_pages` pages of its host
have it, and at least `min_share` of them. A document of crawl k is judged by all pages of crawls up to k: a later crawl
changes nothing before it, and within a crawl the order of pages does not show. A document without a URL, or with one
that names no host, takes no part; one that is left empty is dropped. Costs are in `curate.dedup.site_counts`.
"""

import pyarrow as pa

from curate.dedup.site_counts import Boilerplate, site_paragraphs
from curate.dedup.spans import SPAN_LIST
from curate.dedup.take_out import columns_of, take_out
from curate.errors import RecipeError
from curate.rule import Rule
from curate.stage import stage
from curate.store import Dataset
from curate.wide import Steps, wide_stage

REASON = "only_boilerplate"
_SPANS = "boilerplate_spans"
_NAME = "boilerplate"


def check(*, min_pages: int, min_share: float, min_words: int) -> None:
    """One page repeats nothing; a share is one."""
    if min_pages < 2:
        raise RecipeError(f"site_boilerplate: min_pages must be at least 2, not {min_pages}")
    if not 0 <= min_share <= 1:
        raise RecipeError(f"site_boilerplate: min_share must be between 0 and 1, not {min_share}")
    if min_words < 1:
        raise RecipeError(f"site_boilerplate: min_words must be at least 1, not {min_words}")


@stage(needs=["text", _SPANS], adds=columns_of(_NAME), rules=[Rule("boilerplate_chars", REASON, min=1)])
def take_out_boilerplate(text: pa.StringArray, spans: pa.ListArray) -> dict[str, pa.Array]:
    """The texts without the paragraphs that were found."""
    return take_out(text, spans, _NAME)


@wide_stage(
    needs=["url", "crawl", "text"],
    adds={_SPANS: SPAN_LIST},
    finish=take_out_boilerplate,
    exchanges=4,
    check=check,
)
def site_boilerplate(steps: Steps, *, min_pages: int = 10, min_share: float = 0.3, min_words: int = 3) -> Dataset:
    """HOME rows with the spans that are to go; `boilerplate_removed` and the like are what was taken out.

    min_pages, min_share: on how many pages of its host, and on what share of them, a paragraph must stand. min_words:
    shorter paragraphs are left alone, because headings repeat, too; a CJK character is a word.
    """
    return site_paragraphs(steps, Boilerplate(min_pages, min_share, min_words), _SPANS)
