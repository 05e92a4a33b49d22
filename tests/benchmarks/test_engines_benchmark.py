"""Slices of archives that hold every record once, and what the benchmark of engines refuses."""

from io import BytesIO
from pathlib import Path

import pytest
from engines import Measured, check, cut, disjoint, first_page
from harness import Watched
from warcio.archiveiterator import ArchiveIterator
from warcio.warcwriter import WARCWriter


def archive(path: Path, pages: range) -> Path:
    with path.open("wb") as file:
        writer = WARCWriter(file)
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "made"}))
        for page in pages:
            url, content = f"https://made.example/{page}", BytesIO(b"x" * page)
            writer.write_record(writer.create_warc_record(url, "resource", content, length=page))
    return path


def urls(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [record.rec_headers.get_header("WARC-Target-URI") for record in ArchiveIterator(file)]


def test_slices_hold_every_page_once_and_nothing_else(tmp_path: Path) -> None:
    made = [archive(tmp_path / "a.warc.gz", range(5)), archive(tmp_path / "b.warc.gz", range(5, 11))]
    slices = cut(made, 3, tmp_path / "slices")
    assert [len(urls(path)) for path in slices] == [3, 4, 4]
    assert [url for path in slices for url in urls(path)] == [f"https://made.example/{page}" for page in range(11)]
    assert urls(first_page(slices[1], tmp_path / "one.warc.gz")) == ["https://made.example/3"]


def test_sizes_share_slices_only_where_there_are_not_enough() -> None:
    slices = [Path(str(number)) for number in range(10)]
    assert disjoint(slices, [1, 3, 10]) == {1: slices[:1], 3: slices[1:4], 10: slices}


def test_runs_of_one_size_that_differ_are_an_error() -> None:
    runs = [Measured(Watched(1.0, 1, 1, 1), 7, 0, digest) for digest in ("a", "b")]
    check({(1, "local"): runs[:1], (3, "ray"): runs[1:]})
    with pytest.raises(ValueError, match=r"1 ×: 2 digests of one input: \['a', 'b'\]"):
        check({(1, "local"): runs[:1], (1, "ray"): runs[1:]})
