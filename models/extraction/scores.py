"""How near an extracted text is to the gold text."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from models.extraction.align import tokens

_ROUGE_N = 5


def score(text: str, gold: str) -> tuple[float, float, float]:
    """(F1, precision, recall) of bags of tokens."""
    return _overlap(Counter(tokens(text)), Counter(tokens(gold)))


def rouge(text: str, gold: str) -> float:
    """ROUGE-N F1 (Lin 2004) with N = 5, as WebMainBench has it (Dripper, 2025), over our tokens: a CJK character is
    one, where WebMainBench takes words.
    """
    return _overlap(_runs(tokens(text)), _runs(tokens(gold)))[0]


def _runs(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    """All runs of N tokens; of a shorter text the whole."""
    if 0 < len(words) < _ROUGE_N:
        return Counter([tuple(words)])
    return Counter(zip(*(words[at:] for at in range(_ROUGE_N)), strict=False))


def _overlap(ours: Counter[Any], theirs: Counter[Any]) -> tuple[float, float, float]:
    hits = (ours & theirs).total()
    if not hits:
        return (1.0, 1.0, 1.0) if not ours and not theirs else (0.0, 0.0, 0.0)
    precision, recall = hits / ours.total(), hits / theirs.total()
    return 2 * precision * recall / (precision + recall), precision, recall
