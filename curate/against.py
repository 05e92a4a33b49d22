"""Earlier runs: what a run leaves in OUT/index, and what it reads of the runs that it is compared with (`--against`).

    OUT/index/index.json                            crawls, and per stage what two runs must have in common
    OUT/index/<stage>/<exchange>/part-*.parquet     rows by ranges of a key, or by part

A later run treats what earlier ones have decided as final, so crawl after crawl keeps what all crawls at once would
have kept. That holds only where every earlier document comes first in the survivor order: `policy = "earliest"`, and
crawl numbers that go up. All of it is checked before anything is read.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import RecipeError
from curate.plan import Plan, WideStep
from curate.publish import parts_of
from curate.recipe import Recipe
from curate.steps import EarlierRuns, Finished, chain
from curate.storage import names_in, place, put_in_place, remove_tree
from curate.store import Dataset, json_text

FOLDER = "index"
SUMMARY = "index.json"


@dataclass(frozen=True)
class EarlierRun:
    """A finished run with an index; summary: its index.json."""

    out: Path
    summary: Mapping[str, Any]

    def left(self, stage: str) -> dict[str, Dataset]:
        """What a stage has left, by exchange."""
        folder = (self.out / FOLDER / stage).absolute()  # for workers elsewhere
        parts: Mapping[str, int] = self.summary["stages"][stage]["parts"]
        return {name: Dataset(str(folder / name), n) for name, n in parts.items()}

    @property
    def digest(self) -> str:
        """Of all that it has left, and of what it was compared with itself."""
        return str(self.summary["digest"])


def open_earlier(plan: Plan, folders: Sequence[Path], out: Path) -> list[EarlierRun]:
    """The runs in these folders. Raises RecipeError where the plan's run cannot be compared with one of them."""
    runs = [_open(folder, out) for folder in folders]
    stages = [step for step in plan.steps if isinstance(step, WideStep)]
    if runs and not stages:
        raise RecipeError("--against is for recipes that deduplicate, and this one has no such stage")
    for run in runs:
        for step in stages:
            _check_stage(step, run)
        _check_crawls(plan.recipe, run)
        _check_chain(run, {other.digest for other in runs})
    return runs


def what_is_left(runs: Sequence[EarlierRun]) -> EarlierRuns:
    """What the steps of a run see of earlier ones."""
    stages = {stage for run in runs for stage in run.summary["stages"]}
    left = {stage: [run.left(stage) for run in runs if stage in run.summary["stages"]] for stage in stages}
    return EarlierRuns(left, [run.digest for run in runs])


def publish_index(plan: Plan, finished: Sequence[Finished], runs: Sequence[EarlierRun], out: Path) -> None:
    """Make OUT/index of what the plan's stages have left; without such a stage there is none."""
    files: dict[str, Path] = {}
    stages = {}
    for step, done in zip(plan.steps, finished, strict=True):
        if isinstance(step, WideStep) and step.stage.index and step.facts is not None:
            left = {name: done.exchanges[name] for name in step.stage.index.exchanges}
            for name, dataset in left.items():
                files |= {f"{step.label}/{name}/{part}": path for part, path in parts_of(dataset).items()}
            stages[step.label] = {
                "use": step.stage.path,
                "facts": step.facts,
                "parts": {name: dataset.parts for name, dataset in left.items()},
                "digest": chain([[manifest.sha256 for manifest in dataset.manifests()] for dataset in left.values()]),
            }
    if not stages:
        remove_tree(out / FOLDER)
        return
    against = [{"name": run.summary["name"], "digest": run.digest} for run in runs]
    summary = {"name": plan.recipe.name, "crawls": _crawls(plan.recipe), "against": against, "stages": stages}
    put_in_place(out / FOLDER, files, {SUMMARY: json_text({**summary, "digest": chain(summary)})})


def _open(folder: Path, out: Path) -> EarlierRun:
    if folder.resolve() == out.resolve():
        raise RecipeError(f"--against {folder}: a run cannot be compared with itself; give it another --out")
    if not (folder / "run.json").is_file():
        raise RecipeError(f"--against {folder}: there is no finished run in it")
    try:
        summary = json.loads((folder / FOLDER / SUMMARY).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(
            f'--against {folder}: that run has left no index. Give its dedup stages policy = "earliest" and run it '
            "again; what is finished is not repeated"
        ) from error
    run = EarlierRun(folder, summary)
    for stage in summary["stages"]:
        for dataset in run.left(stage).values():
            there = set(names_in(place(dataset.folder)))
            missing = [part for part in range(dataset.parts) if dataset.path(part).name not in there]
            if missing:
                raise RecipeError(f"--against {folder}: {dataset.path(missing[0])} is missing; run that run again")
    return run


def _check_stage(step: WideStep, run: EarlierRun) -> None:
    if step.stage.index is None:
        raise RecipeError(f"stage {step.label!r} compares the documents of one run; leave it or --against out")
    if step.facts is None:
        raise RecipeError(
            f'stage {step.label!r}: --against needs policy = "earliest"; with {step.params["policy"]!r}, a document of '
            "this crawl could win against one that is published"
        )
    left = run.summary["stages"].get(step.label)
    if left is None or left["use"] != step.stage.path:
        raise RecipeError(f"--against {run.out}: that run has no stage {step.label!r} to be compared with")
    here = json.loads(json.dumps(step.facts))
    differing = sorted(name for name in {*here, *left["facts"]} if here.get(name) != left["facts"].get(name))
    if differing:
        said = ", ".join(f"{name} = {left['facts'].get(name)!r}, here {here.get(name)!r}" for name in differing)
        raise RecipeError(f"--against {run.out}: its stage {step.label!r} had {said}; they must be equal")


def _check_crawls(recipe: Recipe, run: EarlierRun) -> None:
    here, there = _crawls(recipe), run.summary["crawls"]
    if here is None or there is None:
        which = "this recipe" if here is None else str(run.out)
        raise RecipeError(
            f"--against {run.out}: every [[input]] needs a `crawl` number, and {which} has one without; it says which "
            "documents were first (with --input, give --crawl N)"
        )
    if here[0] <= there[1]:
        raise RecipeError(
            f"--against {run.out}: its crawls go up to {there[1]}, and this run begins with {here[0]}; a later crawl "
            "needs a larger number"
        )


def _check_chain(run: EarlierRun, digests: Collection[str]) -> None:
    for older in run.summary["against"]:
        if older["digest"] not in digests:
            raise RecipeError(
                f"--against {run.out}: that run was compared with an earlier one, {older['name']!r}, as it was then "
                f"(index {older['digest'][:12]}). Give that one as well: --against RUN --against {run.out}"
            )


def _crawls(recipe: Recipe) -> list[int] | None:
    """[smallest, largest] crawl number of the inputs; None where one has none."""
    crawls = [table.crawl for table in recipe.input]
    known = [crawl for crawl in crawls if crawl is not None]
    return [min(known), max(known)] if known and len(known) == len(crawls) else None
