"""Rule packs: published sets of thresholds over the signals of `score`, as data.

A pack is a TOML file: its name, the languages it is for, and `[[rules]]`. Packs are applied in the order that a recipe
names them; a document in a language that no pack covers is dropped as `unsupported_language`, never passed unseen,
unless the recipe says that it has other packs for them (`other_languages = "keep"`).
"""

import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Literal

import pyarrow as pa

from curate.errors import RecipeError, did_you_mean
from curate.recipe import RecipePath
from curate.rule import Rule
from curate.sources.files import open_stored
from curate.stage import stage

_KEYS = ("score", "reason", "min", "max", "any_of")


def pack_rules(*, pack: Sequence[str], other_languages: str = "drop") -> tuple[Rule, ...]:
    """The rules of all packs in order, behind the one about languages unless others pass. Raises RecipeError."""
    packs = [load_pack(name) for name in pack]
    languages = sorted({language for _, covered, _ in packs for language in covered})
    scope = Rule("lang", "unsupported_language", any_of=tuple(languages))
    rules = [rule for _, _, own in packs for rule in own]
    seen: set[str] = set()
    for rule in rules:
        if rule.reason in seen:
            raise RecipeError(f"rules.pack: two packs have a rule {rule.reason!r}; is a pack named twice?")
        seen.add(rule.reason)
    return (scope, *rules) if other_languages == "drop" else tuple(rules)


@stage(needs=["lang"], adds={}, rules=pack_rules)
def rules(
    lang: pa.StringArray, *, pack: tuple[RecipePath, ...], other_languages: Literal["drop", "keep"] = "drop"
) -> dict[str, pa.Array]:
    """pack: names of our packs (gopher, c4, fineweb, fineweb2_zh, wanjuan_en, wanjuan_zh) or paths of TOML files.

    other_languages: what becomes of documents in languages that none of them covers. "keep" them where another `rules`
    stage with packs of its own follows.
    """
    return {}


def load_pack(name: str) -> tuple[str, tuple[str, ...], tuple[Rule, ...]]:
    """(name, languages, rules) of a pack; reasons begin with the pack's name. Raises RecipeError."""
    table = _read(name)
    for key in table:
        if key not in ("name", "languages", "rules"):
            hint = did_you_mean(key, ("name", "languages", "rules"))
            raise RecipeError(f"pack {name!r}: unknown key {key!r}{hint}")
    try:
        title, languages = str(table["name"]), _strings(f"pack {name!r}: languages", table["languages"])
        entries = list(table["rules"])
    except (KeyError, TypeError) as error:
        raise RecipeError(f"pack {name!r} needs name, languages and [[rules]]: {error} is missing") from error
    return title, languages, tuple(_rule(name, title, languages, entry) for entry in entries)


def pack_names() -> list[str]:
    """The packs that come with curate."""
    folder = resources.files("curate.stages").joinpath("packs")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def _rule(pack: str, title: str, languages: tuple[str, ...], entry: dict[str, Any]) -> Rule:
    for key in entry:
        if key not in _KEYS:
            raise RecipeError(f"pack {pack!r}: unknown key {key!r} in a rule{did_you_mean(key, _KEYS)}")
    if "score" not in entry or "reason" not in entry:
        raise RecipeError(f"pack {pack!r}: a rule needs score and reason, got {entry}")
    where = f"pack {pack!r}, rule {entry['reason']!r}"
    if not re.fullmatch("[a-z0-9_]+", str(entry["reason"])):
        raise RecipeError(f"{where}: reason must be snake_case")
    for key in ("min", "max"):
        if isinstance(entry.get(key, 0), bool) or not isinstance(entry.get(key, 0), int | float):
            raise RecipeError(f"{where}: {key} must be a number, not {entry[key]!r}")
    if not entry.keys() & {"min", "max", "any_of"}:
        raise RecipeError(f"{where} has neither min, max nor any_of")
    any_of = _strings(f"{where}: any_of", entry["any_of"]) if "any_of" in entry else None
    reason = f"{title}_{entry['reason']}"
    return Rule(entry["score"], reason, entry.get("min"), entry.get("max"), any_of, langs=languages)


def _strings(what: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise RecipeError(f"{what} must be a list of strings, not {value!r}")
    return tuple(value)


def _read(name: str) -> dict[str, Any]:
    if name in pack_names():
        text = resources.files("curate.stages").joinpath(f"packs/{name}.toml").read_text(encoding="utf-8")
    elif "/" in name or "." in name:
        try:
            with open_stored(name) as stored:
                text = stored.read().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"rules.pack: cannot read {name!r}: {error}") from error
    else:
        raise RecipeError(f"rules.pack: there is no pack {name!r}{did_you_mean(name, pack_names())}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"pack {name!r} is not valid TOML: {error}") from error
