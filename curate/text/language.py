"""What a language needs to be counted: stop words and phrases of page furniture, in lang/*.toml.

Marks are the same for all languages and stand here.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable

# Marks that end a sentence: Unicode's Sentence_Terminal of the basic plane, and ellipses. Escapes, since editors like
# to turn full-width marks into ASCII ones. (datatrove's set is Unicode-wide too; C4's and dingo's are ASCII only.)
SENTENCE_ENDS = (
    ".!?\u2026"  # …
    "\u3002\uff01\uff1f\uff0e\uff61\ufe12\ufe52\ufe56\ufe57"  # Chinese, Japanese: full-width, half-width, small
    "\u203c\u203d\u2047\u2048\u2049\u2e2e"  # doubled and reversed
    "\u0589\u061e\u061f\u06d4\u0700\u0701\u0702\u0964\u0965"  # Armenian, Arabic, Syriac, Devanagari
    "\u104a\u104b\u1362\u1367\u1368\u166e\u17d4\u17d5\u1803\u1809"  # Myanmar, Ethiopic, Canadian, Khmer, Mongolian
)
TERMINAL = SENTENCE_ENDS + "\"'\u201d\u2019\u300d\u300f"  # and closing quotation marks, as C4 has it
# Marks that may stand between the end of a sentence and the space behind it.
CLOSERS = "\"')]}”’"
BULLETS = "•‣◦⁃∙▪●○■-–—*·"
GOPHER_BULLETS = "•-"


@dataclass(frozen=True)
class LinePhrases:
    """Phrases by which the stage `lines` knows lines that are no prose; lang/en.toml says what each is for."""

    policy: tuple[str, ...] = ()
    javascript_with: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    counters_before_number: tuple[str, ...] = ()
    cut_anywhere: tuple[str, ...] = ()
    cut_at_end: tuple[str, ...] = ()
    cut_at_start: tuple[str, ...] = ()


@dataclass(frozen=True)
class Language:
    """gopher: the few words of which a text must have two; stop_words: the common words whose share is measured."""

    gopher: frozenset[str]
    stop_words: frozenset[str]
    lines: LinePhrases = LinePhrases()


@cache
def languages() -> dict[str, Language]:
    """Every language that lang/*.toml describes, by code."""
    found = {}
    for entry in _tables():
        table = tomllib.loads(entry.read_text(encoding="utf-8"))
        gopher = frozenset(table["gopher_stop_words"])
        phrases = {key: tuple(words) for key, words in table.get("lines", {}).items()}
        stop_words = frozenset(table["stop_words"]) | gopher
        found[entry.name.removesuffix(".toml")] = Language(gopher, stop_words, LinePhrases(**phrases))
    return found


def _tables() -> list[Traversable]:
    folder = resources.files("curate.text").joinpath("lang")
    return [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]


@cache
def languages_fingerprint() -> str:
    """sha256 of every language table: part of the fingerprint of the stages that count by them."""
    digest = sha256()
    for entry in sorted(_tables(), key=lambda entry: entry.name):
        digest.update(entry.name.encode() + entry.read_bytes())
    return digest.hexdigest()


@cache
def line_phrases() -> LinePhrases:
    """The phrases of all languages together: a page's own language says little about its buttons."""
    tables = [vars(languages()[code].lines) for code in sorted(languages())]
    return LinePhrases(**{key: tuple(word for table in tables for word in table[key]) for key in tables[0]})
