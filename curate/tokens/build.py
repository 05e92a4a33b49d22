"""Tokens of a run: train or take a tokenizer, tokenise and pack by one exchange, write the files and the books.

Windows that an interrupted run has packed are not packed again (the exchange sees to that); the files are written
anew, which costs little. `tokens.json` goes first and comes last, so a folder that has it is whole.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import RecipeError
from curate.store import Dataset, Fence, atomic_file, write_json
from curate.tokens.formats import token_dtype
from curate.tokens.frequency import token_frequencies, word_frequencies
from curate.tokens.sample import trained_model
from curate.tokens.spans import document_at
from curate.tokens.tokenizer import Tokenizer, load_tokenizer, read_vocabulary
from curate.tokens.train import SAMPLE_BYTES
from curate.tokens.windows import TOKENISED, WINDOW, EmitTokens, PackingName, PackWindow, window_count
from curate.tokens.write import SHARD_BYTES, Tally, write_token_files
from curate.wide import Steps

__all__ = ["TokensConfig", "build_tokens", "document_at", "tokens_fingerprint"]

# A window's ids are one Arrow array, whose offsets are 32 bits wide; a byte of text is at most four bytes of ids.
LARGEST_WINDOW_BYTES = 256 << 20
ENDINGS = {"sentencepiece": ".model", "huggingface": ".json", "tiktoken": ".tiktoken"}
# Bumped when the same documents and configuration give another stream.
VERSION = 1


@dataclass(frozen=True)
class TokensConfig:
    """`[tokens]` of a recipe.

    tokenizer: a vocabulary file, or None to train one of `vocab_size` on the corpus. packing: "best_fit" fills rows of
    `sequence_length` tokens, "none" keeps every document a sequence of its own. seed: of the documents' order and the
    sample. window_bytes: how much text is packed together.
    """

    tokenizer: str | None = None
    vocab_size: int = 32_000
    sequence_length: int = 4096
    packing: PackingName = "best_fit"
    seed: int = 1024
    window_bytes: int = 64 << 20
    add_bos: bool = False

    def __post_init__(self) -> None:
        if self.sequence_length < 1:
            raise RecipeError(f"tokens.sequence_length is {self.sequence_length}; a row needs at least one token")
        if self.packing not in ("best_fit", "none"):
            raise RecipeError(f"tokens.packing is {self.packing!r}; it is 'best_fit' or 'none'")
        if not 0 < self.window_bytes <= LARGEST_WINDOW_BYTES:
            raise RecipeError(f"tokens.window_bytes is {self.window_bytes}; give 1 to {LARGEST_WINDOW_BYTES}")


def tokens_fingerprint(config: TokensConfig) -> str:
    """Changes exactly when the configuration or the bytes of its vocabulary file do. Raises RecipeError.

    Opening the vocabulary here also finds a bad one before the first byte of the corpus is read.
    """
    facts = asdict(config) | {"version": VERSION}
    if config.tokenizer is not None:
        facts["tokenizer"] = _checked(load_tokenizer(config.tokenizer), config).fingerprint
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def build_tokens(
    steps: Steps,
    config: TokensConfig,
    out: Path,
    *,
    text_bytes: int,
    scratch: Path,
    shard_bytes: int = SHARD_BYTES,
    sample_bytes: int = SAMPLE_BYTES,
) -> dict[str, Any]:
    """Make `out` the token files of the kept documents that `steps` reads; returns what `out/tokens.json` says.

    text_bytes: UTF-8 bytes of all kept text. scratch: a folder that every worker can read. Raises RecipeError for a
    vocabulary that cannot be used.
    """
    path = _vocabulary(steps, config, scratch, text_bytes, sample_bytes)
    tokenizer = _checked(load_tokenizer(str(path)), config)
    dtype = token_dtype(tokenizer.vocab_size)
    windows = _pack(steps, config, path, tokenizer, window_count(text_bytes, config.window_bytes))
    words = word_frequencies(steps, text_bytes=text_bytes, seed=config.seed)

    _clear(out)
    tally = Tally(config.sequence_length if config.packing == "best_fit" else None, tokenizer.special.unk)
    files = write_token_files(windows, out, dtype, tally, shard_bytes)
    kept_as = f"tokenizer{ENDINGS[tokenizer.kind]}"
    _publish(out / kept_as, path.read_bytes(), windows.fence)
    facts = {
        "format": "megatron",
        "tokenizer": _describe(tokenizer, config, kept_as),
        "dtype": np.dtype(dtype).name,
        "packing": config.packing,
        "sequence_length": tally.sequence_length,
        "seed": config.seed,
        **tally.summary(),
        "files": files,
        "frequencies": {"words": words, "tokens": token_frequencies(windows, tokenizer)},
    }
    write_json(out / "tokens.json", facts)
    return facts


def _vocabulary(steps: Steps, config: TokensConfig, scratch: Path, text_bytes: int, sample_bytes: int) -> Path:
    """The vocabulary file where workers find it."""
    if config.tokenizer is None:
        data = trained_model(
            steps, vocab_size=config.vocab_size, seed=config.seed, text_bytes=text_bytes, sample_bytes=sample_bytes
        )
        path = scratch / "tokenizer.model"
    else:
        data = read_vocabulary(config.tokenizer)
        path = scratch / config.tokenizer.rpartition("/")[2]
    _publish(path, data, None)
    return path


def _pack(steps: Steps, config: TokensConfig, path: Path, tokenizer: Tokenizer, windows: int) -> Dataset:
    emit = EmitTokens(steps.view, str(path), tokenizer.fingerprint, config.seed, windows, config.add_bos)
    kind = token_dtype(tokenizer.vocab_size).str
    reduce = PackWindow(config.sequence_length, config.packing, tokenizer.pad_id, kind)
    return steps.exchange("windows", emit, reduce, inputs=steps.parts, schema=TOKENISED, out=WINDOW, buckets=windows)


def _checked(tokenizer: Tokenizer, config: TokensConfig) -> Tokenizer:
    """The tokenizer, if it has the control tokens that are asked for."""
    if config.add_bos and tokenizer.special.bos is None:
        raise RecipeError(f"tokens.add_bos is set, but tokenizer {tokenizer.name!r} has no token that begins a text")
    if tokenizer.eos_id == tokenizer.special.unk:
        raise RecipeError(f"tokenizer {tokenizer.name!r} has one id for the end of a text and for unknown characters")
    return tokenizer


def _describe(tokenizer: Tokenizer, config: TokensConfig, file: str) -> dict[str, Any]:
    return {
        "file": file,
        "name": tokenizer.name,
        "kind": tokenizer.kind,
        "trained": config.tokenizer is None,
        "sha256": tokenizer.fingerprint,
        "vocab_size": tokenizer.vocab_size,
        "eos": tokenizer.eos_id,
        "bos": tokenizer.special.bos if config.add_bos else None,
        "pad": tokenizer.pad_id,
    }


def _publish(path: Path, data: bytes, fence: Fence | None) -> None:
    with atomic_file(path, fence) as temporary:
        temporary.write_bytes(data)


def _clear(out: Path) -> None:
    """Remove what an earlier run has left, tokens.json first: no shard of another stream may stay among the new."""
    (out / "tokens.json").unlink(missing_ok=True)
    for pattern in ("train-*", ".train-*.tmp", "tokenizer.*", ".tokenizer.*.tmp"):
        for path in sorted(out.glob(pattern)):
            path.unlink(missing_ok=True)
