"""From a recipe to an ordered list of steps, checked before the first byte is read.

A MapStep runs narrow stages over one part at a time; a WideStep exchanges rows between parts. Map steps end where a
stage is durable, so that a changed rule never repeats extraction. A stage whose code asks for a GPU, or for more cores
or memory than is usual, has a step of its own, so that cheap stages do not occupy what it needs; what a recipe gives it
changes how much the step asks for and never where steps end, so that it repeats no work. Pages are not stored: the
first map step has them at hand, and a later one that needs them reads the input again. Every needed column must be
supplied by an earlier stage; every parameter, model, list and rule pack must exist.
"""

import hashlib
import importlib.util
import json
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

import curate.stages
from curate.errors import RecipeError, did_you_mean
from curate.recipe import Recipe, StageTable, parse_params
from curate.resources import USUAL, Resources, together
from curate.rule import Rule
from curate.schema import DOC, RAW, TRANSIENT, VERDICT
from curate.stage import Stage, StageCall, load_stage, parameters_of
from curate.wide import WideStage

WIDE_STAGES = {
    "url_dedup": "curate.dedup.url:url_dedup",
    "html_dedup": "curate.dedup.html:html_dedup",
    "exact_dedup": "curate.dedup.exact:exact_dedup",
    "fuzzy_dedup": "curate.dedup.fuzzy:fuzzy_dedup",
    "paragraph_dedup": "curate.dedup.paragraph:paragraph_dedup",
    "site_boilerplate": "curate.dedup.site:site_boilerplate",
    "substring_dedup": "curate.dedup.substring:substring_dedup",
}

# What the reader supplies; its verdict columns belong to the ledger.
SUPPLIED = tuple(name for name in RAW.names if name not in VERDICT.names)
# Bumped when a reader changes what it yields for the same bytes.
READ_VERSION = 2


@dataclass(frozen=True)
class MapStep:
    """Narrow stages that run one after another over a part; `writes` are the columns it stores.

    reads_again: columns that no step has stored, for which a step that is not the first reads the input once more.
    """

    name: str
    calls: tuple[StageCall, ...]
    writes: Mapping[str, pa.DataType]
    fingerprint: str
    reads_again: tuple[str, ...] = ()

    @property
    def resources(self) -> Resources:
        """What it needs of a worker."""
        return together(call.resources for call in self.calls)


@dataclass(frozen=True)
class WideStep:
    """One wide stage; `writes` are the columns it stores beside the verdicts."""

    name: str
    stage: WideStage
    params: Mapping[str, Any]
    writes: Mapping[str, pa.DataType]
    fingerprint: str

    @property
    def label(self) -> str:
        """The stage's name in the recipe."""
        return self.name.partition("-")[2]

    @property
    def facts(self) -> Mapping[str, Any] | None:
        """What a later run must have in common with this step; None where it leaves no index."""
        return self.stage.index.facts(**self.params) if self.stage.index else None

    @property
    def exchanges(self) -> int:
        """Exchanges of a run in which dedup needs no extra rounds, verdicts brought home included."""
        left = self.stage.index.exchanges if self.stage.index and self.facts is not None else ()
        return self.stage.exchanges + len(left) + 1


Step = MapStep | WideStep


@dataclass(frozen=True)
class Plan:
    """The steps of a recipe in order. `columns`: every stored column with its type."""

    recipe: Recipe
    steps: tuple[Step, ...]
    columns: Mapping[str, pa.DataType]

    @property
    def exchanges(self) -> int:
        """Exchanges of a run in which dedup needs no extra rounds."""
        return sum(step.exchanges for step in self.steps if isinstance(step, WideStep))

    @property
    def corpus_schema(self) -> pa.Schema:
        """DOC, as far as the recipe supplies it, then the score columns in the order they are added."""
        head = [DOC.field(name) if name in DOC.names else None for name in DOC.names]
        fields = [item for item in head if item is not None and item.name in self.columns]
        fields += [pa.field(name, kind) for name, kind in self.columns.items() if name not in DOC.names]
        return pa.schema(fields)


def compile_plan(recipe: Recipe) -> Plan:
    """Resolve, check and order a recipe's stages. Raises RecipeError."""
    _check_names(recipe)
    draft = _Draft()
    for call in _calls(recipe):
        draft.add(call)
    return Plan(recipe, tuple(draft.close()), dict(draft.stored))


