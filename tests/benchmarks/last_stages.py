"""The stages `pii` and `decontaminate`, measured on one core, beside other tools' on the same documents.

    python tests/benchmarks/last_stages.py [--quick] [--en PATH] [--zh PATH] [--at-most 20] [--peers DIR]

Texts are those of signals.py. Every step is timed by itself, in one process, on one thread, texts in memory, by
processor seconds: `pii` with all kinds; datatrove's PIIFormatter and Data-Juicer's mappers of e-mail and IP addresses,
which look for these two alone; `decontaminate` against questions of 40 words, one out of every 20th document, and
datatrove's NGramsDecontFilter against the same, by 12-grams. Medians are shown.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from environments import Peer, installed
from harness import FailedError, Table, watch
from signals import Texts, given_texts, write_texts

from curate.stage import Stage, StageCall, parameters_of
from curate.stages.decontaminate import decontaminate
from curate.stages.pii import pii
from curate.store import BATCH_ROWS

JOBS = {"pii": ("datatrove", "data-juicer"), "ngrams": ("datatrove",)}
OURS = {"pii": "stage pii", "ngrams": "stage decontaminate"}
EVERY, QUESTION_WORDS = 20, 40


def main() -> None:
    """Print one table a language."""
    given, texts = given_texts(__doc__)
    for found in texts:
        names = tuple(dict.fromkeys(name for peers in JOBS.values() for name in peers))
        peers = installed(names, given.peers) if found.language == "en" and not given.alone else []
        show(found, measure(found, peers, given.repeat), given)


def measure(found: Texts, peers: list[Peer], repeat: int) -> dict[str, dict[str, list[float]]]:
    """Job → tool → seconds."""
    spent: dict[str, dict[str, list[float]]] = {job: {} for job in JOBS}
    with tempfile.TemporaryDirectory() as folder:
        source, questions = write_texts(found, Path(folder)), Path(folder) / "held_out.jsonl"
        questions.write_text("".join(_questions(found)), encoding="utf-8")
        for number in range(repeat):
            print(f"run {number + 1}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            for job, tools in JOBS.items():
                spent[job].setdefault(OURS[job], []).append(_ours(found, job, str(questions)))
                for peer in (peer for peer in peers if peer.name in tools):
                    seconds = _theirs(peer, job, source, Path(folder) / f"{peer.name}-{job}-{number}")
                    spent[job].setdefault(f"{peer.label}, {job}", []).extend(seconds)
    return spent


def _questions(found: Texts) -> list[str]:
    """Lines of JSON: words from the middle of some documents, characters where words are not separated."""
    made = []
    for text in found.texts[::EVERY]:
        words = text.split() if found.language == "en" else list(text)
        start = max(len(words) - QUESTION_WORDS, 0) // 2
        joiner = " " if found.language == "en" else ""
        made.append(json.dumps({"question": joiner.join(words[start : start + QUESTION_WORDS])}) + "\n")
    return made


def _ours(found: Texts, job: str, questions: str) -> float:
    """Processor seconds of the stage, batch by batch as in a run."""
    stage: Stage = pii if job == "pii" else decontaminate
    defaults = {name: item.default for name, item in parameters_of(stage.function).items()}
    call = StageCall(stage, job, defaults if job == "pii" else {**defaults, "benchmarks": (questions,)})
    ids = [str(number) for number in range(len(found.texts))]
    batches = [
        {
            "text": pa.array(found.texts[at : at + BATCH_ROWS], pa.string()),
            "doc_id": pa.array(ids[at : at + BATCH_ROWS]),
        }
        for at in range(0, len(ids), BATCH_ROWS)
    ]
    call.apply({name: values.slice(0, 1) for name, values in batches[0].items()})  # kernels, tables and index
    started = time.process_time()
    for batch in batches:
        call.apply(batch)
    return time.process_time() - started


def _theirs(peer: Peer, job: str, source: Path, out: Path) -> list[float]:
    """Seconds that its script says the step has taken; none where it fails."""
    try:
        watch(peer.command(job, source, out, 1))
    except FailedError as error:
        print(f"{peer.label}, {job}: {error}", file=sys.stderr)
        return []
    return [float((out / "seconds").read_text(encoding="utf-8"))]


def show(found: Texts, spent: dict[str, dict[str, list[float]]], given: argparse.Namespace) -> None:
    """Medians, and how much longer than our stage."""
    title = f"{found.language}, {len(found.texts):,} documents, {found.size / 1e6:.1f} MB of text, one core"
    table = Table(f"{title}, median of {given.repeat}:", ["", "seconds", "MB/s", "× ours", "all runs"], given.markdown)
    for job, tools in spent.items():
        ours = statistics.median(tools[OURS[job]])
        for name, seconds in tools.items():
            if seconds:
                median = statistics.median(seconds)
                runs = ", ".join(f"{taken:.2f}" for taken in seconds)
                table.add(name, f"{median:.2f}", f"{found.size / median / 1e6:.2f}", f"{median / ours:.1f}", runs)
    table.show()


if __name__ == "__main__":
    main()
