"""The text classifiers on one core: n-grams and scores, beside fastText and scikit-learn on the same documents.

    python tests/benchmarks/classifiers.py [--quick] [--en PATH] [--zh PATH] [--at-most 20]

PATH as in signals.py. One process, one thread, texts in memory, from Arrow strings to probabilities. fastText is
lid.176.ftz (quantised, 16 dimensions, n-grams of 2 to 4 characters), by the package fasttext-predict, a call for each
document: a model of topics as large costs the same. scikit-learn, where it is installed, hashes the same kinds of
n-grams (HashingVectorizer) for a linear SVM. Medians are shown.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from harness import Table
from signals import Texts, given_texts

from curate.classify.model import WEIGHTS
from curate.classify.score import PIECE_BYTES, bank, probabilities
from curate.stages.language import _lid176
from curate.text.grams import grams
from curate.text.scan import pieces

Work = Callable[[], object]


def main() -> None:
    """Measure both languages."""
    given, texts = given_texts(__doc__)
    for found in texts:
        show(found, given)


def works(found: Texts, alone: bool) -> Iterator[tuple[str, Work]]:
    """(what it is, the work) of everything that is measured."""
    texts = pa.array(found.texts, pa.string())
    yield "n-grams alone", lambda: [grams(piece) for piece in pieces(texts, PIECE_BYTES)]
    names = sorted(WEIGHTS)
    for chosen in (*((name,) for name in names), tuple(names)):
        yield f"curate: {' and '.join(chosen)}", lambda chosen=chosen: probabilities(texts, bank(*chosen))
    if not alone:
        lines = [" ".join(text.split()) for text in found.texts]
        yield "fastText: lid.176.ftz", lambda: [_lid176().predict(line) for line in lines]
        if importlib.util.find_spec("sklearn"):
            yield "scikit-learn: hashed n-grams, linear SVM", _scikit_learn(found.texts)


def _scikit_learn(texts: tuple[str, ...]) -> Work:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.pipeline import make_union
    from sklearn.svm import LinearSVC

    size = 1 << 20
    taken = make_union(
        HashingVectorizer(analyzer="char", ngram_range=(1, 5), n_features=size),
        HashingVectorizer(ngram_range=(1, 2), n_features=size),
    )
    model = LinearSVC().fit(taken.transform(texts[:64]), np.arange(len(texts[:64])) % 2)
    return lambda: model.decision_function(taken.transform(texts))


def show(found: Texts, given: argparse.Namespace) -> None:
    """Medians of each, after a first time that compiles and loads."""
    title = f"{found.language}, {len(found.texts):,} documents, {found.size / 1e6:.1f} MB of text, one core"
    table = Table(f"{title}, median of {given.repeat}:", ["", "seconds", "MB/s", "all runs"], given.markdown)
    for name, work in works(found, given.alone):
        work()
        spent = [_seconds(work) for _ in range(given.repeat)]
        median = statistics.median(spent)
        runs = ", ".join(f"{seconds:.2f}" for seconds in spent)
        table.add(name, f"{median:.2f}", f"{found.size / median / 1e6:.1f}", runs)
    table.show()


def _seconds(work: Work) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
