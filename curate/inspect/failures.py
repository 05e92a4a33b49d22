"""Records that could not be processed: per stage and error how many records, of which files, with examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curate.inspect.rejects import Reject
from curate.inspect.survey import Survey
from curate.inspect.tallies import most_in


@dataclass(frozen=True)
class Failure:
    """One kind of failure. files: the sources with most of them, and how many each; examples: ledger rows."""

    stage: str
    error: str
    records: int
    files: tuple[tuple[str, int], ...]
    n_files: int
    examples: tuple[Mapping[str, Any], ...]


def failures(found: Survey, documents: Mapping[int, Reject]) -> list[Failure]:
    """All kinds of failure, most frequent first. documents: by address, those of the survey's samples at least."""
    kinds = []
    for (stage, error), addresses in found.failed.items():
        name = f"{stage}/{error}"
        files = most_in(found.names[f"file/{name}"].items())
        counts = tuple((source, tally.records_in) for source, tally in files)
        examples = tuple(documents[address].decision for address in addresses)
        records = found.names["failed"][name].records_in
        kinds.append(Failure(stage, error, records, counts, found.of[f"file/{name}"], examples))
    return sorted(kinds, key=lambda failure: (-failure.records, failure.stage, failure.error))
