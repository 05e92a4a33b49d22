"""The dataset card and its front matter."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from made_run import ordinary, text_record, write_run

from curate.inspect.card import language_sizes, render_card, size_category, write_card
from curate.inspect.recipe_text import recipe_toml
from curate.inspect.run_folder import RunFolder, open_run
from curate.recipe import parse_recipe


def front_matter(card: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return found


def test_front_matter_says_what_hugging_face_asks(made_run: RunFolder) -> None:
    facts = front_matter(render_card(made_run))
    assert facts["language"] == ["en", "zh"]
    assert facts["size_categories"] == ["n<1K"]
    assert facts["task_categories"] == ["text-generation"]
    assert facts["license"] == "other"
    assert facts["configs"][0]["data_files"] == [{"split": "train", "path": "corpus/*.parquet"}]


def test_hugging_face_reads_the_front_matter(made_out: Path, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    (tmp_path / "README.md").write_text(render_card(open_run(made_out)), encoding="utf-8")
    assert hub.DatasetCard.load(tmp_path / "README.md").data.pretty_name == "made"


def test_norwegian_is_a_language(tmp_path: Path) -> None:
    card = render_card(open_run(write_run(tmp_path, [text_record(1, lang="no"), text_record(2, lang="zh-Hant")])))
    assert front_matter(card)["language"] == ["no"]
    assert "| zh\\-Hant | 1 |" in card


@pytest.mark.parametrize(
    ("documents", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10_000, "10K<n<100K"), (10**6, "1M<n<10M"), (10**13, "n>1T")],
)
def test_size_categories(documents: int, category: str) -> None:
    assert size_category(documents) == category


def test_sizes_are_those_of_the_texts(made_run: RunFolder) -> None:
    sizes = language_sizes(made_run)
    texts = [record.columns["text"] for record in ordinary() if not record.verdict and record.columns["lang"] == "zh"]
    assert sizes["zh"].documents == len(texts) == 10
    assert sizes["zh"].characters == sum(map(len, texts))
    assert sizes["zh"].text_bytes == sum(len(text.encode()) for text in texts)


def test_the_funnel_and_the_columns_are_in_it(made_run: RunFolder) -> None:
    card = render_card(made_run)
    assert "| rules | 52 | 8 | 15.4 % | 74.6 % | few\\_words 8 |" in card
    for name in made_run.schema.names:
        assert f"| `{name}` |" in card


def test_a_column_names_every_rule_that_decides_on_it(made_run: RunFolder) -> None:
    card = render_card(made_run)
    assert "| `words` | int32 | added by a stage; decides on `few_words`, `few_words_zh` |" in card
    assert "| `symbols` | float | added by a stage; decides on `many_symbols` |" in card
    assert "| `lang` | string | language of the text; decides on `other_language` |" in card
    assert "| `title` | string | title of the page |" in card


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    out = write_run(tmp_path, [text_record(1, lang="<script>|x")], name='a"\n---\n# <b>\u202e')
    card = render_card(open_run(out))
    assert front_matter(card)["pretty_name"].startswith('a"')
    assert "<script>" not in card
    assert "<b>" not in card.split("---\n")[-1].partition("````")[0]
    assert "\u202e" not in card


def test_rebuilding_gives_the_same_bytes(made_out: Path) -> None:
    first = write_card(made_out).read_bytes()
    assert write_card(made_out).read_bytes() == first


RECIPE = {
    "name": 'quotes " and \\ and 中文',
    "input": [{"name": "a", "root": "/secret/place/crawl", "paths": ["**/*.gz"], "crawl": 3}],
    "stage": [
        {"use": "extract", "backend": "trafilatura"},
        {"use": "language", "languages": ["no", "en"]},
        {
            "use": "rules",
            "name": "mine",
            "rules": [
                {"score": "s", "reason": "r", "min": 0.1, "langs": ["zh"]},
                {"score": "t", "reason": "q", "max": 1e-7},
            ],
            "retune": {"many": {"max": 0.25}},
        },
    ],
    "output": {"keep_dropped_text": False},
    "tokens": {"tokenizer": "/secret/models/x.model"},
}


def test_the_recipe_in_the_card_is_the_recipe() -> None:
    recipe = parse_recipe(RECIPE)
    text = recipe_toml(recipe.model_dump(mode="json"))
    assert "secret" not in text
    back = parse_recipe(tomllib.loads(text)).model_dump()
    wanted = recipe.model_dump()
    wanted["input"][0]["root"], wanted["tokens"]["tokenizer"] = "crawl", "x.model"
    assert back == wanted


def test_the_card_holds_a_recipe_that_parses(made_run: RunFolder) -> None:
    block = re.search(r"````toml\n(.*?)````", render_card(made_run), re.DOTALL)
    assert block
    assert tomllib.loads(block[1])["input"][0]["root"] == "crawl"


def test_datasets_opens_the_corpus(made_out: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = str(made_out / "corpus" / "*.parquet")
    corpus = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert len(corpus) == 40
    assert corpus.column_names[:4] == ["doc_id", "url", "lang", "text"]
