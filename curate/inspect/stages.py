"""What stages there are and what each one does, from its code: docstrings, parameters, columns, rules.

The same words make `curate stages` and docs/stages.md, so that neither can lag behind the code.
"""

import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from curate.errors import RecipeError
from curate.inspect.show import bounds
from curate.plan import resolve_stage, stage_names
from curate.rule import Rule
from curate.stage import Stage, parameters_of
from curate.wide import WideStage

HEAD = """# Stages

What a recipe's `use` may name; the ones that compare documents come last. `curate stages NAME` prints one of these,
`curate stages --markdown` this page. Stages of your own: [extending.md](extending.md).
"""
WORDS = {str: "string", int: "integer", float: "number", bool: "true or false"}


@dataclass(frozen=True)
class StageHelp:
    """A stage as people want to know it. parameters: (name, type, default), the default "" where there is none."""

    name: str
    about: str
    details: str
    parameters: tuple[tuple[str, str, str], ...]
    needs: tuple[str, ...]
    adds: Mapping[str, str]
    decides: tuple[str, ...]


def stage_help(name: str) -> StageHelp:
    """Describe a stage by its name or import path. Raises RecipeError for one that there is not."""
    stage = resolve_stage(name)
    about = inspect.cleandoc(sys.modules[stage.function.__module__].__doc__ or "")
    details = inspect.getdoc(stage.function) or ""
    parameters = tuple(_parameter(item) for item in parameters_of(stage.function).values())
    added = stage.columns if isinstance(stage, WideStage) else stage.adds
    adds = {column: str(kind) for column, kind in added.items() if column != "error"}
    return StageHelp(name, about, details, parameters, stage.needs, adds, tuple(_decides(stage)))


def render_stages(console: Console) -> None:
    """Print every stage with the first sentence about it."""
    table = Table(box=None, pad_edge=False)
    table.add_column("stage", style="bold", no_wrap=True)
    table.add_column("what it does")
    for name in stage_names():
        table.add_row(name, stage_help(name).about.partition("\n\n")[0].replace("\n", " "))
    console.print(table)
    console.print("\n`curate stages NAME` says more about one of them.")


def render_stage(name: str, console: Console) -> None:
    """Print all about one stage."""
    console.print(Markdown(stage_markdown(stage_help(name))))


def stages_markdown() -> str:
    """The page docs/stages.md."""
    return "\n".join([HEAD, *(stage_markdown(stage_help(name)) for name in stage_names())])


def stage_markdown(stage: StageHelp) -> str:
    """A section about one stage."""
    lines = [f"## {stage.name}", "", stage.about, "", stage.details, ""]
    lines += [f"Reads {_listed(stage.needs)}." + (f" Adds {_listed(stage.adds)}." if stage.adds else ""), ""]
    if stage.parameters:
        lines += ["| parameter | type | default |", "|---|---|---|"]
        lines += [f"| `{name}` | {kind} | {default} |" for name, kind, default in stage.parameters] + [""]
    if stage.decides:
        lines += ["Drops a document as", ""] + [f"- {sentence}" for sentence in stage.decides] + [""]
    return "\n".join(lines)


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _parameter(parameter: inspect.Parameter) -> tuple[str, str, str]:
    default = "" if parameter.default is parameter.empty else f"`{_toml(parameter.default)}`"
    return parameter.name, _type(parameter.annotation).replace("|", "or"), default


def _type(annotation: Any) -> str:
    """An annotation in a recipe's terms."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "path or name"
    if origin is Literal:
        return ", ".join(f"`{_toml(value)}`" for value in inner)
    if origin is tuple:
        return f"list: {_type(inner[0])}"
    if origin is dict:
        return f"table: {_type(inner[1])} by name"
    if isinstance(annotation, types.UnionType):
        return " or ".join(_type(item) for item in inner if item is not type(None))
    return WORDS.get(annotation, str(getattr(annotation, "__name__", annotation)))


def _toml(value: Any) -> str:
    """A value as a recipe writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:_}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value)


def _decides(stage: Stage | WideStage) -> Iterator[str]:
    if isinstance(stage, WideStage):
        yield from (f"`{reason}`" for reason in stage.reasons)
        yield from _decides(stage.finish) if stage.finish else ()
        return
    try:
        rules = stage.rules_for({name: item.default for name, item in parameters_of(stage.function).items()})
    except (TypeError, RecipeError):  # rules that depend on a parameter without a default
        yield "whatever its parameters say"
        return
    yield from (_sentence(rule) for rule in rules)


def _sentence(rule: Rule) -> str:
    return f"`{rule.reason}` unless `{rule.score}` {bounds(rule)}"
