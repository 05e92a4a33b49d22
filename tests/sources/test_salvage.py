"""Damaged archives: nothing behind the damage is lost, and the damage is on record."""

import gzip
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curate.sources import _FOREIGN, Input, Limits, Piece, list_files, read, split

PAGES = 10


def page(number: int, padding: int = 200) -> bytes:
    return b"<html><p>page %d %s</p></html>" % (number, b"x" * padding)


def record(number: int, body: bytes | None = None, fields: bytes = b"", wrong_by: int = 0) -> bytes:
    """A WARC response; wrong_by is added to its Content-Length."""
    body = page(number) if body is None else body
    message = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n%s\r\n%s" % (fields, body)
    return (
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://x/%d\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        b"Content-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n"
    ) % (number, len(message) + wrong_by, message)


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


RECORDS = [record(number) for number in range(PAGES)]
MEMBERS = [packed(data) for data in RECORDS]


def rows_of(data: bytes, name: str = "a.warc", part_bytes: int | None = None) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        (file,) = list_files([Input("t", folder)])
        pieces = split(file, part_bytes, Path(folder) / "spill") if part_bytes else [Piece(file)]
        return [r for p in pieces for b in read(p, Limits(), lambda key, n: None) for r in b.to_pylist()]


def seen(rows: list[dict[str, Any]]) -> list[object]:
    """Page numbers of the good rows and errors of the others, in order; ids must be unique."""
    assert len({row["doc_id"] for row in rows}) == len(rows)
    return [row["error"] or int(row["url"].rpartition("/")[2]) for row in rows]


def with_fourth(replacement: object) -> list[object]:
    return [*range(4), replacement, *range(5, PAGES)]


DAMAGED_MEMBER = MEMBERS[4][:40] + b"\xff" * 20 + MEMBERS[4][60:]
WRONG_CHECKSUM = MEMBERS[4][:-8] + b"\0\0\0\0" + MEMBERS[4][-4:]


@pytest.mark.parametrize("member", [DAMAGED_MEMBER, WRONG_CHECKSUM, MEMBERS[4][:100]])
def test_a_damaged_member_costs_one_record(member: bytes) -> None:
    rows = rows_of(b"".join((*MEMBERS[:4], member, *MEMBERS[5:])))
    assert seen(rows) == with_fourth("malformed_record: corrupt_member")


@pytest.mark.parametrize("wrong_by", [-50, -1, 1, 100, 10**6, 10**21])
@pytest.mark.parametrize("pack", [bytes, packed])
def test_a_wrong_length_costs_nothing(wrong_by: int, pack: Callable[[bytes], bytes]) -> None:
    """The content goes to the next record, or to the end of the gzip member, whatever the header says."""
    odd = record(4, wrong_by=wrong_by)
    rows = rows_of(b"".join(pack(data) for data in (*RECORDS[:4], odd, *RECORDS[5:])))
    assert seen(rows) == list(range(PAGES))
    if wrong_by > 0 or pack is bytes:
        assert rows[4]["html"].rstrip(b"\r\n") == page(4)
    assert [row["html"] for row in rows[5:]] == [page(number) for number in range(5, PAGES)]


@pytest.mark.parametrize("pack", [bytes, packed])
def test_rubbish_between_records_is_one_row(pack: Callable[[bytes], bytes]) -> None:
    pieces = [pack(data) for data in RECORDS]
    rows = rows_of(b"".join((*pieces[:4], b"no record\r\nat all\r\n", *pieces[4:])))
    error = "malformed_record: no_header" if pack is bytes else "malformed_record: between_records"
    assert seen(rows) == [*range(4), error, *range(4, PAGES)]


def test_padding_between_members_is_nothing() -> None:
    assert seen(rows_of(MEMBERS[0] + b"\0" * 5000 + MEMBERS[1] + b"\0" * 70_000 + MEMBERS[2] + b"\0\0")) == [0, 1, 2]


def test_members_with_several_records_keep_all_of_them() -> None:
    rows = rows_of(MEMBERS[0] + packed(b"".join(RECORDS[1:4])) + MEMBERS[4] + packed(b"".join(RECORDS[5:])))
    assert seen(rows) == list(range(PAGES))
    start = len(MEMBERS[0])
    assert [row["offset"] for row in rows[1:4]] == [start, start + 1, start + 2]
    assert {row["warc"]["offset"] for row in rows[1:4]} == {start}


def test_one_stream_in_several_members_has_offsets_of_its_content() -> None:
    rows = rows_of(packed(b"".join(RECORDS[:5])) + packed(b"".join(RECORDS[5:])))
    assert seen(rows) == list(range(PAGES))
    assert [row["offset"] for row in rows] == [sum(map(len, RECORDS[:number])) for number in range(PAGES)]
    assert {row["warc"]["length"] for row in rows} == {len(RECORDS[0])}


def test_old_versions_with_bare_line_feeds() -> None:
    old = []
    for data in RECORDS:
        head, rest = data.split(b"\r\n\r\n", 1)
        old.append(head.replace(b"WARC/1.0", b"WARC/0.18").replace(b"\r\n", b"\n") + b"\n\n" + rest)
    assert seen(rows_of(b"".join(old))) == list(range(PAGES))


