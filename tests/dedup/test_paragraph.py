"""Paragraphs that an earlier document has, too: which ones go, on plain lists and in whole runs."""

import json
import random
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine
from dedup_reference import in_order
from dedup_steps import Document, deal, doc_id, run_wide
from hypothesis import given, settings
from hypothesis import strategies as st

import curate.wide
from curate.dedup.paragraph import paragraph_dedup, take_out_paragraphs
from curate.dedup.spans import SPAN_LIST
from curate.digest import digest_run
from curate.engines import Engine
from curate.engines.local import LocalEngine
from curate.errors import RecipeError
from curate.inspect.explain import explain
from curate.inspect.run_folder import open_run
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import run

LINES = [
    "", " ", "Home", "two words", "The river runs past the mill", "the river, runs past the MILL!",
    "The river runs past a mill", "On 3 May it rained", "On 7 May it rained", "Café au lait", "Cafe au lait",
    "  indented by two", "天气很好", "天气 很好。", "天气很差", "short 天", "a b c",
]  # fmt: skip


def words(text: str) -> list[str]:
    return re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", text)


def coarse(line: str) -> str:
    bare = "".join(char for char in unicodedata.normalize("NFD", line.lower()) if not unicodedata.combining(char))
    return " ".join(re.sub(r"[\W_]", " ", re.sub(r"\d", "0", bare)).split())


def reference(documents: list[Document], policy: str, min_words: int, within: bool) -> dict[str, list[str]]:
    """doc_id → the lines that stay, without blank ones."""
    first: dict[str, str] = {}
    left: dict[str, list[str]] = {}
    for document in in_order([{**item, "text": " ".join(words(item["text"]))} for item in documents], policy):
        name = document["doc_id"]
        left[name] = []
        (text,) = (item["text"] for item in documents if item["doc_id"] == name)
        seen = set()
        for line in text.split("\n"):
            form = coarse(line)
            if len(words(line)) >= min_words:
                if first.setdefault(form, name) != name or (within and form in seen):
                    continue
                seen.add(form)
            left[name] += [line.strip()] if line.strip() else []
    return left


def edited(documents: list[Document], found: dict[str, Document]) -> dict[str, str]:
    """doc_id → its text without what has been found."""
    spans = [found.get(document["doc_id"], {}).get("paragraph_spans") for document in documents]
    texts = pa.array([document["text"] for document in documents], pa.string())
    new = take_out_paragraphs(texts, pa.array(spans, SPAN_LIST))["text"]
    return dict(zip((document["doc_id"] for document in documents), new.to_pylist(), strict=True))


documents_of = st.lists(
    st.tuples(st.lists(st.sampled_from(LINES), max_size=8), st.sampled_from([None, 1, 2])), max_size=10
)


