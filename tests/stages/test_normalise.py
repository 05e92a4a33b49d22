"""The `normalise` stage: an edit that is counted, and a drop only where nothing is left."""

import pyarrow as pa

from curate.rule import decide
from curate.stage import StageCall
from curate.stages.normalise import normalise


def test_counts_and_verdict() -> None:
    call = StageCall(normalise, "normalise", {}, normalise.rules_for({}))
    added = call.apply({"text": pa.array(["a\u200bb\n\n\n\nc", "\u200b\n ", "", None, "same"])})
    assert added["text"].to_pylist() == ["ab\n\nc", "", "", "", "same"]
    assert added["normalise_removed_chars"].to_pylist() == [3, 3, 0, 0, 0]
    assert added["normalise_chars"].to_pylist() == [5, 0, 0, 0, 4]
    verdicts = decide(call.rules, added, 5)
    assert [call.rules[rule].reason if rule >= 0 else None for rule in verdicts.rule] == [
        None, "empty_text", "empty_text", "empty_text", None,
    ]  # fmt: skip


def test_composition_that_makes_a_text_longer_removes_nothing() -> None:
    added = normalise(pa.array(["\u0958"]))
    assert added["text"].to_pylist() == ["\u0915\u093c"]
    assert added["normalise_removed_chars"].to_pylist() == [0]


def test_code_keeps_its_characters() -> None:
    code = "def f():\n\n\n\n\treturn\u00a0'ﬁ'\n"
    parameters = {"compose": False, "spaces": False, "blank_lines": False}
    assert normalise(pa.array([code]), **parameters)["text"].to_pylist() == [code]
