"""Every stage and every recipe gives the same data on every engine. New stages and recipes are found by themselves."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from adversary import AdversaryEngine

from curate.digest import digest_run
from curate.engines import Engine
from curate.engines.local import LocalEngine
from curate.errors import RecipeError
from curate.inspect.report import write_report
from curate.plan import compile_plan, stage_names
from curate.progress import Silent
from curate.recipe import load_recipe, parse_recipe
from curate.run import run

PIPELINES = Path(__file__).parents[2] / "pipelines"
RECIPES = sorted(PIPELINES.glob("*.toml"))
OTHERS = ["adversary", "ray", "spark"]
# A task costs nothing on some engines, and a tenth of a second on others.
PART_BYTES = {AdversaryEngine: 8 << 10}
OTHER_PART_BYTES = 48 << 10
# The order in which stages that supply columns to others are tried.
SUPPLIERS = ("extract", "language", "normalise", "score")
# What a stage cannot do without: questions that are sentences of the made crawl.
HELD_OUT = Path(__file__).with_name("held_out.jsonl")
REQUIRED: dict[str, dict[str, Any]] = {"decontaminate": {"benchmarks": [str(HELD_OUT)]}}


def example(use: str) -> dict[str, Any]:
    """A stage table as some recipe of ours has it, else without parameters."""
    for path in RECIPES:
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["stage"]:
            if table["use"] == use:
                return dict(table)
    return {"use": use, **REQUIRED.get(use, {})}


def recipe_for(use: str, crawl: Path) -> dict[str, Any]:
    """The shortest recipe in which a stage has the columns it needs."""
    document: dict[str, Any] = {
        "name": use,
        "input": [{"name": "made", "root": str(crawl)}],
        "output": {"max_failed_ratio": 1.0},
    }
    for length in range(len(SUPPLIERS) + 1):
        before = [name for name in SUPPLIERS[:length] if name != use]
        document["stage"] = [*(example(name) for name in before), example(use)]
        try:
            compile_plan(parse_recipe(document))
        except RecipeError:
            continue
        return document
    raise AssertionError(f"no recipe supplies what stage {use!r} needs")


def digest_on(engine: Engine, document: Mapping[str, Any], out: Path) -> dict[str, str]:
    result = run(compile_plan(parse_recipe(document)), out, engine, Silent())
    assert result.totals["records_in"] > 50
    return digest_run(out)


@pytest.mark.parametrize("engine", OTHERS, indirect=True)
@pytest.mark.parametrize("use", stage_names())
def test_stage(use: str, engine: Engine, made_crawl: Path, tmp_path: Path) -> None:
    document = recipe_for(use, made_crawl)
    expected = digest_on(LocalEngine(1), document, tmp_path / "local")
    part_bytes = PART_BYTES.get(type(engine), OTHER_PART_BYTES)
    small_parts = {**document, "output": {**document["output"], "part_bytes": part_bytes}}
    assert digest_on(engine, small_parts, tmp_path / "other") == expected


@pytest.mark.parametrize("engine", OTHERS, indirect=True)
def test_the_report(engine: Engine, made_crawl: Path, tmp_path: Path) -> None:
    """Made by the engine of the run: all is the same but seconds, and the recipe, which says how large a part is."""
    document = recipe_for("rules", made_crawl)
    document["stage"] += [{"use": "exact_dedup"}, {"use": "fuzzy_dedup"}]
    expected = report_on(LocalEngine(1), document, tmp_path / "local")
    document["output"] = {**document["output"], "part_bytes": PART_BYTES.get(type(engine), OTHER_PART_BYTES)}
    assert report_on(engine, document, tmp_path / "other") == expected


def report_on(engine: Engine, document: Mapping[str, Any], out: Path) -> str:
    plan = compile_plan(parse_recipe(document))
    run(plan, out, engine, Silent(), afterwards=lambda place: write_report(out, place))
    html = (out / "report.html").read_text(encoding="utf-8")
    told, cut, _ = html.partition('id="throughput"')
    assert cut
    assert "near_duplicate" in told
    return told


@pytest.mark.parametrize("engine", OTHERS, indirect=True)
def test_stages_used_twice(engine: Engine, made_crawl: Path, tmp_path: Path) -> None:
    document = recipe_for("exact_dedup", made_crawl)
    again = [
        {"use": "normalise", "citations": True},
        {"use": "exact_dedup", "name": "first"},
        {"use": "normalise", "name": "once_more", "compose": False},
        {"use": "exact_dedup", "policy": "earliest"},
        {"use": "fuzzy_dedup"},
    ]
    document["stage"] = [*(table for table in document["stage"] if table["use"] == "extract"), *again]
    expected = digest_on(LocalEngine(1), document, tmp_path / "local")
    assert digest_on(engine, document, tmp_path / "other") == expected


@pytest.mark.parametrize("engine", OTHERS, indirect=True)
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe(path: Path, engine: Engine, made_crawl: Path, tmp_path: Path) -> None:
    part_bytes = PART_BYTES.get(type(engine), OTHER_PART_BYTES)
    changes = ["output.max_failed_ratio=1.0", f"output.part_bytes={part_bytes}"]
    digests = []
    for carrier in (LocalEngine(2), engine):
        recipe = load_recipe(path, [str(made_crawl)], changes[: len(digests) + 1])
        out = tmp_path / str(len(digests))
        run(compile_plan(recipe), out, carrier, Silent())
        digests.append(digest_run(out))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("engine", OTHERS, indirect=True)
def test_fuzzy_dedup_in_rounds(engine: Engine, made_crawl: Path, tmp_path: Path) -> None:
    """No edge is left to a last task: each round is a pair of exchanges, and what they decide does not show."""
    document = recipe_for("fuzzy_dedup", made_crawl)
    expected = digest_on(LocalEngine(1), document, tmp_path / "local")
    document["stage"][-1] |= {"finish_rows": 0}
    assert digest_on(engine, document, tmp_path / "other") == expected
