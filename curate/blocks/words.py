"""Bytes as the scanner looks at them: white space, letters, hashes of names, needles."""

import numpy as np
import numpy.typing as npt

from curate.blocks.tags import FNV_PRIME
from curate.text.kernel import inner

Octets = npt.NDArray[np.uint8]

LESS, GREATER, SLASH, AMPERSAND, BANG, QUESTION, MINUS, EQUALS, APOSTROPHE, QUOTE = b"<>/&!?-='\""
BUCKETS = 1 << 16


@inner
def is_space(octet: int) -> bool:
    """ASCII white space of HTML."""
    return octet == 32 or 9 <= octet <= 10 or 12 <= octet <= 13


@inner
def lower(octet: int) -> int:
    """ASCII lower case."""
    return octet | 0x20 if 0x41 <= octet <= 0x5A else octet


@inner
def is_letter(octet: int) -> bool:
    """An ASCII letter."""
    return 0x61 <= octet | 0x20 <= 0x7A


@inner
def extend(key: np.uint64, octet: int) -> np.uint64:
    """FNV-1a over one more byte, in lower case."""
    return (key ^ np.uint64(lower(octet))) * FNV_PRIME


@inner
def bucket(key: np.uint64) -> np.uint16:
    """One of 65,536 places for a hash."""
    return np.uint16((key ^ key >> np.uint64(32) ^ key >> np.uint64(16)) & np.uint64(BUCKETS - 1))


@inner
def mix(key: np.uint64, value: np.uint64) -> np.uint64:
    """A hash of two hashes, in this order."""
    key = (key ^ value) * FNV_PRIME
    return (key ^ key >> np.uint64(29)) * FNV_PRIME


@inner
def find(src: Octets, at: int, stop: int, needle: Octets) -> int:
    """Where `needle`, in lower case, next stands in any case; `stop` if nowhere. Linear."""
    size = len(needle)
    while at + size <= stop:
        if lower(src[at]) == needle[0]:
            same = 1
            while same < size and lower(src[at + same]) == needle[same]:
                same += 1
            if same == size:
                return at
        at += 1
    return stop
