"""A stage is a decorated function over Arrow arrays; this module is all there is to defining one.

    @stage(needs=["text"], adds={"exclamations": pa.float32()}, version=1)
    def exclamations(text: pa.StringArray) -> pa.Array: ...

The function gets one array per needed column, in that order, and its parameters as keywords; it returns the one array
it adds, or a dict of them. It never writes, counts, knows a rank or keeps state between batches. A stage that can fail
on single documents adds a string column `error`: a non-null value makes the row `failed(stage, error)`. A stage that
names a column it does not introduce (`text`) edits it.

A stage crosses process borders as its import path, and import path + version + parameters are its fingerprint.
"""

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pyarrow as pa

from curate.errors import RecipeError, did_you_mean
from curate.resources import USUAL, Resources
from curate.rule import Rule

Columns = Mapping[str, pa.Array]
Rules = Sequence[Rule] | Callable[..., Sequence[Rule]]
Check = Callable[..., Any]


@dataclass(frozen=True)
class Stage:
    """A narrow step over documents: what it reads, what it adds, and the rules that decide on it by default.

    rules: the default rules, or a function of the stage's parameters that returns them.
    durable: its results are worth keeping on disk, so that a change behind it does not run it again.
    check: called with the stage's parameters before the first byte is read; raises RecipeError (a missing model, …).
    What it returns is part of the fingerprint: whatever the results depend on beside code and parameters, such as a
    hash of a list or of a model, or the version of a library.
    resources: what it needs of a worker. A stage that asks for more than is usual has a step of its own.
    """

    function: Callable[..., Any]
    needs: tuple[str, ...]
    adds: Mapping[str, pa.DataType]
    rules: Rules = ()
    version: int = 1
    durable: bool = False
    check: Check | None = None
    resources: Resources = USUAL

    @property
    def path(self) -> str:
        """Import path `package.module:function`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    def rules_for(self, params: Mapping[str, Any]) -> tuple[Rule, ...]:
        """The rules that apply before a recipe changes them."""
        return tuple(self.rules(**params) if callable(self.rules) else self.rules)

    def __call__(self, *arrays: pa.Array, **params: Any) -> Any:
        """Call the plain function."""
        return self.function(*arrays, **params)

    def __reduce__(self) -> tuple[Callable[[str], "Stage"], tuple[str]]:
        return load_stage, (self.path,)


def stage(
    needs: Sequence[str],
    adds: Mapping[str, pa.DataType],
    *,
    rules: Rules = (),
    version: int = 1,
    durable: bool = False,
    check: Check | None = None,
    resources: Resources = USUAL,
) -> Callable[[Callable[..., Any]], Stage]:
    """Make a function over Arrow arrays a stage; see the module docstring for its contract."""

    def decorate(function: Callable[..., Any]) -> Stage:
        return Stage(function, tuple(needs), dict(adds), rules, version, durable, check, resources)

    return decorate


def load_stage(path: str) -> Stage:
    """The stage at `package.module:function`. Raises RecipeError when there is none."""
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RecipeError(f"stage {path!r}: cannot import {module_name!r}: {error}") from error
    found = getattr(module, name, None)
    if not isinstance(found, Stage):
        stages = [key for key, value in vars(module).items() if isinstance(value, Stage)]
        raise RecipeError(f"{module_name!r} has no stage {name!r}{did_you_mean(name, stages)}")
    return found


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Name → version of those distributions that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keyword-only parameters of a stage's function: what a recipe may set."""
    return {p.name: p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}


@dataclass(frozen=True)
class StageCall:
    """A stage with the name, parameters and rules that a recipe gives it; `facts` is what its check has returned.

    asked: the resources that the recipe gives it, which take the place of the stage's own.
    """

    stage: Stage
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    facts: Any = None
    asked: Resources | None = None

    @property
    def resources(self) -> Resources:
        """What it needs of a worker."""
        return self.asked or self.stage.resources

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the function reads, and those that only its rules read."""
        from_rules = [column for rule in self.rules for column in rule.needs if column not in self.stage.adds]
        return tuple(dict.fromkeys((*self.stage.needs, *from_rules)))

    @property
    def fingerprint(self) -> str:
        """Changes exactly when the stage's code version, parameters, rules or what it reads change."""
        rules = [vars(rule) for rule in self.rules]
        facts = [self.stage.path, self.stage.version, self.name, dict(self.params), rules, self.facts]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()

    def apply(self, columns: Columns) -> dict[str, pa.Array]:
        """Run the function on one batch; the result has exactly the columns and types that the stage declares."""
        result = self.stage(*(columns[name] for name in self.stage.needs), **self.params)
        if not self.stage.adds:
            return {}
        added = result if isinstance(result, Mapping) else {next(iter(self.stage.adds)): result}
        if added.keys() != self.stage.adds.keys():
            raise TypeError(f"stage {self.name!r} declares {sorted(self.stage.adds)} but returned {sorted(added)}")
        return {name: _as_type(added[name], kind) for name, kind in self.stage.adds.items()}


def _as_type(values: Any, kind: pa.DataType) -> pa.Array:
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if array.type == kind else array.cast(kind)
