"""Rails: what to look at before a deduplication is trusted, from the ledger alone.

Over-removal hides in averages. Two tables show it: the largest clusters, where one boilerplate page may have swallowed
unrelated ones, and what every source lost, where an input or a site may have been destroyed. A source that lost over
90 % raises an alarm. A source is an input (the ledger's `source` up to the first "/") or a host (of its `url`).
Cost: a few passes over columns of the ledger.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.rows import one_chunk

ALARM_SHARE = 0.9
# Fewer documents than this say nothing about a source.
ALARM_DOCUMENTS = 10

_HOST = r"^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>[^/?#:]*)"


def largest_clusters(ledger: pa.Table, n: int = 20) -> pa.Table:
    """The n survivors with the most documents: `doc_id, source, url, documents`, largest first, then by doc_id.

    Chains are followed to their end: of an exact duplicate of a document that is a near duplicate of a third, the third
    survives. A later stage may have dropped the survivor; its documents are counted all the same.
    """
    duplicates = ledger.filter(pc.is_valid(ledger["duplicate_of"]))
    counted = one_chunk(_survivors(duplicates)).value_counts()
    table = pa.table(
        {"doc_id": pc.struct_field(counted, "values"), "documents": pc.add(pc.struct_field(counted, "counts"), 1)}
    )
    table = table.sort_by([("documents", "descending"), ("doc_id", "ascending")]).slice(0, n)
    rows = ledger.select(["source", "url"]).take(pc.index_in(table["doc_id"], value_set=ledger["doc_id"]))
    names = ["doc_id", "source", "url", "documents"]
    return pa.table([table["doc_id"], rows["source"], rows["url"], table["documents"]], names=names)


def removal_per_source(
    ledger: pa.Table, *, by: Literal["input", "host"] = "input", later: Sequence[str] = ()
) -> pa.Table:
    """What deduplication took from every source: `source, documents, removed, share, alarm`, most removed first.

    documents: those that deduplication saw, which are its duplicates, what the run kept and what the stages named in
    `later` dropped behind it. alarm: over 90 % removed of at least 10. By host, rows without a URL are left out.
    """
    removed = pc.is_valid(ledger["duplicate_of"])
    behind = pc.and_(pc.equal(ledger["verdict"], "dropped"), pc.is_in(ledger["stage"], pa.array(later, pa.string())))
    seen = pc.or_(pc.or_(removed, pc.equal(ledger["verdict"], "kept")), behind)
    rows = pa.table({"source": _sources(ledger, by), "removed": pc.cast(removed, pa.int64())})
    rows = rows.filter(pc.and_(seen, pc.is_valid(rows["source"])))
    sums = rows.group_by("source").aggregate([("removed", "count"), ("removed", "sum")])
    table = pa.table({"source": sums["source"], "documents": sums["removed_count"], "removed": sums["removed_sum"]})
    share = pc.divide(pc.cast(table["removed"], pa.float64()), pc.cast(table["documents"], pa.float64()))
    alarm = pc.and_(pc.greater(share, ALARM_SHARE), pc.greater_equal(table["documents"], ALARM_DOCUMENTS))
    table = table.append_column("share", share).append_column("alarm", alarm)
    return table.sort_by([("removed", "descending"), ("source", "ascending")])


def alarms(removal: pa.Table) -> list[str]:
    """One sentence per source that lost too much."""
    return [
        f"deduplication removed {row['share']:.1%} of the {row['documents']} documents of {row['source']}"
        for row in removal.filter(removal["alarm"]).to_pylist()
    ]


def _survivors(duplicates: pa.Table) -> pa.ChunkedArray:
    """The end of every duplicate's chain, by pointer jumping: log2 of the longest chain steps."""
    named = duplicates["duplicate_of"]
    at = pc.fill_null(pc.index_in(named, value_set=duplicates["doc_id"]), -1)
    following = np.asarray(one_chunk(at).to_numpy(zero_copy_only=False), np.int64)
    last = np.arange(len(following))
    following = np.where(following < 0, last, following)
    while (following[following] != following).any():
        following = following[following]
    return named.take(pa.array(following))


def _sources(ledger: pa.Table, by: Literal["input", "host"]) -> pa.ChunkedArray:
    if by == "input":
        return pc.list_element(pc.split_pattern(ledger["source"], "/", max_splits=1), 0)
    host = pc.struct_field(pc.extract_regex(ledger["url"], _HOST), "host")
    return pc.utf8_lower(pc.if_else(pc.equal(host, ""), pa.scalar(None, pa.string()), host))
