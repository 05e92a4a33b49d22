"""SentencePiece models (Kudo and Richardson 2018, arXiv 1808.06226), through the library's own processor.

SentencePiece writes a space as U+2581, so a U+2581 in the text itself would come back as a space. Where the model has
byte pieces and adds no space of its own, that character is spelled in bytes instead, and decoding gives the text back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sentencepiece

from curate.errors import RecipeError
from curate.tokens.backends.control import without_markers
from curate.tokens.tokenizer import SpecialIds, TokenIds, Tokenizer, fingerprint_of

SPACE = "\u2581"
ERRORS_ONLY = 2


def open_vocabulary(data: bytes, name: str) -> Tokenizer:
    """A tokenizer from the bytes of a `.model` file. Raises RecipeError."""
    # Models with a piece for NUL are warned about at every load, in every worker.
    sentencepiece.set_min_log_level(ERRORS_ONLY)
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=without_markers(data))
    except (RuntimeError, IndexError, ValueError) as error:
        raise RecipeError(f"tokenizer {name!r} is not a SentencePiece model, or is damaged: {error}") from error
    coder = _Coder(processor, _spelled_space(processor))
    special = SpecialIds(
        eos=_present(processor.eos_id()),
        bos=_present(processor.bos_id()),
        pad=_present(processor.pad_id()),
        unk=_present(processor.unk_id()),
    )
    size = int(processor.vocab_size())
    return Tokenizer(name, "sentencepiece", size, special, fingerprint_of(data), coder.encode_batch, coder.decode)


@dataclass(frozen=True)
class _Coder:
    """spelled: the byte pieces of U+2581; empty where the model cannot give it back."""

    processor: Any
    spelled: tuple[int, ...]

    def encode_batch(self, texts: Sequence[str]) -> list[TokenIds]:
        """Ids of each text."""
        if not self.spelled or not any(SPACE in text for text in texts):
            return [np.array(ids, np.int32) for ids in self.processor.encode(list(texts), num_threads=1)]
        return [np.array(self._encode_around(text), np.int32) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids."""
        return str(self.processor.decode([int(index) for index in ids]))

    def _encode_around(self, text: str) -> list[int]:
        """Encode what lies between the U+2581, and spell those in bytes."""
        head, *rest = self.processor.encode(text.split(SPACE), num_threads=1)
        return [*head, *(index for ids in rest for index in (*self.spelled, *ids))]


def _spelled_space(processor: Any) -> tuple[int, ...]:
    adds_space = any(piece.startswith(SPACE) for piece in processor.encode("a", out_type=str)[:1])
    ids = tuple(int(processor.piece_to_id(f"<0x{byte:02X}>")) for byte in SPACE.encode())
    writes_space = processor.piece_to_id(SPACE) != processor.unk_id()
    return ids if writes_space and not adds_space and all(map(processor.is_byte, ids)) else ()


def _present(index: int) -> int | None:
    return None if index < 0 else int(index)
