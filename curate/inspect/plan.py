"""What a plan will do, as people read it: steps in order, columns in and out, every rule with its threshold."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from curate.inspect.show import bounds
from curate.plan import MapStep, Plan, WideStep
from curate.resources import USUAL
from curate.sources import SourceFile

INDENT = 4
LISTED = 12


def render_plan(plan: Plan, console: Console) -> None:
    """Print the steps; long lines wrap inside their margin."""
    console.print(Text(plan.recipe.name, "bold"))
    for step in plan.steps:
        console.print(Text(f"\n{step.name}", "bold cyan"))
        if isinstance(step, WideStep):
            _line(console, 1, f"{step.exchanges} exchanges, verdicts brought home included")
            _columns(console, 1, step.stage.needs, step.writes)
        else:
            _stages(console, step)
    exchanges = f"{plan.exchanges} exchanges where dedup needs no extra rounds"
    console.print(Text(f"\n{len(plan.steps)} steps, {exchanges}"))


def render_inputs(files: Sequence[SourceFile], console: Console) -> None:
    """Print what the inputs amount to."""
    size = sum(file.size_bytes for file in files)
    console.print(f"{len(files):,} files, {size / 1e6:,.1f} MB as stored")


def _stages(console: Console, step: MapStep) -> None:
    if step.resources != USUAL:
        _line(console, 1, f"each worker has {step.resources}, as far as there is")
    if step.reads_again:
        _line(console, 1, f"reads the input again, for {', '.join(step.reads_again)}")
    for call in step.calls:
        _line(console, 1, call.name, "bold")
        _columns(console, 2, call.stage.needs, call.stage.adds)
        for rule in call.rules:
            _line(console, 2, f"{rule.reason} unless {rule.score} {bounds(rule)}")


def _columns(console: Console, depth: int, needs: Iterable[str], adds: Iterable[str]) -> None:
    for verb, names in (("reads", needs), ("adds", adds)):
        listed = [name for name in names if name != "error"]
        if listed:
            more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
            _line(console, depth, f"{verb} {', '.join(listed[:LISTED])}{more}", "dim")


def _line(console: Console, depth: int, text: str, style: str = "") -> None:
    console.print(Padding(Text(text, style), (0, 0, 0, INDENT * depth)))
