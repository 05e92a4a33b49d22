"""A recipe is checked to the last key before anything is read."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curate.errors import RecipeError
from curate.plan import MapStep, compile_plan
from curate.recipe import RecipePath, load_recipe, parse_recipe
from curate.resources import USUAL, Resources, together
from curate.rule import Rule
from curate.stage import stage


@stage(needs=["text"], adds={"shouting": pa.float32()}, rules=[Rule("shouting", "loud", max=0.1)])
def shouting(text: pa.StringArray, *, mark: str = "!", weights: tuple[float, ...] = ()) -> pa.Array:
    """Share of exclamation marks."""
    return pa.array([value.count(mark) / max(len(value), 1) for value in text.to_pylist()])


@stage(needs=["text"], adds={"shouting": pa.float32()})
def also_shouting(text: pa.StringArray) -> pa.Array:
    """Another stage that claims the same column."""
    return pa.nulls(len(text), pa.float32())


def fingerprint_of_list(*, words: str) -> str:
    """What `listed` depends on."""
    return Path(words).read_text()


@stage(needs=["text"], adds={"listed": pa.float32()}, check=fingerprint_of_list)
def listed(text: pa.StringArray, *, words: RecipePath) -> pa.Array:
    """A stage that reads a file."""
    return pa.nulls(len(text), pa.float32())


@stage(needs=["text"], adds={"depth": pa.float32()}, resources=Resources(gpus=1, memory_bytes=4 << 30))
def deep(text: pa.StringArray) -> pa.Array:
    """A stage that wants a GPU."""
    return pa.nulls(len(text), pa.float32())


@stage(needs=["html"], adds={"images": pa.int32()}, resources=Resources(cpus=4))
def pictures(html: pa.BinaryArray) -> pa.Array:
    """A stage that wants the page, and cores."""
    return pa.nulls(len(html), pa.int32())


OWN = f"{__name__}:shouting"
DEEP = f"{__name__}:deep"


def recipe(*stages: dict[str, Any], **tables: Any) -> Any:
    return {"name": "r", "input": [{"name": "i", "root": "."}], "stage": list(stages), **tables}


def rejected(document: Any, match: str) -> None:
    with pytest.raises(RecipeError, match=match):
        compile_plan(parse_recipe(document))


def test_unknown_keys_get_a_hint() -> None:
    rejected(recipe({"use": "extract"}, output={"part_byte": 1}), r"output.part_byte.*did you mean 'part_bytes'")
    rejected(recipe({"use": "extract", "bakend": "x"}), "no parameter 'bakend'.*did you mean 'backend'")
    rejected(recipe({"use": "extrac"}), "no stage 'extrac'.*did you mean 'extract'")
    rejected({**recipe({"use": "extract"}), "tokns": {}}, "'tokns'.*did you mean 'tokens'")
    wrong_rule = {"use": OWN, "rules": [{"score": "shouting", "reason": "x", "maxx": 1}]}
    rejected(recipe(wrong_rule), "did you mean 'max'")
    rejected(recipe({"use": OWN, "resources": {"gpu": 1}}), r"stage.0.resources.gpu'.*did you mean 'gpus'")
    rejected(recipe({"use": OWN, "retune": {"lowd": {"max": 1}}}), "no rule 'lowd'.*did you mean 'loud'")


def test_parameters_are_typed() -> None:
    rejected(recipe({"use": OWN, "weights": ["a lot"]}), "weights")
    rejected(recipe({"use": OWN, "mark": 3}), "mark")


def test_columns_must_come_from_somewhere() -> None:
    rejected(recipe({"use": "score"}), "'score' needs the column 'lang'")
    rejected(recipe({"use": OWN}, {"use": f"{__name__}:also_shouting"}), "adds the column 'shouting'")
    rejected(recipe({"use": OWN}, {"use": OWN}), "two stages are named 'shouting'")
    rejected(recipe({"use": "exact_dedup"}, {"use": "extract"}), "move it up")


def test_a_stage_may_be_used_again_under_another_name() -> None:
    again = recipe({"use": OWN}, {"use": OWN, "name": "again"}, {"use": "exact_dedup"}, {"use": OWN, "name": "third"},
                   {"use": "exact_dedup", "name": "once_more"})  # fmt: skip
    names = [call.name for step in compile_plan(parse_recipe(again)).steps if isinstance(step, MapStep)
             for call in step.calls]  # fmt: skip
    assert names == ["shouting", "again", "exact_dedup.content_id", "third", "once_more.content_id"]


def test_paths_of_stages_begin_at_the_recipe_and_their_files_count(tmp_path: Path) -> None:
    words, path = tmp_path / "words.txt", tmp_path / "r.toml"
    path.write_text(
        f'name = "r"\n[[input]]\nname = "i"\nroot = "."\n[[stage]]\nuse = "{__name__}:listed"\nwords = "words.txt"\n'
    )
    found = set()
    for content in ("a", "b", "b"):
        words.write_text(content)
        step = compile_plan(load_recipe(path)).steps[0]
        assert isinstance(step, MapStep)
        assert step.calls[0].params["words"] == str(words)
        found.add(step.fingerprint)
    assert len(found) == 2


def test_what_a_stage_reads_is_in_its_fingerprint(tmp_path: Path) -> None:
    urls, pack, path = tmp_path / "bad.txt", tmp_path / "own.toml", tmp_path / "r.toml"
    path.write_text(
        'name = "r"\n[[input]]\nname = "i"\nroot = "."\n[[stage]]\nuse = "urls"\nurls = ["bad.txt"]\n'
        '[[stage]]\nuse = "language"\n[[stage]]\nuse = "rules"\npack = ["./own.toml"]\n'
    )
    pack.write_text('name = "own"\nlanguages = ["en"]\n[[rules]]\nscore = "lang_score"\nreason = "r"\nmin = 0.5\n')
    fingerprints = set()
    for content in ("http://a.example/\n", "http://a.example/\nhttp://b.example/\n"):
        urls.write_text(content)
        fingerprints.add(compile_plan(load_recipe(path)).steps[-1].fingerprint)
    assert len(fingerprints) == 2


def test_a_wide_stage_is_checked_before_anything_runs() -> None:
    rejected(recipe({"use": "fuzzy_dedup", "bands": 30}), "30 bands of 6 rows need 180 hashes")
    rejected(recipe({"use": "exact_dedup", "policy": "oldest"}), "policy")
    rejected(recipe({"use": "exact_dedup", "name": "a.b"}), "name")


def test_rules_can_be_replaced_added_and_retuned() -> None:
    own = [{"score": "shouting", "reason": "loud", "max": 0.5}, {"score": "shouting", "reason": "quiet", "min": 0.01}]
    plan = compile_plan(parse_recipe(recipe({"use": OWN, "rules": own, "retune": {"quiet": {"min": 0.02}}})))
    step = plan.steps[0]
    assert isinstance(step, MapStep)
    assert step.calls[0].rules == (Rule("shouting", "loud", max=0.5), Rule("shouting", "quiet", min=0.02))


def test_set_changes_parameters_rules_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f'name = "r"\n[[input]]\nname = "i"\nroot = "pages"\n[[stage]]\nuse = "{OWN}"\n')
    sets = ["shouting.mark=?", "shouting.loud.max=0.3", "output.part_bytes=5000"]
    changed = load_recipe(path, sets=sets)
    step = compile_plan(changed).steps[0]
    assert isinstance(step, MapStep)
    assert step.calls[0].params == {"mark": "?", "weights": ()}
    assert step.calls[0].rules[0].max == 0.3
    assert changed.output.part_bytes == 5000
    assert changed.input[0].root == str(tmp_path / "pages")
    with pytest.raises(RecipeError, match=r"no stage 'shoutin'.*did you mean 'shouting'"):
        load_recipe(path, sets=["shoutin.mark=?"])
    with pytest.raises(RecipeError, match=r"write stage\.parameter=value"):
        load_recipe(path, sets=["mark"])


def test_input_on_the_command_line_replaces_the_recipes(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('name = "r"\n[[stage]]\nuse = "extract"\n')
    with pytest.raises(RecipeError, match=r"no \[\[input\]\]"):
        load_recipe(path)
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "a.html").write_text("<p>a</p>")
    (pages / "b.html").write_text("<p>b</p>")
    loaded = load_recipe(path, [str(pages / "a.html"), str(pages / "b.html")])
    assert [(table.name, len(table.paths)) for table in loaded.input] == [("pages", 2)]


def test_a_broken_file_is_said_to_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("name = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(path)
    with pytest.raises(RecipeError, match="cannot read recipe"):
        load_recipe(tmp_path / "missing.toml")


def test_fingerprints_follow_what_a_step_depends_on() -> None:
    def fingerprints(mark: str) -> list[str]:
        steps = compile_plan(parse_recipe(recipe({"use": "extract"}, {"use": OWN, "mark": mark}))).steps
        return [step.fingerprint for step in steps]

    first, second = fingerprints("!"), fingerprints("?")
    assert first[0] == second[0]
    assert first[1] != second[1]


def steps_of(*stages: dict[str, Any]) -> list[tuple[list[str], Resources]]:
    """The map steps' stages and what they ask for."""
    steps = compile_plan(parse_recipe(recipe(*stages))).steps
    return [([call.name for call in step.calls], step.resources) for step in steps if isinstance(step, MapStep)]


