"""Takes lines that are no prose out of a text: an edit that is counted, not a verdict, until too much of it goes.

Off unless a recipe has it: FineWeb found that C4's end-mark rule alone costs 30 % of the tokens. The defaults are what
RefinedWeb, DCLM and Dolma 3 agree on (at least 2 words, no capitals, digits or counters, phrases cut from short
lines, and a text that loses more than 5 % of its words is dropped), with C4's policy lines and TxT360's form of the
javascript rule. C4 itself is `end_marks = true, min_words = 3, javascript = "any", citations = true`, and RefinedWeb's
parts switched off. Words are those of the scan: a Chinese character is one. Blank lines stay what they are.

Sources: C4 (arXiv 1910.10683, section 2.2), RefinedWeb (arXiv 2306.01116, appendix G.2). Cost: 0.4 ms for 4 kB.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.rule import Rule
from curate.stage import stage
from curate.text.brief import Brief, brief
from curate.text.language import languages_fingerprint, line_phrases
from curate.text.normalise import CITATION
from curate.text.paragraphs import Paragraphs, paragraphs

Mask = npt.NDArray[np.bool_]

SHORT_LINE_WORDS = 10
_NO_WORD = r"[^\pL\pN]*"
_NUMBER = r"\d[\d,.]*\s*(?:[KkMmBbWw万萬亿億]\+?)?"


def check(**parameters: object) -> str:
    """Nothing can be wrong; returns what tells the phrases from any others."""
    return languages_fingerprint()


@stage(
    needs=["text"],
    adds={
        "text": pa.string(),
        "lines_removed": pa.int32(),
        "lines_removed_words": pa.int32(),
        "lines_removed_words_ratio": pa.float32(),
        "lines_chars": pa.int32(),
    },
    rules=[
        Rule("lines_chars", "empty_text", min=1),
        Rule("lines_removed_words_ratio", "many_lines_removed", max=0.05),
    ],
    check=check,
)
def lines(
    text: pa.StringArray,
    *,
    min_words: int = 2,
    max_word_chars: int = 1000,
    max_upper_ratio: float = 0.5,
    max_digit_ratio: float = 0.999999,
    javascript: Literal["notice", "any", "keep"] = "notice",
    policy: bool = True,
    counters: bool = True,
    phrases: bool = True,
    citations: bool = False,
    end_marks: bool = False,
) -> dict[str, pa.Array]:
    """A line is dropped if it breaks one of these; a ratio of 1 and `min_words = 0` switch a rule off.

    max_upper_ratio, max_digit_ratio: capitals and digits among a line's characters. javascript: drop lines that ask
    the reader to switch it on ("notice"), all that name it ("any") or none. policy: drop lines about cookies and terms
    of use. counters: drop lines like `3.2K likes`. phrases: cut `read more...` and the like out of lines of at most 10
    words. citations: cut `[12]`. end_marks: drop lines that do not end in . ! ? " or ', or that end in an ellipsis.

    `lines_removed_words_ratio` is null for a text without words; `lines_chars`: characters that are left.
    """
    split = paragraphs(text)
    own = pc.utf8_trim_whitespace(split.lines)
    counted = brief(own)
    drop = _outside(counted, min_words, max_word_chars, max_upper_ratio, max_digit_ratio)
    drop |= _javascript(own, javascript)
    drop |= policy & _matches(own, _any_of(line_phrases().policy))
    drop |= counters & _matches(own, _counter())
    new = pc.replace_substring_regex(own, CITATION, "") if citations else own
    if phrases:
        short = pa.array(counted.words <= SHORT_LINE_WORDS)
        new = pc.if_else(short, pc.replace_substring_regex(new, _furniture(), ""), new)
    new = pc.utf8_trim_whitespace(new)
    drop |= end_marks & _unended(new)
    drop |= _flags(pc.equal(new, ""))
    drop &= ~_flags(pc.equal(own, ""))
    return _edited(text, split, _Edit(new, _flags(pc.not_equal(new, own)) & ~drop, drop, counted.words))


@dataclass(frozen=True)
class _Edit:
    """What becomes of l lines. new: their text without white space around it; changed, drop: bool[l]; words: before."""

    new: pa.StringArray
    changed: Mask
    drop: Mask
    words: npt.NDArray[np.int64]

    @property
    def words_left(self) -> npt.NDArray[np.int64]:
        """int64[l]: words after the edit."""
        left = np.where(self.drop, 0, self.words)
        left[self.changed] = brief(self.new.filter(pa.array(self.changed))).words
        return left


def _edited(text: pa.StringArray, split: Paragraphs, edit: _Edit) -> dict[str, pa.Array]:
    """Put the lines together again; a text without any edit stays as it is to the byte."""
    kept = pc.if_else(pa.array(edit.changed), edit.new, split.lines).filter(pa.array(~edit.drop))
    starts = np.concatenate(([0], np.cumsum(~edit.drop)))[split.offsets]
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(starts, pa.int32()), kept), "\n")
    touched = split.per_text(edit.drop | edit.changed) > 0
    result = pc.if_else(pa.array(touched), _tidy(joined), text)
    before = split.per_text(edit.words)
    removed = before - split.per_text(edit.words_left)
    with np.errstate(invalid="ignore"):
        share = (removed / before).astype(np.float32)
    return {
        "text": result,
        "lines_removed": pa.array(split.per_text(edit.drop).astype(np.int32)),
        "lines_removed_words": pa.array(removed.astype(np.int32)),
        "lines_removed_words_ratio": pa.array(share, mask=before == 0),
        "lines_chars": pc.utf8_length(pc.utf8_trim_whitespace(result)).fill_null(0),
    }


def _tidy(texts: pa.StringArray) -> pa.StringArray:
    """At most one blank line in a row, none at either end."""
    texts = pc.replace_substring_regex(texts, r"[ \t]+\n", "\n")
    return pc.utf8_trim(pc.replace_substring_regex(texts, r"\n{3,}", "\n\n"), "\n")


def _outside(
    counted: Brief, min_words: int, max_word_chars: int, max_upper_ratio: float, max_digit_ratio: float
) -> Mask:
    """bool[l]: lines with too few words, a word that is too long, or too many capitals or digits."""
    return np.asarray(
        (counted.words < min_words)
        | (counted.longest_word_chars > max_word_chars)
        | (counted.capitals > max_upper_ratio * counted.chars)
        | (counted.digits > max_digit_ratio * counted.chars)
    )


def _javascript(own: pa.StringArray, mode: str) -> Mask:
    named = _matches(own, "(?i)javascript")
    if mode == "notice":
        named &= _matches(own, _any_of(line_phrases().javascript_with))
    return named & (mode != "keep")


def _unended(own: pa.StringArray) -> Mask:
    return ~_matches(own, r"[.!?\"']$") | _flags(pc.ends_with(own, "..."))


def _any_of(phrases: Sequence[str]) -> str:
    return "(?i)" + "|".join(map(re.escape, phrases))


@cache
def _counter() -> str:
    """A whole line of a number and a noun, with a plural s, or of a noun and a number."""
    nouns, before = ("|".join(words) for words in (line_phrases().counters, line_phrases().counters_before_number))
    behind = rf"{_NUMBER}\s*(?:[次人条條个個位]\s*)?(?:{nouns})s?"
    ahead = rf"(?:{before})(?:量|数|數|次数|次數)?{_NO_WORD}{_NUMBER}[次人条條个個位]?"
    return rf"(?i)^{_NO_WORD}(?:{behind}|{ahead}){_NO_WORD}$"


@cache
def _furniture() -> str:
    anywhere, at_end, at_start = (
        "|".join(map(re.escape, words))
        for words in (line_phrases().cut_anywhere, line_phrases().cut_at_end, line_phrases().cut_at_start)
    )
    return rf"(?i)(?:{anywhere})|(?:{at_end})$|^(?:{at_start})"


def _matches(own: pa.StringArray, pattern: str) -> Mask:
    return _flags(pc.match_substring_regex(own, pattern))


def _flags(values: pa.BooleanArray) -> Mask:
    return np.array(values.to_numpy(zero_copy_only=False), np.bool_)
