"""A finished run folder written row by row, so that tests know every number in it.

Steps, columns and run.json are laid out as `curate.run` does; verdicts are given instead of computed, apart from those
of the rules, which `decide` gives.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from adversary import AdversaryEngine

from curate.inspect.run_folder import RunFolder
from curate.inspect.survey import Survey, survey
from curate.ledger import ledger_rows, totals
from curate.progress import Silent
from curate.publish import count_languages
from curate.rule import Rule
from curate.run import language_sizes
from curate.schema import DOC, LEDGER, RAW, VERDICT, doc_id
from curate.steps import Place
from curate.store import Dataset, Draft, Layer, Manifest, View, write_json, write_parquet

READ = {
    name: RAW.field(name).type
    for name in ("doc_id", "source", "offset", "url", "date", "crawl", "warc", "title", "text")
}
SCORES = {"lang": pa.string(), "lang_score": pa.float32(), "words": pa.int32(), "symbols": pa.float32()}
STEPS: dict[str, dict[str, pa.DataType]] = {
    "00-extract": READ,
    "01-rules": SCORES,
    "02-exact_dedup": {},
    "03-fuzzy_dedup": {},
}
STAGES = {"read": 0, "extract": 0, "language": 1, "rules": 1, "exact_dedup": 2, "fuzzy_dedup": 3}

RULES = {
    "language": (Rule("lang", "other_language", any_of=("en", "zh")),),
    "rules": (
        Rule("words", "few_words", min=50, max=100_000, langs=("en",)),
        Rule("words", "few_words_zh", min=30, langs=("zh",)),
        Rule("symbols", "many_symbols", max=0.1),
    ),
}
USES = {
    "extract": "curate.stages.extract:extract",
    "language": "curate.stages.language:language",
    "rules": "curate.stages.rules:rules",
    "exact_dedup": "curate.dedup.exact:exact_dedup",
    "fuzzy_dedup": "curate.dedup.fuzzy:fuzzy_dedup",
}


@dataclass(frozen=True)
class Record:
    """One input record: its columns, and what befell it as VERDICT columns (none: kept)."""

    source: str
    offset: int = 0
    columns: Mapping[str, Any] = field(default_factory=dict)
    verdict: Mapping[str, Any] = field(default_factory=dict)

    @property
    def doc_id(self) -> str:
        return doc_id(self.source, self.offset)

    def row(self) -> dict[str, Any]:
        return {"doc_id": self.doc_id, "source": self.source, "offset": self.offset, **self.columns}


def dropped(stage: str, reason: str, **numbers: Any) -> dict[str, Any]:
    return {"verdict": "dropped", "stage": stage, "reason": reason, **numbers}


def failed(stage: str, error: str) -> dict[str, Any]:
    return {"verdict": "failed", "stage": stage, "error": error}


def write_run(out: Path, records: Sequence[Record], *, parts: int = 2, tokens: Any = None, name: str = "made") -> Path:
    """Write everything that a finished run leaves; returns `out`."""
    groups = [records[part::parts] for part in range(parts)]
    counts, datasets = {}, []
    for number, (step, columns) in enumerate(STEPS.items()):
        dataset = Dataset(str(out / "parts" / step), parts)
        schema = pa.schema([*(pa.field(key, kind) for key, kind in columns.items()), *VERDICT])
        counted: Counter[str] = Counter()
        for part, group in enumerate(groups):
            draft = Draft("f" * 64)
            rows = [_step_row(record, number, schema) for record in group]
            for row in rows:
                _count(row, draft)
            dataset.publish(part, schema, [pa.RecordBatch.from_pylist(rows, schema)], draft)
            counted.update(draft.counts)
        dataset.gather()
        counts[step] = dict(sorted(counted.items()))
        datasets.append(Layer(dataset, tuple(columns)))
    view = View(tuple(datasets))
    corpus = _publish(out, view, parts)
    summary = _summary(len(records), parts, counts, tokens)
    write_json(out / "run.json", {**summary, "name": name, "languages": language_sizes(corpus)})
    return out


def _step_row(record: Record, step: int, schema: pa.Schema) -> dict[str, Any]:
    row = dict.fromkeys(schema.names) | {k: v for k, v in record.row().items() if k in schema.names}
    if record.verdict and STAGES[record.verdict["stage"]] == step:
        row |= record.verdict
    return row


def _count(row: Mapping[str, Any], draft: Draft) -> None:
    if row["verdict"]:
        why = row["reason"] or row["error"].partition(":")[0]
        draft.count(f"{row['verdict']}/{row['stage']}/{why}")


def _publish(out: Path, view: View, parts: int) -> list[Manifest]:
    manifests = []
    stored = {name: kind for columns in STEPS.values() for name, kind in columns.items()}
    head = [DOC.field(name) for name in DOC.names if name in stored]
    schema = pa.schema([*head, *(pa.field(n, kind) for n, kind in stored.items() if n not in DOC.names)])
    for part in range(parts):
        book = ledger_rows(view.table(part, ("doc_id", "source", "offset", "url")), view.verdicts(part))
        write_parquet(out / "ledger" / f"part-{part:05d}.parquet", LEDGER, book.to_batches())
        kept = view.table(part, schema.names).filter(pc.equal(book["verdict"], "kept")).cast(schema)
        write_parquet(out / "corpus" / f"part-{part:05d}.parquet", schema, kept.to_batches())
        draft = Draft("f" * 64)
        count_languages(kept, draft)
        manifests.append(Manifest(part, "", kept.num_rows, 0, "", draft.counts))
    return manifests


def _summary(records: int, parts: int, counts: Mapping[str, Any], tokens: Any) -> dict[str, Any]:
    together: Counter[str] = Counter()
    for counted in counts.values():
        together.update(counted)
    together["kept"] = records - sum(n for key, n in together.items() if key.startswith(("dropped/", "failed/")))
    names = list(STEPS)
    return {
        "name": "made",
        "curate": "0",
        "recipe": {"name": "made", "input": [{"name": "in", "root": "crawl"}], "stage": []},
        "versions": {"python": "3"},
        "stages": [
            {"name": name, "use": use, "params": {}, "rules": [asdict(rule) for rule in RULES.get(name, ())],
             "step": names[STAGES[name]]}
            for name, use in USES.items()
        ],
        "steps": [
            {"name": name, "columns": list(columns), "wide": not columns, "parts": parts, "rows": records,
             "bytes": 1000, "counts": counts[name], "fingerprint": "f" * 64,
             "seconds": {"read": 1.0, "extract": 8.0} if name == "00-extract" else {}}
            for name, columns in STEPS.items()
        ],
        "totals": totals(together),
        "timing_dependent": 0,
        "tokens": tokens,
    }  # fmt: skip


def surveyed(run: RunFolder, seed: int = 0, sample_documents: int = 50_000) -> Survey:
    """The survey as an unhelpful engine makes it, in this process."""
    return survey(run, Place(run.out / "parts", AdversaryEngine(seed), Silent()), sample_documents)


def text_record(
    number: int, *, lang: str = "en", words: int = 80, verdict: Mapping[str, Any] | None = None, **columns: Any
) -> Record:
    """An ordinary page of a crawl file, dropped where `verdict` says so; `columns` replace what it holds."""
    text = " ".join(f"word{number}" for _ in range(words)) + "\n\nThe end."
    found = {
        "url": f"https://www.site{number % 3}.example/page/{number}",
        "title": f"Page {number}", "text": text, "lang": lang, "lang_score": 0.9, "words": words,
        "symbols": 0.01, "date": "2024-05-01T00:00:00Z",
        "warc": {"file": "crawl.warc.gz", "offset": number, "length": 9},
    }  # fmt: skip
    return Record("in/crawl.warc.gz", number, found | columns, verdict or {})


def ordinary() -> list[Record]:
    """60 records: kept ones in two languages, and one of every kind of loss."""
    kept = [text_record(n, lang="zh" if n % 4 == 0 else "en", words=60 + n) for n in range(40)]
    few = [
        text_record(n, words=n - 60, verdict=dropped("rules", "few_words", score=float(n - 60), threshold=50.0))
        for n in range(70, 78)
    ]
    other = [text_record(n, lang="de", verdict=dropped("language", "other_language")) for n in range(80, 83)]
    same = [
        text_record(n, verdict=dropped("exact_dedup", "exact_duplicate", duplicate_of=kept[5].doc_id))
        for n in range(90, 92)
    ]
    first = text_record(93, verdict=dropped("fuzzy_dedup", "near_duplicate", score=0.8, threshold=0.7,
                                            duplicate_of=kept[6].doc_id, jaccard=0.8))  # fmt: skip
    chained = text_record(94, verdict=dropped("exact_dedup", "exact_duplicate", duplicate_of=first.doc_id))
    gone = [
        Record("in/pages/a/1.html", 0, {"url": None}, failed("read", "unsupported_format: lz4")),
        Record("in/pages/a/2.html", 0, {"url": "http://x.example/"}, dropped("read", "empty")),
        Record("in/crawl.warc.gz", 500, {"url": "https://site1.example/slow"}, failed("extract", "timeout: 30 s")),
        Record("in/crawl.warc.gz", 501, {"url": "https://site1.example/slower"}, failed("extract", "timeout: 31 s")),
    ]
    return [*kept, *few, *other, *same, first, chained, *gone]


def by_offset(offset: int) -> str:
    """The doc_id of the ordinary record at an offset of the crawl file."""
    return next(record.doc_id for record in ordinary() if record.offset == offset and "url" in record.columns)
