"""How good the extraction is on sites it has not seen (folds by site) and on sources it has not seen (one left out).

    python -m models.extraction.evaluate sites|sources GOLD_FOLDER [--out PAGES.jsonl]

Scores are token F1, precision, recall and ROUGE-5 a page, averaged; error bars are those of 1,000 bootstrap samples of
sites.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curate.blocks.apart import without_apart
from curate.blocks.cells import whole_rows
from curate.blocks.comments import without_comments
from curate.blocks.threshold import choose
from models.extraction.fit import Fitted, Settings, fit, predict
from models.extraction.gold import gold_samples
from models.extraction.labels import block_texts
from models.extraction.samples import Sample, folds
from models.extraction.scores import rouge, score
from models.extraction.weights import bags_of

FOLDS = 5


class Score(NamedTuple):
    """One page: scores, the model's own expectation of F1, and where it belongs."""

    f1: float
    precision: float
    recall: float
    rouge: float
    expected: float
    source: str
    language: str
    site: str


def judge(fitted: Fitted, samples: Iterable[Sample]) -> Iterator[Score]:
    """Score pages that were not trained on."""
    for one in samples:
        tokens = one.labels.tokens.astype(np.float32)
        chances = without_apart(one.scan, without_comments(one.scan, predict(fitted, one), tokens), tokens)
        keep, expected = choose(chances, tokens)
        keep = whole_rows(one.scan, keep, tokens)
        texts = block_texts(one.scan)
        text = "\n".join(texts[block] for block in np.flatnonzero(keep))
        yield Score(*score(text, one.gold), rouge(text, one.gold), expected, one.source, one.language, one.site)


def splits(samples: Sequence[Sample], kind: str) -> Iterator[tuple[str, Any]]:
    """(name, which pages are kept aside) of each split."""
    if kind == "sites":
        fold = folds(samples, FOLDS, "outer")
        yield from ((f"fold {number}", fold == number) for number in range(FOLDS))
    else:
        groups = np.array([one.group for one in samples])
        yield from ((name, groups == name) for name in sorted(set(groups)))


def cross_validate(samples: Sequence[Sample], kind: str, settings: Settings) -> Iterator[Score]:
    """Every page scored by a model that has not seen its site, or its source."""
    bags = [bags_of(one) for one in samples]
    for name, aside in splits(samples, kind):
        seen = np.flatnonzero(~aside).tolist()
        fitted = fit([samples[i] for i in seen], [bags[i] for i in seen], settings)
        scores = list(judge(fitted, (samples[i] for i in np.flatnonzero(aside).tolist())))
        print(f"{name}: {np.mean([one.f1 for one in scores]):.4f} on {len(scores)} pages", file=sys.stderr, flush=True)
        yield from scores


def table(scores: Sequence[Score]) -> str:
    """Markdown: F1 with its error, precision and recall by language and source."""
    parts = {"Chinese": [one for one in scores if one.language == "zh"]}
    parts["other"] = [one for one in scores if one.language != "zh"]
    for source in sorted({one.source for one in scores}):
        parts[source] = [one for one in scores if one.source == source]
    lines = ["| pages | n | F1 | ± | precision | recall | ROUGE-5 | expected F1 |"]
    lines.append("|" + "---|" * 8)
    for name, part in parts.items():
        means = np.mean([(one.f1, one.precision, one.recall, one.rouge, one.expected) for one in part], axis=0)
        f1, *others = (f"{mean:.3f}" for mean in means)
        lines.append(f"| {name} | {len(part)} | {f1} | {error_of(part):.3f} | {' | '.join(others)} |")
    return "\n".join(lines)


def error_of(scores: Sequence[Score], rounds: int = 1000) -> float:
    """Standard error of the mean F1 when sites are drawn anew."""
    sites = sorted({one.site for one in scores})
    sums = {site: [0.0, 0] for site in sites}
    for one in scores:
        sums[one.site][0] += one.f1
        sums[one.site][1] += 1
    values = np.array([sums[site] for site in sites])
    drawn = np.random.default_rng(0).integers(0, len(sites), (rounds, len(sites)))
    totals = values[drawn].sum(1)
    return float(np.std(totals[:, 0] / totals[:, 1]))


def main() -> None:
    """Print the table of one kind of split."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("sites", "sources"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="the score of every page, a JSON line each")
    arguments = parser.parse_args()
    scores = list(cross_validate(gold_samples(arguments.folder), arguments.kind, Settings()))
    if arguments.out:
        arguments.out.write_text("".join(json.dumps(one._asdict()) + "\n" for one in scores))
    print(table(scores))


if __name__ == "__main__":
    main()
