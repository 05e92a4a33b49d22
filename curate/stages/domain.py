"""What a text is about: one of about twenty topics, and how sure that is.

Nothing is dropped by default; `any_of` rules over `domain` do it, and a mix may ask for shares of topics. The topics
and where they come from: models/classifiers/taxonomy.toml; how good the answers are: models/classifiers/cards.
"""

from collections.abc import Mapping

import pyarrow as pa

from curate.classify.ask import ask, label_columns
from curate.classify.model import fingerprint, load
from curate.recipe import RecipePath
from curate.stage import stage


def check(*, model: str) -> Mapping[str, str]:
    """The sha256 of the weights. Raises RecipeError where there are none."""
    load(model)
    return {"model": fingerprint(model)}


@stage(needs=["text", "lang"], adds={"domain": pa.string(), "domain_score": pa.float32()}, check=check)
def domain(text: pa.StringArray, lang: pa.StringArray, *, model: RecipePath = "domain") -> dict[str, pa.Array]:
    """`domain`: the most probable topic; `domain_score`: its probability, 0 to 1.

    Null for an empty text, and in a language that the classifier does not know. model: the classifier, ours or a file
    made by `python -m models.classifiers.train` with labels of your own.
    """
    (scores,) = ask(text, lang, model)
    labels, best = label_columns(scores, load(model).classes)
    return {"domain": labels, "domain_score": best}
