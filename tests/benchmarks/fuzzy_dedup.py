"""Fuzzy deduplication as whole processes, beside other tools on the same documents: time, memory, who survives.

    python tests/benchmarks/fuzzy_dedup.py [--quick] [--banding 21x6 16x8] [--times 1 5] [--peers DIR] [FOLDER]

FOLDER holds JSONL files with `id` and `text`, at least as many as workers, since some tools share out files; without
one, a corpus is planted, --documents times each of --times. `curate run` goes from Parquet to a corpus in Parquet,
ledger and report included; the others go from JSONL to what they write, which is ids for datasketch and rensa, and
attributes for Dolma. All make 128 hashes and 16 bands of 8 rows but for Dolma, which knows n-grams seen before; ours
finds more by 21 bands of 6, and like text-dedup looks at the pairs before it drops anything.

All run in turn, as often as --repeat says; medians are shown, and the peak of the proportional set sizes of all
processes together. The first run of new code compiles kernels, which the median passes over. Recall: of the planted
pairs of a Jaccard, those of which one is dropped. Precision: of what is dropped, that with a partner at 0.7 or more;
both from truth.jsonl beside FOLDER (planted.py says more).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import planted
import pyarrow as pa
import pyarrow.parquet as pq
from environments import Peer, installed
from harness import FailedError, Table, Watched, arguments, parse, watch

# Row groups are what Parquet can be cut at.
GROUP_BYTES = 8 << 20
DOCUMENT = pa.schema([("id", pa.string()), ("text", pa.string())])
JOBS = dict.fromkeys(("rensa", "datasketch", "text-dedup", "data-juicer", "datatrove"), "minhash") | {"dolma": "ngram"}


@dataclass(frozen=True)
class Corpus:
    """The same documents twice. ids: per Parquet file, by row. size: bytes of text. truth: its planted pairs."""

    jsonl: Path
    parquet: Path
    ids: dict[str, list[str]]
    size: int
    truth: list[planted.Pair]

    @property
    def documents(self) -> int:
        """How many there are."""
        return sum(map(len, self.ids.values()))


@dataclass(frozen=True)
class Tool:
    """What is measured: `command(out)` does the work below a folder, `survivors(out)` names what it keeps."""

    name: str
    command: Callable[[Path], list[str]]
    survivors: Callable[[Path], set[str]]


def main() -> None:
    """Print one table a corpus."""
    parser = arguments(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="JSONL files with id and text")
    parser.add_argument("--documents", type=int, default=planted.DOCUMENTS, help="of the planted corpus")
    parser.add_argument("--times", type=int, nargs="+", default=[1], help="sizes of the planted corpus, in --documents")
    parser.add_argument("--text", type=Path, nargs="+", help="folders whose text the planted corpus is made of")
    parser.add_argument("--banding", nargs="+", default=["21x6", "16x8"], help="bands x rows, at most 128 in all")
    parser.add_argument("--set", action="append", default=[], help="as of `curate run`: output.part_bytes=…")
    parser.add_argument("--only", nargs="+", choices=list(JOBS), default=list(JOBS), help="of the other tools")
    given = parse(parser, documents=3_000, banding=["21x6"])
    peers = [] if given.alone else installed(tuple(given.only), given.peers)
    for times in [1] if given.folder else given.times:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            texts = given.folder or planted.plant(
                folder, given.documents * times, given.text or planted.installed_folders()
            )
            measure(convert(texts, folder / "parquet"), peers, folder, given)


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
    return Corpus(jsonl.resolve(), parquet, ids, size, planted.read_truth(jsonl.resolve()))


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


def measure(corpus: Corpus, peers: list[Peer], folder: Path, given: argparse.Namespace) -> None:
    """Run all tools in turn; another tool that fails is said to and left out."""
    ours = [curate_tool(corpus, banding, given) for banding in given.banding]
    tools = [*ours, *(peer_tool(corpus, peer, given.workers) for peer in peers)]
    runs: dict[str, list[Watched]] = {tool.name: [] for tool in tools}
    kept: dict[str, set[str]] = {}
    for number in range(given.repeat):
        for tool in tools:
            if tool.name not in runs:
                continue
            print(f"run {number + 1} of {tool.name}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=folder) as out:
                try:
                    runs[tool.name].append(watch(tool.command(Path(out)), PYTHONHASHSEED="0"))
                    kept[tool.name] = tool.survivors(Path(out))
                except FailedError as error:
                    if tool in ours:
                        raise
                    print(f"{tool.name} is skipped: {error}", file=sys.stderr)
                    del runs[tool.name]
    show(corpus, runs, kept, given)


def curate_tool(corpus: Corpus, banding: str, given: argparse.Namespace) -> Tool:
    """A recipe of nothing but fuzzy deduplication."""
    bands, rows = banding.split("x")
    settings = [word for setting in given.set for word in ("--set", setting)]
    recipe = f'name = "dedup"\n[[stage]]\nuse = "fuzzy_dedup"\nbands = {int(bands)}\nrows = {int(rows)}\n'

    def command(out: Path) -> list[str]:
        (out / "recipe.toml").write_text(recipe, encoding="utf-8")
        where = ["--input", str(corpus.parquet), "--out", str(out / "out"), "--workers", str(given.workers)]
        return [sys.executable, "-m", "curate", "run", str(out / "recipe.toml"), *where, *settings]

    def survivors(out: Path) -> set[str]:
        table = pq.read_table(out / "out" / "corpus", columns=["source", "offset"])
        files = [source.rpartition("/")[2] for source in table["source"].to_pylist()]
        return {corpus.ids[file][row] for file, row in zip(files, table["offset"].to_pylist(), strict=True)}

    return Tool(f"curate, {bands} × {rows}, pairs counted", command, survivors)


def peer_tool(corpus: Corpus, peer: Peer, workers: int) -> Tool:
    """Another tool, run by its script."""
    return Tool(
        peer.label,
        lambda out: peer.command(JOBS[peer.name], corpus.jsonl, out / "out", workers),
        lambda out: kept_ids(out / "out"),
    )


def kept_ids(out: Path) -> set[str]:
    """The documents that a tool keeps, of whatever it writes. Raises FailedError where there is nothing of that."""
    if (out / "kept.txt").exists():
        return set((out / "kept.txt").read_text(encoding="utf-8").split())
    if attributes := sorted(out.glob("attributes/*/*")):  # Dolma's: a document with spans is one to drop
        return {row["id"] for row in _json_lines(attributes) if not any(row["attributes"].values())}
    if arrow := sorted(out.glob("kept/*.arrow")):
        return set(chain.from_iterable(pa.ipc.open_stream(path).read_all()["id"].to_pylist() for path in arrow))
    if jsonl := sorted(out.glob("kept/*.jsonl")):
        return {row["id"] for row in _json_lines(jsonl)}
    raise FailedError("it has not written what it keeps")


def _json_lines(paths: list[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with pa.input_stream(path, compression="detect") as lines:
            yield from map(json.loads, lines.read().splitlines())


def show(corpus: Corpus, runs: dict[str, list[Watched]], kept: dict[str, set[str]], given: argparse.Namespace) -> None:
    """Medians, how much longer each tool takes than our first banding, and what it finds."""
    ranges = [f"{low}–{high}" if high <= 1 else f"≥ {low}" for low, high in planted.BINS]
    heads = ["", "seconds", "documents/s", "MB/s", "peak MB", "times as long", "kept"]
    heads += [f"recall {limits}" for limits in ranges] + ["precision", "all runs"]
    title = f"{corpus.documents:,} documents, {corpus.size / 1e6:.0f} MB of text, {given.workers} workers"
    table = Table(f"{title}, median of {given.repeat}:", heads, given.markdown)
    ids = list(chain.from_iterable(corpus.ids.values()))
    medians = {name: statistics.median(run.seconds for run in watched) for name, watched in runs.items()}
    for name, seconds in medians.items():
        memory = statistics.median(run.memory for run in runs[name])
        ratio = seconds / next(iter(medians.values()))
        rates = [f"{seconds:.1f}", f"{corpus.documents / seconds:,.0f}", f"{corpus.size / seconds / 1e6:.1f}"]
        score = planted.score(corpus.truth, ids, kept[name])
        quality = [f"{value:.4f}" if corpus.truth else "" for value in (*score.recall, score.precision)]
        spread = ", ".join(f"{run.seconds:.1f}" for run in runs[name])
        table.add(name, *rates, f"{memory / 1e6:,.0f}", f"{ratio:.1f}", f"{len(kept[name]):,}", *quality, spread)
    table.show()


if __name__ == "__main__":
    main()