@settings(deadline=None, max_examples=60)
@given(
    documents_of, st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 5), st.booleans(), st.integers(1, 5),
    st.sampled_from(["newest", "earliest", "longest"]),
)  # fmt: skip
def test_lines_are_those_of_one_loop_in_order(
    given: list[tuple[list[str], int | None]],
    seed: int,
    parts: int,
    buckets: int,
    within: bool,
    least: int,
    policy: str,
) -> None:
    documents = [
        {"doc_id": doc_id(number), "crawl": crawl, "text": "\n".join(lines)}
        for number, (lines, crawl) in enumerate(given)
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("curate.dedup.repeated.bucket_count", lambda size: buckets)
        dealt = deal(documents, parts, seed)
        found, steps = run_wide(
            paragraph_dedup, Path(folder), dealt, shuffle=seed, policy=policy, min_words=least, within=within
        )
    left = {
        name: [line.strip() for line in text.split("\n") if line.strip()]
        for name, text in edited(documents, found).items()
    }
    assert left == reference(documents, policy, least, within)
    assert len(steps.datasets) == paragraph_dedup.exchanges
    assert all("verdict" not in row and row["paragraph_spans"] for row in found.values())


def test_documents_that_are_decided_take_no_part(tmp_path: Path) -> None:
    line = "The river runs past the mill and on to the sea"
    documents: list[Document] = [
        {"doc_id": doc_id(0), "crawl": 3, "text": line, "verdict": "dropped"},
        {"doc_id": doc_id(1), "crawl": 2, "text": f"x\n{line}"},
        {"doc_id": doc_id(2), "crawl": 1, "text": f"{line}\ny"},
        {"doc_id": doc_id(3), "crawl": 1, "text": None},
    ]
    found, _ = run_wide(paragraph_dedup, tmp_path, [documents[:2], documents[2:]])
    assert found == {doc_id(2): {"paragraph_spans": [0, len(line)]}}


def test_crawls_may_be_left_apart(tmp_path: Path) -> None:
    line = "The river runs past the mill and on to the sea"
    documents: list[Document] = [{"doc_id": doc_id(n), "crawl": (1, 2, 2)[n], "text": line} for n in range(3)]
    for scope, repeats in (("global", 2), ("crawl", 1)):
        found, _ = run_wide(paragraph_dedup, tmp_path / scope, [documents], scope=scope)
        assert len(found) == repeats


def test_buckets_are_many_where_there_is_much_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate.wide, "BUCKET_BYTES", 4096)
    chance = random.Random(5)
    texts = ["\n".join(" ".join(str(chance.random()) for _ in range(12)) for _ in range(20)) for _ in range(20)]
    _, steps = run_wide(
        paragraph_dedup, tmp_path, [[{"doc_id": doc_id(n), "text": text} for n, text in enumerate(texts)]]
    )
    assert steps.datasets["paragraphs"].parts > 10


def sentences(seed: int, n: int) -> list[str]:
    """Lines of 12 words each, of which no two are alike."""
    chance = random.Random(seed)
    letters = "abcdefghijklmnop"
    return [" ".join("".join(chance.choices(letters, k=6)) for _ in range(12)) for _ in range(n)]


