"""What is shown of a run that was really carried out, against its own books."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from curate.inspect.card import render_card, write_card
from curate.inspect.explain import explain
from curate.inspect.explanation import render_explanation
from curate.inspect.export import export
from curate.inspect.funnel import funnel
from curate.inspect.rejects import sample_rejects
from curate.inspect.report import render_report, throughput, write_report
from curate.inspect.run_folder import open_run
from curate.inspect.status import status
from curate.tokens.formats import SequenceReader
from curate.tokens.tokenizer import load_tokenizer


def test_the_funnel_closes_the_books(real_out: Path) -> None:
    run = open_run(real_out)
    stages = funnel(run)
    ledger = pq.read_table(real_out / "ledger").to_pylist()
    assert stages[0].records_in == len(ledger)
    assert stages[-1].records_out == sum(row["verdict"] == "kept" for row in ledger) > 20
    dropped = Counter((row["stage"], row["reason"]) for row in ledger if row["verdict"] == "dropped")
    assert {(s.stage, why): n for s in stages for why, n in s.dropped.items()} == dropped
    failed = Counter((row["stage"], row["error"].partition(":")[0]) for row in ledger if row["verdict"] == "failed")
    assert {(s.stage, why): n for s in stages for why, n in s.failed.items()} == failed


def test_every_document_can_be_explained(real_out: Path) -> None:
    """The rule that the ledger names is the first that fails, with the score and threshold of the ledger."""
    run = open_run(real_out)
    for row in pq.read_table(real_out / "ledger").to_pylist():
        told = explain(run, row["doc_id"])
        outcomes = {visit.stage: visit.outcome for visit in told.visits}
        failing = [check for visit in told.visits for check in visit.checks if check.outcome == "fails"]
        if row["verdict"] == "kept":
            assert set(outcomes.values()) == {"passed"}
            assert not failing
        else:
            assert outcomes[row["stage"]] == row["verdict"]
        if row["threshold"] is not None and row["duplicate_of"] is None and row["stage"] != "read":
            assert failing[0].rule.reason == row["reason"]
            assert failing[0].value == row["score"]
            assert row["threshold"] in (failing[0].rule.min, failing[0].rule.max)
        if row["duplicate_of"]:
            assert told.chain[0]["doc_id"] == row["duplicate_of"]
            assert told.chain[-1]["duplicate_of"] is None


def test_no_name_of_a_rule_or_score_is_broken_on_a_narrow_terminal(real_out: Path, page: Console) -> None:
    """Of one document for each verdict: all that `explain --all` names stands in one piece."""
    run = open_run(real_out)
    rows = {(row["stage"], row["reason"]): row for row in pq.read_table(real_out / "ledger").to_pylist()}
    for row in rows.values():
        told = explain(run, row["doc_id"])
        render_explanation(run, row["doc_id"], page, every=True)
        words = {word.strip(":,") for word in page.export_text().split()}
        reached = [visit for visit in told.visits if visit.outcome != "not reached"]
        assert {check.rule.reason for visit in reached for check in visit.checks} <= words
        assert {name for visit in reached for name, value in visit.added.items() if value is not None} <= words
        assert {str(row[name]) for name in ("reason", "duplicate_of") if row[name]} <= words


def test_tokens_of_a_document_are_found(real_out: Path, printed: Console) -> None:
    """The spans that explain shows hold the document's own tokens, in its order."""
    run = open_run(real_out)
    document = pq.read_table(real_out / "corpus").to_pylist()[0]
    spans = explain(run, document["doc_id"]).spans
    pieces = []
    for span in spans:
        row = SequenceReader(real_out / "tokens" / span["file"])[span["row"]]
        assert span["doc_start"] == sum(map(len, pieces))
        pieces.append(row[span["start"] : span["start"] + span["length"]])
    tokenizer = load_tokenizer(str(real_out / "tokens" / run.summary["tokens"]["tokenizer"]["file"]))
    (expected,) = tokenizer.encode_batch([document["text"]])
    assert np.concatenate(pieces).tolist() == [*expected.tolist(), tokenizer.eos_id]
    render_explanation(run, document["doc_id"], printed)
    assert f"tokens 0 to {len(pieces[0]) - 1} are in train-00000, row" in printed.export_text()


def lines_of(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


def test_wanjuan_records_count_tokens(real_out: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for path in export(real_out, tmp_path) for line in lines_of(path)]
    tokens = open_run(real_out).summary["tokens"]
    # The stream holds one end-of-text token more for every document.
    assert sum(row["token_num"] for row in rows) + len(rows) == tokens["tokens"]


def test_report_and_card_speak_of_tokens_and_words(real_out: Path) -> None:
    run = open_run(real_out)
    html, card = render_report(run), render_card(run)
    assert f"{run.summary['tokens']['tokens']:,} tokens of" in html
    assert "trained on this corpus" in html
    assert "words, en: " in html
    assert "tokens, zh: " in html
    assert "**words, en" in card
    assert f"{run.summary['tokens']['tokens']:,} tokens)" in card
    assert re.search(r"\| `word_count` \| int\d+ \| added by `score`; decides on `", card)


def test_every_stage_that_worked_has_a_speed(real_out: Path) -> None:
    run = open_run(real_out)
    speeds = {speed.stage: speed for speed in throughput(run, funnel(run))}
    assert {"read", "urls", "extract", "language", "score", "rules"} <= speeds.keys()
    assert speeds["read"].records == run.totals["records_in"]


def test_written_files_are_the_same_again(real_out: Path) -> None:
    for write in (write_report, write_card):
        first = write(real_out).read_bytes()
        assert write(real_out).read_bytes() == first


def test_rejects_have_the_text_that_was_judged(real_out: Path) -> None:
    found = sample_rejects(open_run(real_out), "rules", n=50)
    assert found
    assert all(reject.text for reject in found)


def test_status_knows_its_steps(real_out: Path) -> None:
    found = status(real_out)
    steps = {step["name"] for step in open_run(real_out).summary["steps"]}
    assert found.state == "finished"
    assert steps <= {step.name for step in found.steps}
    assert all(step.done == step.parts == found.parts for step in found.steps if step.parts is not None)


def test_datasets_opens_a_real_corpus(real_out: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = str(real_out / "corpus" / "*.parquet")
    corpus = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert len(corpus) == open_run(real_out).totals["kept"]
