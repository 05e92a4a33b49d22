"""Word and token frequencies as report and card show them, where the run has counted them (`tokens.json`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.inspect.run_folder import RunFolder
from curate.inspect.show import share

COLUMNS = 4
ROWS = 10

Row = tuple[str, int, str]


@dataclass(frozen=True)
class WordGroup:
    """The most frequent words or tokens of one language, in columns of (word, count, share of all)."""

    title: str
    columns: tuple[tuple[Row, ...], ...]

    @property
    def rows(self) -> list[Row]:
        """All of them, most frequent first."""
        return [row for column in self.columns for row in column]


def word_groups(run: RunFolder, rows: int = ROWS, columns: int = COLUMNS) -> list[WordGroup]:
    """Words, then tokens, language by language; empty where the run has no tokens."""
    tokens: Mapping[str, Any] = run.summary["tokens"] or {}
    found: Mapping[str, Any] = tokens.get("frequencies") or {}
    groups = []
    for kind in ("words", "tokens"):
        for lang, table in sorted((found.get(kind) or {}).items()):
            groups.append(WordGroup(f"{kind}, {lang}", _columns(table["top"], table["total"], rows, columns)))
    return groups


def _columns(top: Sequence[Sequence[Any]], total: int, rows: int, columns: int) -> tuple[tuple[Row, ...], ...]:
    shown = [(str(word), int(count), share(count, total)) for word, count in top[: rows * columns]]
    return tuple(tuple(shown[start : start + rows]) for start in range(0, len(shown), rows))
