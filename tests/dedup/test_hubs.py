from fractions import Fraction
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import hubs as module
from curate.dedup.hubs import HubLimits, hub_limits, hub_pairs


def reference(keys: list[int], fields: np.ndarray, limits: HubLimits) -> list[tuple[int, int]]:
    pairs, hubs, last = [], [], None
    for place, key in enumerate(keys):
        hubs = hubs if key == last else []
        last = key
        differ = [int((fields[place] != fields[hub]).sum()) for hub in hubs]
        pairs += [(place, hub) for hub, d in zip(hubs, differ, strict=True) if d <= limits.near][: limits.pairs]
        if sum(d <= limits.same for d in differ) < limits.hubs and len(hubs) < limits.key_hubs:
            hubs.append(place)
    return pairs


def packed(fields: np.ndarray) -> np.ndarray:
    words = fields.reshape(len(fields), fields.shape[1] // 32, 32).astype(np.uint64) << np.arange(
        0, 64, 2, dtype=np.uint64
    )
    return words.sum(axis=2, dtype=np.uint64)


@settings(deadline=None)
@given(
    st.lists(st.integers(-1, 0), max_size=40),
    st.integers(0, 1000),
    st.builds(
        HubLimits, st.integers(20, 50), st.integers(0, 20), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)
    ),
    st.integers(0, 12),
)
def test_pairs_are_those_of_the_plain_loop(keys: list[int], seed: int, limits: HubLimits, room: int) -> None:
    chance = np.random.default_rng(seed)
    keys = sorted(keys)
    base = chance.integers(0, 4, (3, 64), dtype=np.uint8)[chance.integers(0, 3, len(keys))]
    changed = chance.random(base.shape) < chance.random((len(keys), 1)) * 0.7
    fields = np.where(changed, chance.integers(0, 4, base.shape, dtype=np.uint8), base)
    with patch.object(module, "_ROOM", room):
        found = list(hub_pairs(np.array(keys, np.int64), packed(fields), limits))
    assert [(int(v), int(u)) for vs, us in found for v, u in zip(vs, us, strict=True)] == reference(
        keys, fields, limits
    )


def test_limits_of_the_default() -> None:
    limits = hub_limits(Fraction(7, 10), 128, 8, 256, 64)
    assert limits == HubLimits(near=47, same=28, hubs=8, key_hubs=256, pairs=64)
    # est ≥ .7 − 4 × .049 = .504 of 128 fields is at least 81 equal ones; est ≥ .7 is at least 99.2
    assert 128 - limits.near == 81
    assert 128 - limits.same == 100


@pytest.mark.parametrize("threshold", [Fraction(1), Fraction(1, 100)])
def test_limits_at_the_ends_of_the_scale(threshold: Fraction) -> None:
    limits = hub_limits(threshold, 64, 8, 256, 64)
    assert 0 <= limits.same <= limits.near <= 64 * 3 // 4


def test_a_million_equal_pages_cost_8_pairs_each() -> None:
    n = 1_000_000
    limits = hub_limits(Fraction(7, 10), 128, 8, 256, 64)
    pairs = sum(len(v) for v, _ in hub_pairs(np.zeros(n, np.int64), np.zeros((n, 4), np.uint64), limits))
    assert pairs == 8 * (n - 8) + 8 * 7 // 2


def test_a_key_of_unrelated_documents_makes_no_pairs() -> None:
    sketches = np.random.default_rng(0).integers(0, 2**64, (3000, 4), dtype=np.uint64)
    limits = hub_limits(Fraction(7, 10), 128, 8, 256, 64)
    assert sum(len(v) for v, _ in hub_pairs(np.zeros(3000, np.int64), sketches, limits)) == 0