def stage_names() -> list[str]:
    """Names that a recipe's `use` may give without an import path."""
    narrow = []
    for module in pkgutil.iter_modules(curate.stages.__path__):
        found = getattr(importlib.import_module(f"curate.stages.{module.name}"), module.name, None)
        if isinstance(found, Stage):
            narrow.append(module.name)
    return [*narrow, *WIDE_STAGES]


@dataclass(frozen=True)
class WideCall:
    """A wide stage with the name and parameters that a recipe gives it; `facts` is what its check has returned."""

    stage: WideStage
    name: str
    params: Mapping[str, Any]
    facts: Any = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return self.stage.needs

    @property
    def compares_text(self) -> bool:
        """Whether it looks at texts, itself or in what prepares it."""
        return any("text" in needs for needs in (self.stage.needs, *(inner.needs for inner in self.stage.prepare)))

    @property
    def fingerprint(self) -> str:
        """Changes exactly when the stage's code version, parameters or what it reads change."""
        return _digest([self.stage.path, self.stage.version, self.name, dict(self.params), self.facts])


def _calls(recipe: Recipe) -> list[StageCall | WideCall]:
    calls: list[StageCall | WideCall] = []
    for table in recipe.stage:
        stage = resolve_stage(table.use)
        params = parse_params(table.label, parameters_of(stage.function), table.params, recipe.folder)
        facts = stage.check(**params) if stage.check else None
        if isinstance(stage, WideStage):
            if (table.rules or table.retune) and not stage.finish:
                raise RecipeError(f"stage {table.label!r} decides by itself and takes no rules")
            if table.resources:
                raise RecipeError(f"stage {table.label!r} compares documents: it has no workers to give resources to")
            for inner in stage.prepare:
                prepared = StageCall(inner, f"{table.label}.{inner.path.rpartition(':')[2]}")
                calls.insert(_first_end(calls) if TRANSIENT.issuperset(inner.needs) else len(calls), prepared)
            calls.append(WideCall(stage, table.label, params, facts))
            if stage.finish:
                calls.append(_finishing_call(table, stage.finish, params))
        else:
            asked = table.resources.over(table.label, stage.resources) if table.resources else None
            calls.append(StageCall(stage, table.label, params, _rules(table, stage.rules_for(params)), facts, asked))
    return calls


def _finishing_call(table: StageTable, finish: Stage, params: Mapping[str, Any]) -> StageCall:
    """The narrow stage that ends a wide one, with its name, its rules and those of its parameters that it names."""
    shared = {name: value for name, value in params.items() if name in parameters_of(finish.function)}
    return StageCall(finish, table.label, shared, _rules(table, finish.rules_for(shared)))


def _first_end(calls: Sequence[StageCall | WideCall]) -> int:
    """Where the first map step ends. It has pages at hand: what is prepared from nothing else is prepared in it."""
    ends = (at for at, call in enumerate(calls) if isinstance(call, WideCall) or call.stage.durable or _alone(call))
    return next(ends, len(calls))


def _alone(call: StageCall | WideCall) -> bool:
    """Whether its code asks for workers that are not like all others, so that it has a step of its own."""
    return isinstance(call, StageCall) and call.stage.resources != USUAL


def resolve_stage(use: str) -> Stage | WideStage:
    """The stage that a recipe's `use` names: one of ours, or an import path. Raises RecipeError."""
    if ":" not in use:
        if use not in WIDE_STAGES and not _has_module(use):
            hint = did_you_mean(use, stage_names())
            raise RecipeError(f"there is no stage {use!r}{hint}; own stages are package.module:name")
        use = WIDE_STAGES.get(use, f"curate.stages.{use}:{use}")
    module_name, _, name = use.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError:
        found = None
    return found if isinstance(found, WideStage) else load_stage(use)


def _has_module(use: str) -> bool:
    """Whether a module of ours has this name; the others are not imported, which takes a second."""
    return use.isidentifier() and importlib.util.find_spec(f"curate.stages.{use}") is not None


