"""The scan: tokens by hand, then the reference on generated text, broken UTF-8, and the ends of buffers."""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import text_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from curate.text.brief import brief
from curate.text.scan import IDEOGRAPH_TOKEN, SYMBOL_TOKEN, WORD_TOKEN, pieces, read, room_for, strings, tokenise
from curate.text.traits import tables

KINDS = {WORD_TOKEN: "word", IDEOGRAPH_TOKEN: "ideograph", SYMBOL_TOKEN: "symbol"}
ARRAYS = st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=6)


def scanned(octets: bytes) -> tuple[str, list[tuple[str, str]]]:
    """(characters, [(token, kind)]) of some bytes."""
    room = room_for(len(octets))
    characters = read(np.frombuffer(octets, np.uint8), 0, len(octets), tables(), room)
    text = "".join(map(chr, room.codes[:characters].tolist()))
    return text, [
        (text[room.starts[token] : room.ends[token]], KINDS[int(room.kinds[token])])
        for token in range(tokenise(characters, room))
    ]


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
    assert [token for token, _ in scanned(text.encode())[1]] == expected


@settings(deadline=None, max_examples=300)
@given(texts)
def test_tokens_equal_reference(text: str) -> None:
    assert scanned(text.encode()) == (text, reference.tokens(text))


@settings(deadline=None, max_examples=50)
@given(texts)
def test_tokens_cover_all_but_space(text: str) -> None:
    tokens = [token for token, _ in scanned(text.encode())[1]]
    assert "".join(tokens) == "".join(char for char in text if not char.isspace())


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=30) | texts.map(lambda text: text.encode()[1:-1]))
def test_bytes_that_are_no_utf8_are_read_to_their_end(octets: bytes) -> None:
    text, _ = scanned(octets)
    try:
        assert text == octets.decode()
    except UnicodeDecodeError:
        assert "\ufffd" in text or any("\ud800" <= char <= "\udfff" for char in text)
    good = [char for char in octets.decode("utf-8", "ignore") if char.isascii()]
    assert [char for char in text if char.isascii()] == good


@settings(deadline=None)
@given(ARRAYS, st.integers(0, 3), st.integers(0, 6))
def test_slices_nulls_and_widths_of_arrays(values: list[str | None], start: int, length: int) -> None:
    array = pa.array(values, pa.string()).slice(min(start, len(values)), length)
    expected = [len(value or "") for value in array.to_pylist()]
    assert brief(array).chars.tolist() == expected
    assert brief(array.cast(pa.large_string())).chars.tolist() == expected
    assert brief(pa.chunked_array([array, array])).chars.tolist() == expected * 2


@settings(deadline=None)
@given(ARRAYS, st.integers(1, 12))
def test_pieces_are_the_whole_in_order(values: list[str | None], piece_bytes: int) -> None:
    parts = list(pieces(pa.array(values, pa.string()), piece_bytes))
    assert [value for part in parts for value in part.to_pylist()] == values
    assert all(len(part) == 1 or strings(part).size <= piece_bytes for part in parts)


@settings(deadline=None, max_examples=50)
@given(st.lists(texts, max_size=4))
def test_brief_equals_reference(documents: list[str]) -> None:
    found = brief(pa.array(documents, pa.string()))
    assert found.words.tolist() == [len(reference.words(text)) for text in documents]
    longest = [max(map(len, reference.words(text)), default=0) for text in documents]
    assert found.longest_word_chars.tolist() == longest


def test_nothing_is_read_or_written_outside_of_a_buffer() -> None:
    """All of it once more with Numba's bounds check, which needs a process and a cache of its own."""
    tests = ["tests/text/test_signals.py", "tests/text/test_shingles.py", "tests/text/test_scan.py"]
    if "NUMBA_BOUNDSCHECK" in os.environ:
        return
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "XDG_CACHE_HOME": "/nonexistent"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    chosen = ["-k", "reference or utf8", *tests]
    done = subprocess.run([*command, *chosen], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
