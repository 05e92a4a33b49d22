"""Recipes: a TOML file read into typed tables, with every unknown key refused before anything runs.

    name = "smoke"
    [[input]]   name, root, paths, crawl, format
    [[stage]]   use, name, the stage's parameters, [[stage.rules]]
    [output]    part_bytes, keep_dropped_text, max_failed_ratio, …
    [tokens]    tokenizer or vocab_size, sequence_length, …

Relative paths are relative to the recipe's folder. TOML rather than YAML: a list of languages holds `no`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from curate.errors import RecipeError, did_you_mean
from curate.resources import Resources
from curate.sources import Input, input_from_path


class Table(pydantic.BaseModel):
    """A table of a recipe: unknown keys are errors."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class InputTable(Table):
    """`[[input]]`: a named set of files below one root; `crawl` orders crawls for deduplication."""

    name: str = Field(pattern=r"^[^/]+$")
    root: str
    paths: tuple[str, ...] = ()
    crawl: int | None = None
    format: Literal["auto", "warc", "arc", "wet", "html", "jsonl", "parquet", "text"] = "auto"
    columns: dict[str, str] = {}


class RuleTable(Table):
    """`[[stage.rules]]`: a rule over a score that an earlier stage, or this one, has added."""

    score: str
    reason: str = Field(pattern=r"^[a-z0-9_]+$")
    min: float | None = None
    max: float | None = None
    any_of: tuple[str, ...] | None = None
    langs: tuple[str, ...] | None = None


def _from_recipe(value: str, info: pydantic.ValidationInfo) -> str:
    folder = info.context
    return _beside(folder, value) if folder and ("/" in value or "." in value) else value


# A parameter that is a path, relative to the recipe's folder, or the name of something that comes with curate: a value
# with neither / nor . in it is a name.
RecipePath = Annotated[str, pydantic.AfterValidator(_from_recipe)]


class ResourcesTable(Table):
    """`resources` of a stage: what takes the place of what the stage itself asks for."""

    cpus: int | None = Field(default=None, ge=1)
    gpus: float | None = Field(default=None, ge=0)
    memory_bytes: int | None = Field(default=None, ge=0)

    def over(self, label: str, asked: Resources) -> Resources:
        """What the stage asks for, with what is given here put in. Raises RecipeError."""
        try:
            return replace(asked, **self.model_dump(exclude_none=True))
        except ValueError as error:
            raise RecipeError(f"stage {label!r}: resources: {error}") from error


class StageTable(pydantic.BaseModel):
    """`[[stage]]`: `use`, `name`, `rules`, `retune`, `resources`; every other key is a parameter of the stage.

    A rule in `rules` replaces the stage's own rule of the same reason; `retune.<reason>` changes only its bounds.
    """

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)

    use: str
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+$")  # ledger counts and --set split at / and .
    rules: tuple[RuleTable, ...] = ()
    retune: dict[str, dict[Literal["min", "max"], float | None]] = {}
    resources: ResourcesTable | None = None

    @property
    def params(self) -> dict[str, Any]:
        """The stage's own parameters."""
        return dict(self.model_extra or {})

    @property
    def label(self) -> str:
        """The name that reasons and `--set` refer to."""
        return self.name or self.use.rpartition(":")[2]


class OutputTable(Table):
    """`[output]`: sizes and limits of the run. None of them changes what is kept."""

    part_bytes: int | None = Field(default=None, ge=1 << 10)
    shard_bytes: int | None = Field(default=None, ge=1 << 10)
    keep_dropped_text: bool = True
    max_failed_ratio: float = Field(default=0.05, ge=0, le=1)
    max_record_bytes: int = Field(default=32 << 20, ge=1)
    stage_limit_s: float = Field(default=600, gt=0)


class TokensTable(Table):
    """`[tokens]`: the tokenizer, given or trained here, and how token files are packed."""

    tokenizer: str | None = None
    vocab_size: int = Field(default=32_000, ge=300)
    sequence_length: int = Field(default=4096, ge=8)
    packing: Literal["best_fit", "none"] = "best_fit"
    seed: int = 1024
    window_bytes: int = Field(default=64 << 20, ge=1 << 10)


class Recipe(Table):
    """A whole recipe, with its relative paths resolved."""

    name: str
    input: tuple[InputTable, ...] = ()
    stage: tuple[StageTable, ...]
    output: OutputTable = OutputTable()
    tokens: TokensTable | None = None
    _folder: Path | None = None

    @property
    def folder(self) -> Path | None:
        """Where relative paths of stages begin: the recipe file's folder; None for a recipe that is no file."""
        return self._folder

    @property
    def inputs(self) -> list[Input]:
        """The inputs as the readers take them."""
        return [Input(**{**table.model_dump(), "paths": table.paths}) for table in self.input]


