"""Paragraphs of sites: on how many pages of its host each line stands.

    exchange "pages"        by host: how many pages it has up to each crawl
    exchange "hosts"        those numbers to the parts that have documents of the host
    exchange "paragraphs"   by host and coarse form: on how many of its pages a paragraph stands
    exchange "spans"        to the part of the document: all its spans together

Cost: 50 bytes a page and 76 bytes a line of at least `min_words` words cross exchanges; a bucket, and so all copies of
one host's most frequent line, is held in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.candidates import SLICE_BYTES, text_slices
from curate.dedup.index import range_buckets
from curate.dedup.repeated import paragraph_keys
from curate.dedup.rows import (
    Int32s,
    Int64s,
    addresses,
    batches_of,
    binary,
    lookup,
    numbers,
    octets,
    one_chunk,
    sortable,
    starts_of,
    table_of,
)
from curate.dedup.spans import SPANS, bring_home
from curate.stages.url_parts import host_of, page_key
from curate.store import Dataset, View
from curate.text.brief import brief
from curate.text.paragraphs import paragraphs
from curate.wide import BUCKET, Steps, bucket_count

Uint64s = npt.NDArray[np.uint64]

_KEY_BYTES = 16
_PAGE_ROW_BYTES = 32
_LAST = np.iinfo(np.int32).max  # documents without a crawl number come after all others

_COUNTED = [
    BUCKET,
    pa.field("key", pa.binary(), nullable=False),
    pa.field("crawl", pa.int32(), nullable=False),
]
PAGE_ROWS = pa.schema(
    [*_COUNTED, pa.field("page", pa.int64(), nullable=False), pa.field("part", pa.int32(), nullable=False)]
)
HOST_ROWS = pa.schema([*_COUNTED, pa.field("pages", pa.int64(), nullable=False)])
HOSTS = pa.schema([HOST_ROWS.field(name) for name in ("key", "crawl", "pages")])
PART_HOSTS = pa.schema([*HOSTS, PAGE_ROWS.field("part")])
PARAGRAPH_ROWS = pa.schema([*_COUNTED, PAGE_ROWS.field("page"), HOST_ROWS.field("pages"), *SPANS])


@dataclass(frozen=True)
class Boilerplate:
    """On how many pages of its host and on what share of them a paragraph of how many words must stand."""

    min_pages: int
    min_share: float
    min_words: int


def site_paragraphs(steps: Steps, what: Boilerplate, column: str) -> Dataset:
    """HOME rows with the spans of every document that has such a paragraph, in `column`."""
    buckets = bucket_count(steps.rows * _PAGE_ROW_BYTES)
    counted = steps.exchange(
        "pages", EmitPages(steps.view, buckets), CountPages(),
        inputs=steps.parts, schema=PAGE_ROWS, out=PART_HOSTS, buckets=buckets,
    )  # fmt: skip
    hosts = steps.exchange(
        "hosts", EmitHosts(counted), ListHosts(),
        inputs=counted.parts, schema=HOST_ROWS, out=HOSTS, buckets=steps.parts,
    )  # fmt: skip
    buckets = bucket_count(steps.view.stored_bytes("text"))  # compressed text is about as long as its rows
    repeats = steps.exchange(
        "paragraphs", EmitParagraphs(steps.view, hosts, what.min_words, buckets), FindBoilerplate(what),
        inputs=steps.parts, schema=PARAGRAPH_ROWS, out=SPANS, buckets=buckets,
    )  # fmt: skip
    return bring_home(steps, repeats, column)


@dataclass(frozen=True)
class EmitPages:
    """One row a document that has a host."""

    view: View
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """PAGE_ROWS of a part."""
        for table in self.view.undecided_slices(part, ["url", "crawl"]):
            keys, pages, known = _sites(table["url"])
            columns = [_buckets(keys, self.buckets), _binary(keys), crawls(table["crawl"])[known], pages]
            yield from batches_of([*columns, np.full(len(pages), part, np.int32)], PAGE_ROWS)


@dataclass(frozen=True)
class CountPages:
    """The pages that every host has up to each crawl, once for each part that asks."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """PART_HOSTS, sorted by key, crawl and part."""
        table = table_of(rows, PAGE_ROWS)
        keys = sortable(octets(table["key"], _KEY_BYTES))
        pages = pages_up_to(keys, numbers(table["crawl"]), numbers(table["page"]))
        names = ["key", "crawl", "part"]
        counted = table.append_column("pages", pa.array(pages)).group_by(names).aggregate([("pages", "max")])
        counted = counted.rename_columns([*names, "pages"]).sort_by([(name, "ascending") for name in names])
        yield from batches_of(counted.select(PART_HOSTS.names).columns, PART_HOSTS)


@dataclass(frozen=True)
class EmitHosts:
    """Hosts on their way to the parts that asked."""

    counted: Dataset

    def __call__(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """HOST_ROWS of one bucket."""
        for batch in self.counted.batches(bucket, PART_HOSTS.names):
            yield from batches_of([batch["part"], *(batch[name] for name in HOSTS.names)], HOST_ROWS)


@dataclass(frozen=True)
class ListHosts:
    """All hosts of a part together."""

    def __call__(self, part: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """HOSTS, sorted by key and crawl."""
        table = table_of(rows, HOST_ROWS)
        yield from batches_of(table.sort_by([("key", "ascending"), ("crawl", "ascending")]).columns, HOSTS)


@dataclass(frozen=True)
class EmitParagraphs:
    """One row for every line of enough words."""

    view: View
    hosts: Dataset
    min_words: int
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """PARAGRAPH_ROWS of a part."""
        known = self.hosts.table(part, HOSTS.names)
        for table in self.view.undecided_slices(part, ["url", "crawl", "text"]):
            for documents in text_slices(table, SLICE_BYTES):
                yield from batches_of(self._columns(part, documents, known), PARAGRAPH_ROWS)

    def _columns(self, part: int, documents: pa.Table, known: pa.Table) -> list[Any]:
        hosts, pages, mask = _sites(documents["url"])
        documents = documents.filter(pa.array(mask))
        crawl = crawls(documents["crawl"])
        place = lookup(_host_crawl(octets(known["key"], _KEY_BYTES), numbers(known["crawl"])),
                       _host_crawl(_octets(hosts), crawl))  # fmt: skip
        total = numbers(known["pages"])[place]
        found = paragraphs(one_chunk(documents["text"]))
        chosen = np.flatnonzero(brief(found.lines).words >= self.min_words)
        text = found.texts[chosen]
        keys = paragraph_keys(found.lines.take(pa.array(chosen))) ^ hosts[text]
        start, stop = found.spans()
        at = addresses(part, numbers(documents["row"]))[text]
        columns = [_buckets(keys, self.buckets), _binary(keys), crawl[text], pages[text], total[text]]
        return [*columns, at, start[chosen], stop[chosen]]


@dataclass(frozen=True)
class FindBoilerplate:
    """The paragraphs that enough pages of their host have."""

    what: Boilerplate

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """SPANS, sorted by document and place."""
        table = table_of(rows, PARAGRAPH_ROWS)
        keys = sortable(octets(table["key"], _KEY_BYTES))
        count = pages_up_to(keys, numbers(table["crawl"]), numbers(table["page"]))
        share = Fraction(str(self.what.min_share))
        enough = (count >= self.what.min_pages) & (
            count * share.denominator >= numbers(table["pages"]) * share.numerator
        )
        found = table.select(SPANS.names).filter(pa.array(enough))
        yield from batches_of(found.sort_by([("document", "ascending"), ("start", "ascending")]).columns, SPANS)


def pages_up_to(keys: npt.NDArray[Any], crawl: Int32s, page: Int64s) -> Int64s:
    """int64[n]: how many different pages of a row's key there are in crawls up to its own."""
    sorting = np.lexsort((crawl, page, keys))
    group = np.empty(len(keys), np.int64)
    starts = np.zeros(len(keys), np.bool_)
    starts[starts_of(keys[sorting])] = True
    group[sorting] = np.cumsum(starts) - 1
    first = starts.copy()
    first[starts_of(page[sorting])] = True
    moment = group << 32 | crawl.astype(np.int64) + (1 << 31)
    firsts = np.sort(moment[sorting[first]])
    return np.searchsorted(firsts, moment, "right") - np.searchsorted(firsts, group << 32, "left")


