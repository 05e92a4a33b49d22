"""Other extractors on the pages that the block extractor is measured on: token F1, ROUGE-5, and snippets.

    python -m models.extraction.peers pages GOLD_FOLDER
    python -m models.extraction.peers snippets GOLD_FOLDER [--weights all|permissive]

Needs readability-lxml and magic-html beside the package. Snippets are those of trafilatura's own evaluation (Barbaresi,
ACL 2021, tests/evaluate.py there): pieces that must and must not stand in the text, white space aside, counted over all
pages. The shipped weights know some of these sites from other pages, so pages of sites that they do not know are also
counted alone.
"""

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np

from curate.blocks.extractor import Options, extract_blocks
from curate.blocks.model import ALL, PERMISSIVE
from curate.errors import CurateError
from curate.stages.extractors import NO_DAY, Page, load_extractor
from models.extraction.gold import SET, gold_rows, html_of
from models.extraction.samples import site_of
from models.extraction.scores import rouge, score

Extract = Callable[[bytes, str], str]
SNIPPETS = "segments-dev"


class Counts(NamedTuple):
    """Snippets that had to be there, found and missed; snippets that had not to, kept and left out."""

    found: int = 0
    missed: int = 0
    kept: int = 0
    left_out: int = 0

    def __add__(self, other: Any) -> "Counts":
        return Counts(*(one + two for one, two in zip(self, other, strict=True)))

    @property
    def scores(self) -> tuple[float, float, float, float]:
        """(precision, recall, F1, accuracy)."""
        precision = self.found / max(self.found + self.kept, 1)
        recall = self.found / max(self.found + self.missed, 1)
        f1 = 2 * self.found / max(2 * self.found + self.kept + self.missed, 1)
        return precision, recall, f1, (self.found + self.left_out) / max(sum(self), 1)


def peers() -> dict[str, Extract]:
    """The others by name, as far as they are installed: page in UTF-8 and its address → text."""
    found: dict[str, Extract] = {"trafilatura": partial(_backend, "trafilatura", "default")}
    found |= {f"trafilatura {mode}": partial(_backend, "trafilatura", mode) for mode in ("fast", "precision", "recall")}
    found |= {name: partial(_backend, name, "default") for name in ("magic_html", "resiliparse")}
    found |= {"jusText": _justext, "readability-lxml": _readability}
    return {name: extract for name, extract in found.items() if is_installed(name, extract)}


def is_installed(name: str, extract: Extract) -> bool:
    """Whether an extractor's package is; one that is not would look like one that finds nothing, so it is left out."""
    try:
        extract(b"<p>text</p>", "https://example.org/")
    except (ImportError, CurateError) as error:
        print(f"{name} is left out: {error}", file=sys.stderr)
        return False
    except Exception:
        return True  # a page of four letters is too little for some
    return True


def _backend(name: str, mode: str, html: bytes, url: str) -> str:
    return load_extractor(name)(Page(html.decode("utf-8", "replace"), url, mode=mode)).text


def _blocks(weights: str, html: bytes, url: str) -> str:
    return extract_blocks(html, url, NO_DAY, Options(weights=weights)).text


def _justext(html: bytes, url: str) -> str:
    from justext import justext

    return "\n".join(part.text for part in justext(html, _all_stop_words()) if not part.is_boilerplate)


@cache
def _all_stop_words() -> frozenset[str]:
    from justext import get_stoplist, get_stoplists

    return frozenset().union(*map(get_stoplist, get_stoplists()))


def _readability(html: bytes, url: str) -> str:
    from readability import Document
    from resiliparse.extract.html2text import extract_plain_text

    summary = Document(html.decode("utf-8", "replace"), url=url).summary()
    return str(extract_plain_text(summary, main_content=False, preserve_formatting=True))