def test_a_stage_that_asks_for_more_than_is_usual_has_a_step_of_its_own() -> None:
    asked = Resources(gpus=1, memory_bytes=4 << 30)
    again = {"use": DEEP, "name": "deeper"}
    assert steps_of({"use": "language"}, {"use": DEEP}, again, {"use": OWN}) == [
        (["language"], USUAL), (["deep"], asked), (["deeper"], asked), (["shouting"], USUAL)
    ]  # fmt: skip
    assert steps_of({"use": DEEP}, {"use": OWN}) == [(["deep"], asked), (["shouting"], USUAL)]
    assert steps_of({"use": DEEP}, {"use": "html_dedup"}) == [
        (["html_dedup.html_id"], USUAL), (["deep"], asked)
    ], "what is prepared from pages does not occupy a GPU"  # fmt: skip


def test_a_stage_that_wants_pages_in_a_step_of_its_own_reads_them_again() -> None:
    steps = compile_plan(parse_recipe(recipe({"use": "language"}, {"use": f"{__name__}:pictures"}, {"use": OWN}))).steps
    assert [step.reads_again for step in steps if isinstance(step, MapStep)] == [(), ("html",), ()]


def test_a_recipe_changes_what_a_stage_asks_for_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    tables = "".join(f'[[stage]]\nuse = "{use}"\n' for use in (OWN, DEEP))
    path.write_text(f'name = "r"\n[[input]]\nname = "i"\nroot = "."\n{tables}resources = {{ gpus = 0.5 }}\n')
    more = ["deep.resources.gpus=2", "shouting.resources.memory_bytes=8", "shouting.resources.cpus=3"]
    plain, changed = (compile_plan(load_recipe(path, sets=sets)).steps for sets in ([], more))
    assert [step.resources for step in plain if isinstance(step, MapStep)] == [USUAL, Resources(1, 0.5, 4 << 30)]
    assert [step.resources for step in changed if isinstance(step, MapStep)] == [
        Resources(3, 0, 8), Resources(1, 2, 4 << 30)
    ]  # fmt: skip
    assert [step.fingerprint for step in plain] == [step.fingerprint for step in changed]


def test_resources_that_no_worker_can_have_are_refused() -> None:
    rejected(
        recipe({"use": OWN, "resources": {"gpus": 1.5}}), "stage 'shouting': resources: gpus = 1.5: whole ones, or"
    )
    rejected(recipe({"use": OWN, "resources": {"cpus": 0}}), "resources.cpus")
    rejected(recipe({"use": "exact_dedup", "resources": {"gpus": 1}}), "stage 'exact_dedup' compares documents")
    with pytest.raises(ValueError, match="cpus are 1 or more"):
        Resources(memory_bytes=-1)


def test_stages_of_one_step_share_a_worker() -> None:
    assert together([]) == USUAL
    assert together([Resources(2, 0.5, 5), USUAL, Resources(1, 1, 7)]) == Resources(2, 1, 12)
    assert str(Resources(2, 1, 3 << 29)) == "2 cores, 1 GPU, 1.5 GiB of memory"
