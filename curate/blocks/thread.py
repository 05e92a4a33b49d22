"""Posts of a thread and readers' comments: a rule, for where they are asked for.

Forums, question pages and comment systems differ in everything but their structure: the same element over and over,
which calls itself a post, and in it one that calls itself the body, beside boxes about the user, signatures and
buttons. Classes and ids are read as the words they are made of (attributes.py). After the markup of phpBB, vBulletin,
XenForo, Discourse, StackExchange, Discuz!, Tieba, Disqus and WordPress. Linear: three passes over the elements.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from curate.blocks.attributes import PART, VALUE, WHOLE
from curate.blocks.layout import Records
from curate.blocks.measure import CHARS, LINK_CHARS, STOPS
from curate.blocks.page import Measured
from curate.blocks.tags import COMMENTS, CONTEXT_BITS, name_hash
from curate.blocks.words import BUCKETS, bucket
from curate.text.kernel import kernel

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Octets = npt.NDArray[np.uint8]

# What a name says of its element, as bits. An element is a post only where another of the same place is one, too, and
# the page is a thread: its types of schema.org say so, or a name of THREAD stands around or in the post.
POST, THREAD, BODY, BESIDE, SIGNATURE, REPEATED = (np.uint8(1 << bit) for bit in range(6))
_NAMES = {
    POST: "post posts message answer question comment topic postbit postbitlegacy postcontainer postrow",
    THREAD: """thread forum forumposts viewtopic showthread viewthread postbit postbitlegacy postbody postprofile
        postlist replies answer answers question signature discussion""",
    BODY: "body content text prose postbody postcontent postmessage messagetext cooked commtext copy pcb",
    BESIDE: """author profile postprofile postdetails user userinfo userdetails username avatar member pls poster meta
        metadata details buttons button controls actions toolbar menu nav vote votes voting votecell share social badge
        badges rank stats permalink footer tail tools notice taglist timestamp rating likes reactions karma linkback
        respond reply""",
    SIGNATURE: "signature sig sign usersig",
}
_WHOLE_BODIES = ("t_f", "t_fsz")
_ITEMPROP_BODIES = ("text", "articlebody", "commenttext")
_TYPES = (b"DiscussionForumPosting", b"QAPage")
# Contexts that, inside a post, hold no words of its writer.
_FRAME = np.uint32(sum(CONTEXT_BITS[name] for name in ("nav", "header", "footer", "form", "button")))
_COMMENTS = np.uint32(COMMENTS)
_PROSE_CHARS = 40
_LINK_SHARE = 0.3
_BODY_LINK_SHARE = 0.8


def find_posts(html: bytes, page: Measured) -> tuple[Bools, Bools]:
    """(bool[b], blocks of posts and comments; bool[b], blocks beside them: users' boxes, signatures, buttons)."""
    scan = page.scan
    own = np.zeros(len(scan.elements), np.uint8)
    inside = np.zeros(len(scan.elements), np.uint8)
    candidates = np.zeros(len(scan.elements), np.bool_)
    is_thread = any(name in html for name in _TYPES)
    read_names(scan.elements, scan.tokens, _table(), is_thread, own, inside, candidates)
    own[_repeated(scan.elements["path"], candidates)] |= REPEATED
    posts, beside = (np.zeros(len(scan.blocks), np.bool_) for _ in range(2))
    choose_posts(scan.blocks, scan.elements, page.measures, own, inside, posts, beside)
    return posts, beside


@cache
def _table() -> Octets:
    """uint8[65536]: the bits of every bucket of tokens."""
    table = np.zeros(BUCKETS, np.uint8)
    for bit, names in _NAMES.items():
        for name in names.split():
            table[bucket(name_hash(name, int(PART)))] |= bit
    for name in _WHOLE_BODIES:
        table[bucket(name_hash(name, int(WHOLE)))] |= BODY
    for name in _ITEMPROP_BODIES:
        table[bucket(name_hash(name) ^ VALUE)] |= BODY
    return table


def _repeated(paths: npt.NDArray[np.uint64], candidates: Bools) -> npt.NDArray[np.int64]:
    """Those candidates whose path another one has, too."""
    numbers = np.flatnonzero(candidates)
    numbers = numbers[np.argsort(paths[numbers], kind="stable")]
    same = paths[numbers][1:] == paths[numbers][:-1]
    several = np.zeros(len(numbers), np.bool_)
    several[1:] |= same
    several[:-1] |= same
    return np.asarray(numbers[several])


@kernel
def read_names(
    elements: Records, tokens: npt.NDArray[np.uint16], table: Octets, is_thread: bool, own: Octets, inside: Octets,
    candidates: Bools,
) -> None:  # fmt: skip
    """Set own, what each element says of itself; inside, what it and those in it say; candidates for posts."""
    around = np.zeros(len(elements), np.uint8)
    for number in range(len(elements)):
        element = elements[number]
        for token in range(element["tokens"], element["tokens_end"]):
            own[number] |= table[tokens[token]]
        if own[number] & SIGNATURE:
            own[number] &= ~BODY
        inside[number] = own[number]
        around[number] = own[number] | (around[element["parent"]] if number else np.uint8(0))
    for number in range(len(elements) - 1, 0, -1):
        inside[elements[number]["parent"]] |= inside[number]
    for number in range(len(elements)):
        known = is_thread or (around[number] | inside[number]) & THREAD
        candidates[number] = own[number] & POST and known


@kernel
def choose_posts(
    blocks: Records, elements: Records, measures: Floats, own: Octets, inside: Octets, posts: Bools, beside: Bools
) -> None:
    """Set posts and beside. In a post that has a body what is in it is said and nothing else, in another only prose."""
    holders = np.full(len(elements), -1, np.int32)
    outmost = np.full(len(elements), -1, np.int32)
    bodies = np.zeros(len(elements), np.bool_)
    wanted = np.zeros(len(elements), np.bool_)
    aside = np.zeros(len(elements), np.bool_)
    for number in range(1, len(elements)):
        parent = elements[number]["parent"]
        outer = holders[parent]
        starts = own[number] & REPEATED or (outer < 0 and elements[number]["context"] & _COMMENTS)
        holders[number] = number if starts else outer
        if holders[number] < 0:
            continue
        outmost[number] = outmost[parent] if outer >= 0 else number
        bodies[number] = own[number] & BODY or (bodies[parent] and not (starts and inside[number] & BODY))
        wanted[number] = wanted[parent] or (starts and inside[number] & BODY)
        is_beside = own[number] & BESIDE and not inside[number] & BODY and outer >= 0
        aside[number] = aside[parent] or is_beside or own[number] & SIGNATURE
    for number in range(len(blocks)):
        element = blocks[number]["element"]
        holder = holders[element]
        if holder >= 0:
            repeated = own[holder] & REPEATED != 0
            framed = elements[element]["context"] & ~elements[outmost[element]]["context"] & _FRAME
            said = not aside[element] and not framed
            posts[number] = said and _is_said(measures[number], bodies[element], wanted[element], repeated)
            beside[number] = not posts[number] and (aside[element] or (repeated and wanted[element]))


@kernel
def _is_said(row: Floats, in_body: bool, wanted: bool, repeated: bool) -> bool:
    """Whether a block is what the writer of a post says; of posts that are the only one it has to be prose."""
    if in_body and repeated:
        return bool(row[LINK_CHARS] <= _BODY_LINK_SHARE * row[CHARS])
    prose = row[CHARS] >= _PROSE_CHARS or row[STOPS] > 0
    return bool(prose and (in_body or not wanted) and row[LINK_CHARS] <= _LINK_SHARE * row[CHARS])
