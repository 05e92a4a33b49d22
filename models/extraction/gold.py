"""Gold pages as they are trained and measured on: a WARC with a JSONL of texts beside it."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from curate.sources import Limits, Piece, input_from_path, list_files, read
from curate.sources.charset import decode_text
from models.extraction.samples import Sample, sample

SET = "gold-dev"


def gold_samples(folder: Path, licences: tuple[str, ...] = ("",)) -> list[Sample]:
    """The pages of `folder`/gold-dev.* of sets whose licence begins with one of these, in the order of addresses."""
    gold = {unquote(row["url"]): row for row in gold_rows(folder / f"{SET}.gold.jsonl.xz")}
    pages = dict(sorted(html_of(folder / f"{SET}.warc.gz")))
    found = []
    for url, html in pages.items():
        row = gold.get(url)
        if row and row["licence"].startswith(licences):
            found.append(sample(html, row["gold"], row["url"], row["source"], row["lang"]))
    return found


def gold_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a packed gold file."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def html_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """(address, page in UTF-8) of all HTML records of a file."""
    (file,) = list_files([input_from_path(str(path))])
    for batch in read(Piece(file), Limits(), lambda key, n: None):
        for row in batch.to_pylist():
            if row["html"] is not None:
                page = decode_text(row["html"], row["charset"])
                yield unquote(row["url"] or ""), page.encode("utf-8", "replace")