def _rules(table: StageTable, defaults: Iterable[Rule]) -> tuple[Rule, ...]:
    """The stage's rules with the recipe's own rules and retuned bounds put in."""
    rules = {rule.reason: rule for rule in defaults}
    rules |= {own.reason: Rule(**own.model_dump()) for own in table.rules}
    for reason, bounds in table.retune.items():
        if reason not in rules:
            raise RecipeError(f"stage {table.label!r} has no rule {reason!r}{did_you_mean(reason, rules)}")
        rule = rules[reason]
        rules[reason] = replace(rule, min=bounds.get("min", rule.min), max=bounds.get("max", rule.max))
    return tuple(rules.values())


def _check_names(recipe: Recipe) -> None:
    names = [table.label for table in recipe.stage]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"two stages are named {name!r}; give one of them another `name`")


@dataclass
class _Draft:
    """The plan in the making: what is known so far, and the map step that is still open.

    unstored: what the open step takes from pages. compared_by: the first wide stage that has compared texts.
    """

    steps: list[Step] = field(default_factory=list)
    waiting: list[StageCall] = field(default_factory=list)
    stored: dict[str, pa.DataType] = field(
        default_factory=lambda: {name: RAW.field(name).type for name in SUPPLIED if name not in TRANSIENT}
    )
    unstored: set[str] = field(default_factory=set)
    compared_by: str = ""
    added_by: dict[str, str] = field(default_factory=dict)
    handed: frozenset[str] = frozenset()  # by the wide stage before, to the call that finishes it

    def add(self, call: StageCall | WideCall) -> None:
        """Append one call, closing the open map step where its workers change or the results are worth keeping."""
        if _alone(call) and self.waiting:
            self._close_map()
        self._check_columns(call)
        self.handed = call.stage.handed if isinstance(call, WideCall) else frozenset()
        if isinstance(call, WideCall):
            self._close_map()
            self.compared_by = self.compared_by or (call.name if call.compares_text else "")
            # `cluster_size` is what every dedup stage adds to
            self.stored |= {name: kind for name, kind in call.stage.adds.items() if name not in self.handed}
            name = f"{len(self.steps):02d}-{call.name}"
            chained = self._chain(call.fingerprint)
            self.steps.append(WideStep(name, call.stage, call.params, dict(call.stage.adds), chained))
            return
        added = {name: kind for name, kind in call.stage.adds.items() if name != "error"}
        self._claim(call, added)
        self.waiting.append(call)
        if call.stage.durable or _alone(call):
            self._close_map()

    def close(self) -> list[Step]:
        """The finished list of steps."""
        self._close_map()
        return self.steps

    def _close_map(self) -> None:
        if not self.waiting and self.steps:
            return
        calls, self.waiting = tuple(self.waiting), []
        writes = {} if self.steps else {name: RAW.field(name).type for name in SUPPLIED if name not in TRANSIENT}
        for call in calls:
            writes |= {name: kind for name, kind in call.stage.adds.items() if name != "error"}
        named = [call.name for call in calls if call.stage.durable or call.rules] or [call.name for call in calls]
        name = f"{len(self.steps):02d}-{named[-1] if named else 'read'}".replace(".", "-")  # a dot names an exchange
        chained = self._chain(_digest([call.fingerprint for call in calls]))
        again = tuple(sorted(self.unstored)) if self.steps else ()
        self.steps.append(MapStep(name, calls, writes, chained, again))
        self.unstored.clear()

    def _claim(self, call: StageCall, added: Mapping[str, pa.DataType]) -> None:
        """A column belongs to the stage that adds it; the same stage, used again, writes it anew."""
        for name in added:
            taken = name in self.stored and name not in call.stage.needs
            if taken and self.added_by.get(name) != call.stage.path:
                raise RecipeError(f"stage {call.name!r} adds the column {name!r}, which an earlier stage has added")
            self.added_by[name] = call.stage.path
        self.stored |= added

    def _chain(self, fingerprint: str) -> str:
        before = self.steps[-1].fingerprint if self.steps else f"read {READ_VERSION}"
        return _digest([before, fingerprint])

    def _check_columns(self, call: StageCall | WideCall) -> None:
        missing = [name for name in call.needs if name not in self.stored and name not in self.handed]
        for column in missing:
            if column not in TRANSIENT or isinstance(call, WideCall):
                raise RecipeError(f"stage {call.name!r} needs the column {column!r}, which no stage before it adds")
        if missing and "text" in call.stage.adds and self.compared_by:
            raise RecipeError(
                f"stage {call.name!r} makes the text, but {self.compared_by!r} compares texts before it; move it up"
            )
        self.unstored.update(missing)


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
