"""Making crawled text fit to be shown: control characters visible, lengths bounded, markup inert.

A page can hold anything: terminal escapes, right-to-left overrides that turn a sentence round, zero-width characters
that hide a word, HTML. Characters that would act instead of being read are written out as their code points.
"""

import re

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from curate.rule import Rule

# Controls but tab and newline, line and paragraph separators, bidirectional marks and overrides, invisible characters,
# interlinear anchors, tags, lone surrogates. Joiners (U+200C, U+200D) stay: Persian, Hindi and emoji need them.
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:$@^=])")


def visible(text: str) -> str:
    """`text` with every character that acts written as ⟦U+202E⟧; tabs and line breaks stay."""
    return ACTING.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)


def snippet(text: str | None, characters: int = 600) -> str:
    """The beginning of a text, visible, cut at a space where there is one near the end."""
    if not text:
        return ""
    text = text.strip()
    if len(text) <= characters:
        return visible(text)
    head = text[:characters]
    space = head.rfind(" ", characters * 4 // 5)
    return visible(head[:space] if space > 0 else head) + " …"


def one_line(text: str) -> str:
    """`text`, visible, with every run of white space made one space."""
    return visible(" ".join(text.split()))


def terminal(text: str | None) -> str:
    """Text for a Rich console: visible, and no Rich markup."""
    shown = escape(visible(text or ""))
    backslashes = len(shown) - len(shown.rstrip("\\"))
    return shown + "\\" * (backslashes % 2)  # an odd one would take the markup behind it for text


def markdown(text: str | None) -> str:
    """Text for one Markdown table cell or line: no markup, HTML or line break of its own."""
    flat = visible(re.sub(r"\s+", " ", text or "").strip())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN.sub(r"\\\1", flat)


def number(value: float | None) -> str:
    """A score or threshold with at most four significant digits; integers whole, with thousands apart."""
    if value is None or value != value:
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def share(part: float, whole: float) -> str:
    """A percentage with one decimal, more where it would read as 0 or 100 and is not."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if part in (0, whole):
        return f"{percent:.0f} %"
    if 0 < percent < 0.1 or 99.9 < percent < 100:
        return f"{percent:.2g} %" if percent < 1 else f"{min(percent, 99.99):.2f} %"
    return f"{percent:.1f} %"


def bounds(rule: Rule) -> str:
    """What a rule asks for: "≥ 0.1", "3 … 10", "en, zh", with the languages that it is for behind it."""
    scope = f" ({', '.join(rule.langs)})" if rule.langs else ""
    if rule.any_of is not None:
        return ", ".join(rule.any_of) + scope
    if rule.min is not None and rule.max is not None:
        return f"{number(rule.min)} … {number(rule.max)}{scope}"
    if rule.min is not None:
        return f"≥ {number(rule.min)}{scope}"
    return f"≤ {number(rule.max)}{scope}" if rule.max is not None else f"anything{scope}"


def line(console: Console, text: Text, margin: int = 0, lead: Text | None = None) -> None:
    """Print words that wrap behind a margin, with `lead` in the margin of the first line."""
    grid = Table.grid()
    if margin:
        grid.add_column(width=margin)
    grid.add_column(overflow="fold")
    grid.add_row(*([lead or ""] if margin else []), text)
    console.print(grid)


def unbroken(console: Console, text: Text) -> None:
    """Print text without a line break of ours, so that it can be copied or piped: a URL, a whole document."""
    console.print(text, soft_wrap=True)
