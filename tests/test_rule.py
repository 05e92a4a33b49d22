"""Rules decide on stored scores: inclusive bounds, the score's own type, the first failing rule."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.rule import Rule, decide


def test_bounds_are_inclusive_and_cast_to_the_scores_type() -> None:
    float32 = pa.array([0.1, np.nextafter(np.float32(0.1), np.float32(1))], pa.float32())
    verdicts = decide([Rule("s", "high", max=0.1)], {"s": float32}, 2)
    assert verdicts.rule.tolist() == [-1, 0]  # float32 0.1 is over float64 0.1, yet equal to the threshold
    assert verdicts.threshold[1] == 0.1


def test_null_and_nan_mean_not_applicable_and_are_counted() -> None:
    scores = pa.array([None, math.nan, 5.0, -5.0], pa.float64())
    verdicts = decide([Rule("s", "out", min=0, max=1)], {"s": scores}, 4)
    assert verdicts.rule.tolist() == [-1, -1, 0, 0]
    assert verdicts.not_applicable == {"out": 2}
    assert verdicts.score[2:].tolist() == [5.0, -5.0]
    assert verdicts.threshold[2:].tolist() == [1, 0]


def test_first_failing_rule_names_the_reason() -> None:
    columns = {"a": pa.array([9, 9, 0], pa.int32()), "b": pa.array([9, 0, 9], pa.int32())}
    rules = [Rule("b", "b_high", max=1), Rule("a", "a_high", max=1)]
    assert decide(rules, columns, 3).rule.tolist() == [0, 1, 0]


def test_rules_of_a_language_leave_others_alone() -> None:
    columns = {"n": pa.array([1, 1, 1], pa.int32()), "lang": pa.array(["en", "zh", None])}
    verdicts = decide([Rule("n", "short", min=2, langs=("en",))], columns, 3)
    assert verdicts.rule.tolist() == [0, -1, -1]


def test_membership() -> None:
    columns = {"lang": pa.array(["en", "de", None])}
    verdicts = decide([Rule("lang", "not_in_scope", any_of=("en", "zh"))], columns, 3)
    assert verdicts.rule.tolist() == [-1, 0, -1]
    assert np.isnan(verdicts.score).all()
    assert verdicts.not_applicable == {"not_in_scope": 1}


@pytest.mark.parametrize("infinity", [math.inf, -math.inf])
def test_infinite_scores_are_numbers(infinity: float) -> None:
    verdicts = decide([Rule("s", "out", min=0, max=1)], {"s": pa.array([infinity], pa.float32())}, 1)
    assert verdicts.rule.tolist() == [0]


@given(
    st.lists(st.one_of(st.none(), st.floats(width=32, allow_nan=True))),
    st.one_of(st.none(), st.floats(width=32, allow_nan=False)),
    st.one_of(st.none(), st.floats(width=32, allow_nan=False)),
)
def test_equals_a_loop(values: list[float | None], low: float | None, high: float | None) -> None:
    verdicts = decide([Rule("s", "r", min=low, max=high)], {"s": pa.array(values, pa.float32())}, len(values))
    expected = [
        -1
        if value is None or math.isnan(value) or ((low is None or value >= low) and (high is None or value <= high))
        else 0
        for value in values
    ]
    assert verdicts.rule.tolist() == expected
