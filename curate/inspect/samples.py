"""Samples that do not depend on order, parts or files: the documents with the smallest hash(seed, doc_id).

Cost: about 2 µs a row for the hash; memory grows with the sample alone.
"""

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.schema import seeded_hash

SEED = 1024

Group = tuple[Any, ...]


def sample_rows(batches: Iterable[pa.RecordBatch], n: int, group_by: Sequence[str] = ()) -> dict[Group, list[Any]]:
    """Up to `n` rows (as dicts) of each group, those with the smallest hash, in order of it. Groups are sorted."""
    heaps: dict[Group, list[tuple[int, str, dict[str, Any]]]] = {}
    for batch in batches:
        groups = zip(*(batch[name].to_pylist() for name in group_by), strict=True) if group_by else [()] * len(batch)
        for index, (doc_id, group) in enumerate(zip(batch["doc_id"].to_pylist(), groups, strict=True)):
            heap = heaps.setdefault(group, [])
            rank = -seeded_hash(SEED, doc_id)
            if len(heap) < n:
                heapq.heappush(heap, (rank, doc_id, batch.slice(index, 1).to_pylist()[0]))
            elif rank > heap[0][0]:
                heapq.heapreplace(heap, (rank, doc_id, batch.slice(index, 1).to_pylist()[0]))
    return {group: [row for _, _, row in sorted(heaps[group], reverse=True)] for group in sorted(heaps, key=str)}


def hashes(doc_ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The place of every document in the order of samples: int64[n], the upper 63 bits of hash(seed, doc_id)."""
    return np.array([seeded_hash(SEED, doc_id) >> 1 for doc_id in doc_ids.to_pylist()], np.int64)
