"""Which blocks to keep: those whose text has the highest expected F1, given how probable each block is.

With the blocks sorted by probability, the best set is a prefix of them (Lewis, SIGIR 1995; Ye et al., ICML 2012):
F1 = 2 · (expected tokens kept that belong) / (tokens kept + expected tokens that belong). The value at its height is
what the model itself expects of the page: a confidence that costs nothing.
"""

import numpy as np
import numpy.typing as npt

from curate.text.kernel import kernel

Floats = npt.NDArray[np.float32]

# F-beta by mode: how much recall counts beside precision.
BETA = {"default": 1.0, "fast": 1.0, "precision": 0.5, "recall": 2.0}


def choose(chances: Floats, tokens: Floats, beta: float = 1.0) -> tuple[npt.NDArray[np.bool_], float]:
    """(bool[b], the expected F-beta of what is kept) for float32[b] probabilities and tokens."""
    keep = np.zeros(len(chances), np.bool_)
    if not len(chances):
        return keep, 0.0
    order = np.argsort(-chances, kind="stable")
    best, height = best_prefix(chances[order], tokens[order], beta * beta)
    keep[order[:best]] = True
    return keep, height


@kernel
def best_prefix(chances: Floats, tokens: Floats, beta2: float) -> tuple[int, float]:
    """(how many blocks, expected F) over blocks sorted by falling probability."""
    wanted = 0.0
    for at in range(len(chances)):
        wanted += np.float64(chances[at]) * tokens[at]
    hits = kept = height = 0.0
    best = 0
    for at in range(len(chances)):
        hits += np.float64(chances[at]) * tokens[at]
        kept += tokens[at]
        value = (1 + beta2) * hits / max(kept + beta2 * wanted, 1e-9)
        if value > height:
            best, height = at + 1, value
    return best, height
