"""What a language needs to be counted: stop words, in lang/*.toml. Marks are the same for all and stand here."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

# Marks that end a sentence, of all scripts (datatrove's set is Unicode-wide too; C4's and dingo's are ASCII only).
SENTENCE_ENDS = ".!?。!?।॥؟۔։።፧፨‼⁇⁈⁉…｡︒﹒﹖﹗"
TERMINAL = SENTENCE_ENDS + "\"'”’」』"
# Marks that may stand between the end of a sentence and the space behind it.
CLOSERS = "\"')]}”’"
BULLETS = "•‣◦⁃∙▪●○■-–—*·"
GOPHER_BULLETS = "•-"


@dataclass(frozen=True)
class Language:
    """gopher: the few words of which a text must have two; stop_words: the common words whose share is measured."""

    gopher: frozenset[str]
    stop_words: frozenset[str]


@cache
def languages() -> dict[str, Language]:
    """Every language that lang/*.toml describes, by code."""
    found = {}
    for entry in resources.files("curate.text").joinpath("lang").iterdir():
        if entry.name.endswith(".toml"):
            table = tomllib.loads(entry.read_text(encoding="utf-8"))
            gopher = frozenset(table["gopher_stop_words"])
            found[entry.name.removesuffix(".toml")] = Language(gopher, frozenset(table["stop_words"]) | gopher)
    return found
