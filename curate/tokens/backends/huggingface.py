"""Hugging Face `tokenizer.json`, through the tokenizers library.

Truncation and padding that the file may ask for are switched off, and its post-processor (which adds [CLS], BOS, …) is
not used: a corpus wants every token of a text and nothing else. The file does not say which token ends a text; it is
known by name.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

# Workers are processes: threads inside each of them would only compete, and warn after a fork.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import tokenizers

from curate.errors import RecipeError
from curate.tokens.backends.control import control_pieces, plain_text_only
from curate.tokens.tokenizer import SpecialIds, TokenIds, Tokenizer, fingerprint_of

ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<｜end▁of▁sentence｜>", "<|im_end|>", "[SEP]")
STARTS = ("<|begin_of_text|>", "<s>", "<bos>", "<|bos|>", "<｜begin▁of▁sentence｜>", "[CLS]")
PADS = ("<pad>", "<|pad|>", "<|padding|>", "<|finetune_right_pad_id|>", "<｜▁pad▁｜>", "[PAD]")
UNKNOWNS = ("<unk>", "[UNK]", "<|unk|>")


def open_vocabulary(data: bytes, name: str) -> Tokenizer:
    """A tokenizer from the bytes of a `tokenizer.json`. Raises RecipeError."""
    document = _document(data, name)
    ids = _ids(document)
    try:
        library = tokenizers.Tokenizer.from_str(json.dumps(plain_text_only(document), ensure_ascii=False))
    except Exception as error:  # the library raises bare Exception for whatever it cannot read
        raise RecipeError(f"tokenizer {name!r}: the tokenizers library cannot read it: {error}") from error
    library.encode_special_tokens = True
    library.no_truncation()
    library.no_padding()
    pieces = sorted(control_pieces(document))
    control = frozenset(ids[piece] for piece in pieces)
    special = SpecialIds(_first(ENDS, ids), _first(STARTS, ids), _first(PADS, ids), _first(UNKNOWNS, ids))
    coder = _Coder(library, control)
    _check_unreachable(pieces, control, coder, name)
    size = max(ids.values()) + 1
    return Tokenizer(name, "huggingface", size, special, fingerprint_of(data), coder.encode_batch, coder.decode)


@dataclass(frozen=True)
class _Coder:
    library: Any
    control: frozenset[int]

    def encode_batch(self, texts: Sequence[str]) -> list[TokenIds]:
        """Ids of each text; offsets are not computed."""
        encoded = self.library.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(item.ids, np.int32) for item in encoded]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids."""
        plain = [int(index) for index in ids if int(index) not in self.control]
        return str(self.library.decode(plain, skip_special_tokens=True))


def _check_unreachable(pieces: Sequence[str], control: frozenset[int], coder: _Coder, name: str) -> None:
    """Raise RecipeError where a control token's name as text still becomes that token."""
    for piece, encoded in zip(pieces, coder.encode_batch(pieces), strict=True):
        if not control.isdisjoint(encoded.tolist()):
            raise RecipeError(f"tokenizer {name!r} turns the text {piece!r} into a control token; pages could forge it")


def _document(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise RecipeError(f"tokenizer {name!r} is not valid JSON: {error}") from error
    model = document.get("model")
    if not isinstance(model, dict) or not model.get("vocab"):
        raise RecipeError(
            f"tokenizer {name!r} has no `model` with a `vocab`: a vocab.json or tokenizer_config.json is only "
            "a part of a tokenizer; give its tokenizer.json"
        )
    return dict(document)


def _ids(document: dict[str, Any]) -> dict[str, int]:
    """Piece → id, added tokens included."""
    vocabulary = document["model"]["vocab"]
    known = vocabulary if isinstance(vocabulary, dict) else {piece: i for i, (piece, _) in enumerate(vocabulary)}
    return {**known, **{token["content"]: token["id"] for token in document.get("added_tokens") or ()}}


def _first(names: Sequence[str], ids: dict[str, int]) -> int | None:
    return next((ids[name] for name in names if name in ids), None)
