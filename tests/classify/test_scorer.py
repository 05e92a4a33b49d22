"""Scores against plain Python, several models at once, windows put together, and languages that are not known."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_model import made

from curate.classify.ask import label_columns, rules_above, score_column
from curate.classify.model import Model, load
from curate.classify.score import join, probabilities
from curate.text.grams import WINDOW_BYTES, grams

ONE = made({"good": [-3, 4], "bad": [5, -2]}, bias=[0.5, -0.25])
SCORED = [0.7431772351264954, 0.04510509595274925, 0.10832434147596359]
MANY = made({"good": [1, 2, 3], "ball": [0, 9, -9], "坏": [7, 0, 1]}, classes=("a", "b"), of=[1, 0, 1], pool="max")


def score_plainly(text: str, model: Model) -> list[float]:
    """From the definition: sums of weights over the root of the number of n-grams, softmax, windows put together."""
    taken = grams(pa.array([text]))
    weights = dict(zip(model.grams.tolist(), model.weights.tolist(), strict=True))
    windows = []
    for start, end in zip([0, *taken.ends[:-1].tolist()], taken.ends.tolist(), strict=True):
        numbers = taken.numbers[start:end].tolist()
        logits = [
            sum(weights[number][column] for number in numbers if number in weights) / math.sqrt(len(numbers))
            * float(model.scale[column]) + float(model.bias[column])
            for column in range(len(model.of))
        ]  # fmt: skip
        powers = [math.exp(logit) for logit in logits]
        windows.append([
            sum(power for power, of in zip(powers, model.of.tolist(), strict=True) if of == number) / sum(powers)
            for number in range(len(model.classes))
        ])  # fmt: skip
    pool = max if model.pool == "max" else lambda column: sum(column) / len(column)
    return [pool([window[number] for window in windows]) for number in range(len(model.classes))]


documents = st.lists(
    st.sampled_from(["good", "bad", "ball", "坏", "的", ".", "x" * 100, "GOOD"]), min_size=1, max_size=30
)


@settings(deadline=None, max_examples=60)
@given(st.lists(documents.map(" ".join), min_size=1, max_size=4))
def test_equals_reference_alone_and_beside_another_model(texts: list[str]) -> None:
    together = probabilities(pa.array(texts), join([ONE, MANY]))
    for scores, model in zip(together, (ONE, MANY), strict=True):
        expected = np.array([score_plainly(text, model) for text in texts])
        assert scores == pytest.approx(expected, abs=1e-6)
        (alone,) = probabilities(pa.array(texts), join([model]))
        assert np.array_equal(alone, scores)


def test_a_score_does_not_depend_on_the_batch() -> None:
    texts = ["good day", "", "bad " * 500, "什么 坏", None, "good " * 9] * 20
    (batch,) = probabilities(pa.array(texts, pa.string()), join([ONE]))
    for text, score in zip(texts[:6], batch, strict=False):
        (alone,) = probabilities(pa.array([text], pa.string()), join([ONE]))
        assert np.array_equal(alone[0], score, equal_nan=True)


def test_a_text_without_characters_has_no_score() -> None:
    (scores,) = probabilities(pa.array([None, "", "good"], pa.string()), join([ONE]))
    assert score_column(scores).is_null().to_pylist() == [True, True, False]
    (scores,) = probabilities(pa.array([None, "ball"], pa.string()), join([MANY]))
    labels, best = label_columns(scores, MANY.classes)
    assert (labels.to_pylist(), best.is_null().to_pylist()) == ([None, "a"], [True, False])


def test_the_worst_window_decides_or_all_of_them() -> None:
    text = "good " * (3 * WINDOW_BYTES // 5) + "bad bad bad"
    high = made({"bad": [-9, 9]}, pool="max")
    (worst,) = probabilities(pa.array([text]), join([high]))
    (mean,) = probabilities(pa.array([text]), join([high._replace(pool="mean")]))
    assert mean[0, 0] < worst[0, 0]
    assert mean[0, 0] > 0.5, "windows without a known word have a half, so their mean stays above"


def test_more_grams_than_two_bytes_can_count() -> None:
    rng = np.random.default_rng(0)
    models = [
        ONE._replace(grams=np.sort(rng.choice(1 << 20, 40_000, replace=False)).astype(np.int32),
                     weights=rng.integers(-127, 128, (40_000, 2)).astype(np.int8))
        for _ in range(2)
    ]  # fmt: skip
    texts = pa.array(["The quick brown fox jumps over the lazy dog."])
    both = probabilities(texts, join(models))
    assert [found.tolist() for found in both] == [probabilities(texts, join([model]))[0].tolist() for model in models]


def test_rules_are_one_for_each_language_or_one_for_all() -> None:
    (rule,) = rules_above("s", "odd", ONE)
    assert (rule.reason, rule.max, rule.langs) == ("odd", 0.5, None)
    rules = rules_above("s", "odd", ONE._replace(thresholds={"en": 0.25, "zh": 0.75}))
    assert [(rule.reason, rule.max, rule.langs) for rule in rules] == [
        ("odd_en", 0.25, ("en",)),
        ("odd_zh", 0.75, ("zh",)),
    ]


def test_scores_of_the_shipped_weights_never_change() -> None:
    """What a run of last year has scored, a run of this year scores again, on every machine."""
    texts = [
        "You are a complete idiot and everybody hates you.",
        "The museum opens at nine on weekdays.",
        "博物馆九点开门",
    ]
    (toxic,) = probabilities(pa.array(texts), join([load("toxicity")]))
    assert toxic[:, 0].tolist() == pytest.approx(SCORED, abs=1e-6)
