"""The dataset card OUT/README.md, with the front matter that Hugging Face reads.

It says what is in the corpus, what was removed on the way, what the columns mean, how to make it again, and what a
user has to know about licences and personal data of crawled text. Crawled strings are inert in it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from curate.inspect.frequencies import word_groups
from curate.inspect.funnel import funnel
from curate.inspect.recipe_text import recipe_toml
from curate.inspect.run_folder import RunFolder, columns_added, open_run
from curate.inspect.show import markdown, share, visible
from curate.store import write_text

MEANINGS = {
    "doc_id": "128-bit hash of `source` and `offset` as hex: the same on every machine and in every run",
    "url": "address that the page was fetched from",
    "lang": "language of the text",
    "text": "main text of the page",
    "title": "title of the page",
    "date": "when it was fetched or published, ISO 8601",
    "crawl": "ordinal of the crawl",
    "content_id": "128-bit hash of the normalised text as hex",
    "source": "input and file that the record lies in",
    "offset": "where it begins in that file: bytes, or the number of the row",
    "warc": "file, offset and length of the record in its web archive",
}
# Hugging Face's classes; the upper bounds are powers of a thousand and ten.
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B", "10B<n<100B",
         "100B<n<1T", "n>1T")  # fmt: skip
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")
WORDS = 20
MASKED = """Personal data was masked by rules, which do not find everything."""
UNMASKED = """No stage of this recipe masks personal data: e-mail addresses, telephone
numbers and names of people are in the text."""
RIGHTS = """## Licence

The texts belong to their authors and publishers; crawling a page gives no right in it. The selection and the scores
are data about them. Look at the law that applies to you, at the terms of the sites (column `url`) and of the crawl
before you publish the texts or models trained on them, and remove a document when its owner asks: `doc_id` and `warc`
find it again.

## Personal and harmful content

{masked}
Web pages also hold offensive, false and biased statements. The table above says what this recipe has removed;
everything else is still there."""


@dataclass
class LanguageSize:
    """What the corpus holds in one language."""

    documents: int = 0
    characters: int = 0
    text_bytes: int = 0


def write_card(out: Path) -> Path:
    """Write OUT/README.md. Raises EngineError where the run is not finished."""
    path = out / "README.md"
    write_text(path, render_card(open_run(out)))
    return path


def render_card(run: RunFolder) -> str:
    """The card as Markdown."""
    languages = language_sizes(run)
    sections = (
        _front_matter(run, languages),
        _introduction(run, languages),
        _funnel(run),
        _languages(languages),
        _columns(run),
        _words(run),
        _rights(run),
        _reproduction(run),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def language_sizes(run: RunFolder) -> dict[str, LanguageSize]:
    """Sizes by language, largest first; "" where the recipe detects none."""
    return {
        lang: LanguageSize(size.get("documents", 0), size.get("characters", 0), size.get("bytes", 0))
        for lang, size in run.summary["languages"].items()
    }


def size_category(documents: int) -> str:
    """Hugging Face's class of a data set's size."""
    return SIZES[max(0, min(len(str(documents)) - 3, len(SIZES) - 1))]


def _front_matter(run: RunFolder, languages: Mapping[str, LanguageSize]) -> str:
    facts = {
        "pretty_name": visible(str(run.summary["name"])),
        "license": "other",
        "language": [name for name in languages if LANGUAGE_CODE.fullmatch(name)],
        "task_categories": ["text-generation"],
        "size_categories": [size_category(run.totals["kept"])],
        "tags": ["web-crawl", "pretraining", "curate"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "corpus/*.parquet"}]}],
    }
    # JSON is YAML, and its quotes keep the language `no` a string.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items() if value]
    return "\n".join(["---", *lines, "---"])


def _introduction(run: RunFolder, languages: Mapping[str, LanguageSize]) -> str:
    kept, total = run.totals["kept"], run.totals["records_in"]
    text_bytes = sum(size.text_bytes for size in languages.values())
    tokens = (run.summary["tokens"] or {}).get("tokens")
    size = f"{text_bytes / 1e6:,.1f} MB of text" + (f", {tokens:,} tokens" if isinstance(tokens, int) else "")
    return f"""# {markdown(run.summary["name"])}

