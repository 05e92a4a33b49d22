"""Training pages: gold sets, their folds by site, and what is kept of a page between the steps of training.

Pages of one site, or that copy each other, are in the same fold: a theme that was trained on proves nothing.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from curate.blocks.layout import Scan
from curate.blocks.page import title_of
from curate.blocks.scanner import scan_page
from models.extraction.labels import Labels, label

# Sets too small to be left out or weighed by themselves, or by the same people.
GROUPS = {"cleanportaleval": "cleaneval", "llm-webkit-bench": "small sets", "htmltotext-benchmark": "small sets",
          "webmainbench-sample": "small sets"}  # fmt: skip
_SECOND_LEVEL = re.compile(r"(?:co|com|org|net|gov|ac|edu|or|ne|go)\.[a-z]{2}$")


class Sample(NamedTuple):
    """A page that was scanned and labelled. weight: 1, or less where its text was not made by people."""

    scan: Scan
    title: str
    labels: Labels
    site: str
    source: str
    language: str
    gold: str
    weight: float = 1.0

    @property
    def group(self) -> str:
        """The sets that this page's set belongs to."""
        return GROUPS.get(self.source, self.source)


def sample(html: bytes, gold: str, url: str, source: str, language: str, weight: float = 1.0) -> Sample:
    """Scan and label a page in UTF-8."""
    scan = compact(scan_page(html))
    return Sample(scan, title_of(html, scan), label(scan, gold), site_of(url), source, language, gold, weight)


def compact(scan: Scan) -> Scan:
    """A scan without the room that its page did not fill."""
    none = np.empty(0, np.int32)
    return Scan(
        scan.text.copy(), scan.blocks.copy(), scan.elements.copy(), scan.tokens.copy(), scan.marks.copy(),
        none.reshape(0, 2), none, np.empty(0, np.int64),
    )  # fmt: skip


def site_of(url: str) -> str:
    """The domain that a page's owner has registered, nearly."""
    host = urlsplit(url).hostname or url
    labels = host.split(".")
    return ".".join(labels[-3 if _SECOND_LEVEL.search(host) else -2 :])


def balanced(samples: Sequence[Sample]) -> list[Sample]:
    """The same pages, those of a group with n of them weighing as 1/√n, 1 on average.

    Sets differ in what they call the text, and an unknown source may have the habits of a small one.
    """
    sizes = Counter(one.group for one in samples)
    mean = sum(size**0.5 for size in sizes.values()) / max(len(samples), 1)
    return [one._replace(weight=one.weight / (sizes[one.group] ** 0.5 * mean)) for one in samples]


def folds(samples: Iterable[Sample], count: int, seed: str = "") -> npt.NDArray[np.int64]:
    """int64[n]: the fold of each page, by its site; the same for the same site whatever else there is."""
    digests = (hashlib.blake2b(f"{seed}{one.site}".encode(), digest_size=8).digest() for one in samples)
    return np.array([int.from_bytes(digest, "big") % count for digest in digests])
