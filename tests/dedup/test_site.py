"""Paragraphs that a whole site repeats: which ones go, on plain lists and in whole runs."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adversary import AdversaryEngine
from dedup_steps import Document, deal, doc_id, run_wide
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.against import open_earlier
from curate.dedup.site import site_boilerplate, take_out_boilerplate
from curate.dedup.spans import SPAN_LIST
from curate.digest import digest_run
from curate.engines import Engine
from curate.engines.local import LocalEngine
from curate.errors import RecipeError
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import run

LINES = ["one", "two words", "Three, of them", "three of THEM", "page 3 of 7", "page 4 of 8", "", "三个字"]
FORMS = ["one", "two words", "three of them", "three of them", "page 0 of 0", "page 0 of 0", "", "三个字"]
WORDS = [1, 2, 3, 3, 4, 4, 0, 3]
HOSTS = ["a.org", "www.a.org", "b.org"]

pages_of = st.lists(
    st.tuples(
        st.lists(st.integers(0, len(LINES) - 1), max_size=4), st.integers(0, 3), st.sampled_from([None, *HOSTS]),
        st.sampled_from([None, -1, 0, 5]),
    ),
    max_size=12,
)  # fmt: skip
Page = tuple[list[int], int, str | None, int | None]


def documents_of(pages: list[Page]) -> list[Document]:
    return [
        {
            "doc_id": doc_id(number),
            "crawl": crawl,
            "url": host and f"http{'s' * (number % 2)}://{host}/{path}",
            "text": "\n".join(LINES[line] for line in lines),
        }
        for number, (lines, path, host, crawl) in enumerate(pages)
    ]


def reference(pages: list[Page], min_pages: int, min_share: float, min_words: int) -> list[list[str]]:
    """The lines of every page that stay, without blank ones."""
    left = []
    for lines, _, host, crawl in pages:
        until = 10 if crawl is None else crawl
        site = [
            page for page in pages
            if host and page[2] and page[2].removeprefix("www.") == host.removeprefix("www.")
            and (10 if page[3] is None else page[3]) <= until
        ]  # fmt: skip
        total = len({page[1] for page in site})

        def goes(line: int, site: list[Page] = site, total: int = total) -> bool:
            having = {page[1] for page in site if FORMS[line] in [FORMS[other] for other in page[0]]}
            return (
                WORDS[line] >= min_words
                and len(having) >= min_pages
                and 10 * len(having) >= round(10 * min_share) * total
            )

        left.append([LINES[line] for line in lines if LINES[line] and not goes(line)])
    return left


def lines_left(documents: list[Document], found: dict[str, Document]) -> list[list[str]]:
    spans = [found.get(document["doc_id"], {}).get("boilerplate_spans") for document in documents]
    texts = pa.array([document["text"] for document in documents], pa.string())
    new = take_out_boilerplate(texts, pa.array(spans, SPAN_LIST))["text"]
    return [[line for line in text.split("\n") if line] for text in new.to_pylist()]


@settings(deadline=None, max_examples=100)
@given(
    pages_of, st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 5), st.integers(2, 4),
    st.sampled_from([0.0, 0.5, 0.7, 1.0]), st.integers(1, 4),
)  # fmt: skip
def test_lines_are_counted_as_by_hand(
    pages: list[Page], seed: int, parts: int, buckets: int, min_pages: int, min_share: float, min_words: int
) -> None:
    documents = documents_of(pages)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("curate.dedup.site_counts.bucket_count", lambda size: buckets)
        found, steps = run_wide(
            site_boilerplate, Path(folder), deal(documents, parts, seed), shuffle=seed,
            min_pages=min_pages, min_share=min_share, min_words=min_words,
        )  # fmt: skip
    assert lines_left(documents, found) == reference(pages, min_pages, min_share, min_words)
    assert len(steps.datasets) == site_boilerplate.exchanges


def test_a_later_crawl_changes_nothing(tmp_path: Path) -> None:
    early = documents_of([([4], path, "a.org", 1) for path in range(3)])
    late = documents_of([([5], path + 3, "a.org", 2) for path in range(3)])
    for number, document in enumerate(late):
        document["doc_id"] = doc_id(100 + number)
    options: dict[str, Any] = {"min_pages": 4, "min_share": 0.0, "min_words": 1}
    alone, _ = run_wide(site_boilerplate, tmp_path / "alone", [early], **options)
    both, _ = run_wide(site_boilerplate, tmp_path / "both", [late, early], **options)
    assert alone == {}
    assert set(both) == {document["doc_id"] for document in late}


def test_captures_of_one_page_are_one(tmp_path: Path) -> None:
    documents = documents_of([([4], 1, "a.org", crawl) for crawl in (1, 2, 3)])
    found, _ = run_wide(site_boilerplate, tmp_path, [documents], min_pages=2, min_share=0.0, min_words=1)
    assert found == {}


NOTICE = "Subscribe to the letter of the kettle museum today."


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pages of a museum with the same notice, one that is nothing else, and ten of others with that notice."""
    folder = tmp_path_factory.mktemp("site") / "crawl"
    folder.mkdir()
    words = ["brass", "copper", "iron", "steel", "tin", "zinc", "lead", "gold", "silver", "nickel"]
    pages = [(f"https://museum.example/{n}", f"{words[n % 10]} {words[n // 10]} kettle, made well\n{NOTICE}")
             for n in range(30)]  # fmt: skip
    pages += [("https://museum.example/empty", NOTICE)]
    pages += [(f"https://shop{n}.example/", f"We sell a {word} kettle.\n{NOTICE}") for n, word in enumerate(words)]
    for number in range(3):
        lines = [json.dumps({"url": url, "text": text}) for url, text in pages[number::3]]
        (folder / f"{number}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def recipe_of(crawl: Path, stage: dict[str, Any], **output: Any) -> dict[str, Any]:
    return {
        "name": "site",
        "input": [{"name": "made", "root": str(crawl), "crawl": 1}],
        "stage": [{"use": "site_boilerplate", **stage}],
        "output": output,
    }


def finish(crawl: Path, out: Path, engine: Engine, **output: Any) -> None:
    run(compile_plan(parse_recipe(recipe_of(crawl, {}, **output))), out, engine, Silent())


def test_in_a_run(crawl: Path, tmp_path: Path) -> None:
    finish(crawl, tmp_path / "out", LocalEngine(1))
    corpus = pq.read_table(tmp_path / "out" / "corpus").to_pylist()
    museum = [row for row in corpus if "museum" in row["url"]]
    assert len(museum) == 30
    assert not any(NOTICE in row["text"] for row in museum)
    assert {row["boilerplate_removed"] for row in museum} == {1}
    assert all(row["text"].endswith(NOTICE) for row in corpus if "shop" in row["url"])
    ledger = pq.read_table(tmp_path / "out" / "ledger").to_pylist()
    dropped = [row for row in ledger if row["verdict"] != "kept"]
    assert [(row["url"], row["stage"], row["reason"], row["score"], row["threshold"]) for row in dropped] == [
        ("https://museum.example/empty", "site_boilerplate", "only_boilerplate", 0, 1)
    ]
    assert len(ledger) == 41
    expected = digest_run(tmp_path / "out")
    for seed, part_bytes in ((1, 1024), (2, 1500)):
        finish(crawl, tmp_path / str(seed), AdversaryEngine(seed), part_bytes=part_bytes)
        assert digest_run(tmp_path / str(seed)) == expected


def test_counts_of_earlier_runs_are_not_kept(crawl: Path, tmp_path: Path) -> None:
    """It leaves no index: --against is refused, as by `paragraph_dedup`."""
    recipe = recipe_of(crawl, {})
    recipe["stage"].append({"use": "exact_dedup", "policy": "earliest"})
    plan = compile_plan(parse_recipe(recipe))
    run(plan, tmp_path / "first", LocalEngine(1), Silent())
    with pytest.raises(RecipeError, match="'site_boilerplate' compares the documents of one run") as caught:
        open_earlier(plan, [tmp_path / "first"], tmp_path / "second")
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(("name", "value"), [("min_pages", 1), ("min_share", 1.5), ("min_words", 0)])
def test_parameters_that_mean_nothing(crawl: Path, name: str, value: float) -> None:
    with pytest.raises(RecipeError, match=f"site_boilerplate: {name} must be"):
        compile_plan(parse_recipe(recipe_of(crawl, {name: value})))