NOTICE, QUOTE = sentences(1, 2)


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pages with a notice under each, a quote in some, and two that are nothing else."""
    folder = tmp_path_factory.mktemp("paragraphs") / "crawl"
    folder.mkdir()
    pages = [[*sentences(number, 3), *([QUOTE] if number % 5 == 0 else []), "", NOTICE] for number in range(10, 50)]
    pages += [[NOTICE], [QUOTE, "", NOTICE]]
    for number in range(3):
        lines = [
            json.dumps({"text": "\n".join(page), "date": f"2024-01-{at % 28 + 1:02}"})
            for at, page in enumerate(pages)
            if at % 3 == number
        ]
        (folder / f"{number}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def run_recipe(crawl: Path, out: Path, engine: Engine, *stages: dict[str, Any], **output: Any) -> pa.Table:
    """The corpus."""
    recipe = {
        "name": "paragraphs",
        "input": [{"name": "made", "root": str(crawl)}],
        "stage": [{"use": "paragraph_dedup", "policy": "earliest"}, *stages],
        "output": output,
    }
    run(compile_plan(parse_recipe(recipe)), out, engine, Silent())
    return pq.read_table(out / "corpus")


@pytest.fixture(scope="module")
def finished(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("paragraphs") / "out"
    run_recipe(crawl, out, LocalEngine(1))
    return out


def test_every_paragraph_stays_once(finished: Path) -> None:
    corpus = pq.read_table(finished / "corpus")
    lines = [line for text in corpus["text"].to_pylist() for line in text.split("\n") if line]
    assert len(lines) == len(set(lines)) == 40 * 3 + 2
    assert not any(text.endswith("\n") for text in corpus["text"].to_pylist())
    assert sum(corpus["paragraphs_removed"].to_pylist()) == 39 + 7
    assert sum(corpus["paragraphs_removed_words"].to_pylist()) == 12 * (39 + 7)


def test_emptied_documents_are_dropped_with_their_reason(finished: Path) -> None:
    ledger = pq.read_table(finished / "ledger").to_pylist()
    assert len(ledger) == 42
    dropped = [row for row in ledger if row["verdict"] != "kept"]
    assert [(row["stage"], row["reason"], row["score"], row["threshold"]) for row in dropped] == [
        ("paragraph_dedup", "empty_text", 0, 1)
    ] * 2
    summary = json.loads((finished / "run.json").read_text())
    assert summary["totals"]["dropped"] == {"paragraph_dedup": {"empty_text": 2}}
    (stage,) = summary["stages"]
    assert (stage["use"], stage["params"]["min_words"]) == ("curate.dedup.paragraph:paragraph_dedup", 10)
    assert [rule["reason"] for rule in stage["rules"]] == ["empty_text"]


def test_the_spans_are_forgotten(finished: Path) -> None:
    assert not any("spans" in name for name in pq.read_table(finished / "corpus").column_names)
    recipe = {
        "name": "r",
        "input": [{"name": "made", "root": "."}],
        "stage": [{"use": "paragraph_dedup", "rules": [{"score": "paragraph_spans", "reason": "spans", "max": 1}]}],
    }
    compile_plan(parse_recipe(recipe))  # the stage that is handed them may look at them, no other one may
    recipe["stage"] = [{"use": "paragraph_dedup"}, {"use": "curate.dedup.paragraph:take_out_paragraphs"}]
    with pytest.raises(RecipeError, match="'paragraph_spans', which no stage before it adds"):
        compile_plan(parse_recipe(recipe))


def test_explain_says_what_was_taken_out(finished: Path) -> None:
    opened = open_run(finished)
    ledger = pq.read_table(finished / "ledger").to_pylist()
    name = next(row["doc_id"] for row in ledger if row["verdict"] == "dropped")
    found = explain(opened, name)
    assert "paragraphs_removed" in str(found)
    assert "paragraph_spans" not in str(found)


def test_nothing_else_shows(crawl: Path, finished: Path, tmp_path: Path) -> None:
    expected = digest_run(finished)
    for seed, part_bytes in ((1, 1024), (2, 3000)):
        out = tmp_path / str(seed)
        run_recipe(crawl, out, AdversaryEngine(seed), part_bytes=part_bytes)
        assert digest_run(out) == expected


def test_later_stages_see_the_new_text_and_a_rule_may_drop_more(crawl: Path, tmp_path: Path) -> None:
    rule = {"score": "paragraphs_removed_ratio", "reason": "many_repeated_paragraphs", "max": 0.35}
    recipe = {
        "name": "r",
        "input": [{"name": "made", "root": str(crawl)}],
        "stage": [
            {"use": "paragraph_dedup", "policy": "earliest", "rules": [rule]},
            {"use": "exact_dedup"},
            {"use": "paragraph_dedup", "name": "again", "policy": "earliest"},
        ],
    }
    run(compile_plan(parse_recipe(recipe)), tmp_path, LocalEngine(1), Silent())
    ledger = pq.read_table(tmp_path / "ledger").to_pylist()
    reasons = [(row["stage"], row["reason"]) for row in ledger if row["verdict"] == "dropped"]
    assert reasons.count(("paragraph_dedup", "many_repeated_paragraphs")) == 7
    assert reasons.count(("paragraph_dedup", "empty_text")) == 2
    assert len(reasons) == 9
    assert set(pq.read_table(tmp_path / "corpus")["paragraphs_removed"].to_pylist()) == {0}


def test_short_paragraphs_cannot_be_compared_by_nothing() -> None:
    recipe = {"name": "r", "input": [{"name": "i", "root": "."}], "stage": [{"use": "paragraph_dedup", "min_words": 0}]}
    with pytest.raises(RecipeError, match="min_words must be at least 1"):
        compile_plan(parse_recipe(recipe))
