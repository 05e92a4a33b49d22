"""Takes out of every document the passages that an earlier one has, too: an edit, not a verdict.

Off unless a recipe has it. A passage is a run of at least `min_tokens` tokens (words, marks, CJK characters, as they
are written) that stands in an earlier document in the survivor order (`curate.dedup.order`); runs that overlap or touch
are one. It is taken out where it has at least `min_bytes` bytes, and ends where tokens end. What counts is the text
that enters the stage, of both documents, so that nothing depends on parts, buckets, engines or on what else is taken
out, and a later crawl changes nothing before it under the policy `earliest`. Repeats inside one document stay.

Promised: every token that goes is part of a run of `min_tokens` tokens that stands, token for token, in an earlier
document; `substring_of` names the first such document. Any two documents that share such a run have a fingerprint in
common. A passage is missed only where documents are not compared: when for each of its fingerprints there are
`holders` documents before the one that has it, none of which has the passage, or when a document has more than
`partners` partners before it in order.

Sources: Lee et al. 2021, "Deduplicating Training Data Makes Language Models Better", section 4.1: 50 tokens; there, a
suffix array over the whole corpus in memory. Schleimer, Wilkerson, Aiken 2003 for the fingerprints.
Cost: 30 ns a byte of text. Of 2,848 web pages (14 MB, near duplicates still among them) 7.4 % of the bytes go; 3.7 kB a
page cross the first exchange, 52 bytes for every 14 tokens, and 0.2 kB the later ones. Without limits to `holders` and
`partners` 0.006 % more of what goes would go.
"""

import pyarrow as pa

from curate.dedup.index import Scope
from curate.dedup.order import Policy
from curate.dedup.passages import ADDS, SPANS, Passages, passages
from curate.dedup.take_out import columns_of, take_out
from curate.errors import RecipeError
from curate.rule import Rule
from curate.stage import stage
from curate.store import Dataset
from curate.wide import Steps, wide_stage

REASON = "empty_text"
_NAME = "substrings"


def check(*, min_tokens: int, min_bytes: int, policy: Policy, scope: Scope, holders: int, partners: int) -> None:
    """Numbers must be in their range."""
    for name, value in (("min_tokens", min_tokens), ("holders", holders), ("partners", partners)):
        if value < 1:
            raise RecipeError(f"substring_dedup: {name} must be at least 1, not {value}")


@stage(needs=["text", SPANS], adds=columns_of(_NAME), rules=[Rule("substrings_chars", REASON, min=1)])
def take_out_substrings(text: pa.StringArray, spans: pa.ListArray) -> dict[str, pa.Array]:
    """The texts without the passages that were found."""
    return take_out(text, spans, _NAME)


@wide_stage(
    needs=["doc_id", "crawl", "date", "text"],
    adds=ADDS,
    finish=take_out_substrings,
    exchanges=4,
    check=check,
)
def substring_dedup(
    steps: Steps,
    *,
    min_tokens: int = 50,
    min_bytes: int = 0,
    policy: Policy = "newest",
    scope: Scope = "global",
    holders: int = 4,
    partners: int = 64,
) -> Dataset:
    """HOME rows with the spans that are to go; `substrings_removed` and the like are what was taken out.

    min_tokens, min_bytes: the shortest passage, both of them. policy: whose passages stay. scope: whether documents of
    all crawls are compared, or only those of the same crawl. holders, partners: how many earlier documents one is
    compared with: for a fingerprint, and in all.
    """
    return passages(steps, Passages(min_tokens, min_bytes, policy, scope, holders, partners))
