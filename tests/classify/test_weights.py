"""`curate classify`: a line out for every line in, in order, and messages about lines that cannot be read."""

import gzip
import json
from pathlib import Path

import pytest
from made_model import made
from typer.testing import CliRunner

from curate.classify.files import BATCH_ROWS, classify
from curate.classify.model import pack
from curate.cli import app
from curate.errors import RecipeError


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.npz"
    path.write_bytes(pack(made({"good": [-40, 40], "bad": [40, -40]}, thresholds={"en": 0.5})))
    return str(path)


def answers(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_scores_are_in_order_whatever_the_batches(tmp_path: Path, model: str) -> None:
    texts = ["good", "bad", "", None] * BATCH_ROWS
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress("".join(json.dumps({"text": text}) + "\n" for text in texts).encode()))
    assert classify(str(source), model, tmp_path / "out.jsonl") == len(texts)
    found = [row["score"] for row in answers(tmp_path / "out.jsonl")]
    assert len(found) == len(texts)
    assert all(score is None for score in [*found[2::4], *found[3::4]])
    assert min(found[::4]) > 0.9
    assert max(found[1::4]) < 0.1


def test_topics_have_a_label_and_how_sure_it_is(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    lines = ["球队在比赛中连进三球，夺得本届联赛冠军", "The striker scored twice as the team won the cup final."]
    source.write_text("".join(json.dumps({"text": text, "label": "x"}) + "\n" for text in lines))
    shown = CliRunner().invoke(
        app,
        ["classify", str(source), "--model", "domain", "--out", str(tmp_path / "out.jsonl")],
        catch_exceptions=False,
    )
    assert (shown.exit_code, "2 texts classified" in shown.stdout) == (0, True)
    for row in answers(tmp_path / "out.jsonl"):
        assert row["label"] == "sports"
        assert 0.5 < row["score"] <= 1


@pytest.mark.parametrize("line", ["[]", '"text"', "{", '{"content": "x"}', '{"text": 5}', "\xff"])
def test_a_line_without_a_text_is_named(line: str, tmp_path: Path, model: str) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'{"text": "good"}\n' + line.encode("latin-1") + b"\n")
    with pytest.raises(RecipeError, match=r"in\.jsonl, line 2: "):
        classify(str(source), model, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_lone_surrogates_are_read(tmp_path: Path, model: str) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "good \\ud800"}\n')
    assert classify(str(source), model, tmp_path / "out.jsonl") == 1


def test_a_file_that_is_not_there(tmp_path: Path, model: str) -> None:
    with pytest.raises(RecipeError, match="cannot read"):
        classify(str(tmp_path / "none.jsonl"), model, tmp_path / "out.jsonl")
