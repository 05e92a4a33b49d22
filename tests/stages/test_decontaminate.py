"""The stage `decontaminate`: planted questions, whole and edited, against a plain search; files, evidence, verdicts."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import sentences

from curate.errors import RecipeError
from curate.plan import compile_plan
from curate.recipe import load_recipe
from curate.rule import decide
from curate.stage import StageCall, parameters_of
from curate.stages.decontaminate import decontaminate

QUESTION = (
    "A plano convex lens of focal length 20 cm is silvered on its plane face, and an engineer wants to replace the "
    "combination by a single mirror that works the same way for light from the curved side; which type of mirror is "
    "it, and what must its focal length be in centimetres?"
)
ANSWER = "a concave mirror of focal length ten"
CHINESE = (
    "小明家离学校有一千二百米，他每分钟走六十米，走了五分钟以后发现忘了带课本，"
    "于是回家去拿，问他一共走了多少米才到学校？"
)
PLAIN = " ".join(sentences(1, 30))


@pytest.fixture
def held_out(tmp_path: Path) -> str:
    rows = [
        {
            "question": "Which of these is a bird that cannot fly but swims very well?",
            "choices": ["an eagle", "a penguin of the south"], "answer": 1,
        },
        {"question": QUESTION, "answer": ANSWER},
        {"question": CHINESE},
    ]  # fmt: skip
    path = tmp_path / "evals" / "made.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return str(path)


def found(text: str | None, path: str, **parameters: Any) -> dict[str, Any]:
    columns = decontaminate(pa.array([text], pa.string()), benchmarks=(path,), **parameters)
    assert {name: values.type for name, values in columns.items()} == dict(decontaminate.adds)
    return {name.removeprefix("contamination_"): values[0].as_py() for name, values in columns.items()}


def within(middle: str) -> str:
    return f"{PLAIN}\n{middle}\n{' '.join(sentences(2, 30))}"


def test_verbatim_with_evidence(held_out: str) -> None:
    text = within(f"Q: {QUESTION.upper()} A: {ANSWER}.")
    match = found(text, held_out)
    assert match["score"] == 1
    assert match["source"] == "evals/made.jsonl:2"
    assert text[match["start"] : match["stop"]] == QUESTION.upper().rstrip("?")
    assert match["passage"] == QUESTION.upper()[:200]


def test_only_the_question_and_only_the_answer(held_out: str) -> None:
    assert found(within(QUESTION), held_out)["score"] == 1
    short = "Which of these is a bird that cannot fly but swims very well?"
    assert 0 < found(within(short), held_out)["score"] <= 0.8
    assert found(within(f"{short} (A) an eagle (B) a penguin of the south"), held_out)["score"] == 1
    assert found(within(ANSWER), held_out)["score"] == 0


def test_edits_lower_the_score(held_out: str) -> None:
    edits = [
        ("single", "simple"),
        ("20 cm", "25 cm"),
        ("engineer", "student"),
        ("curved", "round"),
        ("silvered", "coated"),
    ]
    text, scores = f"{QUESTION} {ANSWER}", []
    for old, new in edits:
        text = text.replace(old, new)
        scores.append(found(within(text), held_out)["score"])
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.8 > scores[-1]


def test_chinese(held_out: str) -> None:
    assert found(f"题目：{CHINESE}答案见下。", held_out)["source"] == "evals/made.jsonl:3"
    assert found(CHINESE[:15] + "，今天天气很好。" * 9, held_out)["score"] == 0


def test_common_phrases_are_no_contamination(held_out: str) -> None:
    phrases = (
        "Which of these is a bird? What must its focal length be? One that cannot fly but swims. 问他一共走了多少米？ "
    )
    match = found(phrases + PLAIN, held_out)
    assert match == {"score": 0, "source": None, "start": None, "stop": None, "passage": None}
    assert found(None, held_out)["score"] == 0


def test_verdict(held_out: str) -> None:
    params = {
        **{name: item.default for name, item in parameters_of(decontaminate.function).items()},
        "benchmarks": (held_out,),
    }
    call = StageCall(decontaminate, "decontaminate", params, decontaminate.rules_for({}))
    columns = call.apply({"text": pa.array([within(QUESTION), PLAIN, ""])})
    verdicts = decide(call.rules, columns, 3)
    assert [call.rules[rule].reason if rule >= 0 else None for rule in verdicts.rule] == ["contaminated", None, None]
    assert verdicts.score[0] == 1
    assert not any(verdicts.not_applicable.values())


def test_files_of_every_format(tmp_path: Path) -> None:
    rows = [{"problem": QUESTION, "context": PLAIN, "target": 7}, {"problem": None}, {"other": QUESTION}]
    folder = tmp_path / "evals"
    folder.mkdir()
    with gzip.open(folder / "a.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(["", *(json.dumps(row) for row in rows), "[1]"]))
    pq.write_table(
        pa.Table.from_pylist([{"question": CHINESE, "answer": "A", "options": ["两千", "一千"]}]), folder / "b.parquet"
    )
    (folder / "c.txt").write_text(f"\n{' '.join(sentences(5, 2))}\n", encoding="utf-8")
    texts = pa.array([QUESTION, CHINESE, " ".join(sentences(5, 2))])
    sources = decontaminate(texts, benchmarks=(str(folder),))["contamination_source"].to_pylist()
    assert sources == ["evals/a.jsonl.gz:2", "evals/b.parquet:1", "evals/c.txt:2"]
    assert decontaminate(texts, benchmarks=(str(folder / "*.txt"),))["contamination_score"].to_pylist() == [0, 0, 1]
    assert found(QUESTION, str(folder), question=("other",))["source"] == "evals/a.jsonl.gz:4"


def test_what_cannot_be_used_is_a_recipe_error(tmp_path: Path, held_out: str) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"question": \n')
    params = {name: item.default for name, item in parameters_of(decontaminate.function).items()}
    assert decontaminate.check is not None
    for changed, why in (
        ({"benchmarks": (str(tmp_path / "missing.jsonl"),)}, "decontaminate.benchmarks: .*missing.jsonl"),
        ({"benchmarks": (str(broken),)}, "decontaminate.benchmarks: cannot read .*broken.jsonl"),
        ({"benchmarks": (held_out,), "question": ("nothing",)}, "no question of 5 words .* looked for in nothing"),
        ({"benchmarks": (held_out,), "ngram": 0}, "ngram must be at least 1, not 0"),
        ({"benchmarks": ()}, "no question of 5 words and more in no file"),
    ):
        with pytest.raises(RecipeError, match=why):
            decontaminate.check(**{**params, **changed})


def test_a_recipe_finds_files_beside_it_and_notices_what_they_hold(tmp_path: Path, held_out: str) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"\n[[stage]]\nuse = "decontaminate"\nbenchmarks = ["evals/*.jsonl"]\n')
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')

    def fingerprint() -> str:
        return compile_plan(load_recipe(recipe, [str(tmp_path / "in.jsonl")])).steps[0].fingerprint

    before = fingerprint()
    assert fingerprint() == before
    Path(held_out).write_text(json.dumps({"question": CHINESE}), encoding="utf-8")
    assert fingerprint() != before
