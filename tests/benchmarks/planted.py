"""A corpus with planted near duplicates, of which the exact Jaccard of every pair is known.

    python tests/benchmarks/planted.py OUT [--documents 108000] [--text FOLDER …]

Text is what people wrote: docstrings in .py files, and .md, .rst and .txt files, of FOLDER or else of this Python and
all packages installed in it. It is cut into pieces of at most 300 characters; a piece that shares a fifth of its word
5-grams with the pieces before it is left out, so that nothing but what is planted is alike. Documents are pieces one
after the other and, when all have been used, the same pieces shuffled: two of them may share a piece, a fifth at
most. Every fifth document gets one to eight copies with edits, drawn to give a Jaccard between 0.5 and 1: words
replaced here and there, or a run of words cut out, put in or replaced; one copy in 20 has none. What it did give is
then counted.

OUT/texts/*.jsonl: `id` and `text`, in random order. OUT/truth.jsonl: a line per group, whose `pairs` are [a, b, Jaccard
of the sets of five consecutive \\w+ words, lower case]; document 12 has the id d0000012.
"""

import argparse
import json
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from itertools import combinations, count, pairwise
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np

DOCUMENTS = 108_000
FILES = 16
NGRAM = 5
MEAN_COPIES, MAX_COPIES, GROUPS = 2, 8, 0.19  # 28 % of all documents are copies
# Characters of a document: log-normal, 2.6 kB on average. The least holds four pieces.
LENGTH_LOG, LENGTH_SPREAD, MIN_LENGTH, MAX_LENGTH = 7.6, 0.7, 1_000, 20_000
BINS = ((0.7, 0.75), (0.75, 0.8), (0.8, 1.01))

DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
PIECE = re.compile(r"\S.{60,298}(?!\S)", re.DOTALL)
WORD = re.compile(r"\w+")
SUFFIXES = {".py", ".md", ".rst", ".txt"}

Gram = tuple[str, ...]
Pair = tuple[int, int, float]


class Score(NamedTuple):
    """recall: share of the pairs in each of BINS of which one was removed; precision: of removals with a partner.

    A share of nothing is NaN.
    """

    recall: tuple[float, ...]
    precision: float


