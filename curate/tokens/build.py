"""From the kept documents of a run to token files: vocabulary, windows, `.bin`/`.idx` shards, spans and `tokens.json`.

    OUT/tokens/train-00000.bin, .idx        packed sequences, as Megatron-LM reads them
    OUT/tokens/train-00000.spans.parquet    which tokens of which sequence came from which document
    OUT/tokens/tokenizer.model              the vocabulary, where it was trained here
    OUT/tokens/tokens.json                  everything one needs to know to use them; written last

The order of sequences is that of the windows, which are ranges of hash(seed, doc_id): it is part of the result.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import RecipeError
from curate.store import Dataset, atomic_file, file_sha256, write_json, write_parquet
from curate.tokens.formats import token_dtype, write_sequences
from curate.tokens.sample import trained_model
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.tokens.windows import (
    TOKENISED,
    WINDOW,
    EmitTokens,
    PackingName,
    PackWindow,
    Sequences,
    read_sequences,
    window_count,
)
from curate.wide import Steps

SHARD_TOKENS = 1 << 30
TOP = 200

SPANS = pa.schema(
    [
        pa.field("sequence", pa.int64(), nullable=False),  # in this shard
        pa.field("start", pa.int32(), nullable=False),  # in the sequence
        pa.field("length", pa.int32(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("doc_start", pa.int64(), nullable=False),  # in the document's tokens
    ]
)


@dataclass(frozen=True)
class TokensConfig:
    """`[tokens]` of a recipe: a tokenizer's path, or none and the size of the one to train."""

    tokenizer: str | None = None
    vocab_size: int = 32_000
    sequence_length: int = 4096
    packing: PackingName = "best_fit"
    seed: int = 1024
    window_bytes: int = 64 << 20


@dataclass
class Totals:
    """What is counted while files are written. Counts are exact; nothing is sampled."""

    sequences: int = 0
    tokens: int = 0
    pieces: int = 0
    documents: int = 0
    cut_documents: int = 0
    tokens_of: Counter[str] = field(default_factory=Counter)
    frequencies: dict[str, Any] = field(default_factory=dict)

    def add(self, opened: Sequences, vocab_size: int) -> None:
        """Count the sequences of one batch."""
        languages, coded = opened.languages()
        lengths, starts = opened.numbers("length"), opened.numbers("doc_start")
        firsts = starts == 0
        self.sequences += len(opened.lengths)
        self.tokens += int(lengths.sum())
        self.pieces += len(lengths)
        self.documents += int(np.count_nonzero(firsts))
        self.cut_documents += int(np.count_nonzero(firsts & (opened.numbers("doc_tokens") > lengths)))
        ends = np.concatenate(([0], np.cumsum(opened.lengths)))
        begins = ends[opened.sequence] + opened.numbers("start")
        for number, lang in enumerate(languages):
            own = coded == number
            self.tokens_of[lang] += int(lengths[own].sum())
            counts = self.frequencies.setdefault(lang, np.zeros(vocab_size, np.int64))
            for begin, length in zip(begins[own].tolist(), lengths[own].tolist(), strict=True):
                counts += np.bincount(opened.tokens[begin : begin + length], minlength=vocab_size)


def build_tokens(steps: Steps, config: TokensConfig, out: Path, *, text_bytes: int, scratch: Path) -> dict[str, Any]:
    """Tokenise and pack the documents that `steps.view` keeps, write `out`, return the content of tokens.json.

    text_bytes: UTF-8 bytes of kept text, which set the number of windows. Raises RecipeError without any.
    """
    if not text_bytes:
        raise RecipeError(
            "no document was kept, so there is nothing to make tokens of; look at the report, or drop [tokens]"
        )
    path = config.tokenizer or str(_train(steps, config, text_bytes, scratch))
    tokenizer = load_tokenizer(path)
    windows = window_count(text_bytes, config.window_bytes)
    emit = EmitTokens(steps.view, path, tokenizer.fingerprint, config.seed, windows, add_bos=False)
    dtype = token_dtype(tokenizer.vocab_size)
    reduce = PackWindow(config.sequence_length, config.packing, tokenizer.pad_id, dtype.str)
    packed = steps.exchange("windows", emit, reduce, inputs=steps.parts, schema=TOKENISED, out=WINDOW, buckets=windows)
    return write_token_files(packed, tokenizer, config, out, path)


def write_token_files(
    packed: Dataset, tokenizer: Tokenizer, config: TokensConfig, out: Path, path: str
) -> dict[str, Any]:
    """Put the windows behind one another into shards. The old folder is replaced when the new one is complete."""
    fresh = out.with_name(f".{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    totals, stream = Totals(), hashlib.sha256()
    files = [
        _write_shard(batches, fresh, number, tokenizer, totals, stream)
        for number, batches in enumerate(_shards(packed))
    ]
    if config.tokenizer is None:
        shutil.copyfile(path, fresh / "tokenizer.model")
    summary = _summary(totals, tokenizer, config, files, stream.hexdigest())
    write_json(fresh / "tokens.json", summary)
    shutil.rmtree(out, ignore_errors=True)
    fresh.rename(out)
    return summary


def document_at(folder: Path, token: int) -> tuple[str, int]:
    """(doc_id, place in that document's tokens) of a token, counted over all shards in order, padding included.

    Raises RecipeError for a place that no document's token lies in.
    """
    try:
        summary = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"{folder} holds no token files") from error
    from curate.tokens.formats import SequenceReader

    left = token
    for file in summary["files"]:
        reader = SequenceReader(folder / file["name"])
        ends = np.cumsum(reader.lengths, dtype=np.int64)
        if len(ends) and left < ends[-1]:
            sequence = int(np.searchsorted(ends, left, side="right"))
            place = left - int(ends[sequence] - reader.lengths[sequence])
            return _document_in(folder / f"{file['name']}.spans.parquet", sequence, place, token)
        left -= int(ends[-1]) if len(ends) else 0
    raise RecipeError(f"there is no token {token}: the files hold {token - left}")


