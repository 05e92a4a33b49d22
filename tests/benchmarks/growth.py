"""How time and memory of deduplication grow: disjoint texts, never copies, at several sizes.

    python tests/benchmarks/growth.py [--documents 50000] [--times 1 3 10] [--workers 2] [--recipe RECIPE]

Every document is made of words drawn by Zipf's law from a vocabulary, so that documents share words and hardly a
5-gram: there is nothing to drop, and every band key, text and verdict is another one. A larger size holds the smaller
one and as much again of new text. Default recipe: exact and fuzzy deduplication. Shown are seconds, the peak of all
processes together and of the largest one, and the disk that OUT takes, each beside the smallest size's.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pipeline import Watched, watch

RECIPE = 'name = "growth"\n[[stage]]\nuse = "exact_dedup"\n[[stage]]\nuse = "fuzzy_dedup"\n'
DOCUMENT = pa.schema([("id", pa.string()), ("text", pa.string())])
VOCABULARY = 200_000
WORDS = 400
# Documents in a file, and in a row group.
FILE_DOCUMENTS, GROUP_DOCUMENTS = 25_000, 2_500


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--recipe", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = given.recipe or folder / "growth.toml"
        if not given.recipe:
            recipe.write_text(RECIPE, encoding="utf-8")
        first: tuple[float, ...] | None = None
        print(f"{'documents':>10} {'MB':>6} {'seconds':>14} {'MB in all':>14} {'MB largest':>14} {'MB on disk':>14}")
        for times in given.times:
            documents, size = grow(folder / "texts", given.documents * times)
            out = folder / f"out{times}"
            seen = watch([sys.executable, "-m", "curate", "run", str(recipe), "--input", str(folder / "texts"),
                          "--out", str(out), "--workers", str(given.workers)])  # fmt: skip
            figures = measured(seen, out)
            first = first or figures
            cells = " ".join(
                f"{value:>8,.1f} {value / base:>4.1f}×" for value, base in zip(figures, first, strict=True)
            )
            print(f"{documents:>10,} {size / 1e6:>6,.0f} {cells}", flush=True)


def grow(folder: Path, documents: int) -> tuple[int, int]:
    """Add files until there are so many documents; (documents, bytes of text)."""
    folder.mkdir(exist_ok=True)
    for number in range(-(-documents // FILE_DOCUMENTS)):
        path = folder / f"{number:04d}.parquet"
        if not path.exists():
            write_file(path, number, min(FILE_DOCUMENTS, documents - number * FILE_DOCUMENTS))
    files = [pq.ParquetFile(path) for path in sorted(folder.glob("*.parquet"))]
    sizes = [int(file.metadata.metadata[b"text_bytes"]) for file in files]
    return sum(file.metadata.num_rows for file in files), sum(sizes)


def write_file(path: Path, number: int, documents: int) -> None:
    """Texts that only this number has."""
    rng = np.random.default_rng(number)
    shares = 1 / np.arange(1, VOCABULARY + 1)
    limits = np.cumsum(shares / shares.sum())
    texts = []
    for document in range(documents):
        drawn = np.searchsorted(limits, rng.random(WORDS))
        words = [f"w{word:x}" for word in drawn.tolist()]
        texts.append(" ".join([f"page{number}x{document}", *words]))
    text_bytes = sum(map(len, texts))
    table = pa.table({"id": [f"{number}-{row}" for row in range(documents)], "text": texts}, DOCUMENT)
    table = table.replace_schema_metadata({"text_bytes": str(text_bytes)})
    pq.write_table(table, path, row_group_size=GROUP_DOCUMENTS, compression="zstd")


def measured(seen: Watched, out: Path) -> tuple[float, ...]:
    """Seconds, and MB of all processes, of the largest one and of OUT."""
    disk = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return seen.seconds, seen.memory / 1e6, seen.largest / 1e6, disk / 1e6


if __name__ == "__main__":
    main()