class Fresh:
    """Says of a text whether it is new; a bit per 5-gram, of which a few are taken for another."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.seen = np.zeros(1 << 27, np.bool_)

    def __call__(self, text: str) -> bool:
        words = WORD.findall(text.lower())
        if len(words) <= NGRAM:
            return False
        numbers = np.array([self.numbers.setdefault(word, len(self.numbers)) for word in words], np.uint64)
        slots = np.zeros(len(words) - NGRAM + 1, np.uint64)
        for i in range(NGRAM):
            slots = (slots + numbers[i : i + len(slots)] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        slots >>= np.uint64(64 - 27)
        new = bool(self.seen[slots].mean() < 0.2)
        self.seen[slots] |= new
        return new


def prose(folders: Iterable[Path]) -> Iterator[str]:
    """Pieces of text, none like another."""
    fresh = Fresh()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                texts = DOCSTRING.findall(text) if path.suffix == ".py" else [text]
                yield from (piece for whole in texts for piece in PIECE.findall(whole) if fresh(piece))


def installed_folders() -> list[Path]:
    """Where this Python keeps its library, and where its packages lie."""
    paths = sysconfig.get_paths()
    return sorted({Path(paths[name]) for name in ("stdlib", "purelib", "platlib")})


def documents(characters: float, folders: Iterable[Path], rng: np.random.Generator) -> Iterator[str]:
    """Texts without end, from no more pieces than so many characters take."""
    pieces: list[str] = []
    for piece in prose(folders):
        pieces.append(piece)
        characters -= len(piece)
        if characters < 0:
            break
    if len(pieces) < 1000:
        sys.exit("there is not enough text: name a folder with more of it by --text")
    taken: list[str] = []
    left = _length(rng)
    for turn in count():
        for number in rng.permutation(len(pieces)) if turn else range(len(pieces)):
            taken.append(pieces[number])
            left -= len(pieces[number])
            if left <= 0:
                yield "\n".join(taken)
                taken, left = [], _length(rng)


def _length(rng: np.random.Generator) -> int:
    return int(np.clip(rng.lognormal(LENGTH_LOG, LENGTH_SPREAD), MIN_LENGTH, MAX_LENGTH))


def edited(text: str, jaccard: float, other: str, rng: np.random.Generator) -> str:
    """The text with edits that give about this Jaccard; what comes in are words of another text, shuffled."""
    words, strange = re.findall(r"\s*\S+", text), [f" {word}" for word in rng.permutation(other.split()).tolist()]
    kind = rng.choice(["scattered", "cut", "put in", "replaced"])
    if kind == "scattered":
        survive = (2 * jaccard / (1 + jaccard)) ** (1 / NGRAM)  # of a word, for its five 5-grams
        hit = rng.random(len(words)) > survive
        return "".join(str(rng.choice(strange)) if gone else word for word, gone in zip(words, hit, strict=True))
    # A run of r of n words: cut leaves (n − r) / n of the union, put in n / (n + r), replaced (n − r) / (n + r).
    shares = {"cut": 1 - jaccard, "put in": 1 / jaccard - 1, "replaced": (1 - jaccard) / (1 + jaccard)}
    run = int(shares[str(kind)] * len(words))
    start = int(rng.integers(len(words) - run + 1))
    new = [] if kind == "cut" else (strange * (run // len(strange) + 1))[:run]
    return "".join(words[:start] + new + words[start + (0 if kind == "put in" else run) :])


def groups(texts: Iterator[str], rng: np.random.Generator) -> Iterator[list[str]]:
    """Documents, each with its copies."""
    for text, other in pairwise(texts):
        copies = min(int(rng.geometric(1 / MEAN_COPIES)), MAX_COPIES) if rng.random() < GROUPS else 0
        exact = rng.random(copies) < 0.05
        edits = [edited(text, float(rng.uniform(0.5, 1)), other, rng) for _ in range(copies)]
        yield [text, *(text if same else edit for same, edit in zip(exact, edits, strict=True))]


def grams(text: str) -> set[Gram]:
    """The word 5-grams of a text."""
    words = WORD.findall(text.lower())
    return set(zip(*(words[i:] for i in range(NGRAM)), strict=False))


def pairs_of(texts: list[str], numbers: list[int]) -> list[Pair]:
    """Every pair of a group with its Jaccard."""
    sets = [grams(text) for text in texts]
    return [
        (first, second, len(a & b) / len(a | b))
        for (first, a), (second, b) in combinations(zip(numbers, sets, strict=True), 2)
    ]


def plant(out: Path, wanted: int, folders: Iterable[Path], seed: int = 1) -> Path:
    """Write a corpus of so many documents and its truth; the folder of its texts."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(wanted).tolist()
    # Written group by group to the files in which their places lie, which are then put in order one by one.
    folder = out / "texts"
    folder.mkdir(parents=True)
    paths = [folder / f"{number:03d}.jsonl" for number in range(FILES)]
    files = [path.open("w", encoding="utf-8") for path in paths]
    written = 0
    with (out / "truth.jsonl").open("w", encoding="utf-8") as truth:
        for group in groups(documents(wanted * 2_000, folders, rng), rng):
            numbers = places[written : written + len(group)]
            written += len(numbers)
            for number, text in zip(numbers, group, strict=False):
                line = json.dumps({"id": document_id(number), "text": text}, ensure_ascii=False)
                files[number * FILES // wanted].write(line + "\n")
            if len(numbers) > 1:
                truth.write(json.dumps({"pairs": pairs_of(group[: len(numbers)], numbers)}) + "\n")
            if written == wanted:
                break
    for path, file in zip(paths, files, strict=True):
        file.close()
        with path.open(encoding="utf-8") as lines:
            ordered = sorted(lines)
        path.write_text("".join(ordered), encoding="utf-8")
    return folder


def document_id(number: int) -> str:
    """As in the files."""
    return f"d{number:07d}"


def read_truth(texts: Path) -> list[Pair]:
    """The pairs of truth.jsonl beside the folder; none where there is no such file."""
    path = texts.parent / "truth.jsonl"
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [tuple(pair) for line in lines for pair in json.loads(line)["pairs"]]


def score(pairs: list[Pair], ids: Iterable[str], kept: set[str]) -> Score:
    """What removals are worth; a pair counts as found where not both of it are kept."""
    found: dict[tuple[float, float], list[bool]] = {limits: [] for limits in BINS}
    partnered: set[str] = set()
    for first, second, jaccard in pairs:
        both = {document_id(first), document_id(second)}
        for low, high in BINS:
            if low <= jaccard < high:
                found[low, high].append(not both <= kept)
                partnered |= both
    removed = set(ids) - kept
    recall = tuple(sum(hits) / len(hits) if hits else nan for hits in found.values())
    return Score(recall, len(removed & partnered) / len(removed) if removed else nan)


def main() -> None:
    """Write it and say how large it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--text", type=Path, nargs="+", help="folders whose text is used")
    given = parser.parse_args()
    texts = plant(given.out, given.documents, given.text or installed_folders())
    size = sum(path.stat().st_size for path in texts.iterdir())
    near = sum(jaccard >= BINS[0][0] for _, _, jaccard in read_truth(texts))
    print(
        f"{texts}: {given.documents} documents, {size / 1e6:.0f} MB of JSONL, {near} pairs at a Jaccard of 0.7 or more"
    )


if __name__ == "__main__":
    main()
