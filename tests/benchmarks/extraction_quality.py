"""Token F1 of every extraction backend on gold pages, beside plain `trafilatura.extract` on the same pages.

    python tests/benchmarks/extraction_quality.py [--set small-dev] [--pages 300] [backend[:mode[+comments]] …]

Pages go through the reader and the stage as in a run. The score is that of textscore.py, which lies with the pages
beside the checkout: bags of tokens per page, averaged; a CJK character is a token.
"""

import argparse
import importlib.util
import json
import lzma
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa

from curate.errors import RecipeError
from curate.recipe import parse_params
from curate.sources import Limits, Piece, input_from_path, list_files, read
from curate.sources.charset import decode_text
from curate.stage import parameters_of
from curate.stages.extract import extract

SHARED = Path(__file__).parents[3] / "shared"
Score = Callable[[str, str], tuple[float, float, float]]


class GoldPage(NamedTuple):
    """A page as the reader yields it, with the text that people took out of it."""

    row: dict[str, Any]
    gold: str
    language: str


def main() -> None:
    """Print one line per backend."""
    arguments = _arguments()
    if not SHARED.is_dir():
        sys.exit("needs the gold pages that lie beside the checkout in ../shared")
    pages = gold_pages(arguments.set, arguments.pages)
    score = load_score()
    zh = sum(page.language == "zh" for page in pages)
    print(f"{arguments.set}: {len(pages)} pages, {zh} of them Chinese")
    print(f"{'backend':<28} {'F1 zh':>6} {'other':>6} {'all':>6} {'P':>6} {'R':>6} {'ms/page':>8} {'equal':>6} failed")
    plain: list[str] = []
    for name in ("plain", *arguments.backends):
        texts, seconds, failed = run_backend(name, pages)
        plain = plain or texts
        equal = sum(one == other for one, other in zip(texts, plain, strict=True))
        figures = " ".join(f"{figure:>6.4f}" for figure in average(texts, pages, score))
        print(f"{name:<28} {figures} {seconds / len(pages) * 1000:>8.1f} {equal:>6} {failed}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", default="small-dev", help="small-dev, gold-dev or encodings-dev")
    parser.add_argument("--pages", type=int, default=10**6, help="at most so many, spread evenly over the set")
    parser.add_argument("backends", nargs="*", default=["trafilatura", "trafilatura:fast", "resiliparse", "magic_html"])
    return parser.parse_args()


def gold_pages(name: str, at_most: int = 10**6) -> list[GoldPage]:
    """Pages of a gold set that have human-made text, spread evenly over it."""
    folder = SHARED / "data" / "gold"
    gold = {unquote(row["url"]): row for row in gold_rows(folder / f"{name}.gold.jsonl")}
    (file,) = list_files([input_from_path(str(folder / f"{name}.warc.gz"))])
    wanted = sorted(gold)[:: max(1, -(-len(gold) // at_most))]
    chosen = dict.fromkeys(wanted)
    for batch in read(Piece(file), Limits(), lambda key, n: None):
        for row in batch.to_pylist():
            url = unquote(row["url"] or "")
            if url in chosen and row["html"] is not None:
                chosen[url] = row
    return [GoldPage(row, gold[url]["gold"], gold[url]["lang"]) for url, row in chosen.items() if row]


def gold_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a gold file, packed or not."""
    packed = path.with_name(path.name + ".xz")
    with lzma.open(packed, "rt", encoding="utf-8") if packed.exists() else path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def load_score() -> Score:
    """(text, gold) → precision, recall, F1."""
    spec = importlib.util.spec_from_file_location("textscore", SHARED / "bench" / "textscore.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    score: Score = module.prf
    return score


def run_backend(name: str, pages: list[GoldPage]) -> tuple[list[str], float, int]:
    """(texts, wall seconds, failed pages); "plain" is trafilatura by itself, in this process."""
    if name == "plain":
        from trafilatura import extract as plain

        sources = [decode_text(page.row["html"], page.row["charset"]) for page in pages]
        started = time.perf_counter()
        texts = [plain(source) or "" for source in sources]
        return texts, time.perf_counter() - started, 0
    backend, _, mode = name.partition(":")
    given = {"backend": backend, "mode": mode.removesuffix("+comments") or "default", "comments": "+" in mode}
    parameters = parse_params("extract", parameters_of(extract.function), given)
    assert extract.check is not None
    try:
        extract.check(**parameters)
    except RecipeError as error:
        print(error, file=sys.stderr)
        return [""] * len(pages), 0.0, len(pages)
    extract_rows([pages[0].row], **parameters)  # so that starting the child is not timed
    started = time.perf_counter()
    found = extract_rows([page.row for page in pages], **parameters)
    seconds = time.perf_counter() - started
    failed = sum(error is not None for error in found["error"])
    return [text or "" for text in found["text"]], seconds, failed


def extract_rows(rows: list[dict[str, Any]], **parameters: Any) -> dict[str, list[Any]]:
    """The stage over rows of the reader."""
    kinds = {"html": pa.binary()}
    columns = [pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in extract.needs]
    return {name: values.to_pylist() for name, values in extract(*columns, **parameters).items()}


def average(texts: list[str], pages: list[GoldPage], score: Score) -> list[float]:
    """F1 on Chinese pages, on others, on all; precision and recall on all."""
    scores = [score(text, page.gold) for text, page in zip(texts, pages, strict=True)]
    chinese = [f1 for (_, _, f1), page in zip(scores, pages, strict=True) if page.language == "zh"]
    others = [f1 for (_, _, f1), page in zip(scores, pages, strict=True) if page.language != "zh"]
    columns = [chinese, others, [f1 for _, _, f1 in scores], [p for p, _, _ in scores], [r for _, r, _ in scores]]
    return [sum(column) / len(column) if column else float("nan") for column in columns]


if __name__ == "__main__":
    main()
