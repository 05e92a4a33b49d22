"""Training and measuring of classifiers: the same bytes from the same labels, and figures that mean what they say."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("scipy", reason="needs what training needs: pip install 'curate[train]'")

from curate.classify.model import load, pack, unpack
from curate.classify.score import bank, join, logits, probabilities
from models.classifiers.calibrate import adjusted, calibrated, lowest
from models.classifiers.evaluate import FEWEST, bias, measure, pages_above
from models.classifiers.examples import KINDS, SETS, Examples, own, read, taxonomy
from models.classifiers.fit import Settings, fit, prepare
from models.classifiers.metrics import accuracy, auc, bootstrap, calibration_error, macro_f1, reliability
from models.classifiers.train import train

ROOT = Path(__file__).parents[2]
RIVERS = ["the river runs past the town", "boats on the river", "a bridge over the water", "fish in the stream"]
STARS = ["the stars at night", "a telescope sees the moon", "planets and their orbits", "light of a far galaxy"]
# Harmless sentences of the bias templates above the threshold, at most; the cards have the figures.
MOST_FALSE = {"en": 0.05, "zh": 0.05}
MOST_PAGES = 0.01


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    rows = [(f"{text} {number}", name) for number in range(12) for name, texts in (("r", RIVERS), ("s", STARS))
            for text in texts]  # fmt: skip
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    return path


def test_the_same_labels_give_the_same_bytes(labels: Path) -> None:
    first, second = (pack(train(own(labels), Settings())[0]) for _ in range(2))
    assert first == second
    assert pack(train(own(labels), Settings(seed=2))[0]) != first


def test_own_labels_become_a_classifier(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "my.npz"
    command = [sys.executable, "-m", "models.classifiers.train", "--data", str(labels), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) == 64
    model = unpack(out.read_bytes())
    assert (model.classes, list(model.thresholds)) == (("r", "s"), [""])
    (found,) = probabilities(pa.array(["a boat on the water", "the moon and the planets"]), bank(str(out)))
    assert found.argmax(1).tolist() == [0, 1]


def test_labels_0_and_1_are_one_class(tmp_path: Path) -> None:
    path = tmp_path / "spam.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": text in STARS}) + "\n" for text in RIVERS + STARS))
    examples = own(path)
    assert (examples.classes, examples.of.tolist()) == (("spam",), [-1, 0])
    assert examples.labels.tolist() == [-1] * 4 + [0] * 4


@pytest.mark.parametrize("line", ['{"text": "a"}', '{"text": 1, "label": 1}', '{"text": "a", "label": 0.5}', "[]", "{"])
def test_a_line_without_text_or_label_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"text": "a", "label": 1}\n\n' + line + "\n")
    with pytest.raises(ValueError, match=r"labels\.jsonl, line 3: "):
        own(path)


def test_one_label_teaches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"text": "a", "label": 1}\n')
    with pytest.raises(ValueError, match="1 labels; a classifier needs two or more"):
        own(path)


def test_scores_out_of_fold_are_not_those_of_texts_that_were_seen(labels: Path) -> None:
    """Labels at random cannot be learned: who scores well on them has seen them."""
    rng = np.random.default_rng(0)
    texts = tuple("".join(rng.choice(list("abcdefghij"), 60)) for _ in own(labels).texts)
    examples = own(labels)._replace(texts=texts, columns=rng.integers(0, 2, len(texts)))
    _, task, scores = train(examples, Settings())
    assert accuracy(scores.argmax(1), examples.labels) < 0.75
    model = fit(task, np.ones(len(examples.texts), np.bool_), Settings())
    (seen,) = probabilities(pa.array(examples.texts), join([model]))
    assert accuracy(seen.argmax(1), examples.labels) > 0.9


def test_logits_out_of_fold_are_calibrated_as_the_model_is(labels: Path) -> None:
    task = prepare(own(labels))
    plain = fit(task, np.ones(len(task.examples.texts), np.bool_), Settings())
    (before,) = logits(task.taken, join([plain]))
    model = calibrated(plain, task, before)
    (after,) = logits(task.taken, join([model]))
    assert adjusted(before, plain, model) == pytest.approx(after, abs=1e-4)
    assert not np.allclose(before, after)


def test_columns_of_two_notions_learn_one_class_from_each() -> None:
    """What one set calls good the other calls bad; a text has the notion of the set that it looks like."""
    words = {("red", "round"): 1, ("red", "flat"): 0, ("blue", "round"): 2, ("blue", "flat"): 3}
    texts = [(f"{color} {shape} {number}", column) for number in range(20) for (color, shape), column in words.items()]
    examples = Examples(
        ("good",), np.array([-1, 0, -1, 0], np.int8), np.array([0, 0, 1, 1]), tuple(text for text, _ in texts),
        np.array([column for _, column in texts]), np.array(["en"] * 80), np.array(["made"] * 80),
    )  # fmt: skip
    model, _, scores = train(examples, Settings())
    assert np.all((scores[:, 0] > 0.5) == (examples.labels == 0))
    assert len(model.of) == 4


def test_measures_are_of_all_and_of_every_part_that_is_large_enough() -> None:
    size = 4 * FEWEST
    of_zh = np.arange(size) < FEWEST
    examples = Examples(
        ("a", "b", "c"), np.array([0, 1, 2], np.int8), np.zeros(3, np.int64), ("x" * 70,) * size,
        np.where(of_zh, 0, 1), np.where(of_zh, "zh", "en"), np.where(np.arange(size) < 9, "small", "large"),
    )  # fmt: skip
    scores = np.tile([0.3, 0.2, 0.5], (size, 1))
    found = {line.part: line for line in measure(examples, scores)}
    assert list(found) == ["all", "language en", "language zh", "large", "64 to 127 bytes"]
    assert found["language zh"].texts == FEWEST
    assert found["all"].measures["accuracy"].startswith("0.000 ")
    assert found["language zh"].measures["among the topics of the part"].startswith("1.000 ")


def test_the_area_under_the_curve_counts_pairs() -> None:
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True])
    assert auc(scores, positive) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert np.isnan(auc(scores, np.zeros(4, np.bool_)))


def test_measures_of_labels() -> None:
    predicted, labels = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2])
    assert accuracy(predicted, labels) == 0.5
    assert macro_f1(predicted, labels) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    whole = bootstrap(accuracy, np.ones(50), np.ones(50))
    assert tuple(whole) == (1, 1, 1)
    part = bootstrap(accuracy, np.arange(200) % 2, np.ones(200))
    assert part.low < part.value == 0.5 < part.high
    assert part.high - part.low == pytest.approx(4 * (0.25 / 200) ** 0.5, rel=0.15)


def test_reliability_compares_scores_with_what_is_true() -> None:
    scores, right = np.array([0.25, 0.25, 0.25, 0.25, 1.0]), np.array([True, False, False, False, True])
    assert reliability(scores, right) == [("0.2–0.3", 4, 0.25, 0.25), ("0.9–1.0", 1, 1.0, 1.0)]
    assert calibration_error(scores, right) == 0
    assert calibration_error(np.full(4, 0.75), ~right[:4]) == 0
    assert calibration_error(np.full(4, 0.75), right[:4]) == 0.5


def test_a_threshold_is_the_lowest_with_the_precision_asked_for() -> None:
    scores, correct = np.repeat([0.9, 0.8, 0.7, 0.6, 0.5], 20), np.repeat([True, True, True, False, False], 20)
    assert lowest(scores, correct, 0.75) == np.float32(0.6)
    assert lowest(scores, ~correct, 0.75) == 1
    assert lowest(np.repeat([0.9, 0.5], [40, 60]), np.arange(100) < 40, 0.75) == 1, "fewer texts than say anything"
    tied = np.repeat([0.9, 0.5], [20, 80])
    assert lowest(tied, correct, 0.7) == 1, "texts with one score are all above, or none"


def test_the_taxonomy_names_labels_that_the_sets_have_and_each_once(shared_data: Path) -> None:
    rows = [row for name in ("zh", "en") for row in read(shared_data / "labelled" / f"topic_{name}.jsonl.xz")]
    occurring = {(KINDS[row["source"]][0], row["label"]) for row in rows}
    taken = [(key, label) for topic in taxonomy().values() for key, _ in KINDS.values() for label in topic.get(key, ())]
    assert len(taken) == len(set(taken))
    assert set(taken) <= occurring
    assert {key for key, _ in taken} == {key for key, _ in KINDS.values()}


def test_every_fold_has_texts_of_every_source(shared_data: Path) -> None:
    examples = SETS["toxicity"](shared_data / "labelled")
    assert set(np.unique(examples.folds)) == set(range(5))
    shares = np.bincount(examples.folds) / len(examples.texts)
    assert np.all(np.abs(shares - 0.2) < 0.01)


def test_harmless_sentences_about_people_are_not_called_toxic(shared_data: Path) -> None:
    for one in bias(shared_data / "labelled", load("toxicity"), "toxicity"):
        assert one.false <= MOST_FALSE[one.language], f"{one.language}: {one.false:.3f} of {one.harmless}"


def test_ordinary_pages_are_not_called_toxic(shared_data: Path) -> None:
    gold = shared_data / "gold" / "gold-dev.gold.jsonl.xz"
    for language, (count, share) in pages_above(gold, load("toxicity"), "toxicity").items():
        assert share <= MOST_PAGES, f"{language}: {share:.4f} of {count}"
