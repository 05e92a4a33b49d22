"""Two crawls of pages, some captured more than once, and what tests of runs over them share."""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from adversary import AdversaryEngine
from crawl import article, page, warc_record

from curate.engines import Engine
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import Result, run
from curate.store import Manifest

Row = dict[str, Any]
STAGES: list[Row] = [
    {"use": "urls"},
    {"use": "html_dedup"},
    {"use": "extract", "backend": "resiliparse"},
    {"use": "exact_dedup"},
]
WITHOUT = [table for table in STAGES if table["use"] != "html_dedup"]
BY_URL_FIRST = [STAGES[0], {"use": "url_dedup"}, *STAGES[1:]]
EXTRACT = "extract"


@dataclass(frozen=True)
class Capture:
    """One response: which page, where, on which day of May, stored how."""

    number: int
    url: str
    day: int
    coding: str = ""
    charset: str = "utf-8"

    @property
    def body(self) -> bytes:
        return page(article(self.number), f"Page {self.number}")

    @property
    def record(self) -> bytes:
        body = gzip.compress(self.body, mtime=0) if self.coding == "gzip" else self.body
        kind = "text/html" + (f"; charset={self.charset}" if self.charset else "")
        coding = f"Content-Encoding: {self.coding}\r\n" if self.coding else ""
        http = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{coding}\r\n".encode() + body
        headers = {"WARC-Target-URI": self.url, "WARC-Date": f"2024-05-{self.day:02d}T00:00:00Z",
                   "Content-Type": "application/http; msgtype=response"}  # fmt: skip
        return gzip.compress(warc_record("response", self.number, headers, http), mtime=0)


# Page 1 lies in both crawls, at two addresses, plain and compressed; page 2 is named in two charsets, and once alike in
# another case. Page 4's copies have one address; the last one of page 5 is condemned by its address.
OLD = [Capture(1, "http://a.example/1", 3), Capture(2, "http://a.example/2", 3), Capture(3, "http://a.example/3", 4),
       Capture(1, "http://mirror.example/one", 2, "gzip"), Capture(5, "http://a.example/5", 6)]  # fmt: skip
NEW = [Capture(4, "http://b.example/4", 8), Capture(1, "http://a.example/1", 9), Capture(4, "http://b.example/4", 7),
       Capture(2, "http://a.example/2", 9, charset=""), Capture(2, "http://b.example/2", 9, charset="UTF-8"),
       Capture(5, "http://casino-xxx-porn.example/free-porn-videos", 9)]  # fmt: skip
COPIES = 4  # two of page 1, one of page 2, one of page 4


def write_crawls(folder: Path) -> Path:
    """Two crawls; beside the captures a page without address, its copy, texts that are no pages, and a broken line."""
    for name, captures in (("old", OLD), ("new", NEW)):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.warc.gz").write_bytes(b"".join(capture.record for capture in captures))
        (folder / name / "page.html").write_bytes(page(article(6), "Page 6"))
    lines = [json.dumps({"text": article(7), "url": "http://j.example/7"})] * 2 + ['{"text": "cut']
    (folder / "old" / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def document(crawls: Path, stages: Sequence[Row] = STAGES, **output: Any) -> Row:
    inputs = [{"name": name, "root": str(crawls / name), "crawl": n} for n, name in enumerate(("old", "new"), 1)]
    return {"name": "r", "input": inputs, "stage": list(stages), "output": {"max_failed_ratio": 1.0, **output}}


def run_here(recipe: Row, out: Path, engine: Engine | None = None, progress: Any = None) -> Result:
    return run(compile_plan(parse_recipe(recipe)), out, engine or AdversaryEngine(4), progress or Silent())


def ledger_of(out: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(out / "ledger").to_pylist()
    return rows


@dataclass
class Told:
    """Remembers which parts were done; stops the run at the first, or does something when a step begins."""

    stop: bool = False
    at: str = ""
    act: Callable[[], object] = bool
    done: list[str] = field(default_factory=list)

    def begin(self, step: str, parts: int, done: int) -> None:
        self.step = step
        if self.at and step.endswith(self.at):
            self.act()

    def advance(self, manifest: Manifest) -> None:
        if self.stop:
            raise KeyboardInterrupt
        self.done.append(self.step)

    def note(self, what: str) -> None:
        """Not remembered."""
