"""Two runs side by side: settings and counts that differ, which documents only one kept, and why the other did not.

Documents are the same when their doc_id is: the same place in inputs of the same name. Ids are compared in passes over
ranges of them, so memory is bounded by `IDS_A_PASS` whatever the size of the runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from curate.inspect.funnel import funnel
from curate.inspect.recipe_text import toml_value
from curate.inspect.run_folder import RunFolder, ledger_rows, open_run, read_batches
from curate.inspect.samples import SEED
from curate.inspect.settings import differing_settings
from curate.inspect.show import line, one_line, share, terminal
from curate.inspect.verdict import fate
from curate.schema import seeded_hash

IDS_A_PASS = 4_000_000
SAMPLE = 5
INDENT = 4

Ids = npt.NDArray[np.bytes_]


@dataclass(frozen=True)
class Difference:
    """A document that only one run kept. fate: what the other run did with it; None where it never saw it."""

    doc_id: str
    url: str | None
    source: str
    fate: str | None


@dataclass(frozen=True)
class Comparison:
    """How many documents both runs kept, only a, only b, with samples of the last two.

    lost_in_a, lost_in_b: "stage: reason" → documents that the other run kept and this one did not.
    """

    both: int
    only_a: int
    only_b: int
    sample_a: tuple[Difference, ...]
    sample_b: tuple[Difference, ...]
    lost_in_a: Mapping[str, int]
    lost_in_b: Mapping[str, int]


def compare(a: Path, b: Path, sample: int = SAMPLE) -> Comparison:
    """Compare what two finished runs have kept."""
    run_a, run_b = open_run(a), open_run(b)
    both = 0
    n_only = [0, 0]
    chosen: list[list[str]] = [[], []]
    lost: list[dict[str, int]] = [{}, {}]
    for low, high in _ranges(max(run_a.totals["kept"], run_b.totals["kept"])):
        kept_a, kept_b = _kept(run_a, low, high), _kept(run_b, low, high)
        only = (np.setdiff1d(kept_a, kept_b, assume_unique=True), np.setdiff1d(kept_b, kept_a, assume_unique=True))
        both += len(kept_a) - len(only[0])
        for side, (ids, other) in enumerate(zip(only, (run_b, run_a), strict=True)):
            n_only[side] += len(ids)
            chosen[side] = _smallest([*chosen[side], *(doc_id.decode() for doc_id in ids.tolist())], sample)
            _count_fates(lost[1 - side], other, ids)
    sample_a, sample_b = _differences(chosen[0], run_a, run_b), _differences(chosen[1], run_b, run_a)
    lost_in_a, lost_in_b = _largest_first(lost[0]), _largest_first(lost[1])
    return Comparison(both, n_only[0], n_only[1], sample_a, sample_b, lost_in_a, lost_in_b)


def render_comparison(a: Path, b: Path, console: Console) -> None:
    """Print the comparison of two runs."""
    found = compare(a, b)
    runs = (open_run(a), open_run(b))
    for letter, path, run in zip("AB", (a, b), runs, strict=True):
        console.print(f"[bold]{letter}[/]  {terminal(run.summary['name'])}  {terminal(str(path))}", highlight=False)
    console.print()
    _settings(*runs, console)
    _funnels(*runs, console)
    union = found.both + found.only_a + found.only_b
    console.print(f"\nkept by both {found.both:,} ({share(found.both, union)} of all kept by either)")
    sides = (("A", found.only_a, found.sample_a, found.lost_in_b), ("B", found.only_b, found.sample_b, found.lost_in_a))
    for letter, n, sample, fates in sides:
        console.print(f"[bold]kept by {letter} alone {n:,}[/]", highlight=False)
        for why, count in fates.items():
            console.print(f"  {count:,}  the other: {terminal(why)}", highlight=False)
        for item in sample:
            where = terminal(item.url or item.source)
            told = terminal(item.fate or "not in its input")
            console.print(f"  [dim]{item.doc_id}  the other: {told}[/]\n    {where}", highlight=False, soft_wrap=True)


def _settings(run_a: RunFolder, run_b: RunFolder, console: Console) -> None:
    """Print the settings that differ, a key above its two values."""
    found = differing_settings(run_a, run_b)
    console.print("[bold]settings that differ[/]" if found else "the settings are the same")
    for setting in found:
        line(console, Text(one_line(setting.key)), INDENT)
        for letter, value in (("A", setting.a), ("B", setting.b)):
            line(console, Text(_told(value)), 2 * INDENT, lead=Text(" " * INDENT + letter, "dim"))
    console.print()


def _told(value: Any) -> str:
    """A setting as `--set` takes it; the recipe's types make 50.0 of 50."""
    if value is None:
        return "–"
    whole = isinstance(value, float) and value.is_integer()
    return one_line(toml_value(int(value) if whole else value))