def text_of(extract: Extract, html: bytes, url: str) -> str:
    """What an extractor makes of a page; "" where it fails, as the field's evaluations count it."""
    with suppress(Exception):
        return extract(html, url) or ""
    return ""


def count_snippets(text: str, wanted: Iterable[str], unwanted: Iterable[str]) -> Counts:
    """Which snippets a text holds; runs of white space are one space."""
    text = " ".join(text.split())
    hits = [" ".join(snippet.split()) in text for snippet in wanted]
    slips = [" ".join(snippet.split()) in text for snippet in unwanted]
    return Counts(sum(hits), len(hits) - sum(hits), sum(slips), len(slips) - sum(slips))


def snippet_table(folder: Path, weights: str) -> Iterator[str]:
    """Markdown: the scores on all pages, and on those of sites that no gold page is from."""
    known = {site_of(row["url"]) for row in gold_rows(folder / f"{SET}.gold.jsonl.xz")}
    lines = (folder / f"{SNIPPETS}.segments.jsonl").read_text("utf-8").splitlines()
    wanted = {unquote(row["url"]): row for row in map(json.loads, lines)}
    pages = [(url, html) for url, html in html_of(folder / f"{SNIPPETS}.warc.gz") if url in wanted]
    new = [site_of(url) not in known for url, _ in pages]
    yield f"| extractor | precision | recall | F1 | accuracy | F1 on {sum(new)} pages of other sites | accuracy |"
    yield "|---|---|---|---|---|---|---|"
    extractors: dict[str, Extract] = {"blocks": partial(_blocks, weights), **peers()}
    for name, extract in extractors.items():
        total = fresh = Counts()
        for (url, html), is_new in zip(pages, new, strict=True):
            row = wanted[url]
            counts = count_snippets(text_of(extract, html, row["url"]), row["gold_with"], row["gold_without"])
            total, fresh = total + counts, fresh + counts if is_new else fresh
        yield _line([name, *total.scores, *fresh.scores[2:]])


def page_tables(folder: Path) -> Iterator[str]:
    """Markdown: token F1, then ROUGE-5, of every extractor by language and source."""
    gold = {unquote(row["url"]): row for row in gold_rows(folder / f"{SET}.gold.jsonl.xz")}
    pages = {url: html for url, html in html_of(folder / f"{SET}.warc.gz") if url in gold}
    rows = [gold[url] for url in pages]
    extractors = peers()
    scores = np.array([
        [_both(text_of(extract, html, row["url"]), row["gold"]) for extract in extractors.values()]
        for row, html in zip(rows, pages.values(), strict=True)
    ])  # fmt: skip
    for kind, name in enumerate(("token F1", "ROUGE-5")):
        yield f"\n| {name} | n | {' | '.join(extractors)} |\n|{'---|' * (2 + len(extractors))}"
        for part, chosen in _parts(rows):
            yield _line([part, str(len(chosen)), *scores[chosen, :, kind].mean(0)])


def _both(text: str, gold: str) -> tuple[float, float]:
    return score(text, gold)[0], rouge(text, gold)


def _parts(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[int]]]:
    yield "Chinese", [at for at, row in enumerate(rows) if row["lang"] == "zh"]
    yield "other", [at for at, row in enumerate(rows) if row["lang"] != "zh"]
    for source in sorted({row["source"] for row in rows}):
        yield source, [at for at, row in enumerate(rows) if row["source"] == source]


def _line(cells: Iterable[str | float]) -> str:
    return "| " + " | ".join(cell if isinstance(cell, str) else f"{cell:.3f}" for cell in cells) + " |"


def main() -> None:
    """Print the tables of one kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("pages", "snippets"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", choices=(ALL, PERMISSIVE), default=ALL)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what others complain of
    warnings.simplefilter("ignore")
    folder = arguments.folder
    for line in page_tables(folder) if arguments.kind == "pages" else snippet_table(folder, arguments.weights):
        print(line, flush=True)


if __name__ == "__main__":
    main()
