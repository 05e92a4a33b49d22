"""One face for every tokenizer: a SentencePiece model, a Hugging Face `tokenizer.json` or a tiktoken vocabulary.

The kind is told from the file's content, never from its name alone, and nothing is fetched from a network. Crawled
text is data: `</s>` or `<|im_end|>` written on a page is encoded as the characters that it is, never as the control
token of that name, whatever the library does by default.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from curate.errors import RecipeError
from curate.storage import place

TokenIds = npt.NDArray[np.int32]
Kind = Literal["sentencepiece", "huggingface", "tiktoken"]

_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\s*")


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the control tokens; None where the vocabulary has none."""

    eos: int | None = None
    bos: int | None = None
    pad: int | None = None
    unk: int | None = None


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary that is ready to use.

    name: the file's name without its folder. vocab_size: one more than the highest id. fingerprint: sha256 of the file.
    encode: texts → one int32 array of ids each, without BOS or EOS; its text is never read as a control token.
    decode: ids → text; control tokens vanish, bytes that are not UTF-8 become U+FFFD.
    """

    name: str
    kind: Kind
    vocab_size: int
    special: SpecialIds
    fingerprint: str
    encode_batch: Callable[[Sequence[str]], list[TokenIds]]
    decode: Callable[[Iterable[int]], str]

    @property
    def eos_id(self) -> int:
        """The token that ends every document. Raises RecipeError where the vocabulary has none."""
        if self.special.eos is None:
            raise RecipeError(
                f"tokenizer {self.name!r} has no end-of-text token such as '</s>' or '<|endoftext|>', so documents "
                "could not be told apart in a packed row; add one to the vocabulary or choose another"
            )
        return self.special.eos

    @property
    def pad_id(self) -> int:
        """The token that fills a row up: the vocabulary's own, else EOS."""
        return self.eos_id if self.special.pad is None else self.special.pad


def load_tokenizer(path: str, *, pattern: str | None = None) -> Tokenizer:
    """Open the vocabulary file at a local path or fsspec URL.

    pattern: for a tiktoken vocabulary, whose file does not hold it: the regular expression that splits text before
    merging, or the name of one ("cl100k", the default, or "gpt2"). Raises RecipeError for what is no vocabulary.
    """
    data = read_vocabulary(path)
    name = path.rstrip("/").rpartition("/")[2]
    kind = kind_of(data, name)
    if pattern is not None and kind != "tiktoken":
        raise RecipeError(f"tokenizer {name!r} is a {kind} file, which holds its own pattern; leave `pattern` out")
    if kind == "huggingface":
        from curate.tokens.backends import huggingface

        return huggingface.open_vocabulary(data, name)
    if kind == "tiktoken":
        from curate.tokens.backends import tiktoken

        return tiktoken.open_vocabulary(data, name, pattern)
    from curate.tokens.backends import sentencepiece

    return sentencepiece.open_vocabulary(data, name)


def read_vocabulary(path: str) -> bytes:
    """The bytes of a vocabulary file. Raises RecipeError where there is none."""
    try:
        return place(path).read_bytes()
    except IsADirectoryError as error:
        raise RecipeError(f"tokenizer {path!r} is a folder; name the tokenizer.json or .model file in it") from error
    except OSError as error:
        raise RecipeError(f"cannot read tokenizer {path!r}: {error.strerror or error}") from error


def kind_of(data: bytes, name: str) -> Kind:
    """What sort of vocabulary file these bytes are. Raises RecipeError for any other file."""
    start = data[:4096].lstrip()
    if start.startswith(b"{"):
        return "huggingface"
    if _RANK_LINE.fullmatch(start.partition(b"\n")[0]):
        return "tiktoken"
    # A SentencePiece model is a protobuf message that begins with its first piece: field 1, of known length.
    if len(data) > 2 and data[0] == 0x0A and data[2] == 0x0A:
        return "sentencepiece"
    raise RecipeError(
        f"{name!r} is no tokenizer: neither a SentencePiece .model, nor a tokenizer.json, nor a tiktoken vocabulary "
        "(lines of base64 and rank)"
    )


def fingerprint_of(data: bytes) -> str:
    """sha256 of a vocabulary file as hex digits."""
    return hashlib.sha256(data).hexdigest()