def _funnels(run_a: RunFolder, run_b: RunFolder, console: Console) -> None:
    """Print what the funnels count differently, and the totals."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for heading in ("stage", "reason", "A", "B", "difference"):
        words = heading in ("stage", "reason")
        table.add_column(heading, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    removed = [_removed(run_a), _removed(run_b)]
    keys = _merged(list(removed[0]), list(removed[1]))
    counts = {key: (removed[0].get(key, 0), removed[1].get(key, 0)) for key in keys}
    differing = {key: pair for key, pair in counts.items() if pair[0] != pair[1]}
    for key, (n_a, n_b) in differing.items():
        table.add_row(*map(terminal, key), f"{n_a:,}", f"{n_b:,}", f"{n_b - n_a:+,}")
    for name in ("records_in", "kept", "failed"):
        n_a, n_b = run_a.totals[name], run_b.totals[name]
        table.add_row(f"[bold]{name}", "", f"{n_a:,}", f"{n_b:,}", f"{n_b - n_a:+,}" if n_a != n_b else "[dim]=")
    console.print(table)
    equal = len(counts) - len(differing)
    console.print(f"{equal:,} of {len(counts):,} reasons have removed equally many in both", highlight=False)


def _removed(run: RunFolder) -> dict[tuple[str, str], int]:
    return {
        (stage.stage, why): n for stage in funnel(run) for why, n in (*stage.dropped.items(), *stage.failed.items())
    }


def _merged(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keys of both, stage by stage in the order of the first, stages that only the second has behind them."""
    stages = list(dict.fromkeys(stage for stage, _ in (*first, *second)))
    keys = dict.fromkeys((*first, *second))
    return [key for stage in stages for key in keys if key[0] == stage]


def _ranges(kept: int) -> Iterator[tuple[str, str]]:
    """Bounds of doc_id, low included and high excluded, for passes of at most about IDS_A_PASS ids."""
    passes = min(-(-max(kept, 1) // IDS_A_PASS), 1 << 16)
    edges = [f"{(number << 16) // passes:04x}" for number in range(passes)]
    return zip(edges, [*edges[1:], "g"], strict=True)  # "g" is behind every hexadecimal digit


def _kept(run: RunFolder, low: str, high: str) -> Ids:
    """Sorted ids of the kept documents in a range, as 32 bytes each."""
    found = [np.empty(0, "S32")]
    for batch in read_batches(run.ledger, ["doc_id", "verdict"]):
        inside = pc.and_(pc.greater_equal(batch["doc_id"], low), pc.less(batch["doc_id"], high))
        ids = batch["doc_id"].filter(pc.and_(inside, pc.equal(batch["verdict"], "kept")))
        found.append(np.array(ids.to_pylist(), "S32"))
    return np.sort(np.concatenate(found))


def _smallest(doc_ids: list[str], n: int) -> list[str]:
    return sorted(doc_ids, key=lambda doc_id: (seeded_hash(SEED, doc_id), doc_id))[:n]


def _count_fates(fates: dict[str, int], run: RunFolder, ids: Ids) -> None:
    """Count what a run did with documents that it did not keep."""
    seen = 0
    for batch in read_batches(run.ledger, ["doc_id", "verdict", "stage", "reason", "error"]) if len(ids) else ():
        place = np.searchsorted(ids, np.array(batch["doc_id"].to_pylist(), "S32"))
        hit = ids[np.minimum(place, len(ids) - 1)] == np.array(batch["doc_id"].to_pylist(), "S32")
        for row in batch.filter(hit).to_pylist():
            why = row["reason"] or str(row["error"]).partition(":")[0]
            key = f"{row['verdict']} by {row['stage']}: {why}"
            fates[key] = fates.get(key, 0) + 1
            seen += 1
    if seen < len(ids):
        fates["not in its input"] = fates.get("not in its input", 0) + len(ids) - seen


def _differences(doc_ids: list[str], run: RunFolder, other: RunFolder) -> tuple[Difference, ...]:
    rows: dict[str, dict[str, Any]] = ledger_rows(run, doc_ids)
    there = ledger_rows(other, doc_ids)
    return tuple(
        Difference(
            doc_id, rows[doc_id]["url"], rows[doc_id]["source"], fate(there[doc_id]) if doc_id in there else None
        )
        for doc_id in doc_ids
    )


def _largest_first(fates: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(fates.items(), key=lambda item: (-item[1], item[0])))
