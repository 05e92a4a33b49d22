"""Files: what an input means, and that names and ids depend on nothing but the input."""

import gzip
import json
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curate.errors import RecipeError
from curate.schema import doc_id
from curate.sources import Input, Limits, Piece, group, input_from_path, list_files, read, split


def rows_of(item: Input, part_bytes: int | None = None, spill: Path | None = None) -> list[dict[str, Any]]:
    found = []
    for file in list_files([item]):
        for piece in split(file, part_bytes, spill) if part_bytes and spill else [Piece(file)]:
            found += [r for b in read(piece, Limits(max_record_bytes=5000), lambda key, n: None) for r in b.to_pylist()]
    return found


def test_input_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "a.warc").write_bytes(b"")
    folder = input_from_path(str(tmp_path / "crawl"))
    assert (folder.name, folder.root, folder.paths) == ("crawl", str(tmp_path / "crawl"), ())
    one = input_from_path(str(tmp_path / "crawl" / "a.warc"))
    assert (one.name, one.root, one.paths) == ("crawl", str(tmp_path / "crawl"), ("a.warc",))
    some = input_from_path(str(tmp_path / "crawl" / "*.warc"))
    assert (some.name, some.root, some.paths) == ("crawl", str(tmp_path / "crawl"), ("*.warc",))
    remote = input_from_path("s3://bucket/2024/*.warc.gz")
    assert (remote.name, remote.root, remote.paths) == ("2024", "s3://bucket/2024", ("*.warc.gz",))


def test_bad_inputs_say_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.txt").write_text("secret")
    (tmp_path / "in" / "a.txt").write_text("a")
    with pytest.raises(RecipeError, match=r"there is no 'b\.txt'"):
        list_files([Input("i", str(tmp_path / "in"), ("b.txt",))])
    with pytest.raises(RecipeError, match=r"nothing matches '\*.warc'"):
        list_files([Input("i", str(tmp_path / "in"), ("*.warc",))])
    with pytest.raises(RecipeError, match="outside its root"):
        list_files([Input("i", str(tmp_path / "in"), ("../out.txt",))])
    with pytest.raises(RecipeError, match=r"'i/a\.txt' is given twice"):
        list_files([Input("i", str(tmp_path / "in")), Input("i", str(tmp_path / "in"))])


def test_jsonl_in_every_compression_and_split(tmp_path: Path) -> None:
    lines = [json.dumps({"content": f"text {n} é", "uri": f"http://x/{n}"}, ensure_ascii=False) for n in range(50)]
    lines[7], lines[9], lines[11] = "{broken", '["a list"]', '{"other": 1}'
    lines[13] = json.dumps({"text": "x" * 6000})
    data = ("\n".join(lines) + "\n").encode()
    for name, stored in (
        ("a.jsonl", data),
        ("b.jsonl.gz", gzip.compress(data)),
        ("c.jsonl.zst", zstandard.compress(data)),
    ):
        (tmp_path / name).write_bytes(stored)
        item = Input("i", str(tmp_path), (name,))
        whole = rows_of(item)
        assert len(whole) == 50
        assert [whole[n]["error"] for n in (7, 9, 11)] == ["bad_json", "bad_json: not an object", "missing_text"]
        assert (whole[13]["reason"], whole[13]["score"]) == ("too_large", 6013.0)
        assert whole[3]["text"] == "text 3 é"
        assert whole[3]["doc_id"] == doc_id(f"i/{name}", data.index(b"{", data.index(b"http://x/2")))
        assert rows_of(item, 400, tmp_path / "spill") == whole
        (tmp_path / name).write_bytes(stored[: len(stored) // 2])
        if name != "a.jsonl":
            assert [row["error"] for row in rows_of(item)].count("truncated") == 1
        (tmp_path / name).unlink()


def test_parquet_rows_and_row_groups(tmp_path: Path) -> None:
    table = pa.table({"body": [f"text {n}" for n in range(100)], "n": range(100)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=9)
    item = Input("i", str(tmp_path), ("a.parquet",), columns={"text": "body"})
    whole = rows_of(item)
    assert [row["text"] for row in whole] == table["body"].to_pylist()
    assert [row["offset"] for row in whole] == list(range(100))
    assert rows_of(item, 200, tmp_path / "spill") == whole
    assert [row["error"] for row in rows_of(Input("i", str(tmp_path), ("a.parquet",)))] == ["missing_text"] * 100
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    assert [row["error"].partition(":")[0] for row in rows_of(Input("i", str(tmp_path), ("bad.parquet",)))] == [
        "unreadable"
    ]


def test_whole_files(tmp_path: Path) -> None:
    (tmp_path / "a.html.gz").write_bytes(gzip.compress("<p>é</p>".encode("latin-1")))
    (tmp_path / "b.txt").write_bytes("中文文本".encode("gb18030") * 20)
    (tmp_path / "c.txt").write_bytes(b"")
    (tmp_path / "d.htm").write_bytes(b"<p>" + b"x" * 6000)
    a, b, c, d = rows_of(Input("i", str(tmp_path)))
    assert a["html"] == b"<p>\xe9</p>"
    assert b["text"] == "中文文本" * 20
    assert c["reason"] == "empty"
    assert (d["reason"], d["threshold"]) == ("too_large", 5000.0)


def test_remote_files_have_the_same_ids(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/deep/a.jsonl", b'{"text": "one"}\n{"text": "two"}\n')
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.jsonl").write_bytes(b'{"text": "one"}\n{"text": "two"}\n')
    remote = rows_of(Input("i", "memory://bucket", ("deep/*.jsonl",)))
    assert remote == rows_of(Input("i", str(tmp_path), ("deep/*.jsonl",)))
    assert [row["text"] for row in remote] == ["one", "two"]


def test_parts_are_consecutive_and_of_about_the_wanted_size(tmp_path: Path) -> None:
    for n in range(10):
        (tmp_path / f"{n}.txt").write_bytes(b"x" * 1000)
    files = list_files([Input("i", str(tmp_path))])
    parts = group([piece for file in files for piece in split(file, 2500, tmp_path)], 2500)
    assert [len(part) for part in parts] == [2, 2, 2, 2, 2]
    assert [piece.file.source for part in parts for piece in part] == [f"i/{n}.txt" for n in range(10)]