def load_recipe(path: Path, inputs: Sequence[str] = (), sets: Sequence[str] = (), crawl: int | None = None) -> Recipe:
    """Read and check a recipe; `inputs` replace its inputs, `sets` ("stage.param=value") its parameters.

    crawl: the number of the crawl that all inputs are of; None leaves what the recipe says.

    Raises RecipeError that names the key and the nearest known one.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error
    for assignment in sets:
        _assign(document, assignment)
    recipe = parse_recipe(document, where=str(path))
    return _resolve(recipe, path.parent, inputs, crawl)


def parse_recipe(document: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """Check a recipe that is already a mapping. Raises RecipeError."""
    try:
        return Recipe.model_validate(document)
    except pydantic.ValidationError as error:
        raise RecipeError("\n".join(f"{where}: {_explain(problem)}" for problem in error.errors())) from error


def parse_params(
    label: str, parameters: Mapping[str, Any], given: Mapping[str, Any], folder: Path | None = None
) -> dict[str, Any]:
    """The parameters of a stage: defaults filled in, types checked, each RecipePath resolved against `folder`.

    `parameters`: inspect.Parameter by name.
    """
    for key in given:
        if key not in parameters:
            raise RecipeError(f"stage {label!r} has no parameter {key!r}{did_you_mean(key, parameters)}")
    fields: dict[str, Any] = {
        key: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for key, parameter in parameters.items()
    }
    config = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
    model = pydantic.create_model(label, __config__=config, **fields)
    try:
        checked = model.model_validate(given, context=folder)
    except pydantic.ValidationError as error:
        raise RecipeError("\n".join(f"stage {label!r}: {_explain(problem)}" for problem in error.errors())) from error
    return {key: getattr(checked, key) for key in parameters}


def _resolve(recipe: Recipe, folder: Path, inputs: Sequence[str], crawl: int | None) -> Recipe:
    tables = [table.model_copy(update={"root": _beside(folder, table.root)}) for table in recipe.input]
    if inputs:
        found = [input_from_path(path) for path in inputs]
        tables = [InputTable(name=i.name, root=i.root, paths=i.paths, format=i.format) for i in _distinct(found)]  # type: ignore[arg-type]  # checked by pydantic
    if crawl is not None:
        tables = [table.model_copy(update={"crawl": crawl}) for table in tables]
    if not tables:
        raise RecipeError(f"recipe {recipe.name!r} has no [[input]]; add one or give --input PATH")
    names = [table.name for table in tables]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"two inputs are named {name!r}: document ids start with the name, so it must be unique")
    tokens = recipe.tokens
    if tokens and tokens.tokenizer:
        tokens = tokens.model_copy(update={"tokenizer": _beside(folder, tokens.tokenizer)})
    resolved = recipe.model_copy(update={"input": tuple(tables), "tokens": tokens})
    resolved._folder = folder
    return resolved


def _distinct(inputs: Sequence[Input]) -> list[Input]:
    """Inputs from the command line that share a root and name become one."""
    merged: dict[tuple[str, str], Input] = {}
    for item in inputs:
        key = (item.name, item.root)
        known = merged.get(key)
        merged[key] = replace(known, paths=(*known.paths, *item.paths)) if known else item
    return list(merged.values())


def _beside(folder: Path, path: str) -> str:
    return path if "://" in path or Path(path).is_absolute() else str((folder / path).resolve())


def _assign(document: dict[str, Any], assignment: str) -> None:
    """Apply `stage.param=value`, `stage.reason.max=value`, `stage.resources.gpus=value`, `output.key=value`, …"""
    target, separator, text = assignment.partition("=")
    keys = target.strip().split(".")
    if not separator or len(keys) < 2:
        raise RecipeError(f"--set {assignment!r}: write stage.parameter=value, for example rules.many_symbols.max=0.1")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word is a string
    if keys[0] in ("output", "tokens"):
        document.setdefault(keys[0], {})[keys[1]] = value
        return
    labels = {str(table.get("name") or table.get("use", "")).rpartition(":")[2]: table for table in document["stage"]}
    table = labels.get(keys[0])
    if table is None:
        raise RecipeError(f"--set {assignment!r}: no stage {keys[0]!r}{did_you_mean(keys[0], labels)}")
    if len(keys) == 3 and keys[1] == "resources":
        table.setdefault("resources", {})[keys[2]] = value
    elif len(keys) == 3:
        table.setdefault("retune", {}).setdefault(keys[1], {})[keys[2]] = value
    else:
        table[keys[1]] = value


def _explain(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        key = str(problem["loc"][-1])
        return f"unknown key {where!r}{did_you_mean(key, _known_keys(problem['loc']))}"
    return f"{where}: {problem['msg']}" + (f" (got {problem['input']!r})" if problem["type"] != "missing" else "")


def _known_keys(loc: Sequence[Any]) -> Sequence[str]:
    tables: dict[str, type[pydantic.BaseModel]] = {
        "input": InputTable, "rules": RuleTable, "resources": ResourcesTable, "output": OutputTable,
        "tokens": TokensTable,
    }  # fmt: skip
    named = [tables[key] for key in map(str, loc[:-1]) if key in tables]
    return list((named[-1] if named else Recipe).model_fields)
