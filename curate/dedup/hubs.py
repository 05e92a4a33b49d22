"""Hubs: which documents of one band key are compared, so that a million equal pages do not become 5 · 10^11 pairs.

The members of a key come in survivor order. Each is compared, by the 2-bit sketches of its minima, with the hubs of
the key: earlier members that were not yet covered by `hubs` hubs of an estimate at or over the threshold. It is paired
with every hub whose estimate is at least threshold − 4 σ, and becomes a hub itself where it is not covered. Whatever is
decided about a member looks only at members before it, so a later crawl changes nothing. Cost: 13 ns a comparison, at
most `key_hubs` of them a member.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from curate.text.kernel import kernel

Int64s = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

_SIGMAS = 4
# 2-bit fields of unrelated minima agree this often.
_CHANCE = Fraction(1, 4)
# Pairs held at a time.
_ROOM = 1 << 20

_PAIRS_OF_BITS = np.uint64(0x5555555555555555)
_2_BITS, _4_BITS = np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_ONES = np.uint64(0x0101010101010101)
_1, _2, _4, _56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


@dataclass(frozen=True)
class HubLimits:
    """near, same: how many of the k fields may differ for a pair, and for being covered. hubs: that cover a member.

    key_hubs: hubs of one key. pairs: of one member in one key, the first ones in order.
    """

    near: int
    same: int
    hubs: int = 8
    key_hubs: int = 256
    pairs: int = 64


def hub_limits(threshold: Fraction, hashes: int, hubs: int, key_hubs: int, pairs: int) -> HubLimits:
    """Limits in fields. An estimate is (equal / hashes − 1/4) / (3/4), σ its deviation at the threshold."""
    agree = float(_CHANCE + (1 - _CHANCE) * threshold)
    sigma = sqrt(agree * (1 - agree) / hashes) / float(1 - _CHANCE)
    near = max(float(threshold) - _SIGMAS * sigma, 0.0)
    return HubLimits(_may_differ(near, hashes), _may_differ(threshold, hashes), hubs, key_hubs, pairs)


def _may_differ(estimate: float | Fraction, hashes: int) -> int:
    return hashes - ceil(hashes * (_CHANCE + (1 - _CHANCE) * Fraction(estimate)))


def hub_pairs(
    keys: Int64s, sketches: Words, limits: HubLimits, is_hub: Mask | None = None
) -> Iterator[tuple[Int64s, Int64s]]:
    """(member, hub) as places in the input, in pieces.

    keys: int64[n], ascending, the members of each in order. is_hub: bool[n], where every hub is marked.
    """
    is_hub = np.zeros(len(keys), np.bool_) if is_hub is None else is_hub
    hub_places = np.empty(limits.key_hubs, np.int64)
    numbers = (limits.near, limits.same, limits.hubs, limits.pairs)
    place, hub_count = 0, 0
    room = max(_ROOM, limits.pairs)
    while place < len(keys):
        members, hubs = np.empty(room, np.int64), np.empty(room, np.int64)
        place, hub_count, pairs = _compare(keys, sketches, place, hub_places, hub_count, numbers, is_hub, members, hubs)
        yield members[:pairs], hubs[:pairs]


@kernel
def _compare(
    keys: Int64s,
    sketches: Words,
    place: int,
    hub_places: Int64s,
    hub_count: int,
    limits: tuple[int, int, int, int],
    is_hub: Mask,
    members: Int64s,
    hubs: Int64s,
) -> tuple[int, int, int]:
    """Go on from `place` until the room for pairs may not do for one more member; (place, hubs of its key, pairs)."""
    near, same, cover, most = limits
    pairs = 0
    while place < len(keys) and pairs + most <= len(members):
        if place > 0 and keys[place] != keys[place - 1]:
            hub_count = 0
        covered, paired = 0, 0
        for number in range(hub_count):
            hub = hub_places[number]
            differ = np.uint64(0)
            for word in range(sketches.shape[1]):
                bits = sketches[place, word] ^ sketches[hub, word]
                bits = (bits | (bits >> _1)) & _PAIRS_OF_BITS
                bits = (bits & _2_BITS) + ((bits >> _2) & _2_BITS)
                differ += (((bits + (bits >> _4)) & _4_BITS) * _ONES) >> _56
            if differ <= same:
                covered += 1
            if differ <= near and paired < most:
                members[pairs] = place
                hubs[pairs] = hub
                pairs += 1
                paired += 1
            if covered >= cover and paired >= most:
                break
        if covered < cover and hub_count < len(hub_places):
            hub_places[hub_count] = place
            is_hub[place] = True
            hub_count += 1
        place += 1
    return place, hub_count, pairs