def crawls(column: pa.ChunkedArray) -> Int32s:
    """int32[n]: crawl numbers."""
    return numbers(pc.fill_null(one_chunk(column), _LAST)).astype(np.int32)


def _sites(urls: pa.ChunkedArray) -> tuple[Uint64s, Int64s, npt.NDArray[np.bool_]]:
    """(uint64[k, 2], hashes of hosts; int64[k], hashes of pages; bool[n], which n documents the k with a host are)."""
    named = [(host_of(url), url) if url else ("", "") for url in urls.to_pylist()]
    known = np.array([bool(host) for host, _ in named], np.bool_)
    hosts = b"".join(_digest(host, _KEY_BYTES) for host, _ in named if host)
    pages = b"".join(_digest(page_key(url), 8) for host, url in named if host)
    return np.frombuffer(hosts, ">u8").reshape(-1, 2).astype(np.uint64), np.frombuffer(pages, "<i8"), known


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _octets(keys: Uint64s) -> npt.NDArray[np.uint8]:
    return keys.astype(">u8").view(np.uint8).reshape(-1, _KEY_BYTES)


def _binary(keys: Uint64s) -> pa.BinaryArray:
    return binary(_octets(keys))


def _buckets(keys: Uint64s, buckets: int) -> Int32s:
    return range_buckets(keys[:, 0], buckets)


def _host_crawl(hosts: npt.NDArray[np.uint8], crawl: Int32s) -> npt.NDArray[np.bytes_]:
    """A comparable value for each pair, in the order of key and crawl."""
    last = (crawl.astype(np.int64) + (1 << 31)).astype(">u4").view(np.uint8).reshape(-1, 4)
    return sortable(np.concatenate((hosts, last), axis=1))
