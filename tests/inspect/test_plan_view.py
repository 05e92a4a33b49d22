"""What `curate plan` and `curate stages` print."""

import io

import pytest
from rich.console import Console

from curate.errors import RecipeError
from curate.inspect.plan import render_plan
from curate.inspect.stages import render_stage, render_stages, stage_help
from curate.plan import compile_plan, stage_names
from curate.recipe import parse_recipe
from curate.stages.score import score


def printed(width: int = 80) -> tuple[Console, io.StringIO]:
    page = io.StringIO()
    return Console(file=page, width=width), page


def test_plan_names_steps_columns_rules_and_exchanges_on_a_narrow_terminal() -> None:
    stages = [
        {"use": "extract"},
        {"use": "language", "languages": ["en", "no"], "resources": {"gpus": 0.5}},
        {"use": "score"},
        {"use": "rules", "pack": ["gopher"]},
        {"use": "fuzzy_dedup"},
    ]
    plan = compile_plan(parse_recipe({"name": "r", "input": [{"name": "i", "root": "/"}], "stage": stages}))
    console, page = printed(80)
    render_plan(plan, console)
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for expected in (
        "00-extract", "language_not_in_scope unless lang en, no", "gopher_few_words unless word_count ≥ 50 (en)",
        "reads url, html, charset",
        f"and {len(score.adds) - 12} more",
        "01-score each worker has 0.5 GPU, as far as there is", "03-fuzzy_dedup 9 exchanges", "4 steps, 9 exchanges",
    ):  # fmt: skip
        assert expected in text, expected


@pytest.mark.parametrize("name", stage_names())
def test_every_stage_says_what_it_does(name: str) -> None:
    stage = stage_help(name)
    assert stage.about
    assert stage.details
    console, page = printed(100)
    render_stage(name, console)
    for parameter, _, _ in stage.parameters:
        assert parameter in page.getvalue()


def test_all_stages_are_listed_and_unknown_ones_refused() -> None:
    console, page = printed(100)
    render_stages(console)
    assert all(name in page.getvalue() for name in stage_names())
    with pytest.raises(RecipeError, match="did you mean 'extract'"):
        render_stage("extrct", console)
