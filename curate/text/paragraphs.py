"""Texts as paragraphs: their lines, which is what a paragraph is where text comes from web pages.

What stages do line by line is done on all lines of a batch at once; `per_text` adds up what they found. Blank lines
are lines, too. Cost: 1 ns a byte.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.text.scan import Int32s, Int64s


class Paragraphs(NamedTuple):
    """The lines of d texts in a row. lines: string[l], as they are written; offsets: int64[d + 1], where each text's
    begin. A text has at least one line."""

    lines: pa.StringArray
    offsets: Int64s

    @property
    def texts(self) -> Int64s:
        """int64[l]: the number of the text that each line stands in."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def per_text(self, values: npt.NDArray[Any]) -> Int64s:
        """int64[d]: the sum of `values`, one per line, in every text."""
        return np.diff(np.concatenate(([0], np.cumsum(values)))[self.offsets])

    def spans(self) -> tuple[Int32s, Int32s]:
        """(start, stop) of every line in bytes of its text, without the newline, each int32[l]."""
        length = np.asarray(pc.binary_length(self.lines).to_numpy(), np.int64)
        start = np.cumsum(length + 1) - (length + 1)
        start -= start[self.offsets[self.texts]]
        return start.astype(np.int32), (start + length).astype(np.int32)


def paragraphs(texts: pa.StringArray) -> Paragraphs:
    """Split every text at its newlines; a null counts as an empty text."""
    split = pc.split_pattern(texts.fill_null(""), "\n")
    offsets = np.asarray(split.offsets.to_numpy(), np.int64)
    return Paragraphs(split.flatten(), offsets - offsets[0])
