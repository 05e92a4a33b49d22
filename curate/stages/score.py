"""All signals of a text that rules may look at: counted once, stored, decided upon later.

The definitions stand in curate/text/signals.py; which of them matter, and from which value on, is data: the rule packs.
"""

import numpy as np
import pyarrow as pa

from curate.stage import stage
from curate.text.language import languages_fingerprint
from curate.text.signals import COUNTS, RATIOS, signals


@stage(
    needs=["text", "lang"],
    adds={**{name: pa.int32() for name in COUNTS}, **{name: pa.float32() for name in RATIOS}},
    version=3,
    durable=True,
    check=languages_fingerprint,
)
def score(text: pa.StringArray, lang: pa.StringArray) -> dict[str, pa.Array]:
    """int32 for counts, float32 for ratios; null where a signal is not defined (no words, no stop words known, …)."""
    found = signals(text, lang)
    columns = {}
    for name in COUNTS:
        unknown = np.isnan(found[name])
        columns[name] = pa.array(np.where(unknown, 0, found[name]).astype(np.int32), mask=unknown)
    for name in RATIOS:
        columns[name] = pa.array(found[name].astype(np.float32), mask=np.isnan(found[name]))
    return columns
