"""Why a block was kept or dropped: its probability, and what moved it.

The trees' answer is a sum, and each step of a row's way through a tree moves it by the difference between two nodes
(Saabas 2014). What the second trees take from the first's probabilities is named as such; the first's own reasons are
listed beside it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from curate.blocks.extractor import DEFAULTS, Options, kept
from curate.blocks.features import FEATURES, NAMES
from curate.blocks.model import asked_blocks, judge, load
from curate.blocks.page import rows_of
from curate.blocks.second import NAMES as SECOND_NAMES
from curate.blocks.second import second_look, second_rows
from curate.blocks.trees import chances, explain_row


class Told(NamedTuple):
    """A block. reasons: (feature, by how much it moves the log odds), the strongest first."""

    text: str
    kept: bool
    chance: float
    reasons: tuple[tuple[str, float], ...]


def explain_page(html: bytes, options: Options = DEFAULTS, reasons: int = 3) -> Iterator[Told]:
    """Every block of a page in UTF-8, in order."""
    model = load(options.weights)
    judged = judge(html, model)
    page, scan = judged.page, judged.page.scan
    keep, _ = kept(html, judged, options)
    asked, step = asked_blocks(len(scan.blocks))
    first = np.repeat(chances(model.first, rows_of(page, asked)), step)[: len(scan.blocks)]
    look = second_look(page, first)
    text = scan.text.tobytes()
    for number, block in enumerate(scan.blocks):
        one = np.array([number])
        row = np.hstack([rows_of(page, one), second_rows(page, look, one)])[0]
        shares = np.zeros((2, len(row)), np.float32)
        explain_row(model.first, row[:FEATURES], shares[0])
        explain_row(model.second, row, shares[1])
        named = [*zip(NAMES, shares[0], strict=False), *zip((*NAMES, *SECOND_NAMES), shares[1], strict=True)]
        strongest = sorted(named, key=lambda pair: -abs(pair[1]))[:reasons]
        yield Told(
            text[block["start"] : block["end"]].decode("utf-8", "replace"),
            bool(keep[number]),
            float(judged.chances[number]),
            tuple((name, float(share)) for name, share in strongest),
        )
