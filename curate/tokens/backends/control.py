"""What keeps crawled text from turning into control tokens.

A control token steers a model: it ends a document or opens a turn of a chat. Libraries find some of them in plain text:
SentencePiece every piece of type USER_DEFINED, Hugging Face every added token and, in Unigram, WordPiece and WordLevel
models, any entry of the vocabulary. Here the vocabulary is changed before it is loaded, so that no text reaches them;
ids stay as they are. Pieces that are text of their own (runs of spaces, line breaks) are left alone.
"""

import re
from collections.abc import Iterator
from typing import Any

# `<…>`, `[…]` or `<|…|>` without a space inside: what vocabularies write control tokens as.
_MARKER = re.compile(r"<[^\s<>]+>|\[[^\s\[\]]+\]|<\|[^\s|]+\|>")

# SentencePiece's ModelProto: field numbers and wire types as tags, and the two values of SentencePiece.type.
_PIECE, _NAME, _TYPE = 0x0A, 0x0A, 0x18
_CONTROL, _USER_DEFINED = 3, 4
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def is_marker(piece: str) -> bool:
    """Whether a piece looks like a control token rather than like text."""
    return _MARKER.fullmatch(piece) is not None


def without_markers(model: bytes) -> bytes:
    """A SentencePiece model whose USER_DEFINED pieces that are markers are CONTROL, which text never matches.

    The message is walked and single bytes are changed; every length and id stays. Raises IndexError or ValueError
    where the bytes are no protobuf message.
    """
    changed = bytearray(model)
    for tag, start, end in _fields(model, 0, len(model)):
        if tag != _PIECE:
            continue
        name, kind = "", None
        for inner, begin, stop in _fields(model, start, end):
            if inner == _NAME:
                name = model[begin:stop].decode("utf-8", "replace")
            elif inner == _TYPE:
                kind = begin
        if kind is not None and model[kind] == _USER_DEFINED and is_marker(name):
            changed[kind] = _CONTROL
    return bytes(changed)


def _fields(message: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(tag, start, end) of the value of each field in message[position:end]."""
    while position < end:
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == _BYTES:
            length, position = _varint(message, position)
            stop = position + length
        elif wire == _VARINT:
            stop = _varint(message, position)[1]
        elif wire in (_FIXED32, _FIXED64):
            stop = position + (4 if wire == _FIXED32 else 8)
        else:
            raise ValueError(f"wire type {wire} at byte {position}")
        yield tag, position, stop
        position = stop


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """(value, position behind it)."""
    value = shift = 0
    while message[position] & 0x80:
        value |= (message[position] & 0x7F) << shift
        shift += 7
        position += 1
    return value | message[position] << shift, position + 1


def plain_text_only(document: dict[str, Any]) -> dict[str, Any]:
    """A `tokenizer.json` whose control tokens no text reaches; the caller also sets `encode_special_tokens`.

    In a BPE model only merges lead to an entry, so merges that end in a control token go. Other models look whole
    strings up: there the entry gets a name that holds the noncharacter U+10FFFF, and the added token goes.
    """
    model = document["model"]
    added = document.get("added_tokens") or []
    control = control_pieces(document)
    if model.get("type", "BPE") == "BPE":
        added = [{**token, "special": True} if token["content"] in control else token for token in added]
        merges = [merge for merge in model.get("merges", []) if _merged(merge) not in control]
        return {**document, "added_tokens": added, "model": {**model, "merges": merges}}
    added = [token for token in added if token["content"] not in control]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        hidden: Any = {_hide(piece, control): index for piece, index in vocabulary.items()}
    else:
        hidden = [[_hide(piece, control), score] for piece, score in vocabulary]
    return {**document, "added_tokens": added, "model": {**model, "vocab": hidden}}


def control_pieces(document: dict[str, Any]) -> set[str]:
    """The added tokens of a `tokenizer.json` that are control tokens, the unknown token aside."""
    added = document.get("added_tokens") or []
    found = {str(token["content"]) for token in added if token.get("special") or is_marker(token["content"])}
    return found - {_unknown_piece(document["model"])}


def _unknown_piece(model: dict[str, Any]) -> str | None:
    """The unknown token stays: the model refers to it, and a text that spells it is met with it rightly."""
    if isinstance(model.get("vocab"), list) and model.get("unk_id") is not None:
        return str(model["vocab"][model["unk_id"]][0])
    return model.get("unk_token")


def _merged(merge: str | list[str]) -> str:
    return "".join(merge) if isinstance(merge, list) else merge.replace(" ", "", 1)


def _hide(piece: str, control: set[str]) -> str:
    return f"\U0010ffff{piece}\U0010ffff" if piece in control else piece
