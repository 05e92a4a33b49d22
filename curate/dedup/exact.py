"""Exact deduplication: documents with equal normal forms, one of them kept.

`content_id` is the 128-bit hash of a text's normal form (`curate.text.coarse`: letters and digits as one sees them,
without case, spacing or punctuation); null where the normal form is empty, and such a document takes no part. It and
the length are computed in the step before, while the text is at hand: the exchange itself reads no text.
"""

import numpy as np
import pyarrow as pa

from curate import schema
from curate.dedup.first import ADDS, Key, index_of, keep_first
from curate.dedup.index import Scope
from curate.dedup.order import Policy
from curate.stage import stage
from curate.store import Dataset
from curate.text.brief import brief
from curate.text.coarse import coarse
from curate.wide import Steps, wide_stage

REASON = "exact_duplicate"


@stage(needs=["text"], adds={"content_id": pa.string(), "content_words": pa.int32()}, version=1)
def content_id(text: pa.StringArray) -> dict[str, pa.Array]:
    """What exact deduplication compares and orders by.

    content_id: blake2b-128 of the normal form as 32 hex digits; null for a null text or an empty normal form.
    content_words: words of the text, where a CJK character is one: the length in `curate.dedup.order`.
    """
    ids = [schema.content_id(form) if form else None for form in coarse(text)]
    return {"content_id": pa.array(ids, pa.string()), "content_words": pa.array(brief(text).words.astype(np.int32))}


@wide_stage(
    needs=["doc_id", "crawl", "date"],
    adds=ADDS,
    reasons=[REASON],
    prepare=[content_id],
    exchanges=1,
    index=index_of(content_id),
)
def exact_dedup(steps: Steps, *, policy: Policy = "newest", scope: Scope = "global") -> Dataset:
    """HOME rows with `cluster_size` of dropped documents and of the survivors of groups.

    policy: who survives. scope: whether documents of all crawls are compared, or only those of the same crawl.
    """
    return keep_first(steps, Key("content_id", "content_words", policy, scope), REASON)
