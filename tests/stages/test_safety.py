"""The stage `safety`: whom it scores, what its rules drop, and that weights are part of its fingerprint."""

from pathlib import Path

import pyarrow as pa
import pytest
from crawl import write_crawl

from curate.classify.model import load, pack
from curate.errors import RecipeError
from curate.plan import compile_plan
from curate.recipe import parse_recipe
from curate.rule import decide
from curate.stage import StageCall
from curate.stages.safety import check, safety, safety_rules

INSULT = "You are a complete idiot and everybody hates you, you stupid bitch."
HARMLESS = "The museum opens at nine on weekdays and shows paintings of the last century."


def scored(texts: list[str | None], langs: list[str | None]) -> pa.Array:
    return safety(pa.array(texts, pa.string()), pa.array(langs, pa.string()))["toxic_score"]


def test_offence_scores_high_and_is_dropped_for_it() -> None:
    found = scored([INSULT, HARMLESS, "这些外地人都是垃圾，滚出去", "博物馆工作日九点开门"], ["en", "en", "zh", "zh"])
    assert found.type == safety.adds["toxic_score"]
    bad, good, bad_zh, good_zh = found.to_pylist()
    assert min(bad, bad_zh) > 0.8
    assert max(good, good_zh) < 0.4
    rules = safety_rules(toxicity="toxicity")
    verdicts = decide(rules, {"toxic_score": found, "lang": pa.array(["en", "en", "zh", "zh"])}, 4)
    reasons = [rules[rule].reason if rule >= 0 else None for rule in verdicts.rule.tolist()]
    assert reasons == ["toxic_en", None, "toxic_zh", None]


def test_a_language_that_it_has_not_learned_has_no_score() -> None:
    assert scored([INSULT, INSULT, None, ""], ["de", None, "en", "zh"]).null_count == 4


def test_one_insult_in_a_long_page_is_not_the_page() -> None:
    (page,) = scored([f"{HARMLESS} " * 40 + INSULT], ["en"]).to_pylist()
    assert page < load("toxicity").thresholds["en"]


def test_other_weights_are_another_stage(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(pack(load("toxicity")._replace(thresholds={"": 0.5})))
    ours, own = ({"toxicity": name} for name in ("toxicity", str(path)))
    calls = [StageCall(safety, "safety", params, safety_rules(**params), check(**params)) for params in (ours, own)]
    assert calls[0].fingerprint != calls[1].fingerprint
    assert [rule.reason for rule in calls[1].rules] == ["toxic"]
    same = safety(pa.array([INSULT]), pa.array(["de"]), toxicity=str(path))["toxic_score"]
    assert same.to_pylist() == scored([INSULT], ["en"]).to_pylist(), "without languages it scores every text"


def test_weights_that_are_not_there_end_a_run_before_it_begins(tmp_path: Path) -> None:
    document = {
        "name": "x",
        "input": [{"name": "made", "root": str(write_crawl(tmp_path / "crawl"))}],
        "stage": [{"use": "extract"}, {"use": "language"}, {"use": "safety", "toxicity": "toxic"}],
    }
    with pytest.raises(RecipeError, match="did you mean 'toxicity'"):
        compile_plan(parse_recipe(document))


def test_no_documents() -> None:
    assert len(scored([], [])) == 0
