"""Takes out of every document the paragraphs that an earlier one has, too: an edit, not a verdict.

Off unless a recipe has it: what repeats over documents is mostly notices, menus and quoted releases, but also poems and
laws. A paragraph is a line. Two are equal when their coarse forms are (`curate.text.coarse`: letters and digits as one
sees them, without case, spacing, accents or punctuation, and every digit is 0, so that "3 May" repeats "7 May"). Of
equal paragraphs of at least `min_words` words those of the first document in the survivor order stay
(`curate.dedup.order`) and those of all later ones go, so a later crawl changes nothing before it under the policy
`earliest`. What counts is the text that enters the stage; nothing depends on parts, buckets or engines.

A document that is left empty is dropped; `paragraphs_removed_ratio` is there for a rule on more. Sources: CCNet (arXiv
1911.00359) and Dolma (arXiv 2402.00159), where whichever comes first by chance stays; Dolma's Bloom filter also takes
some paragraphs that repeat nothing. Cost: 35 ns a byte of text; 72 bytes a paragraph cross the first exchange, 2.3 kB
for a web page of 5 kB.
"""

import pyarrow as pa

from curate.dedup.index import Scope
from curate.dedup.order import Policy
from curate.dedup.repeated import Repeats, repeated_paragraphs
from curate.dedup.spans import SPAN_LIST
from curate.dedup.take_out import columns_of, take_out
from curate.errors import RecipeError
from curate.rule import Rule
from curate.stage import stage
from curate.store import Dataset
from curate.wide import Steps, wide_stage

REASON = "empty_text"
_SPANS = "paragraph_spans"
_NAME = "paragraphs"


def check(*, policy: Policy, min_words: int, within: bool, scope: Scope) -> None:
    """A paragraph without words cannot be compared."""
    if min_words < 1:
        raise RecipeError(f"paragraph_dedup: min_words must be at least 1, not {min_words}")


@stage(needs=["text", _SPANS], adds=columns_of(_NAME), rules=[Rule("paragraphs_chars", REASON, min=1)])
def take_out_paragraphs(text: pa.StringArray, spans: pa.ListArray) -> dict[str, pa.Array]:
    """The texts without the paragraphs that were found."""
    return take_out(text, spans, _NAME)


@wide_stage(
    needs=["doc_id", "crawl", "date", "text"],
    adds={_SPANS: SPAN_LIST},
    finish=take_out_paragraphs,
    check=check,
)
def paragraph_dedup(
    steps: Steps, *, policy: Policy = "newest", min_words: int = 10, within: bool = False, scope: Scope = "global"
) -> Dataset:
    """HOME rows with the spans that are to go; `paragraphs_removed` and the like are what was taken out.

    policy: whose paragraphs stay. min_words: shorter paragraphs are left alone; a CJK character is a word. within: of
    the paragraphs that a document repeats itself, too, only the first stays; off, because they often differ in a
    number and a table would lose its rows. scope: whether documents of all crawls are compared, or only those of the
    same crawl.
    """
    return repeated_paragraphs(steps, Repeats(policy, min_words, within, scope), _SPANS)
