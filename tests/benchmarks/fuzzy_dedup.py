"""Fuzzy deduplication as whole processes, beside other tools on the same documents: time, memory, who survives.

    python tests/benchmarks/fuzzy_dedup.py [--banding 21x6 16x8] [--peers DIR] [--survivors DIR] [--repeat 3] [FOLDER]

FOLDER holds JSONL files with `id` and `text`; without it, the texts of the gold pages that lie beside the checkout.
They are converted once: `curate run` goes from Parquet to a corpus in Parquet, ledger and report included, the others
from JSONL to what they write. 16 bands of 8 rows without verification is what the others do here; 21 of 6 finds more.
All run in turn, as often as --repeat says; medians are shown, and the peak of the proportional set sizes of all
processes together. The first run of new code compiles kernels, which the median passes over.

DIR of --peers has one virtual environment per tool (misc: datasketch and rensa; datatrove), made by setup_peers.sh
beside the checkout, whose scripts run them. Those that are not there are skipped.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from extraction_quality import SHARED, gold_rows
from pipeline import GOLD, Watched, watch

# Row groups are what Parquet can be cut at.
GROUP_BYTES = 8 << 20
DOCUMENT = pa.schema([("id", pa.string()), ("text", pa.string())])


@dataclass(frozen=True)
class Corpus:
    """The same documents twice. ids: per Parquet file, by row. size: bytes of text."""

    jsonl: Path
    parquet: Path
    ids: dict[str, list[str]]
    size: int

    @property
    def documents(self) -> int:
        """How many there are."""
        return sum(map(len, self.ids.values()))


@dataclass(frozen=True)
class Tool:
    """What is measured: `run(out)` does the work below a folder, `survivors(out)` names the documents it keeps."""

    name: str
    run: Callable[[Path], Watched]
    survivors: Callable[[Path], list[str]]


def main() -> None:
    """Print one line per tool."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = convert(arguments.folder or gold_texts(folder), folder / "parquet")
        print(f"{corpus.documents} documents, {corpus.size / 1e6:.0f} MB of text, {arguments.workers} workers")
        tools = [curate_tool(corpus, banding, arguments) for banding in arguments.banding]
        tools += peer_tools(corpus, arguments)
        runs: dict[str, list[Watched]] = {tool.name: [] for tool in tools}
        kept: dict[str, int] = {}
        for number in range(arguments.repeat):
            for tool in tools:
                print(f"run {number + 1} of {tool.name}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory(dir=folder) as out:
                    runs[tool.name].append(tool.run(Path(out)))
                    survivors = tool.survivors(Path(out))
                kept[tool.name] = len(survivors)
                if arguments.survivors:
                    arguments.survivors.mkdir(parents=True, exist_ok=True)
                    lines = "".join(f"{survivor}\n" for survivor in survivors)
                    (arguments.survivors / f"{tool.name}.txt").write_text(lines, encoding="utf-8")
    show(corpus, runs, kept)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="JSONL files with id and text")
    parser.add_argument("--banding", nargs="+", default=["21x6", "16x8"], help="bands x rows, at most 128 in all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="as of `curate run`: output.part_bytes=…")
    parser.add_argument("--peers", type=Path, help="folder with the virtual environments of other tools")
    parser.add_argument("--survivors", type=Path, help="folder for the ids that each tool keeps, one a line")
    arguments = parser.parse_args()
    if not arguments.folder and not GOLD.is_dir():
        sys.exit("name a FOLDER, or put the gold pages beside the checkout in ../shared")
    return arguments


def gold_texts(folder: Path) -> Path:
    """A folder with the texts that people took out of the gold pages."""
    target = folder / "jsonl"
    target.mkdir()
    with (target / "gold.jsonl").open("w", encoding="utf-8") as file:
        for number, row in enumerate(gold_rows(GOLD / "gold-dev.gold.jsonl")):
            file.write(json.dumps({"id": f"d{number:07d}", "text": row["gold"]}, ensure_ascii=False) + "\n")
    return target


def convert(jsonl: Path, parquet: Path) -> Corpus:
    """Write a Parquet file for every JSONL file."""
    parquet.mkdir()
    ids: dict[str, list[str]] = {}
    size = 0
    for path in sorted(jsonl.glob("*.jsonl")):
        target = parquet / f"{path.stem}.parquet"
        ids[target.name] = []
        with path.open("rb") as lines, pq.ParquetWriter(target, DOCUMENT, compression="zstd") as writer:
            for rows in _groups(map(json.loads, lines)):
                ids[target.name] += [row["id"] for row in rows]
                size += sum(len(row["text"].encode()) for row in rows)
                writer.write_table(pa.Table.from_pylist(rows, DOCUMENT))
    if not ids:
        sys.exit(f"{jsonl} holds no *.jsonl")
    return Corpus(jsonl.resolve(), parquet, ids, size)


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append({"id": row["id"], "text": row["text"]})
        size += len(row["text"])
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    yield group


def curate_tool(corpus: Corpus, banding: str, arguments: argparse.Namespace) -> Tool:
    """A recipe of nothing but fuzzy deduplication."""
    bands, rows = banding.split("x")
    settings = [word for setting in arguments.set for word in ("--set", setting)]
    recipe = f'name = "dedup"\n[[stage]]\nuse = "fuzzy_dedup"\nbands = {int(bands)}\nrows = {int(rows)}\n'

    def run(out: Path) -> Watched:
        (out / "recipe.toml").write_text(recipe, encoding="utf-8")
        given = ["--input", str(corpus.parquet), "--out", str(out / "out"), "--workers", str(arguments.workers)]
        return watch([sys.executable, "-m", "curate", "run", str(out / "recipe.toml"), *given, *settings])

    def survivors(out: Path) -> list[str]:
        table = pq.read_table(out / "out" / "corpus", columns=["source", "offset"])
        files = [source.rpartition("/")[2] for source in table["source"].to_pylist()]
        return [corpus.ids[file][row] for file, row in zip(files, table["offset"].to_pylist(), strict=True)]

    return Tool(f"curate-{banding}", run, survivors)


def peer_tools(corpus: Corpus, arguments: argparse.Namespace) -> list[Tool]:
    """The other tools, as far as they are there."""
    if not arguments.peers:
        return []
    tools = [
        peer("datasketch", "misc", "datasketch_lsh.py", [], corpus, arguments),
        peer("rensa", "misc", "rensa_minhash.py", ["flat"], corpus, arguments),
        peer("datatrove", "datatrove", "datatrove_minhash.py", ["16", "8"], corpus, arguments),
    ]
    return [tool for tool in tools if tool]


def peer(
    name: str, environment: str, script: str, options: list[str], corpus: Corpus, arguments: argparse.Namespace
) -> Tool | None:
    """A tool run by its script: IN OUT WORKERS and options. Ids that it keeps are in OUT.kept, or put there after."""
    python, scripts = arguments.peers.resolve() / environment / "bin" / "python", SHARED / "bench" / "peers"
    if not (python.exists() and (scripts / script).exists()):
        print(f"{name} is skipped: no {python} or no {scripts / script}", file=sys.stderr)
        return None

    def run(out: Path) -> Watched:
        given = [str(corpus.jsonl), str(out / "out"), str(arguments.workers)]
        return watch([str(python), str(scripts / script), *given, *options], PYTHONHASHSEED="0")

    def survivors(out: Path) -> list[str]:
        after = scripts / f"{name}_kept.py"
        if after.exists():
            subprocess.run([python, after, out / "out"], check=True, stdout=subprocess.DEVNULL)
        return (out / "out.kept").read_text(encoding="utf-8").split()

    return Tool(name, run, survivors)


def show(corpus: Corpus, runs: dict[str, list[Watched]], kept: dict[str, int]) -> None:
    """Medians, and how much longer each tool takes than the curate of each banding."""
    seconds = {name: statistics.median(run.seconds for run in watched) for name, watched in runs.items()}
    ours = [name for name in runs if name.startswith("curate-")]
    columns = " ".join(f"{'× ' + name:>13}" for name in ours)
    print(f"{'tool':<14} {'seconds':>8} {'documents/s':>12} {'MB/s':>6} {'peak MB':>8} {'kept':>7} {columns}  all runs")
    for name, watched in runs.items():
        taken = seconds[name]
        rate, size_rate = corpus.documents / taken, corpus.size / taken / 1e6
        memory = statistics.median(run.memory for run in watched) / 1e6
        ratios = " ".join(f"{taken / seconds[other]:>13.2f}" for other in ours)
        spread = ", ".join(f"{run.seconds:.1f}" for run in watched)
        figures = f"{taken:>8.1f} {rate:>12,.0f} {size_rate:>6.1f} {memory:>8,.0f} {kept[name]:>7}"
        print(f"{name:<14} {figures} {ratios}  {spread}")


if __name__ == "__main__":
    main()
