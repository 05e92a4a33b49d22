"""Scores of what a model should not learn from, and the rules that drop it.

toxic_score: how probable it is that a text offends (insults, hate, threats), the mean over its windows of about 500
bytes: a page that is offensive throughout scores high, one that quotes an insult does not. High is bad, as in
WanJuan-CC (arXiv 2402.19282). What it learned from, how good it is and where it fails: models/classifiers/cards.
"""

from collections.abc import Mapping

import pyarrow as pa

from curate.classify.ask import ask, rules_above, score_column
from curate.classify.model import fingerprint, load
from curate.recipe import RecipePath
from curate.rule import Rule
from curate.stage import stage


def check(*, toxicity: str) -> Mapping[str, str]:
    """The sha256 of the weights. Raises RecipeError where there are none."""
    load(toxicity)
    return {"toxicity": fingerprint(toxicity)}


def safety_rules(*, toxicity: str) -> tuple[Rule, ...]:
    """A rule for every language that the classifier knows, at its own threshold."""
    return rules_above("toxic_score", "toxic", load(toxicity))


@stage(needs=["text", "lang"], adds={"toxic_score": pa.float32()}, rules=safety_rules, check=check)
def safety(text: pa.StringArray, lang: pa.StringArray, *, toxicity: RecipePath = "toxicity") -> dict[str, pa.Array]:
    """toxic_score: 0 to 1; null for an empty text, and in a language that the classifier does not know.

    toxicity: the classifier, ours or a file made by `python -m models.classifiers.train` with labels of your own.
    """
    (toxic,) = ask(text, lang, toxicity)
    return {"toxic_score": score_column(toxic)}
