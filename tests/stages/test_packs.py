"""The packs that come with curate: sound as data, and kind to text that people chose by hand."""

import json
import lzma
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curate.rule import decide
from curate.stages.language import language
from curate.stages.normalise import normalise
from curate.stages.rules import load_pack, pack_names
from curate.stages.score import score

PACKS = ["c4", "fineweb", "fineweb2_zh", "gopher", "wanjuan_en", "wanjuan_zh"]

# From the tables of the papers and their configuration files, by hand: score → (min, max).
PUBLISHED = {
    "gopher": {
        "word_count": (50, 100_000), "mean_word_length": (3, 10), "hash_word_ratio": (None, 0.1),
        "ellipsis_word_ratio": (None, 0.1), "bullet_line_ratio": (None, 0.9), "ellipsis_line_ratio": (None, 0.3),
        "alphabetic_word_ratio": (0.8, None), "stop_word_distinct": (2, None), "duplicate_line_ratio": (None, 0.3),
        "duplicate_paragraph_ratio": (None, 0.3), "duplicate_line_char_ratio": (None, 0.2),
        "duplicate_paragraph_char_ratio": (None, 0.2), "top_2gram_char_ratio": (None, 0.2),
        "top_3gram_char_ratio": (None, 0.18), "top_4gram_char_ratio": (None, 0.16),
        "duplicate_5gram_char_ratio": (None, 0.15), "duplicate_6gram_char_ratio": (None, 0.14),
        "duplicate_7gram_char_ratio": (None, 0.13), "duplicate_8gram_char_ratio": (None, 0.12),
        "duplicate_9gram_char_ratio": (None, 0.11), "duplicate_10gram_char_ratio": (None, 0.1),
    },
    "c4": {"sentence_count": (5, None), "curly_bracket_count": (None, 0), "lorem_ipsum_count": (None, 0)},
    "fineweb": {
        "terminal_punctuation_line_ratio": (0.12, None), "short_line_ratio": (None, 0.67),
        "duplicate_line_char_ratio_no_newlines": (None, 0.1), "newline_word_ratio": (None, 0.3),
    },
}  # fmt: skip


def test_names() -> None:
    assert pack_names() == PACKS
    assert all(load_pack(name)[0] == name for name in PACKS)


@pytest.mark.parametrize("pack", PACKS)
def test_sound(pack: str) -> None:
    _, languages, rules = load_pack(pack)
    assert languages in (("en",), ("zh",))
    assert len({rule.reason for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.score in score.adds
        assert re.fullmatch(rf"{pack}_[a-z0-9_]+", rule.reason)
        assert rule.langs == languages


@pytest.mark.parametrize("pack", PUBLISHED)
def test_published_thresholds(pack: str) -> None:
    found: dict[str, tuple[float | None, float | None]] = {}
    for rule in load_pack(pack)[2]:
        low, high = found.get(rule.score, (None, None))
        found[rule.score] = (low if rule.min is None else rule.min, high if rule.max is None else rule.max)
    assert found == PUBLISHED[pack]


@pytest.mark.parametrize("pack", PACKS)
def test_sources_are_cited(pack: str) -> None:
    text = resources.files("curate.stages").joinpath(f"packs/{pack}.toml").read_text(encoding="utf-8")
    assert re.search(r"arXiv \d{4}\.\d{4,5}", text)


def test_gold_texts_are_kept(shared_data: Path) -> None:
    """Main texts that people marked by hand: each pack keeps nine in ten of its language."""
    with lzma.open(shared_data / "gold" / "gold-dev.gold.jsonl.xz", "rt", encoding="utf-8") as file:
        gold = [json.loads(line)["gold"] for line in file]
    text = normalise(pa.array(gold))["text"]
    columns = {"lang": language(text)["lang"]}
    columns |= score(text, columns["lang"])
    langs = np.array(columns["lang"].to_pylist())
    for pack in PACKS:
        _, languages, rules = load_pack(pack)
        dropped = (decide(rules, columns, len(gold)).rule >= 0)[np.isin(langs, languages)]
        assert len(dropped) > 250
        assert dropped.mean() < 0.1, pack


def test_rubbish_is_dropped() -> None:
    rubbish = {
        "en": ["Home | About | Contact | Login " * 20, "BUY NOW! " * 60, "asdf " * 300, "1 2 3 4 5 6 7 8 9 " * 40],
        "zh": ["首页 | 关于 | 登录 " * 40, "加微信 " * 100, "买" * 500, "1 2 3 4 5 6 7 8 9 " * 40],
    }
    for lang, texts in rubbish.items():
        packs = [pack for pack in PACKS if load_pack(pack)[1] == (lang,)]
        columns = {"lang": pa.array([lang] * len(texts))}
        columns |= score(pa.array(texts), columns["lang"])
        rules = [rule for pack in packs for rule in load_pack(pack)[2]]
        assert (decide(rules, columns, len(texts)).rule >= 0).all()
