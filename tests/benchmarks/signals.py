"""The stages `score` and `rules`, measured on one core, beside datatrove's filters on the same documents.

    python tests/benchmarks/signals.py [--en PATH] [--zh PATH] [--at-most 20] [--peers DIR] [--repeat 3]

PATH is a JSONL file or a folder of them, with `id` and `text`; without any, the English and the Chinese texts of the
gold pages that lie beside the checkout. First the stages alone: one process, one thread, texts in memory, all signals
of every document, then the rules (English: Gopher, C4, FineWeb; Chinese: FineWeb2's and WanJuan's). Then whole
processes with one worker, from JSONL to files: `curate run` with language identification, scores and rules, and
datatrove's Gopher, C4 and FineWeb filters, which leave a document at the first one that it fails. Medians are shown.

DIR of --peers holds datatrove's virtual environment, made by setup_peers.sh beside the checkout, whose script runs it.
That script takes all text for English: of Chinese it says how long it takes, not what is right.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from extraction_quality import SHARED, gold_rows
from pipeline import GOLD, watch

from curate.narrow import run_stages
from curate.schema import VERDICT
from curate.stage import StageCall
from curate.stages.rules import pack_rules, rules
from curate.stages.score import score
from curate.store import BATCH_ROWS, Draft

PACKS = {"en": ("gopher", "c4", "fineweb"), "zh": ("fineweb2_zh", "wanjuan_zh")}


@dataclass(frozen=True)
class Texts:
    """Documents of one language. size: bytes of UTF-8."""

    language: str
    texts: tuple[str, ...]
    size: int

    def rates(self, seconds: float) -> str:
        """Seconds, MB a second, documents a second."""
        return f"{seconds:>9.2f} {self.size / seconds / 1e6:>8.2f} {len(self.texts) / seconds:>12,.0f}"


def main() -> None:
    """Print some lines per language."""
    arguments = _arguments()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    for language in PACKS:
        found = texts_of(language, arguments)
        if not found.texts:
            continue
        print(f"{language}: {len(found.texts)} documents, {found.size / 1e6:.1f} MB; load {os.getloadavg()[0]:.1f}")
        print(f"{'':<30} {'seconds':>9} {'MB/s':>8} {'documents/s':>12} {'kept':>7}")
        measure_stages(found, arguments.repeat)
        measure_processes(found, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--en", type=Path, help="English JSONL, a file or a folder")
    parser.add_argument("--zh", type=Path, help="Chinese JSONL, a file or a folder")
    parser.add_argument("--at-most", type=float, default=20.0, help="so many MB of text per language")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="folder with the virtual environments of other tools")
    arguments = parser.parse_args()
    if not (arguments.en or arguments.zh or GOLD.is_dir()):
        sys.exit("name --en or --zh, or put the gold pages beside the checkout in ../shared")
    return arguments


def texts_of(language: str, arguments: argparse.Namespace) -> Texts:
    """The texts of one language as far as they are wanted."""
    texts: list[str] = []
    size = 0
    for text in _source(language, arguments):
        if size >= arguments.at_most * 1e6:
            break
        texts.append(text)
        size += len(text.encode())
    return Texts(language, tuple(texts), size)


def _source(language: str, arguments: argparse.Namespace) -> Iterator[str]:
    given: Path | None = getattr(arguments, language)
    if given:
        for path in sorted(given.glob("*.jsonl")) if given.is_dir() else [given]:
            with path.open("rb") as lines:
                yield from (json.loads(line)["text"] for line in lines)
    elif not arguments.en and not arguments.zh:
        yield from (row["gold"] for row in gold_rows(GOLD / "gold-dev.gold.jsonl") if row["lang"] == language)


def measure_stages(found: Texts, repeat: int) -> None:
    """The stages in this process, batch by batch as in a run."""
    packs = {"pack": PACKS[found.language]}
    calls = (StageCall(score, "score"), StageCall(rules, "rules", packs, pack_rules(**packs)))
    batches = [_batch(found, start) for start in range(0, len(found.texts), BATCH_ROWS)]
    run_stages(calls, batches[0], Draft(""))  # so that kernels are compiled and tables made
    spent: dict[str, list[float]] = {"score": [], "rules": []}
    for _ in range(repeat):
        draft = Draft("")
        for batch in batches:
            run_stages(calls, batch, draft)
        for name, seconds in spent.items():
            seconds.append(draft.seconds[name])
    kept = len(found.texts) - sum(draft.counts.get(key, 0) for key in draft.counts if key.startswith("dropped/"))
    both = [sum(pair) for pair in zip(*spent.values(), strict=True)]
    for name, seconds in (*spent.items(), ("score + rules", both)):
        print(f"{name:<30} {found.rates(statistics.median(seconds))} {kept if seconds is both else '':>7}")


def _batch(found: Texts, start: int) -> pa.Table:
    texts = found.texts[start : start + BATCH_ROWS]
    languages = pa.repeat(found.language, len(texts))
    undecided = {item.name: pa.nulls(len(texts), item.type) for item in VERDICT}
    return pa.table({"text": pa.array(texts, pa.string()), "lang": languages, **undecided})


def measure_processes(found: Texts, arguments: argparse.Namespace) -> None:
    """Whole processes in turn, and how their times compare. Each writes to a folder of its own, `{out}`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(found, folder)
        commands = {"curate run, 1 worker": _curate(found, folder)}
        if arguments.peers and (datatrove := _datatrove(folder, arguments.peers.resolve())):
            commands["datatrove, 1 worker"] = datatrove
        seconds: dict[str, list[float]] = {label: [] for label in commands}
        for number in range(arguments.repeat):
            for label, command in commands.items():
                out = str(folder / f"out-{label.partition(' ')[0]}-{number}")
                seconds[label].append(watch([word.format(out=out) for word in command]).seconds)
        medians = [statistics.median(taken) for taken in seconds.values()]
        for label, median in zip(commands, medians, strict=True):
            print(f"{label:<30} {found.rates(median)}")
        if len(medians) == 2:
            print(f"datatrove takes {medians[1] / medians[0]:.1f} times as long as curate")


def _write(found: Texts, folder: Path) -> None:
    """Two files, since datatrove's script has two tasks; and the recipe."""
    (folder / "in").mkdir()
    for half in (0, 1):
        with (folder / "in" / f"{half}.jsonl").open("w", encoding="utf-8") as file:
            for number, text in enumerate(found.texts[half::2]):
                file.write(json.dumps({"id": f"{number * 2 + half}", "text": text}, ensure_ascii=False) + "\n")
    stages = [
        '[[stage]]\nuse = "language"\nbackend = "fasttext"\n',
        '[[stage]]\nuse = "score"\n',
        f'[[stage]]\nuse = "rules"\npack = {json.dumps(PACKS[found.language])}\n',
    ]
    (folder / "recipe.toml").write_text('name = "signals"\n' + "".join(stages), encoding="utf-8")


def _curate(found: Texts, folder: Path) -> list[str]:
    run = [sys.executable, "-m", "curate", "run", str(folder / "recipe.toml"), "--input", str(folder / "in")]
    return [*run, "--workers", "1", "--out", "{out}"]


def _datatrove(folder: Path, peers: Path) -> list[str] | None:
    python, script = peers / "datatrove" / "bin" / "python", SHARED / "bench" / "peers" / "datatrove_filters.py"
    if not (python.exists() and script.exists()):
        print(f"datatrove is skipped: no {python} or no {script}", file=sys.stderr)
        return None
    return [str(python), str(script), str(folder / "in"), "{out}", "1"]


if __name__ == "__main__":
    main()
