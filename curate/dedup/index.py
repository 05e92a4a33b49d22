"""The index: what deduplication leaves for later runs, and how a later run finds in it what it needs.

Every document of an earlier run is before every document of this one (policy `earliest`, a larger crawl ordinal), and
what has been decided about it is final. So a later crawl needs of an earlier one only the rows that its own documents
meet: those with an equal key. They lie by ranges of the key, as the buckets of an exchange do, and a bucket reads the
few files that cover its range, whatever the numbers of buckets were.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.order import Policy
from curate.dedup.rows import Int32s, lookup, numbers
from curate.store import Dataset

Scope = Literal["global", "crawl"]
Uint64s = npt.NDArray[np.uint64]

_32 = np.uint64(32)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def comparable(policy: Policy, **facts: Any) -> Mapping[str, Any] | None:
    """The facts of an `Index`; None unless the policy is `earliest`: any other lets a later crawl win."""
    return facts if policy == "earliest" else None


def scope_words(scope: Scope, crawl: pa.Array | pa.ChunkedArray) -> Uint64s:
    """uint64[n] to be mixed into keys: one word for all documents, or one for each crawl, which then never meet."""
    if scope == "global":
        return np.zeros(len(crawl), np.uint64)
    ordinals = pc.fill_null(pc.add(crawl.cast(pa.int64()), 1 << 32), 0)
    return numbers(ordinals).astype(np.uint64) * _MIX


def range_buckets(keys: Uint64s, buckets: int) -> Int32s:
    """int32[n]: the bucket of every key, each of them a range of keys, evenly."""
    return ((keys >> _32) * np.uint64(buckets) >> _32).astype(np.int32)


def files_of(bucket: int, buckets: int, files: int) -> range:
    """Which of `files` ranges overlap with this bucket's."""
    first, last = -(-(bucket << 32) // buckets), -(-((bucket + 1) << 32) // buckets) - 1
    return range(first * files >> 32, (last * files >> 32) + 1)


def matching(
    datasets: Sequence[Dataset],
    bucket: int,
    buckets: int,
    wanted: npt.NDArray[Any],
    keys_of: Callable[[pa.Array], npt.NDArray[Any]],
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(number of the dataset, those of its rows of this bucket whose column `key` is one of `wanted`).

    wanted: ascending, as `keys_of` gives them. At most as much is read of each dataset as it or the bucket holds.
    """
    if not len(wanted):
        return
    for number, dataset in enumerate(datasets):
        for part in files_of(bucket, buckets, dataset.parts):
            for batch in dataset.batches(part):
                yield number, batch.filter(pa.array(lookup(wanted, keys_of(batch["key"])) >= 0))
