"""Takes spans out of texts: the edit that follows when a wide stage has found what is repeated.

The white space on both sides of a span goes with it, and one separator is left in its place: a blank line where there
was one on either side, else a newline, else a space. Where there was none a space is put between two letters or digits,
so that no word is made that nobody wrote, and nothing next to a Chinese character. The indentation of the line behind
a span stays, and so does every byte of a text without spans. Cost: 10 ns a byte of the texts that change, nearly all
of it for counting their words.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.text.brief import brief
from curate.text.kernel import kernel
from curate.text.scan import Int32s, Int64s, Octets, character, role_of, strings
from curate.text.traits import DIGIT, LETTER, MID_DIGIT, MID_LETTER, SPACE, Tables, tables

_NEWLINE, _BLANK = ord("\n"), ord(" ")


def columns_of(name: str) -> Mapping[str, pa.DataType]:
    """What `take_out` returns under this name."""
    counts = ("removed", "removed_words", "removed_chars", "chars")
    return {
        "text": pa.string(),
        **{f"{name}_{count}": pa.int32() for count in counts},
        f"{name}_removed_ratio": pa.float32(),
    }


def take_out(text: pa.StringArray, spans: pa.ListArray, name: str) -> dict[str, pa.Array]:
    """The texts without their spans (see `curate.dedup.spans`), and what that took from each.

    NAME_removed: spans; NAME_removed_words, NAME_removed_chars: how many fewer there are, white space included;
    NAME_chars: characters that are left, without white space at the ends; NAME_removed_ratio: share of the characters
    that went, null for an empty text.
    """
    sizes = np.asarray(pc.list_value_length(spans).fill_null(0).to_numpy(), np.int64)
    touched = pa.array(sizes > 0)
    new = pc.if_else(touched, _without(text, spans, sizes), text)
    before, after = (np.asarray(pc.utf8_length(texts).fill_null(0).to_numpy(), np.int64) for texts in (text, new))
    words = np.zeros(len(text), np.int64)
    words[sizes > 0] = brief(text.filter(touched)).words - brief(new.filter(touched)).words
    with np.errstate(invalid="ignore"):
        ratio = ((before - after) / before).astype(np.float32)
    return {
        "text": new,
        f"{name}_removed": pa.array(sizes // 2, pa.int32()),
        f"{name}_removed_words": pa.array(words, pa.int32()),
        f"{name}_removed_chars": pa.array(before - after, pa.int32()),
        f"{name}_chars": pc.utf8_length(pc.utf8_trim_whitespace(new)).fill_null(0),
        f"{name}_removed_ratio": pa.array(ratio, mask=before == 0),
    }


def _without(texts: pa.StringArray, spans: pa.ListArray, sizes: Int64s) -> pa.StringArray:
    text = strings(texts)
    flat = np.asarray(spans.flatten().to_numpy(), np.int32)
    out, ends = np.empty(text.size, np.uint8), np.zeros(len(texts) + 1, np.int32)
    _copy(text.octets, text.offsets, flat, np.concatenate(([0], np.cumsum(sizes))), tables(), out, ends)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(out))


@kernel
def _copy(
    octets: Octets, offsets: Int64s, spans: Int32s, span_offsets: Int64s, tables: Tables, out: Octets, ends: Int32s
) -> None:
    """Put the texts without their spans into `out`, one after another."""
    n = 0
    for text in range(len(offsets) - 1):
        own = spans[span_offsets[text] : span_offsets[text + 1]]
        n += _copy_text(octets[offsets[text] : offsets[text + 1]], own, tables.traits, out[n:])
        ends[text + 1] = n


@kernel
def _copy_text(octets: Octets, spans: Int32s, traits: npt.NDArray[np.uint32], out: Octets) -> int:
    """Copy one text; returns its new length."""
    n = at = newlines = 0
    spaced = False
    for span in range(0, len(spans), 2):
        start, stop = spans[span], spans[span + 1]
        limit = spans[span + 2] if span + 2 < len(spans) else len(octets)
        edge = _space_before(octets, at, start, traits)
        if edge > at:
            n = _join(octets, at, edge, newlines, spaced, traits, out, n)
            newlines, spaced = 0, False
        at = _space_behind(octets, stop, limit, traits)
        spaced |= edge < start or at > stop
        newlines = max(newlines, _newlines(octets, edge, start), _newlines(octets, stop, at))
        for place in range(at - 1, stop - 1, -1):
            if octets[place] == _NEWLINE:
                at = place + 1  # the indentation behind it stays
                break
    edge = _space_before(octets, at, len(octets), traits) if len(spans) else len(octets)
    return _join(octets, at, edge, newlines, spaced, traits, out, n) if edge > at else n


@kernel
def _join(
    octets: Octets, start: int, stop: int, newlines: int, spaced: bool, traits: npt.NDArray[np.uint32], out: Octets,
    n: int,
) -> int:  # fmt: skip
    """Copy bytes start to stop to the end of `out`, behind a separator; returns the new end."""
    if n and newlines:
        for _ in range(min(newlines, 2)):
            out[n] = _NEWLINE
            n += 1
    elif n and (spaced or _would_glue(out, n, octets, start, stop, traits)):
        out[n] = _BLANK
        n += 1
    for at in range(start, stop):
        out[n] = octets[at]
        n += 1
    return n


@kernel
def _would_glue(
    left: Octets, left_end: int, right: Octets, start: int, stop: int, traits: npt.NDArray[np.uint32]
) -> bool:
    """Whether the end of one text and the start of another could become one word."""
    ahead, _ = character(right, start, stop)
    _, behind = _last_character(left, 0, left_end)
    return _in_words(role_of(traits[ahead])) and _in_words(role_of(traits[behind]))


@kernel
def _in_words(role: np.uint32) -> bool:
    return role in (LETTER, DIGIT, MID_LETTER, MID_DIGIT)


@kernel
def _space_before(octets: Octets, start: int, stop: int, traits: npt.NDArray[np.uint32]) -> int:
    """Where the white space begins that ends at `stop`, not before `start`."""
    while stop > start:
        before, code = _last_character(octets, start, stop)
        if role_of(traits[code]) != SPACE:
            break
        stop = before
    return stop


@kernel
def _space_behind(octets: Octets, start: int, stop: int, traits: npt.NDArray[np.uint32]) -> int:
    """Where the white space ends that begins at `start`, not behind `stop`."""
    while start < stop:
        code, behind = character(octets, start, stop)
        if role_of(traits[code]) != SPACE:
            break
        start = behind
    return start


@kernel
def _last_character(octets: Octets, start: int, stop: int) -> tuple[int, np.uint32]:
    """(where the last code point before `stop` begins, the code point)."""
    at = stop - 1
    while at > start and octets[at] & 0xC0 == 0x80:
        at -= 1
    code, _ = character(octets, at, stop)
    return at, code


@kernel
def _newlines(octets: Octets, start: int, stop: int) -> int:
    found = 0
    for at in range(start, stop):
        found += octets[at] == _NEWLINE
    return found
