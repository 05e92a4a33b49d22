"""tiktoken vocabularies: lines of `base64(token) rank`, byte-level BPE by rank.

The file holds neither the splitting pattern nor the control tokens. `<|…|>` entries among the ranks are taken for
control tokens and out of the merges; where none ends a text, `<|endoftext|>` gets the id behind the last rank.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tiktoken

from curate.errors import RecipeError
from curate.tokens.backends.control import is_marker
from curate.tokens.tokenizer import SpecialIds, TokenIds, Tokenizer, fingerprint_of

# How the vocabularies of these names split text; a rank file is only right with the pattern it was made with.
PATTERNS = {
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
}
END_OF_TEXT = "<|endoftext|>"
ENDS = (END_OF_TEXT, "<|end_of_text|>", "<|eos|>")
PADS = ("<|padding|>", "<|pad|>")
STARTS = ("<|begin_of_text|>", "<|startoftext|>", "<|bos|>")
# Bytes that no UTF-8 text holds; a vocabulary may lack them.
NEVER_IN_UTF8 = {0xC0, 0xC1, *range(0xF5, 0x100)}


def open_vocabulary(data: bytes, name: str, pattern: str | None = None) -> Tokenizer:
    """A tokenizer from the bytes of a rank file. Raises RecipeError."""
    ranks = _ranks(data, name)
    control = {token.decode(): rank for token, rank in ranks.items() if _is_control(token)}
    merges = {token: rank for token, rank in ranks.items() if not _is_control(token)}
    if not any(end in control for end in ENDS):
        control[END_OF_TEXT] = max(ranks.values()) + 1
    regex = PATTERNS.get(pattern or "cl100k", pattern or "")
    try:
        encoding = tiktoken.Encoding(name, pat_str=regex, mergeable_ranks=merges, special_tokens=control)
    except ValueError as error:
        raise RecipeError(f"tokenizer {name!r}: tiktoken refuses the vocabulary or its pattern: {error}") from error
    coder = _Coder(encoding, frozenset(control.values()))
    special = SpecialIds(_first(ENDS, control), _first(STARTS, control), _first(PADS, control))
    mark = fingerprint_of(data if pattern is None else data + b"\0" + regex.encode())
    size = max(*ranks.values(), *control.values()) + 1
    return Tokenizer(name, "tiktoken", size, special, mark, coder.encode_batch, coder.decode)


@dataclass(frozen=True)
class _Coder:
    encoding: Any
    control: frozenset[int]

    def encode_batch(self, texts: Sequence[str]) -> list[TokenIds]:
        """Ids of each text; `encode_ordinary` knows no control tokens."""
        return [np.array(self.encoding.encode_ordinary(text), np.int32) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids."""
        plain = [int(index) for index in ids if int(index) not in self.control]
        return bytes(self.encoding.decode_bytes(plain)).decode("utf-8", "replace")


def _ranks(data: bytes, name: str) -> dict[bytes, int]:
    """Token → rank. Raises RecipeError for a bad line, a rank given twice or a byte that is missing."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise RecipeError(f"tokenizer {name!r}, line {number}: not `base64 rank`: {line[:60]!r}") from error
    if len(set(ranks.values())) < len(ranks):
        raise RecipeError(f"tokenizer {name!r}: two tokens have the same rank, so ids would be ambiguous")
    missing = [byte for byte in range(256) if byte not in NEVER_IN_UTF8 and bytes([byte]) not in ranks]
    if missing:
        raise RecipeError(f"tokenizer {name!r}: single bytes are missing (0x{missing[0]:02X}, …): no text fits into it")
    return ranks


def _is_control(token: bytes) -> bool:
    return token.startswith(b"<|") and is_marker(token.decode("utf-8", "replace"))


def _first(names: Sequence[str], ids: dict[str, int]) -> int | None:
    return next((ids[name] for name in names if name in ids), None)
