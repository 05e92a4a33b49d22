"""Archives: every record one row, whatever is wrong with the file; FastWARC and the splits against warcio."""

import gzip
import io
import json
import tempfile
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import zstandard
from crawl import warc_bytes
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from curate.sources import Input, Limits, Piece, list_files, read, split

WANTED = {"response", "resource", "conversion", "revisit"}


def rows_of(path: Path, part_bytes: int | None = None, limits: Limits | None = None) -> list[dict[str, Any]]:
    """All rows of one file, whole or split, in order."""
    (file,) = list_files([Input("t", str(path.parent), (path.name,))])
    pieces = split(file, part_bytes, path.parent / "spill") if part_bytes else [Piece(file)]
    return [
        row
        for piece in pieces
        for batch in read(piece, limits or Limits(), lambda key, n: None)
        for row in batch.to_pylist()
    ]


def write(folder: Path, data: bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_every_real_file_gives_one_row_a_record(shared_data: Path) -> None:
    root = shared_data / "warc"
    files = {
        file.source.partition("/")[2]: file for file in list_files([Input("w", str(root), ("crawls", "edge_cases"))])
    }
    wrong = []
    for line in (root / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        rows = [r for b in read(Piece(files[entry["file"]]), Limits(), lambda key, n: None) for r in b.to_pylist()]
        assert len({row["doc_id"] for row in rows}) == len(rows)
        expected = sum(n for kind, n in entry["records"].items() if kind.strip().lower() in WANTED)
        if entry["warcio_error"] is None and len(rows) != expected:
            wrong.append((entry["file"], expected, len(rows)))
    assert wrong == []


def test_payloads_equal_warcios(shared_data: Path) -> None:
    checked = 0
    for path in sorted((shared_data / "warc" / "crawls").glob("*.warc.gz"))[:30]:
        ours = {row["offset"]: row for row in rows_of(path) if row["html"]}
        with path.open("rb") as stream:
            archive = ArchiveIterator(stream)
            for record in archive:
                payload = record.content_stream().read()
                row = ours.get(archive.get_record_offset())
                if row and "zstd" not in str(record.http_headers):
                    assert row["html"] == payload
                    assert row["warc"]["length"] == archive.get_record_length()
                    checked += 1
    assert checked > 200


@pytest.mark.parametrize("layout", ["per_record", "one_member", "plain", "zstd_frames", "zstd_one"])
def test_layouts_hold_the_same_records(layout: str, tmp_path: Path) -> None:
    chain, plain = warc_bytes(), warc_bytes(compressed=False)
    data, name = {
        "per_record": (chain, "a.warc.gz"),
        "one_member": (gzip.compress(plain, mtime=0), "a.warc.gz"),
        "plain": (plain, "a.warc"),
        "zstd_frames": (b"".join(zstandard.compress(gzip.decompress(m)) for m in members(chain)), "a.warc.zst"),
        "zstd_one": (zstandard.compress(plain), "a.warc.zst"),
    }[layout]
    expected = [
        (row["url"], row["html"], row["reason"]) for row in rows_of(write(tmp_path, chain, "reference.warc.gz"))
    ]
    path = write(tmp_path, data, name)
    assert [(row["url"], row["html"], row["reason"]) for row in rows_of(path)] == expected
    assert rows_of(path, part_bytes=4000) == rows_of(path)
    offsets = [row["offset"] for row in rows_of(path)]
    if layout in ("one_member", "zstd_one", "plain"):
        assert all(plain[offset:].startswith(b"WARC/1.0") for offset in offsets)
    else:
        assert all(data[offset:].startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")) for offset in offsets)


def members(chain: bytes) -> list[bytes]:
    """The gzip members of a chain, by warcio's offsets."""
    archive = ArchiveIterator(io.BytesIO(chain))
    spans = []
    for record in archive:
        record.content_stream().read()
        spans.append((archive.get_record_offset(), archive.get_record_length()))
    return [chain[offset : offset + length] for offset, length in spans]


CHAIN, PLAIN = warc_bytes(), warc_bytes(compressed=False)


WHOLE_FILES = {"chain": CHAIN, "plain": PLAIN, "one_member": gzip.compress(PLAIN, mtime=0),
               "zstd": zstandard.compress(PLAIN)}  # fmt: skip


@given(st.sampled_from(sorted(WHOLE_FILES)), st.floats(0, 1, exclude_max=True))
def test_a_cut_file_gives_what_lies_before_the_cut(layout: str, share: float) -> None:
    data = WHOLE_FILES[layout]
    cut = data[: max(4, int(len(data) * share))]  # fewer bytes do not even tell the compression
    with tempfile.TemporaryDirectory() as folder:
        whole = rows_of(write(Path(folder), data, "a.warc"))
        rows = rows_of(write(Path(folder), cut, "a.warc"))
    good, lost = [r for r in rows if r["error"] != "truncated"], [r for r in rows if r["error"] == "truncated"]
    # the last record before a cut may be without the padding behind it, so its length is left out
    assert [(r["doc_id"], r["html"], r["reason"]) for r in good] == [
        (r["doc_id"], r["html"], r["reason"]) for r in whole[: len(good)]
    ]
    assert lost == rows[len(good) :]
    assert len(lost) <= 1
    rest = data[len(cut) :]
    between = (
        not rest.strip() or rest.lstrip().startswith(b"WARC/") if layout == "plain" else rest[:3] == b"\x1f\x8b\x08"
    )
    first_record_is_cut = not whole_records(cut) if layout == "plain" else len(cut) < 400
    if not lost:
        assert between or first_record_is_cut
    elif layout == "plain":
        assert not between


def whole_records(data: bytes) -> int:
    return data.count(b"\r\n\r\nWARC/1.0")


def content_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """What must not depend on where a file was cut."""
    payload = (row["html"] or b"") + (row["text"] or "").encode()
    place = row["warc"] and (row["warc"]["offset"], row["warc"]["length"])
    return row["doc_id"], row["offset"], place, row["reason"], row["error"], sha256(payload).hexdigest()


def test_split_equals_whole_on_real_files(shared_data: Path, tmp_path: Path) -> None:
    inputs = [Input("w", str(shared_data / "warc"), ("crawls", "edge_cases"))]
    inputs.append(Input("g", str(shared_data / "gold"), ("small-dev.warc.gz",)))
    cut = 0
    for number, file in enumerate(list_files(inputs)):
        pieces = split(file, 1 << 16, tmp_path / str(number))
        cut += len(pieces) > 1
        whole = [content_of(r) for b in read(Piece(file), Limits(), lambda key, n: None) for r in b.to_pylist()]
        parts = [content_of(r) for p in pieces for b in read(p, Limits(), lambda key, n: None) for r in b.to_pylist()]
        assert parts == whole, file.source
        assert not any(row[4] and row[4].startswith("unreadable") for row in whole)
    assert cut > 60


def test_verdicts_of_the_reader(tmp_path: Path) -> None:
    sizes = sorted(len(row["html"]) for row in rows_of(write(tmp_path, CHAIN, "a.warc.gz")) if row["html"])
    limit = sizes[len(sizes) // 2]
    rows = rows_of(tmp_path / "a.warc.gz", limits=Limits(max_record_bytes=limit))
    reasons = Counter(row["reason"] for row in rows if row["verdict"] == "dropped")
    assert reasons["http_status"] == 1
    assert reasons["content_type"] == 1
    assert reasons["empty"] == 1
    large = next(row for row in rows if row["reason"] == "too_large")
    assert large["score"] > large["threshold"] == limit
    assert large["html"] is None


def test_odd_files_are_one_failed_row(tmp_path: Path) -> None:
    lz4 = rows_of(write(tmp_path, b"\x04\x22\x4d\x18....", "a.warc"))
    zipped = rows_of(write(tmp_path, b"PK\x03\x04....", "b.wacz"))
    assert [row["error"] for row in (*lz4, *zipped)] == ["unsupported_format", "unsupported_format"]
    garbage = rows_of(write(tmp_path, b"no archive at all\r\n" * 50, "c.warc"))
    assert [row["error"] for row in garbage] == ["malformed_record: no_header"]


def arc(*records: tuple[int, bytes]) -> bytes:
    """An ARC file of pages with the length that each states and what lies behind it."""
    version = b"1 0 maker\nURL IP-address Archive-date Content-type Archive-length\n"
    made = b"filedesc://a.arc 127.0.0.1 20240101000000 text/plain %d\n%s\n" % (len(version), version)
    for number, (length, content) in enumerate(records):
        made += b"http://x/%d 127.0.0.1 20240101000000 text/html %d\n%s\n" % (number, length, content)
    return made


def test_damage_in_an_arc_is_on_record_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>one</p>\nmore of it\nand more\n"
    size = len(page)
    rubbish, arc_ends = "malformed_record: between_records", "malformed_record: arc"
    for data, expected in (
        (arc((size, page), (size, page)), [0, 1]),
        (arc((size, page + b"rubbish\n"), (size, page)), [0, rubbish, 1]),
        (arc((size, page), (size, page + b"rubbish\n")), [0, 1, rubbish]),
        (arc((size, page), (size - 20, page), (size, page)), [0, 1, rubbish, arc_ends]),
    ):
        rows = rows_of(write(tmp_path, data, "a.arc"))
        assert [row["error"] or int(row["url"][-1]) for row in rows] == expected
        assert len({row["doc_id"] for row in rows}) == len(rows)
    assert capfd.readouterr() == ("", "")
