"""Which settings of two runs differ, under the keys that `--set` takes.

What only one recipe writes down is compared with what the other run used in its place: a default, or the bound of a
rule in a pack. So a threshold that was changed shows its old value, and a default that is written out is no difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curate.inspect.run_folder import RunFolder

Pairs = Iterator[tuple[str, Any]]


@dataclass(frozen=True)
class Setting:
    """A setting, "rules.few_words.min", with its value in either run; None where a run has no such setting."""

    key: str
    a: Any
    b: Any


def differing_settings(a: RunFolder, b: RunFolder) -> list[Setting]:
    """Every setting of recipe and versions that is not the same in both runs, in the order of the recipes."""
    given = [dict(_given(run.summary)) for run in (a, b)]
    known_a, known_b = (mine | dict(_used(run.summary)) for mine, run in zip(given, (a, b), strict=True))
    keys = dict.fromkeys([*given[0], *given[1]])
    pairs = (Setting(key, known_a.get(key), known_b.get(key)) for key in keys)
    return [setting for setting in pairs if setting.a != setting.b]


def _given(summary: Mapping[str, Any]) -> Pairs:
    """What the recipe says, and the versions that it ran with."""
    recipe = summary["recipe"]
    stages = [(_label(table), table) for table in recipe.get("stage", ())]
    yield "name", recipe["name"]
    yield "stages", [label for label, _ in stages]
    for table in recipe.get("input", ()):
        yield from ((f"input.{table['name']}.{key}", value) for key, value in table.items() if key != "name")
    for label, table in stages:
        yield from _stage(label, table)
    for name in ("output", "tokens"):
        yield from ((f"{name}.{key}", value) for key, value in (recipe.get(name) or {}).items())
    yield "versions.curate", summary["curate"]
    yield from ((f"versions.{name}", version) for name, version in summary["versions"].items())


def _stage(label: str, table: Mapping[str, Any]) -> Pairs:
    yield from ((f"{label}.{key}", value) for key, value in table.items() if key not in ("name", "rules", "retune"))
    for rule in table.get("rules") or ():
        yield from _rule(label, rule)
    for reason, limits in (table.get("retune") or {}).items():
        yield from ((f"{label}.{reason}.{key}", value) for key, value in limits.items())


def _used(summary: Mapping[str, Any]) -> Pairs:
    """Parameters and rules as the stages had them, defaults and packs included."""
    for stage in summary["stages"]:
        yield from ((f"{stage['name']}.{key}", value) for key, value in stage["params"].items())
        for rule in stage["rules"]:
            yield from _rule(stage["name"], rule)


def _rule(label: str, rule: Mapping[str, Any]) -> Pairs:
    yield from ((f"{label}.{rule['reason']}.{key}", value) for key, value in rule.items() if key != "reason")


def _label(table: Mapping[str, Any]) -> str:
    """The name that `--set` knows the stage by."""
    return str(table.get("name") or table["use"].rpartition(":")[2])
