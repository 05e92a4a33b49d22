"""Finding a document by what people have of it: an id, the beginning of one, a URL, a source.

Cost: up to four passes over the ledger.
"""

import re
from typing import Any

import pyarrow.compute as pc

from curate.errors import RecipeError
from curate.inspect.run_folder import RunFolder, ledger_rows_where, read_batches
from curate.inspect.show import visible

DOC_ID = re.compile(r"[0-9a-f]{32}")
# Fewer digits would fit by chance: of 100,000 documents four digits name one or two.
LEAST_DIGITS = 4
BEGINNING = re.compile(rf"[0-9a-f]{{{LEAST_DIGITS},31}}")
TOO_SHORT = re.compile(rf"[0-9a-f]{{1,{LEAST_DIGITS - 1}}}")
MANY = 10


def find_document(run: RunFolder, key: str) -> str:
    """The doc_id of a doc_id, a unique beginning of one, a URL or a source. Raises RecipeError for none or several."""
    digits = key.lower()
    if DOC_ID.fullmatch(digits):
        found = ledger_rows_where(run, "doc_id", [digits])
    else:
        found = ledger_rows_where(run, "url", url_forms(key)) or ledger_rows_where(run, "source", [key])
    said = f"{len(found)} documents are {key!r}"
    if not found and BEGINNING.fullmatch(digits):
        found = _rows_beginning(run, digits)
        said = f"{len(found)} doc_ids begin with {key!r}"
    if len(found) == 1:
        return str(found[0]["doc_id"])
    raise RecipeError(_several(said, found) if found else _none(key))


def url_forms(url: str) -> list[str]:
    """The URL itself, and without or with a slash at its end and with either scheme: people copy them loosely."""
    bare = url.removeprefix("https://").removeprefix("http://").rstrip("/")
    return [url, *(f"{scheme}{bare}{end}" for scheme in ("https://", "http://", "") for end in ("", "/"))]


def _rows_beginning(run: RunFolder, digits: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for batch in read_batches(run.ledger):
        found += batch.filter(pc.starts_with(batch["doc_id"], digits)).to_pylist()
    return found


def _several(said: str, found: list[dict[str, Any]]) -> str:
    listed = "\n".join(f"  {row['doc_id']}  {row['verdict']:<7} {visible(row['source'])}" for row in found[:MANY])
    more = f"\n  and {len(found) - MANY} more" if len(found) > MANY else ""
    return f"{said}; give the doc_id of one:\n{listed}{more}"


def _none(key: str) -> str:
    least = f"{LEAST_DIGITS} or more first digits of one"
    if TOO_SHORT.fullmatch(key.lower()):
        return f"{key!r} is too short to name a document: give a doc_id, {least}, an exact URL or a source"
    return f"the run has no document {key!r}: give a doc_id, {least}, the exact URL or a source of the ledger"
