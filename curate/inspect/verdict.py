"""A ledger row in words: what became of the record, which numbers decided, where the record lies.

Everything that shows a verdict takes its words from here, so that a document reads the same in `explain`, `rejects`,
`compare` and the report. Nothing here is escaped: reasons and errors can hold crawled text.
"""

from collections.abc import Mapping
from typing import Any

from curate.inspect.run_folder import RunFolder
from curate.inspect.show import number

Row = Mapping[str, Any]


def fate(row: Row) -> str:
    """The verdict: "kept", "dropped by rules: few_words" or "failed by extract: timeout: 30 s"."""
    if row["verdict"] == "kept":
        return "kept"
    why = row["reason"] if row["verdict"] == "dropped" else row["error"]
    return f"{row['verdict']} by {row['stage']}: {why}"


def numbers(row: Row) -> str:
    """What decided: a score against its threshold, or the document that this one repeats; else nothing."""
    if row["jaccard"] is not None:
        least = "" if row["threshold"] is None else f" ≥ {number(row['threshold'])}"
        return f"Jaccard {number(row['jaccard'])}{least} with {row['duplicate_of']}"
    if row["duplicate_of"]:
        return f"same as {row['duplicate_of']}"
    if row["score"] is None or row["threshold"] is None:
        return ""
    return broken(row["score"], row["threshold"])


def broken(score: float, threshold: float) -> str:
    """A score and the bound that it broke, as in "12 < 50", with as many digits as it takes to tell them apart."""
    shown = [number(score), number(threshold)]
    if shown[0] == shown[1]:
        shown = [f"{score:.9g}", f"{threshold:.9g}"]
    return f"{shown[0]} {'<' if score < threshold else '>'} {shown[1]}"


def place(row: Row, warc: Mapping[str, Any] | None) -> str:
    """Where the record lies in the crawl, exact enough to fetch it again: file, offset, and bytes where known."""
    held = warc or {}
    offset = row["offset"] if held.get("offset") is None else held["offset"]
    length = f", {held['length']} bytes as stored" if held.get("length") else ""
    return f"{row['source']}, offset {offset}{length}"


def no_text(run: RunFolder) -> str:
    """Why a document has no text: it had none, or the recipe does not keep the text of what it drops."""
    if (run.summary["recipe"].get("output") or {}).get("keep_dropped_text", True):
        return "there was no text"
    return "no text is stored: the recipe does not keep that of dropped documents (output.keep_dropped_text)"
