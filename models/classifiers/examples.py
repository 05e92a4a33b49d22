"""The labelled texts that a classifier learns from: the sets of ../shared/data/labelled, or a user's own JSON lines."""

import hashlib
import json
import lzma
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FOLDS = 5
TAXONOMY = Path(__file__).with_name("taxonomy.toml")

Row = Mapping[str, Any]


class Examples(NamedTuple):
    """n labelled texts. of: int8[c], the class of each column of the model, −1 for none; groups: int64[c], columns that
    are told apart by texts of their own; columns: int64[n], which one learns from each text."""

    classes: tuple[str, ...]
    of: npt.NDArray[np.int8]
    groups: npt.NDArray[np.int64]
    texts: tuple[str, ...]
    columns: npt.NDArray[np.int64]
    languages: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64[n]: the class of each text, −1 for none of them."""
        return self.of[self.columns].astype(np.int64)

    @property
    def folds(self) -> npt.NDArray[np.int64]:
        """int64[n]: the fold of each text, by a hash of it: the same whatever is beside it."""
        hashes = (hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest() for text in self.texts)
        return np.array([int.from_bytes(digest, "little") % FOLDS for digest in hashes], np.int64)

    def take(self, chosen: npt.NDArray[np.bool_]) -> "Examples":
        """Those that are chosen by bool[n]."""
        texts = tuple(text for text, wanted in zip(self.texts, chosen.tolist(), strict=True) if wanted)
        return self._replace(
            texts=texts, columns=self.columns[chosen], languages=self.languages[chosen], sources=self.sources[chosen]
        )


def toxicity(folder: Path) -> Examples:
    """Any offence against none: COLD in Chinese, five sets in English.

    Sets differ in what they call an offence: of hate against women and immigrants many rude tweets are none. So there
    are a pair of columns for each notion, and a text has the notion of the set that it looks like.
    """
    rows = (*read(folder / "toxicity_zh.jsonl.xz"), *read(folder / "toxicity_en.jsonl.xz"))
    notions = {"COLD": 0, "davidson": 1, "tweeteval-hate": 2}

    def column(row: Row) -> int | None:
        bad = OFFENCE.get(str(row["label"]))
        return None if bad is None else 2 * notions.get(row["source"], len(notions)) + bad

    groups = np.repeat(np.arange(len(notions) + 1), 2).tolist()
    return _gather(("toxic",), [-1, 0] * (len(notions) + 1), groups, rows, column)


def domain(folder: Path) -> Examples:
    """Topics of six sets, mapped to the classes of taxonomy.toml.

    A headline, an app's description and the summary of a paper are told apart more easily than topics, so each kind of
    text has columns of its own.
    """
    columns = {
        (source, label): (kind, number)
        for source, (key, kind) in KINDS.items()
        for number, topic in enumerate(taxonomy().values())
        for label in topic.get(key, ())
    }
    pairs = sorted(set(columns.values()))
    rows = (*read(folder / "topic_zh.jsonl.xz"), *read(folder / "topic_en.jsonl.xz"))

    def column(row: Row) -> int | None:
        pair = columns.get((row["source"], row["label"]))
        return None if pair is None else pairs.index(pair)

    return _gather(tuple(taxonomy()), [number for _, number in pairs], [kind for kind, _ in pairs], rows, column)


SETS: Mapping[str, Callable[[Path], Examples]] = {"domain": domain, "toxicity": toxicity}

# What the sets of toxicity call their labels; others of theirs (idk/skip, relation, kinds of offence) are left out.
OFFENCE = {
    "0": 0, "neither": 0, "noHate": 0, "not-hate": 0, "not-offensive": 0, "not_toxic": 0,
    "1": 1, "hate": 1, "offensive": 1, "toxic": 1,
}  # fmt: skip

# The key of taxonomy.toml that holds a set's labels, and what kind of text it has: news in Chinese, descriptions of
# apps, summaries of papers, news in English.
KINDS = {
    "THUCNews-titles": ("thucnews", 0), "FewCLUE-tnews": ("tnews", 4), "FewCLUE-iflytek": ("iflytek", 1),
    "FewCLUE-csldcp": ("csldcp", 2), "AG-news-test": ("ag_news", 3), "BBC-news": ("bbc", 3),
}  # fmt: skip


@cache
def taxonomy() -> Mapping[str, Mapping[str, Any]]:
    """The topics, in the order of the file."""
    return tomllib.loads(TAXONOMY.read_text(encoding="utf-8"))


def own(path: Path) -> Examples:
    """A user's own labels: JSON lines with `text` and `label`, and `lang` where thresholds differ by language.

    Labels 0 and 1, or false and true, make a classifier of one class, named as the file; others one of several. Raises
    ValueError for a line without a text or label, and for fewer than two labels.
    """
    with path.open(encoding="utf-8") as lines:
        rows = [_labelled(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    names = sorted({str(row["label"]) for row in rows})
    if len(names) < 2:
        raise ValueError(f"{path} has {len(names)} labels; a classifier needs two or more")
    if {row["label"] for row in rows} <= {0, 1}:
        return _gather((path.stem,), [-1, 0], [0, 0], rows, lambda row: int(row["label"]))
    return _gather(tuple(names), range(len(names)), [0] * len(names), rows, lambda row: names.index(str(row["label"])))


def read(path: Path) -> Iterator[Row]:
    """The rows of a file of JSON lines, packed by xz."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def counts(examples: Examples) -> Sequence[tuple[str, str, int]]:
    """(source, class, how many), in order."""
    names = (*examples.classes, f"not {examples.classes[0]}")
    found = Counter(zip(examples.sources.tolist(), examples.labels.tolist(), strict=True))
    return [(source, names[label], n) for (source, label), n in sorted(found.items())]


def _labelled(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
        if isinstance(row["text"], str) and isinstance(row["label"], str | int):
            return dict(row)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{where}: not a JSON object with `text` and `label`") from error
    raise ValueError(f"{where}: `text` must be a string, and `label` a string or a whole number")


def _gather(
    classes: tuple[str, ...], of: Sequence[int], groups: Sequence[int], rows: Iterable[Row],
    column: Callable[[Row], int | None],
) -> Examples:  # fmt: skip
    kept = [(row, number) for row in rows if row["text"].strip() and (number := column(row)) is not None]
    return Examples(
        classes, np.array(of, np.int8), np.array(groups, np.int64), tuple(row["text"] for row, _ in kept),
        np.array([number for _, number in kept], np.int64), np.array([row.get("lang") or "" for row, _ in kept]),
        np.array([row.get("source") or "own" for row, _ in kept]),
    )  # fmt: skip
