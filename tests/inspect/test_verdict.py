"""Ledger rows in words."""

import dataclasses
from typing import Any

import pytest

from curate.inspect.run_folder import RunFolder
from curate.inspect.verdict import broken, fate, no_text, numbers, place

ROW: dict[str, Any] = dict.fromkeys(
    ("doc_id", "source", "offset", "url", "verdict", "stage", "reason", "score", "threshold", "duplicate_of", "jaccard",
     "error")
)  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"verdict": "kept"}, "kept"),
        ({"verdict": "dropped", "stage": "rules", "reason": "few_words"}, "dropped by rules: few_words"),
        ({"verdict": "failed", "stage": "extract", "error": "timeout: 30 s"}, "failed by extract: timeout: 30 s"),
    ],
)
def test_fates(row: dict[str, Any], words: str) -> None:
    assert fate(ROW | row) == words


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"score": 12.0, "threshold": 50.0}, "12 < 50"),
        ({"score": 0.33333, "threshold": 0.3}, "0.3333 > 0.3"),
        ({"duplicate_of": "ab"}, "same as ab"),
        ({"duplicate_of": "ab", "jaccard": 0.8, "score": 0.8, "threshold": 0.7}, "Jaccard 0.8 ≥ 0.7 with ab"),
        ({"duplicate_of": "ab", "jaccard": 0.8}, "Jaccard 0.8 with ab"),
        ({}, ""),
    ],
)
def test_numbers_that_decided(row: dict[str, Any], words: str) -> None:
    assert numbers(ROW | row) == words


def test_a_close_decision_shows_the_digits_that_decided() -> None:
    """float32 0.3 one step up: four digits would read "0.3 > 0.3"."""
    assert broken(0.30000004172325134, 0.3) == "0.300000042 > 0.3"
    assert broken(10_000.4, 10_000) == "10000.4 > 10000"


def test_a_place_is_what_fetches_the_record() -> None:
    row = ROW | {"source": "in/a.gz", "offset": 7}
    assert place(row, {"file": "in/a.gz", "offset": 7, "length": 99}) == "in/a.gz, offset 7, 99 bytes as stored"
    assert place(row, {"file": "in/a.gz", "offset": 5, "length": None}) == "in/a.gz, offset 5"
    assert place(row, None) == "in/a.gz, offset 7"


def test_a_text_that_is_not_kept_is_told_from_one_that_never_was(made_run: RunFolder) -> None:
    assert no_text(made_run) == "there was no text"
    recipe = {**made_run.summary["recipe"], "output": {"keep_dropped_text": False}}
    run = dataclasses.replace(made_run, summary={**made_run.summary, "recipe": recipe})
    assert no_text(run).startswith("no text is stored: the recipe does not keep")
