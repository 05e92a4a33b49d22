"""The truth of a planted corpus against a count of all its pairs, and scores of removals against cases made by hand."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from math import isnan
from pathlib import Path

import numpy as np
import planted
import pytest
from numpy.testing import assert_allclose

DOCUMENTS = 240


@pytest.fixture(scope="module")
def corpus(made_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its texts."""
    return planted.plant(tmp_path_factory.mktemp("planted"), DOCUMENTS, [made_text])


def rows_of(texts: Path) -> list[dict[str, str]]:
    return [json.loads(line) for path in sorted(texts.iterdir()) for line in path.read_bytes().splitlines()]


def words_of(text: str) -> Iterator[str]:
    r"""What \w+ finds, character by character."""
    word = ""
    for character in text.lower() + " ":
        if character.isalnum() or character == "_":
            word += character
        elif word:
            yield word
            word = ""


def jaccards(texts: list[str]) -> dict[tuple[int, int], float]:
    """Of all pairs, whether alike or not."""
    sets = []
    for text in texts:
        words = list(words_of(text))
        sets.append({" ".join(words[i : i + 5]) for i in range(len(words) - 4)})
    return {
        (first, second): len(sets[first] & sets[second]) / len(sets[first] | sets[second])
        for first, second in combinations(range(len(sets)), 2)
    }


def test_truth_is_what_a_count_of_all_pairs_says(corpus: Path) -> None:
    expected = jaccards([row["text"] for row in rows_of(corpus)])
    truth = {(min(a, b), max(a, b)): jaccard for a, b, jaccard in planted.read_truth(corpus)}
    assert len(truth) == len(planted.read_truth(corpus)) > 50
    assert truth == {pair: expected[pair] for pair in truth}
    assert max(jaccard for pair, jaccard in expected.items() if pair not in truth) < 0.3


def test_every_document_stands_once_and_in_order(corpus: Path) -> None:
    assert [row["id"] for row in rows_of(corpus)] == [planted.document_id(number) for number in range(DOCUMENTS)]
    assert len(list(corpus.iterdir())) == planted.FILES
    assert all(len(row["text"]) > planted.MIN_LENGTH / 3 for row in rows_of(corpus))


def test_copies_spread_over_all_bins(corpus: Path) -> None:
    found = [jaccard for _, _, jaccard in planted.read_truth(corpus)]
    for low, high in planted.BINS:
        assert sum(low <= jaccard < high for jaccard in found) >= 3


def test_every_fifth_document_has_copies_of_which_one_in_20_is_exact(made_text: Path) -> None:
    words = (made_text / "a.txt").read_text(encoding="utf-8").split()
    texts = (" ".join(words[start : start + 200]) for start in range(0, 24_000, 12))
    found = list(planted.groups(texts, np.random.default_rng(4)))
    copies = [text == group[0] for group in found for text in group[1:]]
    assert max(map(len, found)) == 1 + planted.MAX_COPIES
    assert np.mean([len(group) > 1 for group in found]) == pytest.approx(0.19, abs=0.02)
    assert len(copies) / sum(map(len, found)) == pytest.approx(0.28, abs=0.03)
    assert np.mean(copies) == pytest.approx(0.055, abs=0.02)  # and a few whose edits came to nothing


def test_neither_case_nor_marks_make_texts_differ() -> None:
    assert planted.pairs_of(["The cat's HAT, of 7 É!", "the CAT s\nhat of «7» é"], [3, 4]) == [(3, 4, 1.0)]


def test_the_same_seed_gives_the_same_bytes_in_any_process(corpus: Path, made_text: Path, tmp_path: Path) -> None:
    command = [sys.executable, planted.__file__, tmp_path, "--documents", str(DOCUMENTS), "--text", made_text]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, check=True)
    assert f"{DOCUMENTS} documents" in done.stdout.decode()
    paths = [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*.jsonl"))]
    assert len(paths) == planted.FILES + 1
    assert all((tmp_path / path).read_bytes() == (corpus.parent / path).read_bytes() for path in paths)


def test_another_seed_gives_other_documents(corpus: Path, made_text: Path, tmp_path: Path) -> None:
    other = planted.plant(tmp_path, DOCUMENTS, [made_text], seed=2)
    assert {row["text"] for row in rows_of(other)}.isdisjoint(row["text"] for row in rows_of(corpus))


def test_edits_give_the_jaccard_that_is_asked_for(made_text: Path) -> None:
    words = (made_text / "a.txt").read_text(encoding="utf-8").split()
    rng = np.random.default_rng(3)
    for wanted in (0.55, 0.75, 0.95):
        edits = [planted.edited(" ".join(words[:1000]), wanted, " ".join(words[1000:2000]), rng) for _ in range(60)]
        found = [planted.pairs_of([" ".join(words[:1000]), edit], [0, 1])[0][2] for edit in edits]
        assert np.mean(found) == pytest.approx(wanted, abs=0.03)
        assert np.std(found) < 0.05


def test_of_too_little_text_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text(
        "a few words of text are not enough for documents of any length at all, are they"
    )
    with pytest.raises(SystemExit, match="not enough text"):
        next(planted.documents(1e6, [tmp_path], np.random.default_rng(1)))


def test_pieces_come_from_prose_and_docstrings_and_only_once(tmp_path: Path) -> None:
    said = "What one has to say is said here in a sentence of more than sixty characters, plainly."
    (tmp_path / "a.py").write_text(f'def f():\n    """{said}"""\n    return "{said.upper()[::-1]}"\n')
    (tmp_path / "b.txt").write_text(said.upper())
    (tmp_path / "c.md").write_text("Few words.")
    (tmp_path / "d.bin").write_text(said[::-1])
    assert list(planted.prose([tmp_path])) == [said]


IDS = [planted.document_id(number) for number in range(8)]
# 0, 1 and 2 are one group; 3 and 4 another; 5 and 6 are too far apart to count; 7 is alone.
PAIRS = [(0, 1, 1.0), (0, 2, 0.75), (1, 2, 0.7), (3, 4, 0.8), (5, 6, 0.6999)]


@pytest.mark.parametrize(
    ("removed", "recall", "precision"),
    [
        ([1], (1.0, 0.0, 0.5), 1.0),  # of 0 and 1, of 1 and 2
        ([1, 2, 4], (1.0, 1.0, 1.0), 1.0),
        ([3, 4], (0.0, 0.0, 0.5), 1.0),  # both of a pair: found once, and neither removal is for nothing
        ([5, 6, 7, 2], (1.0, 1.0, 0.0), 0.25),
        (range(8), (1.0, 1.0, 1.0), 5 / 8),
        ([], (0.0, 0.0, 0.0), float("nan")),
    ],
)
def test_score_of_removals(removed: list[int], recall: tuple[float, ...], precision: float) -> None:
    kept = {name for number, name in enumerate(IDS) if number not in removed}
    found = planted.score(PAIRS, IDS, kept)
    assert_allclose(found.recall, recall)
    assert_allclose(found.precision, precision)


def test_recall_of_a_bin_without_pairs_is_no_number() -> None:
    low, middle, high = planted.score([(0, 1, 0.75)], IDS, {*IDS[1:]}).recall
    assert isnan(low)
    assert middle == 1.0
    assert isnan(high)


def test_a_corpus_of_somebody_else_has_no_truth(tmp_path: Path) -> None:
    assert planted.read_truth(tmp_path / "texts") == []
