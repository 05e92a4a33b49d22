"""Word and token frequencies as report and card show them, where the run has counted them (`tokens.json`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.inspect.run_folder import RunFolder
from curate.inspect.show import share

COLUMNS = 4
ROWS = 10
LANGUAGES = 6

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
    """Words, then tokens, of the languages with most of them; empty where the run has no tokens."""
    tokens: Mapping[str, Any] = run.summary["tokens"] or {}
    groups = []
    for kind, tables in (tokens.get("frequencies") or {}).items():
        largest = sorted(tables.items(), key=lambda item: (-item[1]["total"], item[0]))[:LANGUAGES]
        for lang, counted in largest:
            top = [(shown_token(word) if kind == "tokens" else word, n) for word, n in counted["top"]]
            title = f"{kind}, {lang}: {counted['total']:,}"
            groups.append(WordGroup(title, _columns(top, counted["total"], rows, columns)))
    return groups


def shown_token(token: str) -> str:
    """A token with its white space in sight."""
    return token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")


def _columns(top: Sequence[Sequence[Any]], total: int, rows: int, columns: int) -> tuple[tuple[Row, ...], ...]:
    shown = [(str(word), int(count), share(count, total)) for word, count in top[: rows * columns]]
    return tuple(tuple(shown[start : start + rows]) for start in range(0, len(shown), rows))
