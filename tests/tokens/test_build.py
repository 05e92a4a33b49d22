"""The whole token side: what is in the files, that nothing but the documents decides it, and the way back."""

import base64
import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokens_steps import MemorySteps, Page, make_steps, make_view, page, text_bytes_of

from curate.errors import EngineError, RecipeError
from curate.schema import seeded_hash
from curate.tokens import windows
from curate.tokens.build import TokensConfig, build_tokens, document_at, tokens_fingerprint
from curate.tokens.formats import SequenceReader
from curate.tokens.spans import SPANS, read_tokens_json, spans_of_row
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.tokens.train import train_sentencepiece
from curate.tokens.windows import WINDOW, EmitTokens, window_count, window_of
from curate.tokens.write import in_shards

WORDS = ["alpha", "beta", "数据", "模型", "\n", "</s>", "<|im_end|>", "1234", "été", "a▁b"]


def make_pages(count: int, seed: int = 0, longest: int = 120) -> list[Page]:
    chance = random.Random(seed)
    return [
        page(
            number,
            " ".join(chance.choices(WORDS, k=chance.randint(0, longest))) if number % 50 else None,
            chance.choice(["en", "zh", None]),
            dropped=chance.random() < 0.2,
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocabulary") / "words.model"
    train_sentencepiece([" ".join(WORDS)] * 5, path, vocab_size=320)
    return path


def build(
    folder: Path, pages: Sequence[Page], config: TokensConfig, parts: int = 3, seed: int = 0, **options: Any
) -> dict[str, Any]:
    steps = make_steps(folder, pages, parts, seed)
    return build_tokens(
        steps, config, folder / "tokens", text_bytes=text_bytes_of(pages), scratch=folder / "scratch", **options
    )


def kept_tokens(pages: Sequence[Page], tokenizer: Tokenizer, bos: bool = False) -> dict[str, list[int]]:
    """doc_id → what must be in the stream, from the tokenizer alone."""
    head = [tokenizer.special.bos] if bos else []
    return {
        p.doc_id: [*head, *tokenizer.encode_batch([p.text or ""])[0].tolist(), tokenizer.eos_id]
        for p in pages
        if not p.dropped
    }


def stream_of(out: Path) -> list[Path]:
    return sorted(out.glob("train-*.bin"))


def gather(out: Path) -> dict[str, list[int]]:
    """doc_id → tokens, put together from files and spans; asserts that pieces do not overlap."""
    pieces: dict[str, dict[int, list[int]]] = {}
    for file in read_tokens_json(out)["files"]:
        reader = SequenceReader(out / file["name"])
        for span in pq.read_table(out / f"{file['name']}.spans.parquet").to_pylist():
            row = reader[span["row"]]
            own = pieces.setdefault(span["doc_id"], {})
            assert span["doc_start"] not in own
            own[span["doc_start"]] = row[span["start"] : span["start"] + span["length"]].tolist()
    found = {}
    for doc_id, parts in pieces.items():
        tokens: list[int] = []
        for start in sorted(parts):
            assert start == len(tokens)
            tokens += parts[start]
        found[doc_id] = tokens
    return found


# --- what is in the files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["best_fit", "none"])
@pytest.mark.parametrize("add_bos", [False, True])
def test_every_token_of_every_kept_document_is_there_once(
    tmp_path: Path, vocabulary: Path, packing: Any, add_bos: bool
) -> None:
    pages = make_pages(150)
    config = TokensConfig(str(vocabulary), sequence_length=64, packing=packing, window_bytes=20_000, add_bos=add_bos)
    facts = build(tmp_path, pages, config, shard_bytes=9_000)
    expected = kept_tokens(pages, load_tokenizer(str(vocabulary)), add_bos)
    assert gather(tmp_path / "tokens") == expected
    assert len(facts["files"]) > 2
    assert facts["documents"] == len(expected)
    assert facts["tokens"] == sum(map(len, expected.values()))
    assert facts["unknown_tokens"] == 0
    assert json.loads((tmp_path / "tokens" / "tokens.json").read_text()) == json.loads(json.dumps(facts))


def test_packed_rows_are_full_length_and_padded_behind_their_last_span(tmp_path: Path, vocabulary: Path) -> None:
    facts = build(tmp_path, make_pages(150), TokensConfig(str(vocabulary), sequence_length=64, window_bytes=20_000))
    out = tmp_path / "tokens"
    reader = SequenceReader(out / "train-00000")
    assert reader.dtype == np.dtype("<u2")
    assert set(reader.lengths.tolist()) == {64}
    assert len(reader) == facts["sequences"]
    padding = 0
    for row in range(len(reader)):
        spans = spans_of_row(out / "train-00000", row)
        assert [span.start for span in spans] == [sum(s.length for s in spans[:i]) for i in range(len(spans))]
        used = sum(span.length for span in spans)
        assert reader[row][used:].tolist() == [facts["tokenizer"]["pad"]] * (64 - used)
        padding += 64 - used
    assert facts["packing_waste"]["padding_tokens"] == padding > 0


def test_documents_as_sequences_come_in_order_of_their_hash(tmp_path: Path, vocabulary: Path) -> None:
    pages = make_pages(80)
    config = TokensConfig(str(vocabulary), packing="none", window_bytes=5_000, seed=9)
    facts = build(tmp_path, pages, config)
    tokenizer = load_tokenizer(str(vocabulary))
    expected = kept_tokens(pages, tokenizer)
    order = sorted(expected, key=lambda doc_id: (seeded_hash(9, doc_id), doc_id))
    reader = SequenceReader(tmp_path / "tokens" / "train-00000")
    assert [reader[row].tolist() for row in range(len(reader))] == [expected[doc_id] for doc_id in order]
    assert facts["sequence_length"] is None
    assert "packing_waste" not in facts


def test_the_books_agree_with_the_files(tmp_path: Path, vocabulary: Path) -> None:
    pages = make_pages(150)
    facts = build(tmp_path, pages, TokensConfig(str(vocabulary), sequence_length=64, window_bytes=20_000))
    out = tmp_path / "tokens"
    tokens = kept_tokens(pages, load_tokenizer(str(vocabulary)))
    lang_of = {p.doc_id: p.lang or "und" for p in pages}
    for lang, counted in facts["languages"].items():
        own = [ids for doc_id, ids in tokens.items() if lang_of[doc_id] == lang]
        assert counted == {"documents": len(own), "tokens": sum(map(len, own))}
    assert set(facts["languages"]) == {"en", "und", "zh"}
    waste = facts["packing_waste"]
    assert waste["rows"] == facts["sequences"] >= waste["fewest_rows"] == -(-facts["tokens"] // 64)
    assert waste["padding_share"] == waste["padding_tokens"] / (64 * waste["rows"])
    assert waste["cut_documents"] == sum(len(ids) > 64 for ids in tokens.values())
    assert facts["sha256"] == hashlib.sha256(b"".join(p.read_bytes() for p in stream_of(out))).hexdigest()
    for file in facts["files"]:
        for ending, sha256 in file["sha256"].items():
            assert hashlib.sha256((out / f"{file['name']}.{ending}").read_bytes()).hexdigest() == sha256
    assert pq.read_schema(out / "train-00000.spans.parquet").equals(SPANS)


def test_cuts_by_concatenation_are_counted_over_windows_and_batches(tmp_path: Path, vocabulary: Path) -> None:
    pages = make_pages(300, longest=30)
    facts = build(tmp_path, pages, TokensConfig(str(vocabulary), sequence_length=64, window_bytes=6_000))
    place, cut = 0, 0
    seen: set[str] = set()
    tokens = kept_tokens(pages, load_tokenizer(str(vocabulary)))
    for span in pq.read_table(tmp_path / "tokens" / "train-00000.spans.parquet").to_pylist():
        if span["doc_start"] == 0:
            end = place + len(tokens[span["doc_id"]])
            cut += place // 64 != (end - 1) // 64
            place = end
            seen.add(span["doc_id"])
    assert len(seen) == len(tokens)
    assert facts["packing_waste"]["cut_documents_if_concatenated"] == cut
    assert facts["packing_waste"]["cut_documents"] < cut


def test_a_given_vocabulary_is_kept_beside_the_files(tmp_path: Path, vocabulary: Path) -> None:
    facts = build(tmp_path, make_pages(20), TokensConfig(str(vocabulary)))
    assert (tmp_path / "tokens" / "tokenizer.model").read_bytes() == vocabulary.read_bytes()
    assert facts["tokenizer"] == {
        "file": "tokenizer.model",
        "name": "words.model",
        "kind": "sentencepiece",
        "trained": False,
        "sha256": hashlib.sha256(vocabulary.read_bytes()).hexdigest(),
        "vocab_size": 320,
        "eos": 2,
        "bos": None,
        "pad": 2,
    }
    assert str(tmp_path) not in (tmp_path / "tokens" / "tokens.json").read_text()


def test_internlm2s_vocabulary_needs_int32(tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / "vocabularies" / "internlm2.model"
    pages = make_pages(30)
    facts = build(tmp_path, pages, TokensConfig(str(path), sequence_length=64))
    assert facts["dtype"] == "int32"
    assert gather(tmp_path / "tokens") == kept_tokens(pages, load_tokenizer(str(path)))


def test_without_documents_there_is_a_whole_folder_without_shards(tmp_path: Path) -> None:
    pages = [page(1, "dropped", dropped=True)]
    facts = build(tmp_path, pages, TokensConfig(vocab_size=320), parts=2)
    assert (facts["files"], facts["tokens"], facts["documents"]) == ([], 0, 0)
    assert facts["packing_waste"]["padding_share"] == 0.0
    assert facts["sha256"] == hashlib.sha256().hexdigest()
    assert {path.name for path in (tmp_path / "tokens").iterdir()} == {"tokens.json", "tokenizer.model"}
    with pytest.raises(RecipeError, match="there is no token 0"):
        document_at(tmp_path / "tokens", 0)


def test_a_recipe_without_languages_counts_all_as_undetermined(tmp_path: Path, vocabulary: Path) -> None:
    pages = make_pages(20)
    steps = MemorySteps(tmp_path, make_view(tmp_path, pages, 2, columns=("text",)), 2, len(pages))
    config = TokensConfig(str(vocabulary), sequence_length=64)
    facts = build_tokens(steps, config, tmp_path / "t", text_bytes=text_bytes_of(pages), scratch=tmp_path / "s")
    assert set(facts["languages"]) == set(facts["frequencies"]["words"]) == {"und"}


# --- invariance --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["best_fit", "none"])
def test_parts_batches_input_order_and_shards_do_not_show(tmp_path: Path, packing: Any) -> None:
    pages = make_pages(120)
    config = TokensConfig(vocab_size=330, sequence_length=64, packing=packing, window_bytes=15_000)
    results = []
    for number, (parts, shard_bytes) in enumerate(((1, 1 << 20), (2, 5_000), (23, 700))):
        shuffled = random.Random(number).sample(pages, len(pages))
        folder = tmp_path / str(number)
        facts = build(folder, shuffled, config, parts, seed=number, shard_bytes=shard_bytes)
        stream = b"".join(path.read_bytes() for path in stream_of(folder / "tokens"))
        assert hashlib.sha256(stream).hexdigest() == facts["sha256"]
        results.append({key: value for key, value in facts.items() if key != "files"})
    assert results[0]["tokens"] > 3_000
    assert results[1:] == results[:-1]


def test_slices_of_a_part_do_not_show(tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = make_pages(60)
    config = TokensConfig(str(vocabulary), sequence_length=64)
    first = build(tmp_path / "a", pages, config)
    monkeypatch.setattr(windows, "SLICE_BYTES", 300)
    monkeypatch.setattr(windows, "SEQUENCES_PER_BATCH", 3)
    assert build(tmp_path / "b", pages, config)["sha256"] == first["sha256"]


@pytest.mark.parametrize("change", [{"seed": 7}, {"sequence_length": 65}, {"window_bytes": 3_000}, {"add_bos": True}])
def test_what_the_recipe_says_does_show(tmp_path: Path, vocabulary: Path, change: dict[str, Any]) -> None:
    pages = make_pages(60)
    facts = {"sequence_length": 64, "window_bytes": 20_000}
    plain = build(tmp_path / "a", pages, TokensConfig(str(vocabulary), **facts))
    changed = build(tmp_path / "b", pages, TokensConfig(str(vocabulary), **{**facts, **change}))
    assert plain["sha256"] != changed["sha256"]


def test_windows_are_ranges_of_the_hash() -> None:
    assert [window_of(number, 4) for number in (0, (1 << 62) - 1, 1 << 62, (1 << 64) - 1)] == [0, 0, 1, 3]
    numbers = sorted(random.Random(0).getrandbits(64) for _ in range(1_000))
    assert [window_of(number, 7) for number in numbers] == sorted(window_of(number, 7) for number in numbers)
    assert [window_count(size, 100) for size in (0, 1, 100, 101)] == [1, 1, 1, 2]


# --- again, and after an interruption ----------------------------------------------------------------------------


def test_writing_again_leaves_the_same_files_and_no_others(tmp_path: Path, vocabulary: Path) -> None:
    pages = make_pages(60)
    config = TokensConfig(str(vocabulary), sequence_length=64)
    build(tmp_path, pages, config, shard_bytes=2_000)
    out = tmp_path / "tokens"
    (out / "train-00099.bin").write_bytes(b"of an earlier, larger run")
    (out / ".train-00000.bin.0123456789abcdef.tmp").write_bytes(b"of a killed run")
    build(tmp_path, pages, config, shard_bytes=2_000)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    build(tmp_path, pages, config, shard_bytes=2_000)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    names = [file["name"] for file in json.loads(first["tokens.json"])["files"]]
    expected = {f"{name}{ending}" for name in names for ending in (".bin", ".idx", ".spans.parquet")}
    assert set(first) == expected | {"tokens.json", "tokenizer.model"}


def test_a_failure_while_writing_leaves_no_tokens_json(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = make_pages(60)
    config = TokensConfig(str(vocabulary), sequence_length=64)
    expected = build(tmp_path, pages, config)
    with monkeypatch.context() as patched:
        patched.setattr("curate.tokens.write.read_sequences", fail)
        with pytest.raises(EngineError, match="cannot write"):
            build(tmp_path, pages, config)
    out = tmp_path / "tokens"
    assert [path.name for path in out.iterdir()] == []
    with pytest.raises(RecipeError, match=r"holds no tokens\.json"):
        document_at(out, 0)
    assert build(tmp_path, pages, config) == expected


def fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


# --- the way back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["best_fit", "none"])
def test_every_token_leads_back_to_its_document(tmp_path: Path, vocabulary: Path, packing: Any) -> None:
    pages = make_pages(25)
    config = TokensConfig(str(vocabulary), sequence_length=48, packing=packing, window_bytes=4_000)
    build(tmp_path, pages, config, shard_bytes=600)
    out = tmp_path / "tokens"
    stream = np.frombuffer(b"".join(path.read_bytes() for path in stream_of(out)), "<u2")
    expected = kept_tokens(pages, load_tokenizer(str(vocabulary)))
    found: dict[str, dict[int, int]] = {doc_id: {} for doc_id in expected}
    padding = []
    for token in range(0, len(stream), 3):
        try:
            doc_id, place = document_at(out, token)
        except RecipeError as error:
            padding.append(str(error))
        else:
            assert expected[doc_id][place] == stream[token]
            found[doc_id][place] = token
    assert sum(map(len, found.values())) > 100
    assert all("is padding at the end of row" in message for message in padding)
    assert bool(padding) == (packing == "best_fit")
    last = len(stream) - 1
    for beyond in (-1, last + 1):
        with pytest.raises(RecipeError, match=f"there is no token {beyond}: tokens holds tokens 0 to {last}"):
            document_at(out, beyond)


# --- shards ------------------------------------------------------------------------------------------------------


def test_shards_are_filled_to_their_size_and_never_divide_a_sequence() -> None:
    sizes = [4, 4, 4, 30, 2, 10, 1]
    rows = [{"tokens": bytes(size), "spans": []} for size in sizes]
    batches = [pa.RecordBatch.from_pylist(rows[:5], WINDOW), pa.RecordBatch.from_pylist(rows[5:], WINDOW)]
    shards: dict[int, list[int]] = {}
    for shard, batch in in_shards(batches, 10):
        shards.setdefault(shard, []).extend(map(len, batch["tokens"].to_pylist()))
    assert list(shards.values()) == [[4, 4], [4], [30], [2], [10], [1]]
    assert list(shards) == list(range(6))


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_length": 0}, "sequence_length is 0"),
        ({"packing": "greedy"}, "packing is 'greedy'; it is 'best_fit' or 'none'"),
        ({"window_bytes": 1 << 30}, "window_bytes is 1073741824"),
        ({"window_bytes": 0}, "window_bytes is 0"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        TokensConfig(**options)


def test_a_vocabulary_that_cannot_do_what_is_asked_is_refused(tmp_path: Path) -> None:
    ranks = tmp_path / "bytes.tiktoken"
    ranks.write_bytes(b"".join(base64.b64encode(bytes([b])) + b" %d\n" % b for b in range(256)))
    with pytest.raises(RecipeError, match=r"add_bos is set, but tokenizer 'bytes\.tiktoken' has no token that begins"):
        tokens_fingerprint(TokensConfig(str(ranks), add_bos=True))
    assert tokens_fingerprint(TokensConfig(str(ranks))) != tokens_fingerprint(TokensConfig())


def test_the_fingerprint_follows_the_vocabularys_bytes_not_its_place(tmp_path: Path, vocabulary: Path) -> None:
    moved = tmp_path / "moved.model"
    moved.write_bytes(vocabulary.read_bytes())
    before = tokens_fingerprint(TokensConfig(str(vocabulary)))
    assert tokens_fingerprint(TokensConfig(str(moved))) == before
    train_sentencepiece(["other words"] * 5, moved, vocab_size=300)
    assert tokens_fingerprint(TokensConfig(str(moved))) != before
    assert tokens_fingerprint(TokensConfig(str(vocabulary), seed=1)) != before


def test_a_worker_with_another_vocabulary_stops(tmp_path: Path, vocabulary: Path) -> None:
    emit = EmitTokens(make_view(tmp_path, make_pages(5), 1), str(vocabulary), "0" * 64, 0, 1, False)
    with pytest.raises(EngineError, match=r"the vocabulary 'words\.model' differs"):
        list(emit(0))
