"""The table of tags: what an element does to the text, to its neighbours and to the list of open elements.

After the HTML standard of WHATWG (html.spec.whatwg.org sections 13.1.2 and 13.2.6), reduced to what decides where a
block of text begins and ends. Inline elements are not in the table unless they mean something here; any other name is
`OTHER`, an inline element that is never kept open.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.kernel import inner

# What a tag does, as bits.
BLOCK = 1 << 0  # text before and after it belongs to different blocks
VOID = 1 << 1  # has no content
RAW = 1 << 2  # its content is no markup
SILENT = 1 << 3  # the text in it is not the page's
ENDS_P = 1 << 4  # an open paragraph ends before it
HEADING = 1 << 5
FENCE = 1 << 6  # an end tag inside it does not reach an element outside
VERBATIM = 1 << 7  # white space means what it says
IGNORED = 1 << 8  # once for a page; neither start nor end changes anything but blocks

_FLAGS: dict[int, str] = {
    BLOCK: """address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset
        figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav
        noscript ol optgroup option p plaintext pre search section select summary table tbody td tfoot th thead tr ul
        audio video canvas svg template iframe textarea xmp br head""",
    VOID: "area base br col embed hr img input link meta param source track wbr",
    RAW: "script style textarea title xmp iframe noembed noframes",
    SILENT: "audio video canvas svg template select datalist rt rp",
    ENDS_P: """address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form
        h1 h2 h3 h4 h5 h6 header hgroup hr main menu nav ol p pre listing search section table ul li dd dt plaintext""",
    HEADING: "h1 h2 h3 h4 h5 h6",
    FENCE: "table td th caption template button",
    VERBATIM: "pre listing",
    IGNORED: "html head body",
}  # fmt: skip
_INLINE = "a b strong code kbd samp math span time sup sub"

# What an element says of all that is in it, as bits that are inherited.
CONTEXTS = (
    "nav menu", "header hgroup", "footer", "aside", "article", "main", "form fieldset", "table", "ul ol dir", "dl",
    "blockquote", "figure", "noscript", "button label legend", "pre listing", "h1 h2 h3 h4 h5 h6", "section", "p",
    "address", "dialog",
)  # fmt: skip
CONTEXT_BITS = {name: 1 << bit for bit, names in enumerate(CONTEXTS) for name in names.split()}
HIDDEN = 1 << 20
COMMENTS = 1 << 21  # readers' comments, by class or id
INHERITED = (1 << 22) - 1
MUTE = 1 << 22  # this element is silent: not inherited, but counted while it is open
NAMES: tuple[str, ...] = (
    "",
    *sorted({name for names in _FLAGS.values() for name in names.split()} | set(_INLINE.split())),
)
OTHER = 0
IDS = {name: number for number, name in enumerate(NAMES)}

_A, _B, _STRONG, _CODE = (IDS[name] for name in ("a", "b", "strong", "code"))
# Starting one of these ends an open one of the same group, unless an element of the fence stands between them.
_GROUPS: tuple[tuple[str, str], ...] = (
    ("li", "ul ol menu dir table td th caption"),
    ("dd dt", "dl table td th caption"),
    ("td th", "table tr"),
    ("tr", "table"),
    ("thead tbody tfoot", "table"),
    ("option", "select optgroup"),
    ("optgroup", "select"),
    ("rt rp", "p li td th div"),
    ("h1 h2 h3 h4 h5 h6", "section article div td th li aside header table"),
)
GROUP_SIZE = 9

FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
_SLOTS = 1024


class Tags(NamedTuple):
    """flags, contexts: uint32[t]. ends, fences: int16[t, 9], the groups above, −1 where empty. slots: uint64[s], ids:
    uint8[s]: a hash table from FNV-1a of a name in lower case to its id.
    """

    flags: npt.NDArray[np.uint32]
    contexts: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.int16]
    fences: npt.NDArray[np.int16]
    slots: npt.NDArray[np.uint64]
    ids: npt.NDArray[np.uint8]


@cache
def tags() -> Tags:
    """The table, made once a process."""
    flags = np.zeros(len(NAMES), np.uint32)
    for bit, names in _FLAGS.items():
        flags[_ids(names)] |= np.uint32(bit)
    ends, fences = (np.full((len(NAMES), GROUP_SIZE), -1, np.int16) for _ in range(2))
    for group, fence in _GROUPS:
        for tag in _ids(group):
            ends[tag, : len(_ids(group))] = _ids(group)
            fences[tag, : len(_ids(fence))] = _ids(fence)
    slots, ids = hash_table({name: number for name, number in IDS.items() if name})
    contexts = np.array([CONTEXT_BITS.get(name, 0) for name in NAMES], np.uint32)
    return Tags(flags, contexts, ends, fences, slots, ids.astype(np.uint8))


def _ids(names: str) -> list[int]:
    return [IDS[name] for name in names.split()]


def hash_table(values: dict[str, int], size: int = _SLOTS) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """(hashes, values) with open addressing; a hash of 0 marks an empty slot."""
    slots, found = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    for name, value in values.items():
        key = name_hash(name)
        at = int(key) % size
        while slots[at] and slots[at] != key:
            at = (at + 1) % size
        slots[at], found[at] = key, value
    return slots, found


def name_hash(name: str, seed: int = int(FNV_OFFSET)) -> np.uint64:
    """FNV-1a of a name's bytes with 64 bits."""
    value = seed
    for octet in name.encode():
        value = (value ^ octet) * int(FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(value)


@inner
def slot_of(slots: npt.NDArray[np.uint64], key: np.uint64) -> int:
    """Where `key` stands in a table of `hash_table`, or −1."""
    mask = np.uint64(len(slots) - 1)
    at = key & mask
    while slots[at] != 0:
        if slots[at] == key:
            return int(np.int64(at))
        at = (at + np.uint64(1)) & mask
    return -1


@inner
def tag_of(table: Tags, key: np.uint64) -> int:
    """The id of a tag by the hash of its name."""
    slot = slot_of(table.slots, key)
    return int(np.int64(table.ids[slot])) if slot >= 0 else OTHER
