"""No other set of blocks has a higher expected F."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.blocks.threshold import BETA, choose

BLOCKS = st.lists(st.tuples(st.floats(0.0078125, 1, width=32), st.integers(1, 50)), min_size=1, max_size=7)


def expected(chosen: tuple[int, ...], blocks: list[tuple[float, int]], beta: float) -> float:
    hits = sum(blocks[at][0] * blocks[at][1] for at in chosen)
    kept = sum(blocks[at][1] for at in chosen)
    return (1 + beta**2) * hits / (kept + beta**2 * sum(chance * tokens for chance, tokens in blocks))


@settings(deadline=None)
@given(BLOCKS, st.sampled_from(sorted(BETA)))
def test_no_set_of_blocks_is_expected_to_be_better(blocks: list[tuple[float, int]], mode: str) -> None:
    chances, tokens = (np.array(column, np.float32) for column in zip(*blocks, strict=True))
    keep, height = choose(chances, tokens, BETA[mode])
    sets = [chosen for size in range(1, len(blocks) + 1) for chosen in combinations(range(len(blocks)), size)]
    best = max(expected(chosen, blocks, BETA[mode]) for chosen in sets)
    assert height == pytest.approx(best, rel=1e-4)
    assert height == pytest.approx(expected(tuple(np.flatnonzero(keep)), blocks, BETA[mode]), rel=1e-4)


def test_a_page_without_blocks_has_no_text() -> None:
    keep, height = choose(np.empty(0, np.float32), np.empty(0, np.float32))
    assert (len(keep), height) == (0, 0.0)


def test_precision_keeps_less_than_recall() -> None:
    chances, tokens = np.array([0.9, 0.5, 0.2, 0.1], np.float32), np.full(4, 10, np.float32)
    kept = [int(choose(chances, tokens, BETA[mode])[0].sum()) for mode in ("precision", "default", "recall")]
    assert kept == sorted(kept)
    assert kept[0] < kept[-1]
