"""How good a classifier is on texts that it has not seen, by five folds; with --card, its model card.

    python -m models.classifiers.evaluate toxicity --folder ../shared/data/labelled [--peers] [--card]

--peers trains and tests scikit-learn's TF-IDF with a linear SVM and a bag of words with logistic regression on the same
folds: python -m pip install scikit-learn.
"""

import argparse
import csv
import io
import json
import lzma
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.classify.model import Model, load
from curate.classify.score import bank, probabilities
from models.classifiers.card import Line, write_card
from models.classifiers.examples import SETS, Examples
from models.classifiers.fit import Floats
from models.classifiers.metrics import accuracy, auc, bootstrap, macro_f1
from models.classifiers.train import LABELLED, SETTINGS, train

Mask = npt.NDArray[np.bool_]

# Where texts of one length end and those of the next begin, in bytes.
LENGTHS = (64, 128, 512)
TEMPLATES = {"en": "en_sentence_templates.csv", "zh": "zh-cn_sentence_templates.csv"}
FEWEST = 100


class Bias(NamedTuple):
    """What sentences about people made from templates score. false, caught: the shares of harmless and of toxic
    sentences above the threshold; worst: identities by the share of their harmless sentences above it."""

    language: str
    harmless: int
    false: float
    caught: float
    auc: float
    worst: Sequence[tuple[str, float]]


def measure(examples: Examples, scores: Floats) -> Iterator[Line]:
    """Every measure of every part of the texts. scores: float64[n, classes]."""
    measures = _of_one if len(examples.classes) == 1 else _of_many
    for name, part in parts(examples):
        yield Line(name, int(part.sum()), measures(examples, scores, part))


def parts(examples: Examples) -> Iterator[tuple[str, Mask]]:
    """(name, bool[n]): all, by language, by source and by length; parts with few texts are left out."""
    sizes = np.array([len(text.encode("utf-8", "replace")) for text in examples.texts])
    found = [("all", np.ones(len(sizes), np.bool_))]
    found += [(f"language {name}", examples.languages == name) for name in np.unique(examples.languages)]
    found += [(str(name), examples.sources == name) for name in np.unique(examples.sources)]
    bounds = (0, *LENGTHS, 1 << 40)
    found += [
        (
            f"{low} bytes and more" if high == bounds[-1] else f"{low} to {high - 1} bytes",
            (low <= sizes) & (sizes < high),
        )
        for low, high in pairwise(bounds)
    ]
    return ((name, part) for name, part in found if part.sum() >= FEWEST)


def _of_one(examples: Examples, scores: Floats, part: Mask) -> Mapping[str, str]:
    positive = examples.labels[part] == 0
    return {"AUC": str(bootstrap(auc, scores[part, 0], positive))}


def _of_many(examples: Examples, scores: Floats, part: Mask) -> Mapping[str, str]:
    labels, best = examples.labels[part], scores[part].argmax(1)
    occurring = np.unique(labels)
    among = occurring[scores[part][:, occurring].argmax(1)]
    return {
        "accuracy": str(bootstrap(accuracy, best, labels)),
        "among the topics of the part": str(bootstrap(accuracy, among, labels)),
        "macro F1": f"{macro_f1(best, labels):.3f}",
    }


def bias(folder: Path, model: Model, name: str) -> Iterator[Bias]:
    """What the sentences of tox_bias_templates score."""
    for language, file in TEMPLATES.items():
        rows = _templates(folder / "tox_bias_templates.tar.xz", file)
        texts = pa.array([row["phrase"] for row in rows], pa.string())
        (found,) = probabilities(texts, bank(name))
        toxic = np.array([row["toxicity"] == "toxic" for row in rows])
        above = found[:, 0] > model.thresholds[language]
        yield Bias(language, int((~toxic).sum()), float(above[~toxic].mean()), float(above[toxic].mean()),
                   auc(found[:, 0].astype(np.float64), toxic), _worst(rows, above & ~toxic, ~toxic))  # fmt: skip


def _worst(rows: Sequence[Mapping[str, str]], above: Mask, harmless: Mask) -> Sequence[tuple[str, float]]:
    """The five templates whose harmless sentences are most often above the threshold."""
    kinds = np.array([row["template"] for row in rows])
    shares = [(str(kind), float(above[harmless & (kinds == kind)].mean())) for kind in np.unique(kinds[harmless])]
    return sorted(shares, key=lambda share: -share[1])[:5]


def _templates(archive: Path, name: str) -> Sequence[Mapping[str, str]]:
    with tarfile.open(archive) as files:
        for member in files:
            if member.name.endswith(f"/{name}"):
                stored = files.extractfile(member)
                assert stored is not None
                return list(csv.DictReader(io.TextIOWrapper(stored, "utf-8")))
    raise FileNotFoundError(f"{archive} has no {name}")


def pages_above(gold: Path, model: Model, name: str) -> Mapping[str, tuple[int, float]]:
    """By language: how many web pages, news and blogs for the most part, and the share of them above the threshold."""
    with lzma.open(gold, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["lang"] in model.thresholds and row["gold"].strip()]
    (found,) = probabilities(pa.array([row["gold"] for row in rows], pa.string()), bank(name))
    shares = {}
    for language, threshold in model.thresholds.items():
        mine = np.array([row["lang"] == language for row in rows])
        shares[language] = (int(mine.sum()), float((found[mine, 0] > threshold).mean()))
    return shares


def main() -> None:
    """Print the measures, or write the card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=sorted(SETS))
    parser.add_argument("--folder", type=Path, default=LABELLED, help="holds the labelled sets")
    parser.add_argument("--peers", action="store_true", help="others on the same folds; needs scikit-learn")
    parser.add_argument("--card", action="store_true", help="write models/classifiers/cards/NAME.md")
    given = parser.parse_args()
    examples = SETS[given.name](given.folder)
    model, _, scores = train(examples, SETTINGS[given.name])
    lines = list(measure(examples, scores))
    others: dict[str, list[Line]] = {}
    if given.peers:
        from models.classifiers.peers import PEERS, scores_of

        others = {peer: list(measure(examples, scores_of(peer, examples))) for peer in PEERS}
    shipped = load(given.name)
    biases: list[Bias] = []
    pages: Mapping[str, tuple[int, float]] = {}
    if given.name == "toxicity":
        biases = list(bias(given.folder, shipped, given.name))
        pages = pages_above(given.folder.parent / "gold" / "gold-dev.gold.jsonl.xz", shipped, given.name)
    assert shipped.thresholds == model.thresholds, "the weights were trained from other labels: train again"
    text = write_card(given.name, examples, scores, shipped, lines, others, biases, pages)
    if given.card:
        (Path(__file__).with_name("cards") / f"{given.name}.md").write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
