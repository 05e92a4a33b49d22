"""A resolved recipe as TOML again, without what belongs to one machine: it is printed in files that travel."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Table = Mapping[str, Any]


def recipe_toml(recipe: Table) -> str:
    """TOML of run.json's `recipe`: folders of inputs and tokenizers are cut down to names, nulls are left out."""
    lines = [f"name = {toml_value(recipe['name'])}"]
    for table in recipe.get("input", ()):
        lines += ["", "[[input]]", *_pairs({**table, "root": _last(table["root"])})]
    for stage in recipe.get("stage", ()):
        lines += [
            "",
            "[[stage]]",
            *_pairs({key: value for key, value in stage.items() if key not in ("rules", "retune")}),
        ]
        for reason, bounds in (stage.get("retune") or {}).items():
            lines += ["", f"[stage.retune.{_key(reason)}]", *_pairs(bounds)]
        for rule in stage.get("rules") or ():
            lines += ["", "[[stage.rules]]", *_pairs(rule)]
    for name in ("output", "tokens"):
        if recipe.get(name):
            table = recipe[name]
            if table.get("tokenizer"):
                table = {**table, "tokenizer": _last(table["tokenizer"])}
            lines += ["", f"[{name}]", *_pairs(table)]
    return "\n".join(lines) + "\n"


def _last(path: str) -> str:
    """The last name of a path; a URL says the same everywhere and stays."""
    return path if "://" in path else path.rstrip("/").rpartition("/")[2]


def _pairs(table: Table) -> Iterator[str]:
    return (f"{_key(key)} = {toml_value(value)}" for key, value in table.items() if value is not None)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else toml_value(key)


def toml_value(value: Any) -> str:
    """A value as a recipe writes it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    # JSON's strings, numbers and booleans are TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
