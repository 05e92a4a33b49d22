"""Settings that differ between two runs."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from curate.inspect.run_folder import RunFolder
from curate.inspect.settings import Setting, differing_settings
from curate.plan import compile_plan
from curate.recipe import parse_recipe
from curate.run import _stage_summaries

BASE: dict[str, Any] = {
    "name": "web",
    "input": [{"name": "in", "root": "/crawl"}],
    "stage": [
        {"use": "extract"},
        {"use": "language", "languages": ["en", "zh"]},
        {"use": "score"},
        {"use": "rules", "pack": ["gopher"]},
        {"use": "fuzzy_dedup"},
    ],
}


def with_stage(use: str, **params: Any) -> dict[str, Any]:
    """BASE with more parameters for a stage."""
    stages = [{**table, **params} if table["use"] == use else table for table in BASE["stage"]]
    return {**BASE, "stage": stages}


def as_run(made: RunFolder, recipe: Mapping[str, Any], **versions: str) -> RunFolder:
    """The made run with the recipe and the stages of another."""
    plan = compile_plan(parse_recipe(recipe))
    stages = json.loads(json.dumps(_stage_summaries(plan)))
    summary = {**made.summary, "recipe": plan.recipe.model_dump(mode="json"), "stages": stages}
    return dataclasses.replace(made, summary={**summary, "versions": {"python": "3.11", **versions}})


def differences(made: RunFolder, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Setting]:
    return differing_settings(as_run(made, a), as_run(made, b))


def test_equal_recipes_differ_in_nothing(made_run: RunFolder) -> None:
    assert differences(made_run, BASE, BASE) == []


def test_a_default_that_is_written_out_is_no_difference(made_run: RunFolder) -> None:
    assert differences(made_run, BASE, with_stage("extract", backend="trafilatura")) == []


def test_a_parameter_has_its_default_where_a_recipe_is_silent(made_run: RunFolder) -> None:
    found = differences(made_run, BASE, with_stage("extract", backend="resiliparse"))
    assert found == [Setting("extract.backend", "trafilatura", "resiliparse")]


def test_a_threshold_that_was_changed_has_its_old_value(made_run: RunFolder) -> None:
    """The old one stands in the pack, in neither recipe; the key is what `--set` takes."""
    changed = with_stage("rules", retune={"gopher_few_words": {"min": 30.0}})
    assert differences(made_run, BASE, changed) == [Setting("rules.gopher_few_words.min", 50, 30.0)]
    assert differences(made_run, changed, BASE) == [Setting("rules.gopher_few_words.min", 30.0, 50)]
    same = with_stage("rules", retune={"gopher_few_words": {"min": 50.0}})
    assert differences(made_run, BASE, same) == []


def test_a_rule_that_only_one_run_has(made_run: RunFolder) -> None:
    mine = with_stage("rules", rules=[{"score": "digit_char_ratio", "reason": "many_digits", "max": 0.3}])
    assert differences(made_run, BASE, mine) == [
        Setting("rules.many_digits.score", None, "digit_char_ratio"),
        Setting("rules.many_digits.max", None, 0.3),
    ]


def test_lists_and_inputs_are_compared_whole(made_run: RunFolder) -> None:
    other = {**with_stage("language", languages=["en"]), "input": [{"name": "in", "root": "/elsewhere"}]}
    assert differences(made_run, BASE, other) == [
        Setting("input.in.root", "/crawl", "/elsewhere"),
        Setting("language.languages", ["en", "zh"], ["en"]),
    ]


def test_a_stage_that_only_one_run_has(made_run: RunFolder) -> None:
    shorter = {**BASE, "stage": BASE["stage"][:-1]}
    found = {setting.key: (setting.a, setting.b) for setting in differences(made_run, BASE, shorter)}
    assert found["stages"] == (["extract", "language", "score", "rules", "fuzzy_dedup"],
                               ["extract", "language", "score", "rules"])  # fmt: skip
    assert found["fuzzy_dedup.use"] == ("fuzzy_dedup", None)


def test_a_stage_goes_by_the_name_that_the_recipe_gives_it(made_run: RunFolder) -> None:
    named = {**BASE, "stage": [{**BASE["stage"][0], "name": "main_text", "backend": "resiliparse"}, *BASE["stage"][1:]]}
    again = {**named, "stage": [{**named["stage"][0], "backend": "trafilatura"}, *named["stage"][1:]]}
    assert differences(made_run, named, again) == [Setting("main_text.backend", "resiliparse", "trafilatura")]


def test_tokens_and_versions(made_run: RunFolder) -> None:
    a = as_run(made_run, {**BASE, "tokens": {"vocab_size": 1000}}, trafilatura="1")
    b = as_run(made_run, {**BASE, "tokens": {"vocab_size": 2000}}, trafilatura="2")
    assert differing_settings(a, b) == [
        Setting("tokens.vocab_size", 1000, 2000),
        Setting("versions.trafilatura", "1", "2"),
    ]
