"""The command line as people use it: what it prints, and the exit status of everything that can go wrong."""

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from curate.cli import app

RECIPE = """
name = "small"
[[stage]]
use = "extract"
backend = "resiliparse"
[[stage]]
use = "language"
[[stage]]
use = "score"
[[stage.rules]]
score = "word_count"
min = 30
reason = "few_words"
[[stage]]
use = "exact_dedup"
[output]
max_failed_ratio = 1.0
[tokens]
vocab_size = 400
sequence_length = 128
"""


def curate(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "100"})


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def out(recipe: Path, made_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    done = curate("run", recipe, "--input", made_crawl, "--out", folder, "--workers", 2)
    assert done.exit_code == 0, done.output
    assert "records kept" in done.output
    for name in ("corpus", "ledger", "tokens", "report.html", "README.md"):
        assert (folder / name).exists()
    return folder


def commands() -> list[list[str]]:
    """Every command and subcommand."""
    found: list[list[str]] = []
    waiting: list[tuple[list[str], object]] = [([], typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        inner = getattr(command, "commands", {})
        waiting += [([*words, name], item) for name, item in inner.items()]
        if words and not inner:
            found.append(words)
    return sorted(found)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help(words: list[str]) -> None:
    done = curate(*words, "--help")
    assert done.exit_code == 0
    assert "Usage" in done.output


def test_examples_in_help_name_options_that_there_are() -> None:
    """Each line `curate COMMAND … --option` of a help text, against the command's own parameters."""
    group = typer.main.get_command(app)
    examples = [line for command in group.commands.values() for line in re.findall(r"- `curate (.*)`", command.help)]
    assert {line.split()[0] for line in examples} == {"explain", "rejects"}
    for line in examples:
        known = {option for item in group.commands[line.split()[0]].params for option in item.opts}
        assert set(re.findall(r"--\w+", line)) <= known, line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["status"], "finished"),
        (["report"], "report.html"),
        (["card"], "README.md"),
        (["digest"], "corpus "),
        (["rejects", "--reason", "few_words"], "few_words"),
        (["explain", "--token", "0"], "kept"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_looking_at_a_run(words: list[str], expected: str, out: Path) -> None:
    done = curate(words[0], out, *words[1:])
    assert done.exit_code == 0, done.output
    assert expected in done.output


def test_excerpts_become_whole_texts_and_summaries_lists(out: Path) -> None:
    """`--full` prints what the ledger's document holds to its last line, `--all` every rule and score."""
    document = max(pq.read_table(out / "corpus").to_pylist(), key=lambda row: len(row["text"]))
    doc_id, last = document["doc_id"], document["text"].splitlines()[-1]
    assert len(document["text"]) > 1200
    brief, whole = curate("explain", out, doc_id[:8]), curate("explain", out, doc_id, "--full", "--all")
    assert last not in brief.output
    assert whole.output.endswith(f"{document['text']}\n")
    for word in ("passes    few_words: word_count", "top_2gram_char_ratio"):
        assert word not in brief.output
        assert word in whole.output
    rejects = curate("rejects", out, "--full", "--sample", 3)
    assert rejects.exit_code == 0
    assert "the beginning of" not in rejects.output


@pytest.mark.parametrize("key", ["a", "1f0"])
def test_a_key_of_too_few_digits_is_refused_with_the_reason(out: Path, key: str) -> None:
    done = curate("explain", out, key)
    assert done.exit_code == 2
    assert "too short to name a document: give a doc_id, 4 or more first digits" in done.output


def test_compare_export_and_tokenizers(out: Path, tmp_path: Path) -> None:
    compared = curate("compare", out, out)
    assert "A  small" in compared.output
    assert "kept by B alone 0" in compared.output
    assert curate("export", out, "--to", tmp_path / "wanjuan").exit_code == 0
    assert list((tmp_path / "wanjuan").glob("*.jsonl.gz"))
    model = tmp_path / "own.model"
    assert curate("tokenizer", "train", out, "--to", model, "--vocab-size", 400).exit_code == 0
    assert "400 entries" in curate("tokenizer", "inspect", model).output


def test_a_dry_run_estimates_from_a_sample_and_leaves_nothing(recipe: Path, made_crawl: Path, tmp_path: Path) -> None:
    """The crawl is smaller than the sample: what is estimated is what a run does."""
    dry = curate("run", recipe, "--input", made_crawl, "--out", tmp_path / "out", "--dry-run", "--workers", 1)
    assert dry.exit_code == 0, dry.output
    assert not (tmp_path / "out").exists()
    real = curate("run", recipe, "--input", made_crawl, "--out", tmp_path / "out")
    records, kept = re.search(r"small: (\d+) of (\d+) records kept", real.output).group(2, 1)
    assert f"of about {records} records in all, at most about {kept} would be kept" in dry.output
    assert re.search(r"few_words +\d", dry.output)
    assert "at least" not in dry.output


def test_plan_and_dry_run_start_nothing(recipe: Path, made_crawl: Path, tmp_path: Path) -> None:
    given = [recipe, "--input", made_crawl]
    for words in (["plan", *given], ["run", *given, "--out", tmp_path / "out", "--dry-run", "--sample", 0]):
        done = curate(*words)
        assert done.exit_code == 0, done.output
        assert "few_words unless word_count ≥ 30" in done.output
    assert not (tmp_path / "out").exists()


def no_recipe(recipe: Path, crawl: Path, out: Path) -> list[object]:
    return ["run", crawl / "missing.toml", "--out", out]


def unknown_parameter(recipe: Path, crawl: Path, out: Path) -> list[object]:
    return ["run", recipe, "--input", crawl, "--out", out, "--set", "extract.bakend=x"]


def no_input(recipe: Path, crawl: Path, out: Path) -> list[object]:
    return ["run", recipe, "--input", crawl / "nothing*.warc", "--out", out]


def unknown_option(recipe: Path, crawl: Path, out: Path) -> list[object]:
    return ["run", recipe, "--out", out, "--engin", "local"]


def out_is_a_file(recipe: Path, crawl: Path, out: Path) -> list[object]:
    out.write_text("in the way")
    return ["run", recipe, "--input", crawl, "--out", out]


def unfinished(recipe: Path, crawl: Path, out: Path) -> list[object]:
    return ["digest", out]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (no_recipe, 2, "cannot read recipe"),
        (unknown_parameter, 2, "did you mean 'backend'"),
        (no_input, 2, "nothing matches"),
        (unknown_option, 2, "--engine"),
        (out_is_a_file, 4, "out"),
        (unfinished, 4, "holds no finished run"),
    ],
)
def test_errors_say_what_to_do_and_set_the_exit_status(
    words: Callable[[Path, Path, Path], list[object]],
    status: int,
    says: str,
    recipe: Path,
    made_crawl: Path,
    tmp_path: Path,
) -> None:
    done = curate(*words(recipe, made_crawl, tmp_path / "out"))
    assert says in done.output
    assert done.exit_code == status


def test_too_many_failures_are_exit_status_3(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "a.jsonl").write_text('{"text": "good enough"}\n' * 900 + "{broken\n" * 200)
    words = ["run", recipe, "--input", tmp_path / "crawl", "--out", tmp_path / "out", "--set"]
    done = curate(*words, "output.max_failed_ratio=0.1")
    assert done.exit_code == 3
    assert "200 of 1100 records failed" in done.output
    assert not (tmp_path / "out" / "corpus").exists()


def test_clean_keeps_what_was_published(recipe: Path, made_crawl: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert curate("clean", out).exit_code == 4
    assert curate("run", recipe, "--input", made_crawl, "--out", out).exit_code == 0
    before = curate("digest", out).output
    assert curate("clean", out).exit_code == 0
    assert not (out / "parts").exists()
    assert curate("digest", out).output == before


def test_a_second_crawl_is_compared_with_the_first(recipe: Path, made_crawl: Path, tmp_path: Path) -> None:
    """The same crawl again under a larger number: everything that was kept is an exact duplicate now, of the first."""
    earliest = ["--set", "exact_dedup.policy=earliest", "--input", made_crawl]
    first = curate("run", recipe, *earliest, "--crawl", 1, "--out", tmp_path / "1")
    assert first.exit_code == 0, first.output
    refused = curate("run", recipe, *earliest, "--out", tmp_path / "2", "--against", tmp_path / "1")
    assert refused.exit_code == 2
    assert "crawl" in refused.output
    second = curate("run", recipe, *earliest, "--crawl", 2, "--out", tmp_path / "2", "--against", tmp_path / "1")
    assert second.exit_code == 0, second.output
    ledger = pq.read_table(tmp_path / "2" / "ledger").to_pylist()
    kept = pq.read_table(tmp_path / "1" / "corpus")["doc_id"].to_pylist()
    assert "kept" not in {row["verdict"] for row in ledger}
    assert {row["duplicate_of"] for row in ledger if row["reason"] == "exact_duplicate"} == set(kept)
