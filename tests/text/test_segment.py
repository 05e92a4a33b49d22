"""Tokens, lines and paragraphs: examples by hand, then the reference on generated text."""

import pyarrow as pa
import pytest
import text_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from curate.text.codepoints import decode
from curate.text.segment import IDEOGRAPH_TOKEN, SYMBOL_TOKEN, WORD_TOKEN, Spans, lines, paragraphs, segment

KINDS = {WORD_TOKEN: "word", IDEOGRAPH_TOKEN: "ideograph", SYMBOL_TOKEN: "symbol"}


def strings(documents: list[str], spans: Spans) -> list[list[str]]:
    whole = "".join(documents)
    pieces = [whole[start:end] for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)]
    return [pieces[start:end] for start, end in zip(spans.offsets[:-1], spans.offsets[1:], strict=True)]


def tokens_of(text: str) -> list[str]:
    return strings([text], segment(decode(pa.array([text]))).spans)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop", ["Don't", "stop"]),
        ("l’eau d'été", ["l’eau", "d'été"]),
        ("'quoted'", ["'", "quoted", "'"]),
        ("3.14 1,000.5 v2.0", ["3.14", "1,000.5", "v2.0"]),
        ("end.Next", ["end", ".", "Next"]),
        ("well-known snake_case", ["well", "-", "known", "snake_case"]),
        ("Wait... what?!", ["Wait", "...", "what", "?", "!"]),
        ("###==", ["###", "=="]),
        ("我们2个GPU人", ["我", "们", "2", "个", "GPU", "人"]),
        ("𠀀𪜀a", ["𠀀", "𪜀", "a"]),
        ("カナかな", ["カ", "ナ", "か", "な"]),
        ("か\u3099き", ["か\u3099", "き"]),
        ("e\u0301t e\u0301", ["e\u0301t", "e\u0301"]),
        ("\u0301a", ["\u0301", "a"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("ภาษาไทย", ["ภาษาไทย"]),  # not segmented
        ("한국어 문장", ["한국어", "문장"]),
        ("👍🏽 ok", ["👍🏽"[0], "👍🏽"[1], "ok"]),
        ("", []),
        (" \n\t\u3000", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens_of(text) == expected


@settings(deadline=None, max_examples=150)
@given(st.lists(texts, min_size=1, max_size=4))
def test_tokens_equal_reference(documents: list[str]) -> None:
    found = segment(decode(pa.array(documents)))
    kinds = [KINDS[kind] for kind in found.kinds.tolist()]
    assert strings(documents, found.spans) == [[token for token, _ in reference.tokens(text)] for text in documents]
    assert kinds == [kind for text in documents for _, kind in reference.tokens(text)]


@settings(deadline=None, max_examples=150)
@given(st.lists(texts, min_size=1, max_size=4))
def test_blocks_equal_reference(documents: list[str]) -> None:
    text = decode(pa.array(documents))
    assert strings(documents, lines(text)) == [reference.lines(document) for document in documents]
    assert strings(documents, paragraphs(text)) == [reference.paragraphs(document) for document in documents]


@settings(deadline=None, max_examples=50)
@given(texts)
def test_tokens_cover_all_but_space(text: str) -> None:
    assert "".join(tokens_of(text)) == "".join(char for char in text if not char.isspace())