def test_a_record_over_two_members_is_read() -> None:
    head, body = RECORDS[1][:300], RECORDS[1][300:]
    rows = rows_of(MEMBERS[0] + packed(head) + packed(body) + MEMBERS[2])
    assert seen(rows) == [0, 1, 2]
    assert rows[1]["html"] == page(1)


def test_an_endless_header_is_passed_over() -> None:
    rows = rows_of(RECORDS[0] + b"WARC/1.0\r\nX: " + b"a" * 200_000 + b"\r\n\r\n" + RECORDS[1])
    assert seen(rows) == [0, "malformed_record: no_header", 1]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_payload_that_inflates_without_end_is_too_large(coding: str) -> None:
    compress = {"gzip": packed, "br": lambda data: brotli.compress(data, quality=1), "zstd": zstandard.compress}
    bomb = compress[coding](b"\0" * (100 << 20))
    (row,) = rows_of(record(0, bomb, f"Content-Encoding: {coding}\r\n".encode()))
    assert (row["reason"], row["html"]) == ("too_large", None)
    assert row["score"] > row["threshold"] == Limits().max_record_bytes


@pytest.mark.parametrize("pack", [packed, zstandard.compress])
def test_a_member_that_inflates_without_end_is_too_large(pack: Callable[[bytes], bytes]) -> None:
    rows = rows_of(pack(record(0, b"\0" * (100 << 20))) + pack(RECORDS[1]))
    assert [row["reason"] for row in rows] == ["too_large", None]


@given(st.data())
def test_any_damage_leaves_the_rest_readable(data: st.DataObject) -> None:
    """Overwrite a stretch of a chain: every member that it does not touch is read, and nothing raises.

    Unless the file now begins as another container does: then it is taken for one, and is one failed record.
    """
    chain = b"".join(MEMBERS)
    start = data.draw(st.integers(0, len(chain) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=300))
    damaged = chain[:start] + noise + chain[start + len(noise) :]
    rows = rows_of(damaged[: len(chain)])
    if damaged.startswith(_FOREIGN):
        assert [row["error"] for row in rows] == ["unsupported_format"]
        return
    edges = [sum(map(len, MEMBERS[:number])) for number in range(PAGES + 1)]
    intact = [n for n in range(PAGES) if edges[n + 1] <= start or edges[n] >= start + len(noise)]
    good = {int(row["url"].rpartition("/")[2]): row["html"] for row in rows if not row["error"] and row["url"]}
    assert {number: page(number) for number in intact}.items() <= good.items()


@given(st.binary(max_size=2000), st.sampled_from(["a.warc", "a.arc", "a.jsonl", "a.parquet", "a.html", "a.txt", "a"]))
def test_bytes_without_meaning_raise_nothing(noise: bytes, name: str) -> None:
    for data in (noise, b"WARC/1.0\r\n" + noise, packed(noise), packed(noise)[:-3], b"\x28\xb5\x2f\xfd" + noise):
        for row in rows_of(data, name):
            assert row["verdict"] is None or row["reason"] or row["error"]


@given(st.lists(st.sampled_from([*range(PAGES), -1, -2]), max_size=12))
def test_damaged_files_split_as_they_read(order: list[int]) -> None:
    """Members in any order with damaged ones among them: pieces give what the whole gives."""
    odd = {-1: DAMAGED_MEMBER, -2: b"rubbish\r\n"}
    data = b"".join(odd[n] if n < 0 else MEMBERS[n] for n in order)
    assert rows_of(data, part_bytes=1024) == rows_of(data)


def test_names_that_are_not_utf8_or_look_like_globs(tmp_path: Path) -> None:
    (tmp_path / "x[1].warc").write_bytes(RECORDS[0])
    with open(os.fsencode(tmp_path) + b"/\xff.warc", "wb") as out:
        out.write(RECORDS[1])
    files = list_files([Input("t", str(tmp_path)), Input("u", str(tmp_path), ("x[1].warc",))])
    assert [file.source for file in files] == ["t/\\xff.warc", "t/x[1].warc", "u/x[1].warc"]
    rows = [r for f in files for b in read(Piece(f), Limits(), lambda key, n: None) for r in b.to_pylist()]
    assert [row["url"] for row in rows] == ["http://x/1", "http://x/0", "http://x/0"]


def test_files_without_an_ending_are_known_by_their_first_bytes() -> None:
    assert seen(rows_of(b"".join(MEMBERS[:2]), "crawl-0001")) == [0, 1]
    assert [row["error"] for row in rows_of(b"something else", "README")] == ["unsupported_format"]


def test_remote_archives_read_and_split_as_local_ones() -> None:
    import fsspec

    data = b"".join((*MEMBERS[:4], DAMAGED_MEMBER, *MEMBERS[5:]))
    fsspec.filesystem("memory").pipe("/crawl/a.warc.gz", data)
    (file,) = list_files([Input("t", "memory://crawl")])
    with tempfile.TemporaryDirectory() as spill:
        pieces = split(file, 500, Path(spill))
    rows = [r for p in pieces for b in read(p, Limits(), lambda key, n: None) for r in b.to_pylist()]
    assert len(pieces) > 2
    assert rows == rows_of(data, "a.warc.gz")
