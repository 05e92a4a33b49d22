"""What a classifier is: a few ten thousand n-grams with a weight in each column, shipped as one file of numbers.

A window with n distinct n-grams (curate/text/grams.py) has the logit Σ weight / √n + bias in each column; the softmax
of the logits is the probability of each column, and a class has the sum of its columns. Sets of labels that call
different things by one name, such as what is offensive, are a column each. Weights are 8-bit integers with a scale a
column, so that a sum does not depend on the order of its terms. Calibration is part of scale and bias.

Trained by `python -m models.classifiers.train`, whose cards say from what and how good: models/classifiers/cards. No
pickle, nothing but numpy needed to read a file; those that come with this package must have the sha256 given here.
"""

import hashlib
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Literal, NamedTuple, cast
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from curate.errors import EngineError, RecipeError, did_you_mean
from curate.sources.files import open_stored
from curate.text.grams import GRAM_BITS, GRAMS_VERSION, WINDOW_BYTES

Floats = npt.NDArray[np.float32]
Pool = Literal["mean", "max"]

# The classifiers that come with curate, with the sha256 of their files.
WEIGHTS = {
    "domain": "da279a0424687b66baa70f811879a0018a042df80530b940a091f767ebc232b0",
    "toxicity": "b96694e17677972b19cf79682187c2662f744c8398c0e9a81c52c71bcadf542c",
}


class Model(NamedTuple):
    """A classifier with c columns and weights for k n-grams.

    classes: names; a classifier of one class says how probable it is. of: int8[c], the class of every column, −1 for
    none of them. grams: int32[k], ascending; weights: int8[k, c]; scale, bias: float32[c]. pool: how a text's
    probability is made of those of its windows. thresholds: by language, the score from which on a text counts as of
    the class that it is for. Languages that are no key of it are not known, unless "" is one.
    """

    classes: tuple[str, ...]
    of: npt.NDArray[np.int8]
    grams: npt.NDArray[np.int32]
    weights: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats
    pool: Pool
    thresholds: dict[str, float]

    def knows(self, language: str | None) -> bool:
        """Whether it was taught in this language."""
        return "" in self.thresholds or language in self.thresholds


@cache
def load(name: str) -> Model:
    """A classifier that comes with curate, or the one in a file (path or URL). Raises RecipeError, EngineError."""
    try:
        return unpack(_read(name))
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise RecipeError(f"{name!r} is no classifier that this version of curate can read: {error}") from error


@cache
def fingerprint(name: str) -> str:
    """The sha256 of a weight file: part of the fingerprint of whoever uses it."""
    return hashlib.sha256(_read(name)).hexdigest()


def _read(name: str) -> bytes:
    if "/" not in name and "." not in name:
        if name not in WEIGHTS:
            raise RecipeError(f"there is no classifier {name!r}{did_you_mean(name, WEIGHTS)}")
        data = resources.files("curate.classify").joinpath(f"weights/{name}.npz").read_bytes()
        if hashlib.sha256(data).hexdigest() != WEIGHTS[name]:
            raise EngineError(f"the weights of the classifier {name!r} are damaged: install curate again")
        return data
    try:
        with open_stored(name) as stored:
            return bytes(stored.read())
    except OSError as error:
        raise RecipeError(f"cannot read the classifier {name!r}: {error.strerror or error}") from error


def pack(model: Model) -> bytes:
    """The bytes of a weight file; the same for the same model."""
    room = BytesIO()
    np.savez_compressed(
        room, allow_pickle=False, version=np.array([GRAMS_VERSION, GRAM_BITS, WINDOW_BYTES]),
        classes=np.array(model.classes), of=model.of, steps=np.diff(model.grams, prepend=np.int32(0)),
        weights=np.ascontiguousarray(model.weights.T), scale=model.scale, bias=model.bias, pool=np.array(model.pool),
        languages=np.array(list(model.thresholds)), thresholds=np.array(list(model.thresholds.values()), np.float64),
    )  # fmt: skip
    return room.getvalue()


def unpack(data: bytes) -> Model:
    """What `pack` has packed. Raises ValueError, KeyError, EOFError or BadZipFile for anything else."""
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        arrays = dict(stored)
    if arrays["version"].tolist() != [GRAMS_VERSION, GRAM_BITS, WINDOW_BYTES]:
        raise ValueError("it was trained for another version of n-grams; train it again")
    return Model(
        tuple(arrays["classes"].tolist()), arrays["of"], np.cumsum(arrays["steps"], dtype=np.int32),
        np.ascontiguousarray(arrays["weights"].T), arrays["scale"], arrays["bias"],
        cast(Pool, str(arrays["pool"])),
        dict(zip(arrays["languages"].tolist(), arrays["thresholds"].tolist(), strict=True)),
    )  # fmt: skip
