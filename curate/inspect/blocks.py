"""A page with its kept and dropped blocks, as the backend `blocks` of `extract` sees them.

The page is fetched again from the run's inputs, by the record's source and id. Works for documents of other backends
too: it then shows what `blocks` would have kept.
"""

import os

from rich.console import Console
from rich.text import Text

from curate.blocks.explain import Told, explain_page
from curate.blocks.extractor import Options
from curate.errors import RecipeError
from curate.inspect.run_folder import RunFolder, ledger_rows
from curate.inspect.show import line, one_line
from curate.recipe import parse_recipe
from curate.sources import Limits, Piece, list_files, read
from curate.sources.charset import decode_utf8


def render_blocks(run: RunFolder, doc_id: str, console: Console) -> None:
    """Print every block of a document's page: + or −, probability, what moved it most, text. Raises RecipeError."""
    told = list(explain_page(page_of(run, doc_id), _options(run)))
    for block in told:
        _block(block, console)
    kept = sum(block.kept for block in told)
    line(console, Text(f"{kept} of {len(told)} blocks are the page's text", "dim"))


def page_of(run: RunFolder, doc_id: str) -> bytes:
    """The page of a document in UTF-8, from where the run read it. Raises RecipeError where there is none."""
    row = ledger_rows(run, [doc_id]).get(doc_id)
    if row is None:
        raise RecipeError(f"the run has no document {doc_id!r}")
    try:
        files = [
            file for file in list_files(parse_recipe(run.summary["recipe"]).inputs) if file.source == row["source"]
        ]
    except (RecipeError, OSError) as error:
        raise RecipeError(f"the inputs of the run cannot be read any more: {error}") from error
    for file in files:
        for batch in read(Piece(file), Limits(), lambda key, n: None):
            for record in batch.to_pylist():
                if record["doc_id"] == doc_id and record["html"] is not None:
                    return decode_utf8(record["html"], record["charset"])
    raise RecipeError(f"{os.path.basename(row['source'])!r} no longer holds a page with the id {doc_id}")


def _options(run: RunFolder) -> Options:
    """How the run's own `extract` was set, as far as it concerns blocks."""
    for entry in run.summary["stages"]:
        if entry["name"] == "extract" and entry["params"].get("backend") == "blocks":
            return Options(**{name: entry["params"][name] for name in Options._fields if name in entry["params"]})
    return Options()


def _block(told: Told, console: Console) -> None:
    style = "" if told.kept else "dim"
    reasons = ", ".join(f"{name} {share:+.1f}" for name, share in told.reasons)
    line(console, Text(f"{'+' if told.kept else '−'} {told.chance:.2f}  {reasons}", "green" if told.kept else "red"))
    line(console, Text(f"    {one_line(told.text)}", style))
