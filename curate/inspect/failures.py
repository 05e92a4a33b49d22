"""What could not be processed: per stage and error how many records, of which files, with examples."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.inspect.run_folder import RunFolder, read_batches
from curate.inspect.samples import sample_rows

FILES = 10
EXAMPLES = 3


@dataclass(frozen=True)
class Failure:
    """One kind of failure. files: the sources with most of them, and how many each; examples: ledger rows."""

    stage: str
    error: str
    records: int
    files: tuple[tuple[str, int], ...]
    n_files: int
    examples: tuple[dict[str, Any], ...]


def failures(run: RunFolder) -> list[Failure]:
    """All kinds of failure, most frequent first."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for batch in _failed(run):
        for row in batch.select(["stage", "code", "source"]).to_pylist():
            counts.setdefault((row["stage"], row["code"]), Counter())[row["source"]] += 1
    examples = sample_rows(_failed(run), EXAMPLES, ["stage", "code"])
    found = [
        Failure(stage, code, files.total(), _top(files), len(files), tuple(examples[(stage, code)]))
        for (stage, code), files in counts.items()
    ]
    return sorted(found, key=lambda failure: (-failure.records, failure.stage, failure.error))


def _failed(run: RunFolder) -> Iterator[pa.RecordBatch]:
    """Ledger rows of failed records with `code`: their error without its detail."""
    for batch in read_batches(run.ledger):
        rows = batch.filter(pc.equal(batch["verdict"], "failed"))
        codes = [error.partition(":")[0] for error in rows["error"].to_pylist()]
        yield rows.append_column("code", pa.array(codes, pa.string()))


def _top(files: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(files.items(), key=lambda item: (-item[1], item[0]))[:FILES])
