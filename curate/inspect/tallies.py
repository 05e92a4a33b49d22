"""Counts by language, host, source, input, reason and error, with samples of the dropped and the failed; all exact.

One exchange by name: a part sends what it has counted itself, one row a name, and every bucket keeps those names that
can be among the ones shown, and how many it has seen. What is first among all buckets is first in its own, so nothing
is estimated, and what a bucket leaves does not grow with names. The report reads that alone.

Pages stored as files of their own are put together by folder. A part's records lie in the order of its files, and a
file goes on in the next part only at the end of this one: of all files but the first and last of a part their one
record is known to be the only one. Those at the ends (`piece`) meet in the bucket of their folder.

Cost: 7 ms a part of 308 records in the workers; a row crosses the exchange for every name in a part, some 80 bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.rows import addresses, batches_of
from curate.inspect.merge import Shape
from curate.inspect.samples import hashes
from curate.store import View
from curate.wide import BUCKET, bucket_of

# Documents shown of a reason, of a kind of failure; names shown of hosts, of sources, of files with failures.
DROPPED_SAMPLES = 5
FAILED_SAMPLES = 3
HOSTS = 20
SOURCES = 200
FILES = 10
ALARM_SHARE = 0.9
# A source with fewer records says nothing by losing all of them.
ALARM_RECORDS = 20
ROW_BYTES = 80
HOST = r"^(?i:[a-z][a-z0-9+.-]*:)?//(?:[^/?#@]*@)?(?i:www\.)?(?P<host>[^/?#:]+)"

COUNTS = ("records_in", "kept", "duplicates", "before_dedup", "unread")
# kind: "language", "host", "source", "piece", "input"; "dropped" and "failed", whose name is `stage/reason`; and
# "file/stage/error", whose name is a source.
TALLIES = Shape(
    (pa.field("kind", pa.string()), pa.field("name", pa.string())), tuple(pa.field(name, pa.int64()) for name in COUNTS)
)
EMITTED = pa.schema([BUCKET, *TALLIES.schema])
# of: in the first row of a kind, how many names the bucket has of it.
TOP = pa.schema([*TALLIES.schema, pa.field("of", pa.int64())])


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


Named = tuple[str, Tally]


def alarm(tally: Tally) -> bool:
    """Whether a source has lost suspiciously much."""
    return tally.pages >= ALARM_RECORDS and tally.removed_share > ALARM_SHARE


def duplicate_alarm(tally: Tally) -> bool:
    """Whether deduplication took suspiciously much of a source."""
    return tally.records_in - tally.before_dedup >= ALARM_RECORDS and tally.duplicate_share > ALARM_SHARE


def most_in(names: Iterable[Named], n: int = HOSTS) -> list[Named]:
    """The names with most records."""
    return nsmallest(n, names, key=lambda item: (-item[1].records_in, item[0]))


def most_kept(names: Iterable[Named], n: int = HOSTS) -> list[Named]:
    """The names with most documents kept."""
    return nsmallest(n, (item for item in names if item[1].kept), key=lambda item: (-item[1].kept, item[0]))


def emptied(names: Iterable[Named], n: int = HOSTS) -> list[Named]:
    """The largest that deduplication has emptied."""
    return most_in((item for item in names if item[0] and duplicate_alarm(item[1])), n)


def alarming_first(names: Iterable[Named], n: int = SOURCES) -> list[Named]:
    """The largest, those that give alarm before all others."""

    def place(item: Named) -> tuple[bool, int, str]:
        name, tally = item
        return not (alarm(tally) or duplicate_alarm(tally)), -tally.records_in, name

    return nsmallest(n, names, key=place)


Best = Callable[[Iterable[Named]], list[Named]]


def _files(names: Iterable[Named]) -> list[Named]:
    return most_in(names, FILES)


def lists_of(kind: str) -> tuple[Best, ...]:
    """What is shown of a kind; nothing where all names are."""
    if kind.startswith("file/"):
        return (_files,)
    return {"host": (most_in, most_kept, emptied), "source": (alarming_first,)}.get(kind, ())


@dataclass(frozen=True)
class EmitTallies:
    """What a part has of every name. early: stages in front of the last deduplication."""

    view: View
    early: tuple[str, ...]
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """EMITTED rows."""
        rows = self._records(part)
        if not rows.num_rows:
            return
        lost = [_lost(rows, "dropped", rows["reason"]), _lost(rows, "failed", rows["code"])]
        failed = rows.filter(rows["code"].is_valid())
        in_files = _summed(failed, pc.binary_join_element_wise("file", failed["stage"], failed["code"], "/"), "source")
        plain = [_summed(rows, pa.repeat(kind, rows.num_rows), kind) for kind in ("language", "host", "input")]
        found = TALLIES.merged(pa.concat_tables([*plain, self._sources(rows), *lost, in_files]), DROPPED_SAMPLES)
        named = zip(found["kind"].to_pylist(), found["name"].to_pylist(), strict=True)
        buckets = np.array([bucket_of(_key(kind, name), self.buckets) for kind, name in named], np.int32)
        yield from batches_of([buckets, *found.columns], EMITTED)

    def _records(self, part: int) -> pa.Table:
        """What every record counts for, under which names."""
        verdicts = self.view.verdicts(part)
        has_lang = "lang" in self.view.columns
        table = self.view.table(part, ["doc_id", "source", "url", *(["lang"] if has_lang else [])])
        n = table.num_rows
        host = pc.struct_field(pc.extract_regex(table["url"].combine_chunks(), HOST), "host")
        dropped, failed = (pc.fill_null(pc.equal(verdicts["verdict"], kind), False) for kind in ("dropped", "failed"))
        nothing = pa.nulls(n, pa.string())
        code = pc.list_element(pc.split_pattern(pc.fill_null(verdicts["error"], ""), ":", max_splits=1), 0)
        flags = {
            "records_in": pa.repeat(True, n),
            "kept": verdicts["verdict"].is_null(),
            "duplicates": verdicts["duplicate_of"].is_valid(),
            "before_dedup": pc.is_in(verdicts["stage"], pa.array(self.early, pa.string())),
            "unread": pc.fill_null(pc.equal(verdicts["stage"], "read"), False),
        }
        return pa.table(
            {
                "doc_id": table["doc_id"],
                "document": pa.array(addresses(part, np.arange(n))),
                "source": table["source"],
                "input": pc.list_element(pc.split_pattern(table["source"], "/", max_splits=1), 0),
                "host": pc.utf8_lower(pc.fill_null(host, "")),
                "language": pc.fill_null(table["lang"], "") if has_lang else pa.repeat("", n),
                "stage": verdicts["stage"],
                "reason": pc.if_else(dropped, verdicts["reason"], nothing),
                "code": pc.if_else(failed, code, nothing),
                **{name: flag.cast(pa.int64()) for name, flag in flags.items()},
            }
        )

    def _sources(self, rows: pa.Table) -> pa.Table:
        """By file, files of one record by folder; the first and last file of the part as pieces."""
        found = _summed(rows, pa.repeat("source", rows.num_rows), "source")
        ends = {rows["source"][0].as_py(), rows["source"][-1].as_py()}
        names = found["name"].to_pylist()
        kinds = ["piece" if name in ends else "source" for name in names]
        single = pc.equal(found["records_in"], 1).to_pylist()
        folded = [
            folder_of(name) if kind == "source" and alone else name
            for name, kind, alone in zip(names, kinds, single, strict=True)
        ]
        return _renamed(found, kinds, folded)


@dataclass(frozen=True)
class TopTallies:
    """Of the names of a bucket those that may be shown."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """TOP, sorted by kind and name."""
        found = _whole_sources(TALLIES.folded(rows, DROPPED_SAMPLES))
        heads = TALLIES.heads(found)
        for kind in pc.unique(heads["kind"]).sort().to_pylist():
            yield from self._top(kind, found, heads.filter(pc.equal(heads["kind"], kind)))

    def _top(self, kind: str, found: pa.Table, heads: pa.Table) -> Iterator[pa.RecordBatch]:
        mine = found.filter(pc.equal(found["kind"], kind))
        lists = lists_of(kind)
        if lists:
            shown = {name for best in lists for name, _ in best(named_of(heads))}
            mine = mine.filter(pc.is_in(mine["name"], pa.array(sorted(shown), pa.string())))
        of = np.zeros(mine.num_rows, np.int64)
        of[0] = heads.num_rows - (pc.sum(pc.equal(heads["name"], "")).as_py() or 0)
        yield from batches_of([*mine.columns, pa.array(of)], TOP)


def named_of(heads: pa.Table) -> Iterator[Named]:
    """Name and tally of every group, a few thousand in memory at a time."""
    for batch in heads.select(["name", *COUNTS]).to_batches(max_chunksize=4096):
        for name, *counts in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield name, Tally(*counts)


def folder_of(source: str) -> str:
    """`pages/site/` of `pages/site/1.html`; a source that lies in no folder is its own."""
    return source.rpartition("/")[0] + "/" if "/" in source else source


def _key(kind: str, name: str) -> bytes:
    if kind == "piece":
        kind, name = "source", folder_of(name)
    return f"{kind}\0{name}".encode("utf-8", "surrogatepass")


def _whole_sources(found: pa.Table) -> pa.Table:
    """Pieces, which have met by now, as the sources they are, or as their folder."""
    is_piece = pc.equal(found["kind"], "piece")
    pieces = found.filter(is_piece)
    if not pieces.num_rows:
        return found
    alone = pc.equal(pieces["records_in"], 1).to_pylist()
    names = [
        folder_of(name) if single else name for name, single in zip(pieces["name"].to_pylist(), alone, strict=True)
    ]
    pieces = _renamed(pieces, ["source"] * len(names), names)
    return TALLIES.merged(pa.concat_tables([found.filter(pc.invert(is_piece)), pieces]), DROPPED_SAMPLES)


def _summed(rows: pa.Table, kinds: pa.Array, by: str) -> pa.Table:
    """A tally for each of the names in column `by`."""
    sums = [(name, "sum") for name in COUNTS]
    found = rows.append_column("kind", kinds).group_by(["kind", by], use_threads=False).aggregate(sums)
    columns = {"kind": found["kind"], "name": found[by], **{name: found[f"{name}_sum"] for name in COUNTS}}
    nothing = pa.nulls(found.num_rows, pa.int64())
    return pa.table({**columns, "rank": nothing, "document": nothing}, schema=TALLIES.schema)


def _lost(rows: pa.Table, kind: str, why: pa.ChunkedArray) -> pa.Table:
    """Records that were lost for a reason, a row each, all of them candidates for its sample."""
    lost = why.is_valid()
    rows, why = rows.filter(lost), why.filter(lost)
    columns = {
        "kind": pa.repeat(kind, rows.num_rows),
        "name": pc.binary_join_element_wise(rows["stage"], why, "/"),
        **{name: rows[name] for name in COUNTS},
        "rank": pa.array(hashes(rows["doc_id"])),
        "document": rows["document"],
    }
    return pa.table(columns, schema=TALLIES.schema)


def _renamed(found: pa.Table, kinds: list[str], names: list[str]) -> pa.Table:
    return found.set_column(0, TALLIES.keys[0], pa.array(kinds, pa.string())).set_column(
        1, TALLIES.keys[1], pa.array(names, pa.string())
    )
