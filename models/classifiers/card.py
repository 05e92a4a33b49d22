"""The model card of a classifier, in Markdown: what it was taught with, how good it is, and where it fails."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curate.classify.model import Model, fingerprint, pack
from models.classifiers.examples import Examples, counts, taxonomy
from models.classifiers.fit import Floats
from models.classifiers.metrics import calibration_error, reliability

LICENCES = {
    "COLD": "Apache-2.0", "davidson": "MIT", "stormfront-vicomtech": "CC BY-SA 3.0", "surge": "MIT",
    "tweeteval-hate": "for research", "tweeteval-offensive": "for research", "jigsaw-sample-IBM-MAX": "CC0",
    "THUCNews-titles": "for research", "FewCLUE-tnews": "none stated", "FewCLUE-iflytek": "none stated",
    "FewCLUE-csldcp": "none stated", "AG-news-test": "for research", "BBC-news": "for research",
}  # fmt: skip
NOTES = Path(__file__).with_name("notes")


class Line(NamedTuple):
    """What was measured of one part of the texts."""

    part: str
    texts: int
    measures: Mapping[str, str]


def write_card(
    name: str, examples: Examples, scores: Floats, model: Model, lines: Sequence[Line],
    others: Mapping[str, Sequence[Line]], biases: Sequence[Any], pages: Mapping[str, tuple[int, float]],
) -> str:  # fmt: skip
    """The whole card."""
    sections = [
        f"# The classifier `{name}`",
        (NOTES / f"{name}.md").read_text(encoding="utf-8").strip(),
        _weights(name, model),
        _data(examples),
        _measures(lines, others),
        _thresholds(examples, scores, model),
        _reliability(examples, scores),
    ]
    if biases:
        sections.append(_bias(biases, pages))
    if len(examples.classes) > 1:
        sections.append(_topics())
    return "\n\n".join(sections) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def _weights(name: str, model: Model) -> str:
    return (
        f"## Weights\n\n`curate/classify/weights/{name}.npz`: {len(model.grams):,} n-grams with {len(model.of)} "
        f"columns of 8-bit weights, {len(pack(model)):,} bytes, sha256 `{fingerprint(name)}`. Made by `python -m "
        f"models.classifiers.train {name}`, which gives the same bytes from the same labels."
    )


def _data(examples: Examples) -> str:
    rows = [(source, LICENCES[source], label, f"{number:,}") for source, label, number in counts(examples)]
    return "## Data\n\nThe texts are not part of this project.\n\n" + table(["set", "licence", "label", "texts"], rows)


def _measures(lines: Sequence[Line], others: Mapping[str, Sequence[Line]]) -> str:
    first = next(iter(lines[0].measures))
    heads = ["texts", "n", *lines[0].measures, *(f"{peer}: {first}" for peer in others)]
    rows = [
        (
            line.part,
            f"{line.texts:,}",
            *line.measures.values(),
            *(peer[place].measures[first] for peer in others.values()),
        )
        for place, line in enumerate(lines)
    ]
    return (
        "## How good it is\n\nEvery text was scored by a model that had not seen it (five folds, by a hash of the "
        "text), "
        "quantised as it is shipped. In brackets, the 95 % interval of 500 bootstrap samples of texts.\n\n"
        + table(heads, rows)
    )


def _thresholds(examples: Examples, scores: Floats, model: Model) -> str:
    rows = []
    for language, threshold in model.thresholds.items():
        mine = examples.languages == language
        above = scores[mine].max(1) >= threshold
        right = (scores[mine].argmax(1) == examples.labels[mine]) & above
        wanted = (examples.labels[mine] >= 0).sum()
        precision, recall = right.sum() / max(above.sum(), 1), right.sum() / max(wanted, 1)
        rows.append((language, f"{threshold:.3f}", f"{precision:.3f}", f"{recall:.3f}"))
    return (
        "## Thresholds\n\nThe lowest score at which nine in ten of the texts above are what the model says, on texts "
        "it has not seen. Where a class is rarer than in these sets, precision is lower.\n\n"
        + table(["language", "threshold", "precision", "recall"], rows)
    )


def _reliability(examples: Examples, scores: Floats) -> str:
    blocks = []
    for language in np.unique(examples.languages):
        mine = examples.languages == language
        if len(examples.classes) == 1:
            chances, right = scores[mine, 0], examples.labels[mine] == 0
        else:
            chances, right = scores[mine].max(1), scores[mine].argmax(1) == examples.labels[mine]
        rows = [(bin_, f"{n:,}", f"{mean:.3f}", f"{share:.3f}") for bin_, n, mean, share in reliability(chances, right)]
        error = calibration_error(chances, right)
        blocks.append(
            f"{language}, expected calibration error {error:.3f}:\n\n" + table(["score", "n", "mean", "true"], rows)
        )
    return "## Reliability\n\nWhat share of the texts with a score have the class that it is for.\n\n" + "\n\n".join(
        blocks
    )


def _bias(biases: Sequence[Any], pages: Mapping[str, tuple[int, float]]) -> str:
    rows = [
        (one.language, f"{one.harmless:,}", f"{one.false:.3f}", f"{one.caught:.3f}", f"{one.auc:.3f}",
         ", ".join(f"{kind} {share:.2f}" for kind, share in one.worst))
        for one in biases
    ]  # fmt: skip
    heads = ["language", "harmless sentences", "above the threshold", "toxic ones above it", "AUC", "worst templates"]
    found = [(language, f"{count:,}", f"{share:.4f}") for language, (count, share) in pages.items()]
    return (
        "## Bias, and ordinary pages\n\nSentences that name people by origin, religion, gender and the like, harmless "
        "and toxic ones, from the templates of conversationai/unintended-ml-bias-analysis (Apache-2.0):\n\n"
        + table(heads, rows)
        + "\n\nMain texts of ordinary web pages, most of them news and blogs, that nobody has labelled:\n\n"
        + table(["language", "pages", "above the threshold"], found)
    )


def _topics() -> str:
    sources = ("thucnews", "tnews", "iflytek", "csldcp", "ag_news", "bbc")
    rows = [
        (name, topic["about"], "; ".join(f"{key}: {', '.join(topic[key])}" for key in sources if key in topic),
         ", ".join(topic.get("weborganizer", ())))
        for name, topic in taxonomy().items()
    ]  # fmt: skip
    return "## Topics\n\n" + table(["topic", "what about", "labels taken for it", "WebOrganizer"], rows)