{kept:,} documents ({size}) curated from {total:,} crawled records by curate {run.summary["curate"]}. Every record has
one row in `ledger/` that says whether it was kept, dropped (by which stage, for which reason, at which score against
which threshold) or could not be read. `report.html` shows distributions and samples.

```python
from datasets import load_dataset

corpus = load_dataset("parquet", data_files="corpus/*.parquet", split="train")
```"""


def _funnel(run: RunFolder) -> str:
    total = run.totals["records_in"]
    rows = []
    for stage in funnel(run):
        why = ", ".join(f"{markdown(name)} {n:,}" for name, n in [*stage.dropped.items(), *stage.failed.items()])
        removed = share(stage.removed, stage.records_in)
        left = share(stage.records_out, total)
        rows.append((markdown(stage.stage), f"{stage.records_in:,}", f"{stage.removed:,}", removed, left, why))
    head = ("stage", "in", "removed", "share of its input", "left of all", "reasons")
    return "## What was removed\n\n" + table(head, rows, right=(1, 2, 3, 4))


def _languages(languages: Mapping[str, LanguageSize]) -> str:
    if not any(languages):
        return ""
    rows = [
        (markdown(name or "none"), f"{size.documents:,}", f"{size.characters:,}", f"{size.text_bytes / 1e6:,.2f}")
        for name, size in languages.items()
    ]
    return "## Languages\n\n" + table(("language", "documents", "characters", "MB"), rows, right=(1, 2, 3))


def _columns(run: RunFolder) -> str:
    """What each column means, who has added it, and every rule that decides on it."""
    added = {column: stage.name for stage in run.stages for column in columns_added(stage)}
    reasons: dict[str, dict[str, None]] = {}
    for rule in (rule for stage in run.stages for rule in stage.rules):
        reasons.setdefault(rule.score, {})[rule.reason] = None
    rows = []
    for item in run.schema:
        by = f"added by `{added[item.name]}`" if item.name in added else "added by a stage"
        meaning = MEANINGS.get(item.name, by)
        if item.name in reasons:
            meaning += f"; decides on {', '.join(f'`{reason}`' for reason in reasons[item.name])}"
        kind = "struct" if pa.types.is_struct(item.type) else str(item.type)
        rows.append((f"`{item.name}`", kind, meaning))
    return "## Columns\n\n" + table(("column", "type", "meaning"), rows)


def _words(run: RunFolder) -> str:
    groups = [
        f"**{markdown(group.title)}**: "
        + ", ".join(f"{markdown(word)} ({portion})" for word, _, portion in group.rows[:WORDS])
        for group in word_groups(run)
    ]
    return "## Most frequent words and tokens\n\n" + "\n\n".join(groups) if groups else ""


def _rights(run: RunFolder) -> str:
    masks = any("pii" in stage.use.partition(":")[2] for stage in run.stages)
    return RIGHTS.format(masked=MASKED if masks else UNMASKED)


def _reproduction(run: RunFolder) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run.summary["versions"].items())
    fence = "`" * 4
    return f"""## Make it again

Save the recipe as `recipe.toml`, point each input's `root` at the same files, and run
`curate run recipe.toml --out OUT`. The result has the same `curate digest`, whatever the number of workers.
Made with {markdown(versions)}.

{fence}toml
{visible(recipe_toml(run.summary["recipe"])).strip()}
{fence}"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; cells are Markdown already. right: the columns to align there."""
    marks = ["--:" if index in right else "---" for index in range(len(head))]
    return "\n".join(_lines(head, marks, rows))


def _lines(head: Sequence[str], marks: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, marks, *rows):
        yield "| " + " | ".join(row) + " |"
