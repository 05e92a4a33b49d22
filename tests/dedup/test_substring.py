"""Passages that an earlier document has, too: against all runs of all pairs, in whole runs, on hostile texts."""

import json
import random
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine
from dedup_reference import in_order
from dedup_steps import Document, deal, doc_id, run_wide
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.overlap import fingerprints, mark_shared
from curate.dedup.spans import SPAN_LIST
from curate.dedup.substring import substring_dedup, take_out_substrings
from curate.digest import digest_run
from curate.engines import Engine
from curate.engines.local import LocalEngine
from curate.errors import RecipeError
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import run
from curate.text.sequences import runs, sequences

ALL = {"holders": 1000, "partners": 1000}
Token = tuple[str, int, int]


def tokens(text: str) -> list[Token]:
    """(token, start, stop) in bytes, of words, marks and Chinese characters."""
    found = re.finditer(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+|([.!…])\1*", text)
    return [(hit[0], len(text[: hit.start()].encode()), len(text[: hit.end()].encode())) for hit in found]


def reference(documents: list[Document], policy: str, length: int, least: int) -> dict[str, tuple[list[int], str]]:
    """doc_id → (spans to take out, the first document that has one of their runs)."""
    texts = {item["doc_id"]: tokens(item["text"]) for item in documents}
    earlier: dict[tuple[str, ...], str] = {}
    names = [item["doc_id"] for item in in_order(documents, policy)]
    expected = {}
    for name in names:
        own = texts[name]
        grams = [tuple(word for word, _, _ in own[at : at + length]) for at in range(len(own) - length + 1)]
        gone = {at + more for at, gram in enumerate(grams) if gram in earlier for more in range(length)}
        spans = []
        for token in sorted(gone):
            if token - 1 in gone:
                spans[-1] = own[token][2]
            else:
                spans += [own[token][1], own[token][2]]
        pairs = zip(spans[::2], spans[1::2], strict=True)
        spans = [end for pair in pairs for end in pair if pair[1] - pair[0] >= least]
        if spans:
            expected[name] = (spans, min((earlier[gram] for gram in grams if gram in earlier), key=names.index))
        for gram in grams:
            earlier.setdefault(gram, name)
    return expected


words = st.lists(st.sampled_from(["a", "b", "C", "don", ".", "!!", "甲", "乙", "é"]), max_size=14)
corpora = st.lists(
    st.tuples(st.lists(words, max_size=4), st.sampled_from([" ", "\n", "  \n"]), st.sampled_from([None, 1, 2])),
    max_size=7,
)
phrases = st.lists(words, min_size=1, max_size=3)


@st.composite
def corpus(draw: st.DrawFn) -> list[Document]:
    """Documents that quote the same few phrases, in one piece or not."""
    known = draw(phrases)
    made = []
    for number, (own, gap, crawl) in enumerate(draw(corpora)):
        pieces = [*own, *draw(st.lists(st.sampled_from(known), max_size=3))]
        text = gap.join(gap.join(piece) for piece in draw(st.permutations(pieces)))
        made.append({"doc_id": doc_id(number), "crawl": crawl, "text": text})
    return made


def found_by(
    folder: Path, documents: list[Document], parts: int, seed: int, **params: Any
) -> dict[str, tuple[list[int], str]]:
    found, _ = run_wide(substring_dedup, folder, deal(documents, parts, seed), shuffle=seed, **params)
    assert all("verdict" not in row for row in found.values())
    return {name: (row["substring_spans"], row["substring_of"]) for name, row in found.items()}


@settings(deadline=None, max_examples=100)
@given(
    corpus(), st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 5), st.integers(1, 9), st.integers(0, 12),
    st.sampled_from(["newest", "earliest", "longest"]),
)  # fmt: skip
def test_every_run_of_all_pairs_is_found(
    documents: list[Document], seed: int, parts: int, buckets: int, length: int, least: int, policy: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("curate.dedup.passages.bucket_count", lambda size: buckets)
        params = {"min_tokens": length, "min_bytes": least, "policy": policy, **ALL}
        found = found_by(Path(folder), documents, parts, seed, **params)
    assert found == reference(documents, policy, length, least)


@settings(deadline=None, max_examples=50)
@given(corpus(), st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 2), st.integers(1, 2))
def test_caps_miss_something_but_take_nothing_else_and_do_not_depend_on_parts(
    documents: list[Document], seed: int, length: int, holders: int, partners: int
) -> None:
    params = {"min_tokens": length, "policy": "earliest", "holders": holders, "partners": partners}
    with tempfile.TemporaryDirectory() as folder:
        found = found_by(Path(folder) / "1", documents, 1, seed, **params)
        again = found_by(Path(folder) / "3", documents, 3, seed + 1, **params)
        before = in_order(documents, "earliest")[: len(documents) // 2]
        alone = found_by(Path(folder) / "before", before, 2, seed, **params)
    assert again == found
    names = {document["doc_id"] for document in before}
    assert alone == {name: row for name, row in found.items() if name in names}, "later documents change nothing"
    everything = reference(documents, "earliest", length, 0)
    for name, (spans, _) in found.items():
        allowed = everything[name][0]
        for start, stop in zip(spans[::2], spans[1::2], strict=True):
            assert any(a <= start and stop <= b for a, b in zip(allowed[::2], allowed[1::2], strict=True))


def prose(seed: int, n: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefghijkl", k=5)) for _ in range(n)]


def edited(text: str, row: Document) -> str:
    new = take_out_substrings(pa.array([text]), pa.array([row["substring_spans"]], SPAN_LIST))["text"]
    return str(new[0].as_py())


@pytest.mark.parametrize(("shared", "goes"), [(49, False), (50, True), (400, True)])
@pytest.mark.parametrize("seed", range(5))
def test_fifty_tokens_are_enough_wherever_they_stand(shared: int, goes: bool, seed: int, tmp_path: Path) -> None:
    quote = prose(seed, shared)
    before, behind = prose(seed + 100, 17 + seed), prose(seed + 200, 90 - seed)
    text = " ".join([*before, *quote, *behind])
    documents = [
        {"doc_id": doc_id(0), "crawl": 1, "text": " ".join([*prose(seed + 300, 40), *quote, *prose(seed + 400, 7)])},
        {"doc_id": doc_id(1), "crawl": 2, "text": text},
    ]
    found, _ = run_wide(substring_dedup, tmp_path, [documents[:1], documents[1:]], policy="earliest")
    assert (list(found) == [doc_id(1)]) is goes
    if goes:
        assert found[doc_id(1)]["substring_of"] == doc_id(0)
        assert edited(text, found[doc_id(1)]) == " ".join([*before, *behind])


def test_chinese_and_mixed_texts(tmp_path: Path) -> None:
    chance = random.Random(1)
    quote = "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(60))
    texts = [f"开头。{quote}。结尾 the end", f"Another page\n\n　　{quote}。不同\n"]
    documents = [{"doc_id": doc_id(number), "crawl": number, "text": text} for number, text in enumerate(texts)]
    found, _ = run_wide(substring_dedup, tmp_path, [documents], policy="earliest")
    assert edited(texts[1], found[doc_id(1)]) == "Another page\n\n不同"


def test_documents_that_are_decided_take_no_part(tmp_path: Path) -> None:
    text = " ".join(prose(1, 80))
    documents: list[Document] = [
        {"doc_id": doc_id(0), "crawl": 1, "text": text, "verdict": "dropped"},
        {"doc_id": doc_id(1), "crawl": 2, "text": text},
        {"doc_id": doc_id(2), "crawl": 3, "text": text},
        {"doc_id": doc_id(3), "crawl": 3, "text": None},
    ]
    found, steps = run_wide(substring_dedup, tmp_path, [documents[:2], documents[2:]], policy="earliest")
    assert found == {doc_id(2): {"substring_spans": [0, len(text)], "substring_of": doc_id(1)}}
    assert len(steps.datasets) == substring_dedup.exchanges


def test_the_fingerprints_of_a_text_of_one_word_are_one() -> None:
    same = sequences(pa.array(["word " * 100_000, " ".join(prose(3, 100_000)), "too short"]))
    _, sizes = fingerprints(same, 25, 26)
    assert sizes[0] == 1
    assert sizes[2] == 0
    assert sizes[1] / 100_000 == pytest.approx(2 / 27, rel=0.05)


def test_runs_are_bytes_of_marked_tokens() -> None:
    texts = pa.array(["ab 甲乙. c", None, "é  d"])
    found = sequences(texts)
    assert found.words.tolist() == [4, 0, 2]
    marked = np.array([True, False, True, True, False, True, True])
    spans = [values.tolist() for values in runs(texts, found.offsets, marked)]
    assert spans == [[0, 0, 2], [0, 6, 0], [2, 10, 5]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda n: ["word"] * n, lambda n: ["word"] * n),
        (lambda n: ["word"] * n, lambda n: ["word"] * 50),
        (lambda n: ["word"] * 50, lambda n: ["word"] * n),
        (lambda n: ["a", "b"] * (n // 2), lambda n: (["a", "b"] * 30 + ["c"]) * (n // 61)),
        (lambda n: prose(1, n // 2) * 2, lambda n: prose(1, n // 2)),
    ],
)
def test_time_is_linear_whatever_repeats(one: Any, other: Any) -> None:
    def seconds(n: int) -> float:
        tokens_of = sequences(pa.array([" ".join(one(n)), " ".join(other(n))]))
        pair = np.array([0]), np.array([1])
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            fingerprints(tokens_of, 25, 26)
            mark_shared(tokens_of, pair[0], tokens_of, pair[1], 50, np.zeros(len(tokens_of.hashes), np.bool_))
            best = min(best, time.process_time() - started)
        return best

    seconds(1000)
    assert seconds(1_000_000) < max(40 * seconds(100_000), 0.5)


QUOTE = " ".join(prose(7, 60))


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pages with a quote in the middle of a line, and one that is nothing else."""
    folder = tmp_path_factory.mktemp("substrings") / "crawl"
    folder.mkdir()
    pages = [f"{' '.join(prose(n, 40))} {QUOTE} {' '.join(prose(n + 50, 30))}" for n in range(10, 40)] + [QUOTE]
    for number in range(3):
        lines = [json.dumps({"text": page, "date": f"2024-01-{at + 1:02}"}) for at, page in enumerate(pages)]
        (folder / f"{number}.jsonl").write_text("\n".join(lines[number::3]), encoding="utf-8")
    return folder


def run_recipe(crawl: Path, out: Path, engine: Engine, **output: Any) -> None:
    recipe = {
        "name": "substrings",
        "input": [{"name": "made", "root": str(crawl)}],
        "stage": [{"use": "substring_dedup", "policy": "earliest"}],
        "output": output,
    }
    run(compile_plan(parse_recipe(recipe)), out, engine, Silent())


def test_a_run(crawl: Path, tmp_path: Path) -> None:
    run_recipe(crawl, tmp_path / "out", LocalEngine(1))
    corpus = pq.read_table(tmp_path / "out" / "corpus")
    assert sum(QUOTE in text for text in corpus["text"].to_pylist()) == 1
    assert sorted(corpus["substrings_removed_words"].to_pylist()) == [0] + [60] * 29
    first = corpus.filter(pa.compute.equal(corpus["substrings_removed"], 0))["doc_id"].to_pylist()
    assert set(corpus["substring_of"].to_pylist()) == {None, *first}
    assert not any("spans" in name for name in corpus.column_names)
    (dropped,) = (row for row in pq.read_table(tmp_path / "out" / "ledger").to_pylist() if row["verdict"] != "kept")
    assert (dropped["stage"], dropped["reason"]) == ("substring_dedup", "empty_text")
    expected = digest_run(tmp_path / "out")
    for seed, part_bytes in ((1, 1024), (2, 5000)):
        run_recipe(crawl, tmp_path / str(seed), AdversaryEngine(seed), part_bytes=part_bytes)
        assert digest_run(tmp_path / str(seed)) == expected


def test_numbers_out_of_range_are_refused() -> None:
    for name in ("min_tokens", "holders", "partners"):
        stage = {"use": "substring_dedup", name: 0}
        with pytest.raises(RecipeError, match=f"{name} must be at least 1"):
            compile_plan(parse_recipe({"name": "r", "input": [{"name": "i", "root": "."}], "stage": [stage]}))
