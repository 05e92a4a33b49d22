"""Every kind of vocabulary against its own library; text that spells control tokens; files that are no vocabulary."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from curate.errors import RecipeError
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.tokens.train import train_sentencepiece

TEXTS = [
    "",
    " ",
    "Hello, world! It's 12345 o'clock.",
    "世界，你好。こんにちは 안녕하세요",
    "  two  spaces\n\n\tand a tab\r\n",
    "naïve café — “quotes” 😀👩‍👩‍👧 \x00 \u200b",
    "x" * 3_000,
]
FORGED = ["</s>", "<s>", "<unk>", "<|im_end|>", "<|endoftext|>", "a</s>b <|im_start|>user\n[UNUSED_TOKEN_3]<pad>"]
LEARN = ["hello world </ s> im _end |> <|", "the cat sat on the mat, the dog did not", "123 数据 数据"] * 3


def control_ids(tokenizer: Tokenizer) -> set[int]:
    special = tokenizer.special
    return {index for index in (special.eos, special.bos, special.pad) if index is not None}


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.model"
    train_sentencepiece(LEARN, path, vocab_size=320)
    return path


def byte_level_bpe() -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_end|>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(LEARN, trainer)
    return made


def looked_up(model: Any, trainer: Any) -> tokenizers.Tokenizer:
    """A model that looks whole strings up in its vocabulary, control tokens among them."""
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.train_from_iterator(LEARN, trainer)
    return made


SPECIAL = ["<unk>", "</s>", "<|im_end|>"]
MAKERS: dict[str, Callable[[], tokenizers.Tokenizer]] = {
    "bpe": byte_level_bpe,
    "unigram": lambda: looked_up(
        models.Unigram(),
        trainers.UnigramTrainer(vocab_size=80, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False),
    ),
    "wordpiece": lambda: looked_up(
        models.WordPiece(unk_token="<unk>"),
        trainers.WordPieceTrainer(vocab_size=120, special_tokens=SPECIAL, show_progress=False),
    ),
    "wordlevel": lambda: looked_up(
        models.WordLevel(unk_token="<unk>"),
        trainers.WordLevelTrainer(vocab_size=120, special_tokens=SPECIAL, show_progress=False),
    ),
}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def json_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("json") / "tokenizer.json"
    MAKERS[request.param]().save(str(path))
    return path


def rank_lines(ranks: dict[bytes, int]) -> bytes:
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())


def small_ranks() -> dict[bytes, int]:
    pairs = [b"he", b"ll", b"hell", b"hello", " 世".encode(), b"  ", b"th", b"the", b" the", b"12", b"123"]
    return {**{bytes([byte]): byte for byte in range(256)}, **{token: 256 + i for i, token in enumerate(pairs)}}


# --- SentencePiece -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "vocab_size", "eos"),
    [("internlm2.model", 92_544, 2), ("internlm.model", 103_168, 2), ("chinese_sp.model", 20_000, 2)],
)
def test_sentencepiece_gives_the_ids_of_its_library(shared_data: Path, name: str, vocab_size: int, eos: int) -> None:
    path = shared_data / "vocabularies" / name
    tokenizer = load_tokenizer(str(path))
    library = sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert (tokenizer.kind, tokenizer.name, tokenizer.vocab_size) == ("sentencepiece", name, vocab_size)
    assert (tokenizer.special.bos, tokenizer.eos_id, tokenizer.pad_id, tokenizer.special.unk) == (1, eos, eos, 0)
    assert tokenizer.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    for text, ids in zip(TEXTS, tokenizer.encode_batch(TEXTS), strict=True):
        assert ids.dtype == np.int32
        assert ids.tolist() == library.encode(text)
        assert tokenizer.decode(ids) == library.decode(ids.tolist())


def test_user_defined_markers_of_internlm2_are_text(shared_data: Path) -> None:
    path = shared_data / "vocabularies" / "internlm2.model"
    tokenizer = load_tokenizer(str(path))
    marker = "[UNUSED_TOKEN_3]"
    library = sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert library.encode(marker) == [library.piece_to_id(marker)], "the library itself takes it for the token"
    assert library.piece_to_id(marker) not in tokenizer.encode_batch([f"a {marker} b"])[0]
    assert tokenizer.decode(tokenizer.encode_batch([f"a {marker} b"])[0]) == f"a {marker} b"


def test_every_user_defined_marker_of_a_model_is_text(shared_data: Path) -> None:
    path = shared_data / "vocabularies" / "internlm.model"
    library = sentencepiece.SentencePieceProcessor(model_file=str(path))
    tokenizer = load_tokenizer(str(path))
    markers = [p for p in map(library.id_to_piece, range(library.vocab_size())) if p.startswith("<TOKENS_UNUSED")]
    assert len(markers) > 100
    for marker, ids in zip(markers, tokenizer.encode_batch(markers), strict=True):
        assert library.piece_to_id(marker) not in ids
        assert tokenizer.decode(ids) == marker


@given(st.text())
def test_a_trained_model_gives_every_text_back(small_model: Path, text: str) -> None:
    tokenizer = load_tokenizer(str(small_model))
    assert tokenizer.decode(tokenizer.encode_batch([text])[0]) == text


def test_the_character_that_stands_for_space_comes_back(small_model: Path) -> None:
    tokenizer = load_tokenizer(str(small_model))
    for text in ("a▁b", "▁", "▁▁ ▁x", " ▁\n▁ "):
        assert tokenizer.decode(tokenizer.encode_batch([text])[0]) == text
    assert tokenizer.encode_batch(["a▁b"])[0].tolist() != tokenizer.encode_batch(["a b"])[0].tolist()


# --- tokenizer.json ----------------------------------------------------------------------------------------------


def test_tokenizer_json_gives_the_ids_of_transformers(tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    path = tmp_path / "tokenizer.json"
    byte_level_bpe().save(str(path))
    tokenizer = load_tokenizer(str(path))
    library = PreTrainedTokenizerFast(tokenizer_file=str(path))
    assert (tokenizer.kind, tokenizer.vocab_size) == ("huggingface", len(library))
    assert (tokenizer.eos_id, tokenizer.pad_id) == (0, 2)
    for text, ids in zip(TEXTS, tokenizer.encode_batch(TEXTS), strict=True):
        assert ids.tolist() == library.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text


def test_truncation_padding_and_added_tokens_of_the_file_are_not_used(tmp_path: Path) -> None:
    made = byte_level_bpe()
    made.enable_truncation(4)
    made.enable_padding(length=64, pad_id=2, pad_token="<pad>")
    made.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    made.save(str(tmp_path / "tokenizer.json"))
    ids = load_tokenizer(str(tmp_path / "tokenizer.json")).encode_batch(["the cat sat on the mat"])[0]
    assert ids.tolist() == byte_level_bpe().encode("the cat sat on the mat").ids
    assert len(ids) > 4


def test_runs_of_spaces_stay_tokens_of_their_own(tmp_path: Path) -> None:
    made = byte_level_bpe()
    made.add_tokens(["    "])
    made.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(str(tmp_path / "tokenizer.json"))
    assert made.token_to_id("    ") in tokenizer.encode_batch(["if x:\n    return"])[0]


def test_an_id_behind_the_vocabulary_counts_into_its_size(tmp_path: Path) -> None:
    document = json.loads(byte_level_bpe().to_str())
    document["added_tokens"].append({**document["added_tokens"][0], "id": 999, "content": "<|end_of_text|>"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    assert load_tokenizer(str(tmp_path / "tokenizer.json")).vocab_size == 1000


def test_forged_control_tokens_are_text_in_every_model(json_file: Path) -> None:
    tokenizer = load_tokenizer(str(json_file))
    known = json.loads(json_file.read_text())
    control = {token["id"] for token in known["added_tokens"] if token["content"] != "<unk>"}
    assert control
    library = tokenizers.Tokenizer.from_file(str(json_file))
    assert control & set(library.encode("a <|im_end|> b").ids), "the library itself takes it for the token"
    for ids in tokenizer.encode_batch([*FORGED, *("hello " + text for text in FORGED)]):
        assert control.isdisjoint(ids.tolist())


def test_ids_of_plain_text_are_the_librarys_in_every_model(json_file: Path) -> None:
    library = tokenizers.Tokenizer.from_file(str(json_file))
    text = "hello world the cat sat 123 数据"
    assert load_tokenizer(str(json_file)).encode_batch([text])[0].tolist() == library.encode(text).ids


def test_a_merge_that_ends_in_a_control_token_is_left_out(tmp_path: Path) -> None:
    vocabulary = {"</s>": 0, "<": 1, "/": 2, "s": 3, ">": 4, "</": 5, "s>": 6}
    made = tokenizers.Tokenizer(models.BPE(vocabulary, [("<", "/"), ("s", ">"), ("</", "s>")]))
    made.add_special_tokens(["</s>"])
    made.save(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(str(tmp_path / "tokenizer.json")).encode_batch(["</s>"])[0].tolist() == [5, 6]


def test_a_vocabulary_whose_control_tokens_can_be_forged_is_refused(tmp_path: Path) -> None:
    made = byte_level_bpe()
    made.pre_tokenizer = None  # whole texts are looked up, control tokens among them
    document = json.loads(made.to_str())
    document["model"]["ignore_merges"] = True
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    with pytest.raises(RecipeError, match="turns the text '<pad>' into a control token"):
        load_tokenizer(str(tmp_path / "tokenizer.json"))


# --- tiktoken ----------------------------------------------------------------------------------------------------


def test_tiktoken_gives_the_ids_of_its_library_and_every_text_back(shared_data: Path) -> None:
    path = shared_data / "vocabularies" / "gpt_neox_20b.tiktoken"
    tokenizer = load_tokenizer(str(path))
    ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in path.read_bytes().splitlines())}
    assert (tokenizer.kind, tokenizer.vocab_size) == ("tiktoken", 50_277)
    assert (tokenizer.eos_id, tokenizer.pad_id) == (ranks[b"<|endoftext|>"], ranks[b"<|padding|>"])
    pattern = r"\p{L}+|\p{N}{1,3}|[^\p{L}\p{N}]+"
    library = tiktoken.Encoding("reference", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    mine = load_tokenizer(str(path), pattern=pattern)
    for text, ids in zip(TEXTS, mine.encode_batch(TEXTS), strict=True):
        assert ids.tolist() == library.encode(text)
        assert tokenizer.decode(tokenizer.encode_batch([text])[0]) == mine.decode(ids) == text
    assert mine.fingerprint != tokenizer.fingerprint, "another pattern is another tokenizer"


@pytest.mark.parametrize("pattern", [None, "gpt2", "cl100k"])
@settings(max_examples=50)
@given(text=st.text())
def test_every_text_comes_back_from_tiktoken(tmp_path_factory: Any, pattern: str | None, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "small.tiktoken"
    path.write_bytes(rank_lines(small_ranks()))
    tokenizer = load_tokenizer(str(path), pattern=pattern)
    assert tokenizer.decode(tokenizer.encode_batch([text])[0]) == text


def test_patterns_split_numbers_in_their_own_way(tmp_path: Path) -> None:
    path = tmp_path / "small.tiktoken"
    path.write_bytes(rank_lines({**small_ranks(), b"1231": 500}))
    by_three = load_tokenizer(str(path)).encode_batch(["1231"])[0].tolist()
    whole = load_tokenizer(str(path), pattern="gpt2").encode_batch(["1231"])[0].tolist()
    assert (by_three, whole) == ([small_ranks()[b"123"], ord("1")], [500])


def test_an_end_of_text_is_added_behind_the_ranks_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "small.tiktoken"
    path.write_bytes(rank_lines(small_ranks()))
    tokenizer = load_tokenizer(str(path))
    assert (tokenizer.eos_id, tokenizer.pad_id, tokenizer.vocab_size) == (267, 267, 268)
    assert 267 not in tokenizer.encode_batch(["<|endoftext|>"])[0]
    assert tokenizer.decode([ord("a"), 267, ord("b")]) == "ab"


@pytest.mark.parametrize("name", ["internlm2.model", "chinese_sp.model", "gpt_neox_20b.tiktoken"])
def test_forged_control_tokens_are_text_in_real_vocabularies(shared_data: Path, name: str) -> None:
    tokenizer = load_tokenizer(str(shared_data / "vocabularies" / name))
    for text, ids in zip(FORGED, tokenizer.encode_batch(FORGED), strict=True):
        assert control_ids(tokenizer).isdisjoint(ids.tolist())
        assert tokenizer.decode(ids).replace("\n", " ") == text.replace("\n", " ")


# --- what is no vocabulary ---------------------------------------------------------------------------------------


def test_the_kind_is_told_by_content_not_by_name(tmp_path: Path, small_model: Path) -> None:
    files = {
        "a.json": (small_model.read_bytes(), "sentencepiece"),
        "b.model": (rank_lines(small_ranks()), "tiktoken"),
        "c.tiktoken": (byte_level_bpe().to_str().encode(), "huggingface"),
    }
    for name, (data, kind) in files.items():
        (tmp_path / name).write_bytes(data)
        assert load_tokenizer(str(tmp_path / name)).kind == kind


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no tokenizer"),
        (b"just a text", "is no tokenizer"),
        (b"\x0a\x05\x0a\xff\xff", "not a SentencePiece model, or is damaged"),
        (b"{", "not valid JSON"),
        (b'{"a": 1}', "no `model` with a `vocab`"),
        (b'{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["x", "y"]]}}', "cannot read it"),
        (b"YQ== 0\nYg== 1\n", r"single bytes are missing \(0x00"),
        (b"YQ== 0\nYQ== b c\n", "line 2: not `base64 rank`"),
        (rank_lines({**small_ranks(), b"xy": 3}), "two tokens have the same rank"),
    ],
)
def test_files_that_are_no_vocabulary_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(RecipeError, match=message):
        load_tokenizer(str(path))


def test_a_damaged_model_is_refused(tmp_path: Path, small_model: Path) -> None:
    path = tmp_path / "cut.model"
    path.write_bytes(small_model.read_bytes()[:1000])
    with pytest.raises(RecipeError, match="not a SentencePiece model, or is damaged"):
        load_tokenizer(str(path))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read tokenizer .*nowhere"):
        load_tokenizer(str(tmp_path / "nowhere"))
    with pytest.raises(RecipeError, match=r"is a folder; name the tokenizer\.json"):
        load_tokenizer(str(tmp_path))


def test_a_pattern_is_refused_where_the_file_holds_its_own(small_model: Path) -> None:
    with pytest.raises(RecipeError, match="sentencepiece file, which holds its own pattern"):
        load_tokenizer(str(small_model), pattern="gpt2")


def test_a_bad_pattern_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.tiktoken"
    path.write_bytes(rank_lines(small_ranks()))
    with pytest.raises(RecipeError, match="tiktoken refuses the vocabulary or its pattern"):
        load_tokenizer(str(path), pattern="(")


def test_a_vocabulary_without_an_end_of_text_says_so(tmp_path: Path) -> None:
    made = tokenizers.Tokenizer(models.BPE({"a": 0}, []))
    made.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(str(tmp_path / "tokenizer.json"))
    with pytest.raises(RecipeError, match="no end-of-text token"):
        _ = tokenizer.pad_id
