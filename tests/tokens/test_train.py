"""Trained vocabularies: deterministic, lossless, of the asked size where the text allows it; and their samples."""

import hashlib
import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from tokens_steps import make_steps, page, text_bytes_of

from curate.errors import RecipeError
from curate.schema import seeded_hash
from curate.tokens.sample import trained_model
from curate.tokens.tokenizer import load_tokenizer
from curate.tokens.train import (
    LINE_BREAKS,
    count_characters,
    frequent_characters,
    hash_limit,
    train_model,
    train_on_corpus,
    train_sentencepiece,
    training_sample,
)


def sentences(count: int, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    words = ["the", "cat", "sat", "mat", "running", "数据", "模型", "训练", "2024", "naïve", "\n", "    ", "(x)"]
    return [" ".join(chance.choices(words, k=chance.randint(1, 60))) for _ in range(count)]


def test_the_same_texts_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_sentencepiece(sentences(300), tmp_path / name, vocab_size=400)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    train_sentencepiece(sentences(300, seed=1), tmp_path / "c", vocab_size=400)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_the_file_names_no_place_of_its_making(tmp_path: Path) -> None:
    train_sentencepiece(sentences(300), tmp_path / "a.model", vocab_size=400)
    assert str(tmp_path).encode() not in (tmp_path / "a.model").read_bytes()


def test_a_trained_model_is_what_its_options_promise() -> None:
    model = sentencepiece.SentencePieceProcessor(model_proto=train_model(sentences(300), vocab_size=330))
    pieces = [model.id_to_piece(index) for index in range(model.vocab_size())]
    assert len(pieces) == 330
    assert (model.unk_id(), model.bos_id(), model.eos_id(), model.pad_id()) == (0, 1, 2, -1)
    assert sum(model.is_byte(index) for index in range(330)) == 256
    assert set(LINE_BREAKS) <= set(pieces)
    assert model.encode("2024", out_type=str) == ["2", "0", "2", "4"]
    assert "▁the" in pieces, "words are learnt with the space before them"


def test_real_text_comes_back_and_gets_shorter(shared_data: Path, tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(shared_data / "books" / "books.tar.xz") as archive:
        member = next(m for m in archive if m.name.endswith("三国演义.txt"))
        file = archive.extractfile(member)
        assert file
        text = file.read(600_000).decode("utf-8", "ignore")
    train_sentencepiece(text.split("\n\n"), tmp_path / "zh.model", vocab_size=4_000)
    tokenizer = load_tokenizer(str(tmp_path / "zh.model"))
    ids = tokenizer.encode_batch([text])[0]
    assert tokenizer.vocab_size == 4_000
    assert tokenizer.decode(ids) == text
    assert len(ids) < 0.9 * len(text), "pieces of several characters are used"


@pytest.mark.parametrize("texts", [[], [""], ["\n\n"], ["\t"], ["\0"], ["   "], ["中"]])
def test_hardly_any_text_gives_a_vocabulary_of_bytes(texts: list[str], tmp_path: Path) -> None:
    train_sentencepiece(texts, tmp_path / "m", vocab_size=32_000)
    tokenizer = load_tokenizer(str(tmp_path / "m"))
    assert 256 + 3 + 3 <= tokenizer.vocab_size <= 270
    assert tokenizer.decode(tokenizer.encode_batch(["日本 \n x"])[0]) == "日本 \n x"


def test_many_characters_leave_half_of_a_small_vocabulary_to_merges(tmp_path: Path) -> None:
    texts = ["".join(map(chr, range(0x4E00, 0x4E00 + 2_000)))] + ["the cat sat on the mat"] * 50
    train_sentencepiece(texts, tmp_path / "m", vocab_size=400)
    model = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "m"))
    learnt = [model.id_to_piece(index) for index in range(262, model.vocab_size())]
    assert len(learnt) == 400 - 262
    assert sum(len(piece) == 1 for piece in learnt) == (400 - 262) // 2
    assert "▁cat" in learnt


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 299}, "vocab_size is 299; byte"),
        ({"vocab_size": 400, "character_coverage": 0.0}, "character_coverage is 0.0"),
        ({"vocab_size": 400, "character_coverage": 1.5}, "character_coverage is 1.5"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        train_model(["text"], **options)


def test_frequent_characters_cover_the_share_and_no_more() -> None:
    counts = count_characters(["aaaaaa", "bbb", "c", "\t\t\t\0"])
    assert counts == {"a": 6, "b": 3, "c": 1}, "tab and NUL do not count"
    assert frequent_characters(counts, 0.5, 9) == {"a"}
    assert frequent_characters(counts, 0.9, 9) == {"a", "b"}
    assert frequent_characters(counts, 1.0, 9) == {"a", "b", "c"}
    assert frequent_characters(counts, 1.0, 2) == {"a", "b"}
    assert frequent_characters(Counter("ba"), 0.5, 9) == {"a"}, "ties go to the smaller code point"


@given(
    st.dictionaries(st.text("abcdef0123456789", min_size=1), st.text(max_size=20)),
    st.integers(0, 200),
    st.randoms(use_true_random=False),
)
def test_a_sample_is_the_smallest_hashes_up_to_its_size(
    documents: dict[str, str], sample_bytes: int, chance: random.Random
) -> None:
    shuffled = list(documents.items())
    chance.shuffle(shuffled)
    sample = training_sample(shuffled, 5, sample_bytes)
    ranked = [documents[name] for name in sorted(documents, key=lambda name: (seeded_hash(5, name), name))]
    assert sample == ranked[: len(sample)]
    size = sum(len(text.encode()) for text in sample)
    assert size >= sample_bytes or len(sample) == len(documents)
    assert not sample or size - len(sample[-1].encode()) < sample_bytes


def test_the_limit_lets_about_twice_a_sample_through() -> None:
    assert hash_limit(10 << 30, 256 << 20) / (1 << 64) == pytest.approx((2 * 256 + 16) / (10 * 1024))
    assert hash_limit(100 << 20, 256 << 20) == 1 << 64
    assert hash_limit(0, 0) == 1 << 64


def test_the_exchange_trains_what_a_plain_call_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.tokens.train.SLACK_BYTES", 1_000)
    texts = sentences(400)
    pages = [page(i, text, dropped=i % 7 == 0) for i, text in enumerate(texts)]
    kept = [(p.doc_id, p.text or "") for p in pages if not p.dropped]
    expected = train_model(training_sample(kept, 3, 20_000), vocab_size=350)
    for parts in (1, 4):
        steps = make_steps(tmp_path / str(parts), pages, parts, seed=parts)
        total = text_bytes_of(pages)
        assert hash_limit(total, 20_000) < 1 << 64, "the limit is at work"
        assert trained_model(steps, vocab_size=350, seed=3, text_bytes=total, sample_bytes=20_000) == expected


def test_training_on_a_corpus_gives_what_its_run_would_train(tmp_path: Path) -> None:
    pages = [page(i, text) for i, text in enumerate(sentences(200))]
    for shard in (0, 1):
        rows = [{"doc_id": p.doc_id, "url": None, "text": p.text} for p in pages[shard::2]]
        (tmp_path / "corpus").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "corpus" / f"part-{shard:05d}.parquet")
    made = train_on_corpus(tmp_path / "corpus", tmp_path / "m", vocab_size=350, sample_bytes=10_000, seed=3)
    steps = make_steps(tmp_path, pages)
    model = trained_model(steps, vocab_size=350, seed=3, text_bytes=text_bytes_of(pages), sample_bytes=10_000)
    assert hashlib.sha256(made.read_bytes()).digest() == hashlib.sha256(model).digest()


def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="holds no Parquet files"):
        train_on_corpus(tmp_path, tmp_path / "m", vocab_size=350, sample_bytes=1, seed=0)
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "x.parquet")
    with pytest.raises(RecipeError, match=r"x\.parquet is no file of a corpus: it has no columns doc_id and text"):
        train_on_corpus(tmp_path, tmp_path / "m", vocab_size=350, sample_bytes=1, seed=0)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(RecipeError, match=r"x\.parquet is no file of a corpus"):
        train_on_corpus(tmp_path, tmp_path / "m", vocab_size=350, sample_bytes=1, seed=0)
