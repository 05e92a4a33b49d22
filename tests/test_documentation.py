"""The documentation against the code: names in it exist, names in the code are in it, its example runs."""

import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest
import typer

from curate.cli import app
from curate.inspect.stages import stages_markdown
from curate.parts import PART_BYTES
from curate.plan import compile_plan
from curate.publish import SHARD_BYTES
from curate.recipe import (
    InputTable,
    OutputTable,
    ResourcesTable,
    RuleTable,
    StageTable,
    TokensTable,
    load_recipe,
    parse_recipe,
)
from curate.rule import decide
from curate.schema import DOC, LEDGER

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "pipelines").glob("*.toml"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def section(page: str, heading: str) -> str:
    """The text below a `## heading`."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(table: str) -> set[str]:
    """All names in backquotes in the first column."""
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("`[[input]]`", InputTable),
        ("`[[stage]]`", StageTable),
        ("`resources` of a stage", ResourcesTable),
        ("`[[stage.rules]]`", RuleTable),
        ("`[output]`", OutputTable),
        ("`[tokens]`", TokensTable),
    ],
)
def test_every_key_of_a_recipe_is_documented(heading: str, table: type) -> None:
    assert first_cells(section("recipe.md", heading)) == set(table.model_fields)


def test_documented_defaults_are_the_defaults() -> None:
    numbers = re.findall(r"\| `(\w+)` \| ([\d.,]+)( MiB)? \|", (ROOT / "docs/recipe.md").read_text(encoding="utf-8"))
    assert len(numbers) >= 6
    fields = OutputTable.model_fields | TokensTable.model_fields
    for key, number, unit in numbers:
        value = float(number.replace(",", "")) * (1 << 20 if unit else 1)
        assert value == fields[key].default, key


def test_documented_sizes_are_those_of_parts_and_shards() -> None:
    ranges = re.findall(r"`(\w+)_bytes` \| (\d+) to (\d+) MiB", (ROOT / "docs/recipe.md").read_text(encoding="utf-8"))
    found = {name: (int(least) << 20, int(most) << 20) for name, least, most in ranges}
    assert found == {"part": PART_BYTES, "shard": SHARD_BYTES}


def test_the_page_about_stages_is_the_code() -> None:
    assert (ROOT / "docs/stages.md").read_text(encoding="utf-8") == stages_markdown(), (
        "curate stages --markdown > docs/stages.md"
    )


def test_every_column_is_documented() -> None:
    assert first_cells(section("output.md", "Corpus")) == set(DOC.names)
    assert first_cells(section("output.md", "Ledger")) == set(LEDGER.names)


@pytest.mark.parametrize("page", ["docs/recipe.md", "README.md"])
def test_the_recipe_in_the_documentation_is_one(page: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert parse_recipe(tomllib.loads(blocks[0])).name == "web"


def test_the_stage_in_the_documentation_works() -> None:
    module = ModuleType("documented_stage")
    sys.modules[module.__name__] = module
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    exec(compile(code, "extending.md", "exec"), module.__dict__)
    text = pa.array(["Buy! Now!!", "A calm sentence, and no more than that.", ""])
    scores = module.exclamations(text)
    assert scores.cast(pa.float32()).to_pylist() == [pytest.approx(0.3), 0.0, None]
    verdicts = decide(module.exclamations.rules_for({}), {"exclamations": scores.cast(pa.float32())}, 3)
    assert verdicts.rule.tolist() == [0, -1, -1]
    assert verdicts.not_applicable == {"shouting": 1}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_recipes_that_come_with_curate_have_a_plan(recipe: Path) -> None:
    plan = compile_plan(load_recipe(recipe))
    assert plan.recipe.name == recipe.stem
    assert plan.corpus_schema.names[:4] == DOC.names[:4]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    group = typer.main.get_command(app)
    known = set(group.commands)
    named = set(re.findall(r"\bcurate ([a-z]+)\b(?= [A-Z./]|`| --)", page.read_text(encoding="utf-8")))
    assert named <= known
    targets = set(re.findall(r"\bmake ([a-z]+)\b(?=`|\s+#|$)", page.read_text(encoding="utf-8"), re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
