"""Word and token tables against plain counting."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tokens_steps import Page, make_steps, page, text_bytes_of

from curate.tokens import frequency
from curate.tokens.build import TokensConfig, build_tokens
from curate.tokens.frequency import token_frequencies, word_frequencies, words_of
from curate.tokens.tokenizer import load_tokenizer


def make_pages(count: int) -> list[Page]:
    chance = random.Random(4)
    words = ["The", "the", "cat", "don't", "数据", "ひらがな", "12", "Été", "x" * 70]
    weights = range(len(words), 0, -1)
    return [
        page(
            number,
            " ".join(chance.choices(words, weights, k=chance.randint(0, 40))),
            chance.choice(["en", "zh", None]),
            dropped=number % 5 == 0,
        )
        for number in range(count)
    ]


def test_words_are_cjk_characters_and_runs_of_letters_in_lower_case() -> None:
    assert words_of("The CAT's 3rd データ中文abc, naïve_x 한국어 \U00020000") == [
        "the", "cat", "s", "3rd", "デ", "ー", "タ", "中", "文", "abc", "naïve_x", "한국어", "\U00020000",
    ]  # fmt: skip
    assert words_of(" \n.,!") == []


@pytest.mark.parametrize("buckets", [1, 5])
@pytest.mark.parametrize("top", [3, 200])
def test_words_are_those_of_plain_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buckets: int, top: int
) -> None:
    monkeypatch.setattr(frequency, "bucket_count", lambda size: buckets)
    pages = make_pages(100)
    found = word_frequencies(make_steps(tmp_path, pages, 4), text_bytes=text_bytes_of(pages), seed=0, top=top)
    counts: dict[str, Counter[str]] = {}
    for p in pages:
        if not p.dropped:
            counts.setdefault(p.lang or "und", Counter()).update(words_of(p.text or ""))
    expected = {}
    for lang in sorted(counts):
        short = [(word, n) for word, n in counts[lang].items() if len(word) <= 64]
        best = sorted(short, key=lambda item: (-item[1], item[0]))[:top]
        expected[lang] = {"total": counts[lang].total(), "top": best}
    assert found == expected
    assert list(found) == ["en", "und", "zh"]


def test_tokens_are_those_of_plain_counting(tmp_path: Path) -> None:
    pages = make_pages(60)
    steps = make_steps(tmp_path, pages, 4)
    config = TokensConfig(vocab_size=300, sequence_length=32, window_bytes=3_000)
    facts = build_tokens(steps, config, tmp_path / "t", text_bytes=text_bytes_of(pages), scratch=tmp_path / "s")
    tokenizer = load_tokenizer(str(tmp_path / "t" / "tokenizer.model"))
    counts: dict[str, Counter[int]] = {}
    for p in pages:
        if not p.dropped:
            counts.setdefault(p.lang or "und", Counter()).update(tokenizer.encode_batch([p.text or ""])[0].tolist())
    found = token_frequencies(steps.datasets["windows"], tokenizer, top=1_000)
    assert found == token_frequencies(steps.datasets["windows"], tokenizer, top=320)
    for lang, own in counts.items():
        best = sorted(own.items(), key=lambda item: (-item[1], item[0]))
        texts = [tokenizer.decode([index]) for index, _ in best]
        shown = [(f"#{i}" if "\ufffd" in text else text, n) for (i, n), text in zip(best, texts, strict=True)]
        assert found[lang] == {"total": own.total(), "top": shown}
    assert facts["frequencies"]["tokens"].keys() == counts.keys()
    assert any(text.startswith("#") for table in found.values() for text, _ in table["top"]), "bytes of characters"


def test_ties_go_to_the_smaller_word(tmp_path: Path) -> None:
    pages = [page(1, "b a c c"), page(2, "d")]
    found = word_frequencies(make_steps(tmp_path, pages, 2), text_bytes=8, seed=0, top=3)
    assert found == {"en": {"total": 5, "top": [("c", 2), ("a", 1), ("b", 1)]}}


def test_a_large_corpus_is_sampled_by_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frequency, "WORD_SAMPLE_BYTES", 400)
    monkeypatch.setattr("curate.tokens.train.SLACK_BYTES", 0)
    pages = [page(number, "a b") for number in range(1_000)]
    totals = set()
    for parts in (1, 3):
        steps = make_steps(tmp_path / str(parts), pages, parts)
        totals.add(word_frequencies(steps, text_bytes=3_000, seed=0)["en"]["total"])
    assert len(totals) == 1
    assert 100 <= totals.pop() / 2 <= 170, "about 400 of 3,000 bytes"


def test_padding_and_control_tokens_are_not_counted(tmp_path: Path) -> None:
    pages = [page(1, "cat")]
    config = TokensConfig(vocab_size=300, sequence_length=32)
    steps = make_steps(tmp_path, pages, 1)
    facts = build_tokens(steps, config, tmp_path / "t", text_bytes=3, scratch=tmp_path / "s")
    bytes_of = np.fromfile(tmp_path / "t" / "train-00000.bin", "<u2")
    assert len(bytes_of) == 32
    assert facts["frequencies"]["tokens"]["en"]["total"] == facts["tokens"] - 1
