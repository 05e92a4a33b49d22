"""The `rules` stage: packs in order, languages, reasons, and messages for what is wrong in a pack."""

from pathlib import Path

import pyarrow as pa
import pytest

from curate.errors import RecipeError
from curate.rule import Rule, decide
from curate.stage import StageCall
from curate.stages.rules import load_pack, pack_rules, rules

PACK = """
name = "mine"
languages = ["en", "de"]
[[rules]]
score = "word_count"
min = 5
reason = "few_words"
[[rules]]
score = "word_count"
max = 9
reason = "many_words"
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_load_pack(tmp_path: Path) -> None:
    title, languages, own = load_pack(write(tmp_path, PACK))
    assert (title, languages) == ("mine", ("en", "de"))
    assert own == (
        Rule("word_count", "mine_few_words", min=5, langs=("en", "de")),
        Rule("word_count", "mine_many_words", max=9, langs=("en", "de")),
    )


def test_packs_keep_their_order_behind_the_languages() -> None:
    first, *others = pack_rules(pack=["fineweb2_zh", "gopher"])
    assert first == Rule("lang", "unsupported_language", any_of=("en", "zh"))
    assert others == [*load_pack("fineweb2_zh")[2], *load_pack("gopher")[2]]


def test_reasons_name_what_is_wrong(tmp_path: Path) -> None:
    call = StageCall(rules, "rules", {"pack": ()}, pack_rules(pack=[write(tmp_path, PACK)]))
    columns = {"lang": pa.array(["en", "de", "en", "fr", None]), "word_count": pa.array([3, 12, 9, 3, 3], pa.int32())}
    assert call.apply(columns) == {}, "it adds nothing"
    verdicts = decide(call.rules, columns, 5)
    reasons = [call.rules[rule].reason if rule >= 0 else None for rule in verdicts.rule]
    assert reasons == ["mine_few_words", "mine_many_words", None, "unsupported_language", None]
    assert verdicts.not_applicable["unsupported_language"] == 1, "a language that is not known is counted"


def test_other_languages_may_have_a_stage_of_their_own() -> None:
    """Two stages with packs for different languages: the first must not drop what the second is for."""
    columns = {"lang": pa.array(["zh"]), **{name: pa.array([None], pa.float32()) for name in needed("gopher")}}
    assert decide(pack_rules(pack=["gopher"]), columns, 1).rule[0] == 0
    assert decide(pack_rules(pack=["gopher"], other_languages="keep"), columns, 1).rule[0] == -1


def needed(pack: str) -> set[str]:
    return {rule.score for rule in load_pack(pack)[2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PACK.replace("reason", "reasn", 1), "unknown key 'reasn' in a rule .did you mean 'reason'"),
        (PACK.replace("name =", "title = 'x'\nname ="), "unknown key 'title'"),
        (PACK.replace('name = "mine"', ""), "needs name, languages"),
        (PACK.replace('score = "word_count"\nmin', "min"), "a rule needs score and reason"),
        (PACK.replace("min = 5", 'min = "5"'), "min must be a number"),
        (PACK.replace("min = 5", ""), "has neither min, max nor any_of"),
        (PACK.replace('["en", "de"]', '"en"'), "languages must be a list"),
        (PACK.replace("few_words", "Few words"), "reason must be snake_case"),
        ("name = ", "is not valid TOML"),
    ],
)
def test_mistakes_in_a_pack(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_pack(write(tmp_path, text))


def test_unknown_packs() -> None:
    with pytest.raises(RecipeError, match=r"no pack 'gophr' .did you mean 'gopher'"):
        pack_rules(pack=["gophr"])
    with pytest.raises(RecipeError, match="cannot read"):
        load_pack("nowhere/mine.toml")
    with pytest.raises(RecipeError, match="named twice"):
        pack_rules(pack=["gopher", "gopher"])
