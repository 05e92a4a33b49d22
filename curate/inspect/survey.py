"""One pass over all records of a run: languages, hosts and sources counted, and a sample of scored documents.

Counts are exact. Distributions are drawn from the documents with the smallest hash(seed, doc_id): all of them up to
`SAMPLE_DOCUMENTS`, which is enough for a picture whose bars are a hundredth of it.

Cost: 5 µs a record. Lengths are the ones that `score` has stored; a recipe without it has texts read for them, those of
the first parts up to `TEXT_BYTES`. Memory is one part, the sample, and the tables of hosts and sources, which are
thinned when they pass `MOST_NAMES` (only the long tail of names is lost, and is said to be).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.inspect.run_folder import RunFolder
from curate.inspect.samples import hashes

SAMPLE_DOCUMENTS = 50_000
MOST_NAMES = 500_000
TEXT_BYTES = 64 << 20
LENGTH = "char_count"
HOST = r"^(?i:[a-z][a-z0-9+.-]*:)?//(?:[^/?#@]*@)?(?i:www\.)?(?P<host>[^/?#:]+)"


@dataclass
class Tally:
    """How many records came in under a name, and how many of them were kept, were duplicates, left before dedup.

    before_dedup: removed by other stages in front of the last deduplication, which may have others before it. unread:
    those that the readers decided themselves, as pictures, redirects and what cannot be read.
    """

    records_in: int = 0
    kept: int = 0
    duplicates: int = 0
    before_dedup: int = 0
    unread: int = 0

    @property
    def pages(self) -> int:
        """Records that reached the first stage."""
        return self.records_in - self.unread

    @property
    def removed_share(self) -> float:
        """Share of the pages that are not in the corpus."""
        return 1 - self.kept / self.pages if self.pages else 0.0

    @property
    def duplicate_share(self) -> float:
        """Share of what reached deduplication that it removed."""
        reached = self.records_in - self.before_dedup
        return self.duplicates / reached if reached else 0.0

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.records_in += other.records_in
        self.kept += other.kept
        self.duplicates += other.duplicates
        self.before_dedup += other.before_dedup
        self.unread += other.unread


@dataclass
class Survey:
    """What the pass has found. sample: columns lang, verdict, stage, reason, characters and the scores asked for.

    thinned: names of hosts or sources were too many to count them all.
    """

    languages: dict[str, Tally] = field(default_factory=dict)
    hosts: dict[str, Tally] = field(default_factory=dict)
    sources: dict[str, Tally] = field(default_factory=dict)
    sample: pa.Table | None = None
    sampled_from: int = 0
    thinned: bool = False


def survey(run: RunFolder, sample_documents: int = SAMPLE_DOCUMENTS) -> Survey:
    """Look at every record of a run once."""
    found = Survey()
    early = _stages_before_dedup(run)
    read = 0
    for part in range(run.parts):
        table = _part(run, part, early, with_text=read < TEXT_BYTES)
        read += pc.sum(table["characters"]).as_py() or 0
        for names, column in ((found.languages, "lang"), (found.hosts, "host"), (found.sources, "source")):
            _tally(names, table, column)
            found.thinned |= _thin(names)
        reached = table.filter(pc.or_kleene(pc.is_null(table["stage"]), pc.not_equal(table["stage"], "read")))
        found.sampled_from += reached.num_rows
        found.sample = _smallest(found.sample, reached, sample_documents)
    found.sources = fold_files(found.sources)
    return found


def fold_files(sources: Mapping[str, Tally]) -> dict[str, Tally]:
    """Sources with a single record (pages stored as files) put together as their folder: `pages/site/`."""
    folded: dict[str, Tally] = {}
    for source, tally in sources.items():
        name = source.rpartition("/")[0] + "/" if tally.records_in == 1 and "/" in source else source
        folded.setdefault(name, Tally()).add(tally)
    return folded


def by_input(sources: Mapping[str, Tally]) -> dict[str, Tally]:
    """Sources put together by input: what stands before the first slash."""
    inputs: dict[str, Tally] = {}
    for source, tally in sources.items():
        inputs.setdefault(source.partition("/")[0], Tally()).add(tally)
    return inputs


def score_columns(run: RunFolder) -> list[str]:
    """Columns that some rule of the run decides on."""
    names = [rule.score for stage in run.stages for rule in stage.rules]
    return [name for name in dict.fromkeys(names) if name in run.view.columns]


def _stages_before_dedup(run: RunFolder) -> list[str]:
    """Stages in front of the last one that names duplicates, without others that do; all where the recipe has none."""
    dedup = [n for n, stage in enumerate(run.stages) if stage.use.startswith("curate.dedup.")]
    last = dedup[-1] if dedup else len(run.stages)
    return ["read", *(stage.name for n, stage in enumerate(run.stages[:last]) if n not in dedup)]


def _part(run: RunFolder, part: int, early: list[str], with_text: bool) -> pa.Table:
    """doc_id, source, lang, host, verdict, stage, reason, duplicate, early, characters and scores of every record."""
    verdicts = run.view.verdicts(part)
    names = dict.fromkeys(["doc_id", "source", "url", *score_columns(run)])
    table = run.view.table(part, list(names))
    url = table["url"].combine_chunks()
    host = pc.struct_field(pc.extract_regex(url, HOST), "host")
    lang = _column_or_null(run, part, "lang")
    columns = {
        "doc_id": table["doc_id"],
        "source": table["source"],
        "host": pc.utf8_lower(pc.fill_null(host, "")),
        "lang": lang,
        "verdict": pc.fill_null(verdicts["verdict"], "kept"),
        "stage": verdicts["stage"],
        "reason": verdicts["reason"],
        "duplicate": verdicts["duplicate_of"].is_valid(),
        "early": pc.is_in(verdicts["stage"], pa.array(early, pa.string())),
        "characters": _characters(run, part, with_text),
    }
    scores = {name: table[name] for name in score_columns(run) if name not in columns}
    return pa.table({**columns, **scores})


def _characters(run: RunFolder, part: int, with_text: bool) -> pa.ChunkedArray:
    """int32: characters of every text, null where that is not known."""
    if LENGTH in run.view.columns:
        return run.view.table(part, [LENGTH])[LENGTH].cast(pa.int32())
    return pc.utf8_length(_column_or_null(run, part, "text" if with_text else ""))


def _column_or_null(run: RunFolder, part: int, name: str) -> pa.ChunkedArray:
    if name in run.view.columns:
        return run.view.table(part, [name])[name]
    return pa.chunked_array([pa.nulls(run.view.verdicts(part).num_rows, pa.string())])


def _tally(names: dict[str, Tally], table: pa.Table, column: str) -> None:
    """Add one part's counts, grouped by `column`; a null counts as the empty name."""
    flags = pa.table(
        {
            "name": pc.fill_null(table[column], ""),
            "kept": pc.equal(table["verdict"], "kept").cast(pa.int64()),
            "duplicate": table["duplicate"].cast(pa.int64()),
            "early": table["early"].cast(pa.int64()),
            "unread": pc.fill_null(pc.equal(table["stage"], "read"), False).cast(pa.int64()),
        }
    )
    sums = [("kept", "count"), ("kept", "sum"), ("duplicate", "sum"), ("early", "sum"), ("unread", "sum")]
    for row in flags.group_by("name").aggregate(sums).to_pylist():
        counted = Tally(row["kept_count"], *(row[f"{key}_sum"] for key in ("kept", "duplicate", "early", "unread")))
        names.setdefault(row["name"], Tally()).add(counted)


def _thin(names: dict[str, Tally]) -> bool:
    """Keep the larger half of too many names; True if any were lost."""
    if len(names) <= MOST_NAMES:
        return False
    largest = Counter({name: tally.records_in for name, tally in names.items()}).most_common(MOST_NAMES // 2)
    keep = dict(largest)
    for name in [name for name in names if name not in keep]:
        del names[name]
    return True


def _smallest(before: pa.Table | None, rows: pa.Table, n: int) -> pa.Table:
    """The `n` rows with the smallest hash, in no particular order, of those before and the new ones."""
    rows = rows.append_column("hash", pa.array(hashes(rows["doc_id"]), pa.uint64()))
    rows = rows.drop_columns(["doc_id", "host", "source", "duplicate", "early"])
    together = rows if before is None else pa.concat_tables([before, rows])
    if together.num_rows <= n:
        return together
    order = np.argpartition(together["hash"].to_numpy(), n - 1)[:n]
    return together.take(pa.array(np.sort(order))).combine_chunks()
