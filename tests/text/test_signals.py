"""Every signal against the plain-Python reference: counts exactly, ratios to 1e-6."""

import json
import lzma
import math
from pathlib import Path

import pyarrow as pa
import pytest
import text_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from curate.text.signals import COUNTS, RATIOS, signals

LANGS = st.sampled_from(["en", "zh", "xx", None])


def assert_equal(documents: list[str], langs: list[str | None]) -> None:
    found = signals(pa.array(documents, pa.string()), pa.array(langs, pa.string()))
    assert set(found) == {*COUNTS, *RATIOS}
    for row, (document, lang) in enumerate(zip(documents, langs, strict=True)):
        expected = reference.signals(document, lang)
        assert set(expected) == set(found)
        for name, value in expected.items():
            got = float(found[name][row])
            tolerance = 0 if name in COUNTS else 1e-6
            same = math.isnan(got) if math.isnan(value) else abs(got - value) <= tolerance
            assert same, f"{name}: {got}, the reference says {value}, for {document!r}"


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(texts, LANGS), min_size=1, max_size=4))
def test_equals_reference(batch: list[tuple[str, str | None]]) -> None:
    assert_equal([text for text, _ in batch], [lang for _, lang in batch])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(texts, LANGS), min_size=2, max_size=6), st.integers(1, 5))
def test_batch_split_does_not_show(batch: list[tuple[str, str | None]], at: int) -> None:
    whole = signals(pa.array([text for text, _ in batch]), pa.array([lang for _, lang in batch], pa.string()))
    head, tail = (
        signals(pa.array([t for t, _ in part], pa.string()), pa.array([lang for _, lang in part], pa.string()))
        for part in (batch[:at], batch[at:])
    )
    for name, values in whole.items():
        assert [*head[name].tolist(), *tail[name].tolist()] == pytest.approx(values.tolist(), abs=0, nan_ok=True)


def test_texts_do_not_touch() -> None:
    """What one text ends with and the next begins with is nothing together."""
    assert_equal(
        ["...", ".", "java", "script", "lorem ", "ipsum", "&am", "p;", "{", "#", "1.", "5", "a", "\u0301"], ["en"] * 14
    )


def test_real_texts(shared_data: Path) -> None:
    """Every 40th main text of the gold pages."""
    with lzma.open(shared_data / "gold" / "gold-dev.gold.jsonl.xz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line)["gold"][:20_000] for number, line in enumerate(file) if number % 40 == 0]
    assert len(documents) > 50
    assert_equal(documents, [("en", "zh", None)[at % 3] for at in range(len(documents))])
