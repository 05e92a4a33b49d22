"""Deduplication by URL: of all captures of one page the first in the survivor order stays. Off unless a recipe has it.

Pages change, so captures of one URL are no duplicates by what they say; this is for crawls in which a later capture
stands for the earlier ones (policy newest). `http` and `https`, `www.`, a port that is the scheme's own, a trailing
slash and a fragment make no difference; path and query are compared as they are written. A record without a URL takes
no part. One exchange by the hash of the URL; cost: 70 bytes a document.
"""

from hashlib import blake2b
from typing import Literal

import pyarrow as pa

from curate.dedup.first import ADDS, Key, index_of, keep_first
from curate.dedup.index import Scope
from curate.stage import stage
from curate.stages.url_parts import page_key
from curate.store import Dataset
from curate.wide import Steps, wide_stage

REASON = "same_url"


@stage(needs=["url"], adds={"url_id": pa.string()})
def url_id(url: pa.StringArray) -> pa.Array:
    """blake2b-128 of the URL that `page_key` makes, as 32 hex digits; null for a record without one."""
    keys = [page_key(value) if value else "" for value in url.to_pylist()]
    return pa.array([_digest(key) if key else None for key in keys], pa.string())


@wide_stage(
    needs=["doc_id", "crawl", "date"],
    adds=ADDS,
    reasons=[REASON],
    prepare=[url_id],
    exchanges=1,
    index=index_of(url_id),
)
def url_dedup(steps: Steps, *, policy: Literal["newest", "earliest"] = "newest", scope: Scope = "global") -> Dataset:
    """HOME rows with `cluster_size` of dropped documents and of survivors.

    policy: which capture stays. scope: whether captures of all crawls are compared, or only those of the same crawl.
    """
    return keep_first(steps, Key("url_id", None, policy, scope), REASON)


def _digest(key: str) -> str:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
