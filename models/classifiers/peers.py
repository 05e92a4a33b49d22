"""What else is taught with the same texts and folds, from scikit-learn: the baselines that a classifier has to beat."""

import re
from typing import Any

import numpy as np

from models.classifiers.examples import Examples
from models.classifiers.fit import Floats

# A character of Chinese is a word.
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+")
PEERS = ("TF-IDF, linear SVM", "bag of words, logistic regression")


def scores_of(peer: str, examples: Examples) -> Floats:
    """float64[n, classes]: what each text scores by a model that has not seen its fold."""
    found = np.empty((len(examples.texts), len(examples.classes)))
    for fold in np.unique(examples.folds):
        aside = examples.folds == fold
        seen, unseen = examples.take(~aside), examples.take(aside)
        model = _make(peer).fit(seen.texts, seen.labels)
        margins = np.asarray(model.decision_function(unseen.texts))
        # Of one class the labels are −1 and 0, and the margin is that of 0.
        found[aside] = margins[:, None] if margins.ndim == 1 else margins
    return found


def _make(peer: str) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    if peer == PEERS[0]:
        characters = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True, min_df=2)
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        return make_pipeline(make_union(characters, words), LinearSVC(C=0.5, random_state=0))
    return make_pipeline(CountVectorizer(analyzer=_WORD.findall, min_df=2), LogisticRegression(max_iter=200))