def _document_in(path: Path, sequence: int, place: int, token: int) -> tuple[str, int]:
    for span in pq.read_table(path, filters=[("sequence", "=", sequence)]).to_pylist():
        if span["start"] <= place < span["start"] + span["length"]:
            return str(span["doc_id"]), int(span["doc_start"] + place - span["start"])
    raise RecipeError(f"token {token} is padding")


def _train(steps: Steps, config: TokensConfig, text_bytes: int, scratch: Path) -> Path:
    """The trained vocabulary as a file that every worker can read."""
    model = trained_model(steps, vocab_size=config.vocab_size, seed=config.seed, text_bytes=text_bytes)
    path = scratch / "tokenizer.model"
    with atomic_file(path) as temporary:
        temporary.write_bytes(model)
    return path


def _shards(packed: Dataset) -> Iterator[Iterator[pa.RecordBatch]]:
    """Batches of consecutive windows, a group for every shard of about a billion tokens; at least one."""
    manifests = packed.manifests()
    groups: list[list[int]] = [[]]
    size = 0
    for manifest in manifests:
        if size >= SHARD_TOKENS * 2:
            groups.append([])
            size = 0
        groups[-1].append(manifest.part)
        size += manifest.bytes
    for group in groups:
        yield (batch for part in group for batch in packed.batches(part))


def _write_shard(
    batches: Iterator[pa.RecordBatch], folder: Path, number: int, tokenizer: Tokenizer, totals: Totals, stream: Any
) -> dict[str, Any]:
    dtype = token_dtype(tokenizer.vocab_size)
    name = f"train-{number:05d}"
    with write_sequences(folder / name, dtype) as writer:

        def spans() -> Iterator[pa.RecordBatch]:
            written = 0
            for batch in batches:
                opened = read_sequences(batch, dtype)
                writer.append(opened.tokens, opened.lengths)
                stream.update(np.ascontiguousarray(opened.lengths, "<i8").data)
                stream.update(np.ascontiguousarray(opened.tokens, "<i4").data)
                totals.add(opened, tokenizer.vocab_size)
                sequence = pa.array(opened.sequence + written, pa.int64())
                columns = [sequence, *(opened.spans[field.name] for field in list(SPANS)[1:])]
                yield pa.record_batch(columns, schema=SPANS)
                written += len(opened.lengths)

        rows, _ = write_parquet(folder / f"{name}.spans.parquet", SPANS, spans())
    sequences = sum(len(lengths) for lengths in writer.lengths)
    return {"name": name, "sequences": sequences, "spans": rows, "sha256": file_sha256(folder / f"{name}.bin")}


def _summary(
    totals: Totals, tokenizer: Tokenizer, config: TokensConfig, files: list[dict[str, Any]], stream: str
) -> dict[str, Any]:
    packed = config.packing == "best_fit"
    room = totals.sequences * config.sequence_length if packed else totals.tokens
    return {
        "tokenizer": {"name": tokenizer.name, "kind": tokenizer.kind, "sha256": tokenizer.fingerprint},
        "vocab_size": tokenizer.vocab_size,
        "dtype": str(token_dtype(tokenizer.vocab_size)),
        "eos_id": tokenizer.eos_id,
        "pad_id": tokenizer.pad_id,
        "sequence_length": config.sequence_length if packed else None,
        "packing": config.packing,
        "seed": config.seed,
        "tokens": totals.tokens,
        "sequences": totals.sequences,
        "documents": totals.documents,
        "cut_documents": totals.cut_documents,
        "pieces": totals.pieces,
        "padding_tokens": room - totals.tokens,
        "waste": (room - totals.tokens) / room if room else 0.0,
        "sequences_at_least": -(-totals.tokens // config.sequence_length) if packed else None,
        "languages": dict(sorted(totals.tokens_of.items())),
        "files": files,
        "sha256": stream,
        "frequencies": {
            "tokens": {lang: _top(counts, tokenizer) for lang, counts in sorted(totals.frequencies.items())}
        },
    }


def _top(counts: Any, tokenizer: Tokenizer) -> dict[str, Any]:
    """The most frequent tokens as text, ties by id."""
    order = np.lexsort((np.arange(len(counts)), -counts))[:TOP]
    top = [[tokenizer.decode([int(token)]), int(counts[token])] for token in order if counts[token]]
    return {"total": int(counts.sum()), "top": top}
