"""Fuzzy deduplication: documents whose shingle sets have a Jaccard at or over a threshold, one of them kept.

Every dropped document names a document that this stage kept and their exact Jaccard (score and `jaccard`). The result
is unique: it does not depend on parts, buckets, engines or rounds, and looks at a document's predecessors in the
survivor order only, so a later crawl never changes an earlier verdict under the policy `earliest`. Two kept documents
at or over the threshold may both stay where no band made them a candidate pair; the banding says how often.

Steps: candidates, verify, status, witness, each in its module. Eight exchanges unless the open edges are more than
`finish_rows`. With the policy `earliest`, two more leave an index for later runs (`--against`). Cost: about 40 µs a
document of 4 kB for shingles and signatures, and as much again for each one that has candidates; 2 kB a document cross
the first exchange.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from curate.dedup.candidates import EmitBands, Meeting, Signing, band_buckets, candidates
from curate.dedup.earlier import HUBS, KEPT, Earlier
from curate.dedup.hubs import hub_limits
from curate.dedup.index import Scope, comparable
from curate.dedup.jaccard import MAX_DENOMINATOR
from curate.dedup.leave import leave
from curate.dedup.order import Policy
from curate.dedup.status import decide
from curate.dedup.verify import verify
from curate.dedup.witness import ADDS, REASON, verdicts
from curate.errors import RecipeError
from curate.store import Dataset
from curate.text.shingles import SHINGLES_VERSION
from curate.wide import Index, Steps, wide_stage


def check(
    *, threshold: float, hashes: int, bands: int, rows: int, ngram: int, seed: int, finish_rows: int,
    hubs: int, key_hubs: int, partners: int, policy: Policy, scope: Scope,
) -> int:  # fmt: skip
    """Every parameter must be in its range. Returns the version of the hashes that shingles have."""
    checked(Signing(hashes, bands, rows, ngram, seed), threshold, finish_rows, (hubs, key_hubs, partners))
    return SHINGLES_VERSION


def facts(*, policy: Policy, finish_rows: int, **params: Any) -> Mapping[str, Any] | None:
    """Two runs are comparable where all parameters but the size of a task are equal, and their hashes are."""
    return comparable(policy, **params, shingles=SHINGLES_VERSION)


@wide_stage(
    needs=["doc_id", "crawl", "date", "text"],
    adds=ADDS,
    reasons=[REASON],
    exchanges=8,
    version=2,
    check=check,
    index=Index((HUBS, KEPT), facts),
)
def fuzzy_dedup(
    steps: Steps,
    *,
    threshold: float = 0.7,
    hashes: int = 128,
    bands: int = 21,
    rows: int = 6,
    ngram: int = 5,
    policy: Policy = "newest",
    seed: int = 1,
    finish_rows: int = 20_000_000,
    hubs: int = 8,
    key_hubs: int = 256,
    partners: int = 64,
    scope: Scope = "global",
) -> Dataset:
    """HOME rows with `cluster_size` of dropped documents and of clusters of more than one.

    threshold: least Jaccard of a duplicate. hashes, bands, rows, seed: the signature and its banding (see
    `curate.dedup.bands`). ngram: words, or CJK characters, of a shingle. policy: who survives. finish_rows: open edges
    that one task decides at once, about 1 GB for the default. hubs, key_hubs, partners: how many earlier documents one
    is compared with: hubs that cover it, hubs of a band key, candidates it may have in all. scope: whether documents
    of all crawls are compared, or only those of the same crawl. Raises RecipeError.
    """
    signing = Signing(hashes, bands, rows, ngram, seed, scope)
    limit = checked(signing, threshold, finish_rows, (hubs, key_hubs, partners))
    buckets, earlier = band_buckets(steps.rows, signing), Earlier.of(steps)
    limits = hub_limits(limit, hashes, hubs, key_hubs, partners)
    emit = EmitBands(steps.view, signing, policy, buckets)
    meeting = Meeting(buckets, signing.sketch_words, limits, earlier)
    pairs = candidates(steps, emit, meeting)
    edges = verify(steps, pairs, earlier, limit, ngram)
    home = verdicts(steps, edges, decide(steps, edges, finish_rows), earlier, threshold)
    if policy == "earliest":
        leave(steps, meeting, emit, home)
    return home


def checked(signing: Signing, threshold: float, finish_rows: int, caps: tuple[int, int, int]) -> Fraction:
    """The threshold as the decimal fraction that was written. Raises RecipeError for parameters out of range."""
    for name in ("hashes", "bands", "rows", "ngram"):
        _at_least(name, getattr(signing, name), 1)
    for name, value in zip(("hubs", "key_hubs", "partners"), caps, strict=True):
        _at_least(name, value, 1)
    _at_least("finish_rows", finish_rows, 0)
    if signing.bands * signing.rows > signing.hashes:
        raise RecipeError(
            f"fuzzy_dedup: {signing.bands} bands of {signing.rows} rows need {signing.bands * signing.rows} hashes, "
            f"but hashes = {signing.hashes}; `python -m curate.dedup.bands --hashes {signing.hashes}` lists what fits"
        )
    if not 0 <= signing.seed < 1 << 32:
        raise RecipeError(f"fuzzy_dedup: seed must be in 0..2^32 − 1, not {signing.seed}")
    if not 0 < threshold <= 1 or Fraction(str(threshold)).denominator > MAX_DENOMINATOR:
        raise RecipeError(f"fuzzy_dedup: threshold must be over 0, at most 1, with up to 9 decimals, not {threshold}")
    return Fraction(str(threshold))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise RecipeError(f"fuzzy_dedup: {name} must be at least {least}, not {value}")
