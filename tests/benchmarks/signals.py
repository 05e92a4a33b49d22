"""The stages `score` and `rules`, measured on one core, beside other tools' filters on the same documents.

    python tests/benchmarks/signals.py [--quick] [--en PATH] [--zh PATH] [--at-most 20] [--peers DIR]

PATH is a JSONL file or a folder of them, with `text`; without any, the English and the Chinese texts of the gold pages
that lie beside the checkout, or else English from the documentation of what is installed (planted.py). First the stages
alone: one process, one thread, texts in memory, all signals of every document, then the rules (English: Gopher, C4,
FineWeb; Chinese: FineWeb2's and WanJuan's). Then whole processes with one worker, from JSONL to files: `curate run`
with language identification, scores and rules; datatrove's Gopher, C4 and FineWeb filters, which leave a document at
the first one that it fails; Dolma's taggers gopher_v2 and c4_v2, which drop nothing; eight filters of Data-Juicer's
recipes. The others take English only: what they do with Chinese would have to be set up otherwise. Medians are shown.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import planted
import pyarrow as pa
from environments import Peer, installed
from extraction_quality import gold_rows
from harness import GOLD, FailedError, Table, arguments, parse, watch

from curate.engines.attempt import one_thread
from curate.narrow import run_stages
from curate.schema import VERDICT
from curate.stage import StageCall
from curate.stages.rules import pack_rules, rules
from curate.stages.score import score
from curate.store import BATCH_ROWS, Draft

PACKS = {"en": ("gopher", "c4", "fineweb"), "zh": ("fineweb2_zh", "wanjuan_zh")}
JOBS = {"datatrove": "filters", "dolma": "taggers", "data-juicer": "filters"}


@dataclass(frozen=True)
class Texts:
    """Documents of one language. size: bytes of UTF-8."""

    language: str
    texts: tuple[str, ...]
    size: int


def main() -> None:
    """Print one table a language."""
    given, texts = given_texts(__doc__)
    for found in texts:
        peers = installed(tuple(JOBS), given.peers) if found.language == "en" and not given.alone else []
        show(found, {**measure_stages(found, given.repeat), **measure_processes(found, peers, given.repeat)}, given)


def given_texts(doc: str | None) -> tuple[argparse.Namespace, Iterator[Texts]]:
    """The arguments of a benchmark over texts, and the texts of each language that has some; Arrow has one thread."""
    parser = arguments(doc)
    parser.add_argument("--en", type=Path, help="English JSONL, a file or a folder")
    parser.add_argument("--zh", type=Path, help="Chinese JSONL, a file or a folder")
    parser.add_argument("--at-most", type=float, default=20.0, help="so many MB of text per language")
    given = parse(parser, at_most=0.5)
    one_thread()
    return given, (found for language in PACKS if (found := texts_of(language, given)).texts)


def texts_of(language: str, given: argparse.Namespace) -> Texts:
    """The texts of one language as far as they are wanted."""
    texts: list[str] = []
    size = 0
    for text in _source(language, given):
        if size >= given.at_most * 1e6:
            break
        texts.append(text)
        size += len(text.encode())
    return Texts(language, tuple(texts), size)


def _source(language: str, given: argparse.Namespace) -> Iterable[str]:
    path: Path | None = getattr(given, language)
    if path:
        return _read(path)
    if given.en or given.zh:
        return ()
    if GOLD.is_dir():
        rows = gold_rows(GOLD / "gold-dev.gold.jsonl")
        return (row["gold"] for row in rows if row["lang"] == language)
    folders = planted.installed_folders() if language == "en" else []
    return planted.documents(given.at_most * 1e6, folders, np.random.default_rng(1)) if folders else ()


def _read(path: Path) -> Iterator[str]:
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        with file.open("rb") as lines:
            yield from (json.loads(line)["text"] for line in lines)


def measure_stages(found: Texts, repeat: int) -> dict[str, list[float]]:
    """Seconds of the stages in this process, batch by batch as in a run."""
    packs = {"pack": PACKS[found.language]}
    calls = (StageCall(score, "score"), StageCall(rules, "rules", packs, pack_rules(**packs)))
    batches = [_batch(found, start) for start in range(0, len(found.texts), BATCH_ROWS)]
    run_stages(calls, batches[0], Draft(""))  # so that kernels are compiled and tables made
    spent: dict[str, list[float]] = {"stage score, in memory": [], "stages score and rules, in memory": []}
    for _ in range(repeat):
        draft = Draft("")
        for batch in batches:
            run_stages(calls, batch, draft)
        for seconds, stages in zip(spent.values(), (("score",), ("score", "rules")), strict=True):
            seconds.append(sum(draft.seconds[stage] for stage in stages))
    return spent


def _batch(found: Texts, start: int) -> pa.Table:
    texts = found.texts[start : start + BATCH_ROWS]
    languages = pa.repeat(found.language, len(texts))
    undecided = {item.name: pa.nulls(len(texts), item.type) for item in VERDICT}
    return pa.table({"text": pa.array(texts, pa.string()), "lang": languages, **undecided})


def measure_processes(found: Texts, peers: list[Peer], repeat: int) -> dict[str, list[float]]:
    """Seconds of whole processes in turn, each with a folder of its own to write to."""
    names = ["curate run", *(peer.label for peer in peers)]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(repeat):
        for name, peer in zip(names, (None, *peers), strict=True):
            print(f"run {number + 1} of {name}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                source, out = write_texts(found, Path(folder)), Path(folder) / "out"
                command = (
                    peer.command(JOBS[peer.name], source, out, 1) if peer else _curate(source, out, found.language)
                )
                try:
                    seconds[name].append(watch(command).seconds)
                except FailedError as error:
                    print(f"{name} is skipped: {error}", file=sys.stderr)
    return {name: taken for name, taken in seconds.items() if taken}


def write_texts(found: Texts, folder: Path) -> Path:
    """The input of all tools."""
    (folder / "in").mkdir()
    with (folder / "in" / "texts.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(found.texts):
            # Dolma wants to know where a document is from.
            row = {"id": str(number), "text": text, "source": "benchmark"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return folder / "in"


def _curate(source: Path, out: Path, language: str) -> list[str]:
    stages = [
        '[[stage]]\nuse = "language"\nbackend = "fasttext"\n',
        '[[stage]]\nuse = "score"\n',
        f'[[stage]]\nuse = "rules"\npack = {json.dumps(PACKS[language])}\n',
    ]
    recipe = source.parent / "recipe.toml"
    recipe.write_text('name = "signals"\n' + "".join(stages), encoding="utf-8")
    command = [sys.executable, "-m", "curate", "run", str(recipe), "--input", str(source), "--workers", "1"]
    return [*command, "--out", str(out)]


def show(found: Texts, spent: dict[str, list[float]], given: argparse.Namespace) -> None:
    """Medians, and how much longer than our two stages and than our whole process."""
    title = f"{found.language}, {len(found.texts):,} documents, {found.size / 1e6:.1f} MB of text, one core"
    heads = ["", "seconds", "MB/s", "documents/s", "× both stages", "× curate run", "all runs"]
    table = Table(f"{title}, median of {given.repeat}:", heads, given.markdown)
    medians = {name: statistics.median(seconds) for name, seconds in spent.items()}
    ours = [medians["stages score and rules, in memory"], medians["curate run"]]
    for name, seconds in medians.items():
        rates = [f"{seconds:.2f}", f"{found.size / seconds / 1e6:.2f}", f"{len(found.texts) / seconds:,.0f}"]
        ratios = [f"{seconds / base:.2f}" for base in ours]
        table.add(name, *rates, *ratios, ", ".join(f"{taken:.2f}" for taken in spent[name]))
    table.show()


if __name__ == "__main__":
    main()
