"""Rules: a stored score, a threshold and the reason that a document is dropped for.

Scores are computed once and stored; rules are data and may change without touching the scores. A document stays if
`min <= score <= max`, both ends included. The threshold is cast to the score's own type before it is compared
(float32 0.1 is greater than float64 0.1). A null or NaN score means that the rule does not apply, which is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """Keep a document if `min <= score <= max`, or if the string `score` is one of `any_of`.

    `langs` limits the rule to documents in these languages. `reason` is a snake_case fact about the document, unique
    within its stage: the rule's name in the ledger and for `--set stage.reason.max=…`.
    """

    score: str
    reason: str
    min: float | None = None
    max: float | None = None
    any_of: tuple[str, ...] | None = None
    langs: tuple[str, ...] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return (self.score,) if self.langs is None else (self.score, "lang")


@dataclass(frozen=True)
class Verdicts:
    """What a list of rules says of n documents.

    rule: int32[n], index of the first failing rule, −1 where all hold. score, threshold: float64[n], NaN where there
    is no number. not_applicable: reason → how many documents the rule could not be applied to.
    """

    rule: npt.NDArray[np.int32]
    score: npt.NDArray[np.float64]
    threshold: npt.NDArray[np.float64]
    not_applicable: Mapping[str, int]


def decide(rules: Sequence[Rule], columns: Mapping[str, pa.Array], rows: int) -> Verdicts:
    """Apply `rules` in order to `rows` documents; the first that fails names the reason."""
    failed = np.full(rows, -1, np.int32)
    score = np.full(rows, np.nan)
    threshold = np.full(rows, np.nan)
    not_applicable: dict[str, int] = {}
    for index, rule in enumerate(rules):
        undecided = failed < 0
        in_scope = undecided & _in_languages(rule, columns)
        low, high, unknown = _violations(rule, columns[rule.score])
        not_applicable[rule.reason] = int(np.count_nonzero(in_scope & unknown))
        for violated, bound in ((low, rule.min), (high, rule.max)):
            hit = in_scope & violated & (failed < 0)
            failed[hit] = index
            if rule.any_of is None and bound is not None:
                score[hit] = _as_float64(columns[rule.score])[hit]
                threshold[hit] = bound
    return Verdicts(failed, score, threshold, not_applicable)


def _in_languages(rule: Rule, columns: Mapping[str, pa.Array]) -> Mask:
    if rule.langs is None:
        return np.ones(len(columns[rule.score]), np.bool_)
    inside = pc.is_in(columns["lang"], value_set=pa.array(rule.langs, pa.string()))
    return np.asarray(inside.to_numpy(zero_copy_only=False), np.bool_)


def _violations(rule: Rule, values: pa.Array) -> tuple[Mask, Mask, Mask]:
    """(below min or outside any_of, above max, not applicable), each bool[n]."""
    none = np.zeros(len(values), np.bool_)
    if rule.any_of is not None:
        allowed = pc.is_in(values, value_set=pa.array(rule.any_of, pa.string()))
        unknown = np.asarray(values.is_null().to_numpy(zero_copy_only=False), np.bool_)
        return ~np.asarray(allowed.to_numpy(zero_copy_only=False), np.bool_) & ~unknown, none, unknown
    numbers = _as_float64(values)
    unknown = np.isnan(numbers)
    low = none if rule.min is None else ~unknown & (numbers < _as_type_of(values, rule.min))
    high = none if rule.max is None else ~unknown & (numbers > _as_type_of(values, rule.max))
    return low, high, unknown


def _as_type_of(values: pa.Array, threshold: float) -> float:
    """The threshold as the score's own type holds it; every float32 is a float64, so the comparison is exact."""
    return float(np.float32(threshold)) if pa.types.is_float32(values.type) else float(threshold)


def _as_float64(values: pa.Array) -> npt.NDArray[np.float64]:
    """The column as float64, nulls as NaN."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
