"""Opening run folders, finished and not."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from made_run import ordinary

from curate.errors import EngineError, RecipeError
from curate.inspect.run_folder import RunFolder, documents, ledger_rows, open_run
from curate.rule import Rule


def test_an_unfinished_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not finished; run the same command again"):
        open_run(tmp_path)


def test_no_folder_is_an_argument_error(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such folder"):
        open_run(tmp_path / "nowhere")


def test_a_broken_summary_is_an_error_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(EngineError, match=r"cannot read .*run\.json"):
        open_run(tmp_path)


def test_a_lost_corpus_is_an_error(made_out: Path, tmp_path: Path) -> None:
    shutil.copytree(made_out, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "corpus")
    with pytest.raises(EngineError, match="no corpus"):
        open_run(tmp_path / "out")


def test_the_view_has_every_record_with_text(made_run: RunFolder) -> None:
    ids = {record.doc_id: record for record in ordinary()}
    found = documents(made_run, ids, ["text", "lang", "no_such_column"])
    assert {doc_id: row["text"] for doc_id, row in found.items()} == {
        doc_id: record.columns.get("text") for doc_id, record in ids.items()
    }
    assert {row["no_such_column"] for row in found.values()} == {None}


def test_rules_come_back_as_they_were(made_run: RunFolder) -> None:
    rules = {rule.reason: rule for stage in made_run.stages for rule in stage.rules}
    assert rules["few_words"] == Rule("words", "few_words", min=50, max=100_000, langs=("en",))
    assert rules["other_language"] == Rule("lang", "other_language", any_of=("en", "zh"))


def test_the_schema_is_the_corpus_schema(made_run: RunFolder) -> None:
    assert made_run.schema.field("symbols").type == pa.float32()


def test_a_cleaned_run_still_has_kept_documents(made_out: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(made_out, out)
    shutil.rmtree(out / "parts")
    run = open_run(out)
    kept, dropped = (next(r for r in ordinary() if bool(r.verdict) is lost) for lost in (False, True))
    assert documents(run, [kept.doc_id, dropped.doc_id], ["text"]) == {kept.doc_id: {"text": kept.columns["text"]}}
    assert ledger_rows(run, [dropped.doc_id])[dropped.doc_id]["reason"] == "few_words"
    with pytest.raises(EngineError, match=r"the report reads .*deleted"):
        run.require_parts("the report")


def test_unknown_ids_are_missing(made_run: RunFolder) -> None:
    assert ledger_rows(made_run, ["0" * 32]) == {}
    assert documents(made_run, ["0" * 32], ["text"]) == {}
    assert documents(made_run, [], ["text"]) == {}


def test_the_summary_is_json(made_out: Path) -> None:
    assert json.loads((made_out / "run.json").read_text())["totals"]["kept"] == 40
