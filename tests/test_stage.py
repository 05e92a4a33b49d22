"""A stage is a decorated function; it crosses processes as its import path."""

import pickle

import pyarrow as pa
import pytest

from curate.errors import RecipeError
from curate.rule import Rule
from curate.stage import StageCall, load_stage, stage


@stage(needs=["text"], adds={"exclamations": pa.float32()}, rules=[Rule("exclamations", "shouting", max=0.1)])
def exclamations(text: pa.StringArray, *, mark: str = "!") -> pa.Array:
    """Share of `mark` among the characters."""
    return pa.array([value.count(mark) / max(len(value), 1) for value in text.to_pylist()])


@stage(needs=["text"], adds={"a": pa.int32(), "b": pa.int32()}, rules=lambda limit=1: [Rule("a", "big", max=limit)])
def wrong(text: pa.StringArray, *, limit: int = 1) -> dict[str, pa.Array]:
    """Forgets a column."""
    return {"a": text}


def test_is_still_a_function_and_pickles_by_path() -> None:
    again = pickle.loads(pickle.dumps(exclamations))
    assert again is exclamations
    assert exclamations(pa.array(["!a"])).to_pylist() == [0.5]
    assert load_stage(exclamations.path) is exclamations


def test_results_are_cast_to_the_declared_types() -> None:
    added = StageCall(exclamations, "exclamations").apply({"text": pa.array(["!a", "bc"])})
    assert added["exclamations"].type == pa.float32()
    assert added["exclamations"].to_pylist() == [0.5, 0.0]


def test_a_missing_column_is_said_plainly() -> None:
    with pytest.raises(TypeError, match=r"'wrong' declares \['a', 'b'\] but returned \['a'\]"):
        StageCall(wrong, "wrong").apply({"text": pa.array(["x"])})


def test_rules_may_depend_on_parameters() -> None:
    assert wrong.rules_for({"limit": 7}) == (Rule("a", "big", max=7),)


def test_fingerprint_follows_parameters_and_rules() -> None:
    base = StageCall(exclamations, "e", {"mark": "!"})
    assert base.fingerprint == StageCall(exclamations, "e", {"mark": "!"}).fingerprint
    assert base.fingerprint != StageCall(exclamations, "e", {"mark": "?"}).fingerprint
    assert (
        base.fingerprint != StageCall(exclamations, "e", {"mark": "!"}, (Rule("exclamations", "r", max=1),)).fingerprint
    )


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(RecipeError, match="did you mean 'exclamations'"):
        load_stage(f"{__name__}:exclamation")
    with pytest.raises(RecipeError, match="cannot import"):
        load_stage("no.such.module:stage")
