"""How time and memory of deduplication grow: disjoint texts, never copies, at several sizes.

    python tests/benchmarks/growth.py [--quick] [--documents 108000] [--times 1 10] [--recipe RECIPE]

Every document is made of words drawn by Zipf's law from a vocabulary, so that documents share words and hardly a
5-gram: there is nothing to drop, and every band key, text and verdict is another one. A larger size holds the smaller
one and as much again of new text. Default recipe: exact and fuzzy deduplication. Shown are seconds, the peak of all
processes together and of the largest one, and the disk that OUT takes, each beside the smallest size's.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from harness import Table, Watched, arguments, parse, watch

RECIPE = 'name = "growth"\n[[stage]]\nuse = "exact_dedup"\n[[stage]]\nuse = "fuzzy_dedup"\n'
DOCUMENT = pa.schema([("id", pa.string()), ("text", pa.string())])
VOCABULARY = 200_000
WORDS = 400
# Files of the smallest size, and documents in a row group.
FILES, GROUP_DOCUMENTS = 4, 2_500


def main() -> None:
    """Print one line a size."""
    parser = arguments(__doc__, repeat=1)
    parser.add_argument("--documents", type=int, default=108_000)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--recipe", type=Path)
    given = parse(parser, documents=2_000, times=[1, 3])
    heads = [
        "documents",
        "MB of text",
        "seconds",
        "×",
        "MB, all processes",
        "×",
        "MB, the largest",
        "×",
        "MB in OUT",
        "×",
    ]
    table = Table(f"Disjoint texts, {given.workers} workers, one run of each size:", heads, given.markdown)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = given.recipe or folder / "growth.toml"
        if not given.recipe:
            recipe.write_text(RECIPE, encoding="utf-8")
        first: tuple[float, ...] = ()
        for times in given.times:
            documents, size = grow(folder / "texts", given.documents // FILES, FILES * times)
            out = folder / f"out{times}"
            print(f"run of {documents}", file=sys.stderr, flush=True)
            seen = watch([sys.executable, "-m", "curate", "run", str(recipe), "--input", str(folder / "texts"),
                          "--out", str(out), "--workers", str(given.workers)])  # fmt: skip
            figures = measured(seen, out)
            first = first or figures
            cells = [
                cell
                for value, base in zip(figures, first, strict=True)
                for cell in (f"{value:,.0f}", f"{value / base:.1f}")
            ]
            table.add(f"{documents:,}", f"{size / 1e6:,.0f}", *cells)
    table.show()


def grow(folder: Path, documents: int, files: int) -> tuple[int, int]:
    """Add files of so many documents until there are as many as asked for; (documents, bytes of text)."""
    folder.mkdir(exist_ok=True)
    sizes = []
    for number in range(files):
        path = folder / f"{number:04d}.parquet"
        if not path.exists():
            write_file(path, number, documents)
        sizes.append(int(pq.read_metadata(path).metadata[b"text_bytes"]))
    return documents * files, sum(sizes)


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
