"""Files appear whole or not at all, and steps of a part stay aligned."""

import errno
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import store
from curate.errors import EngineError, LockError
from curate.lock import lock
from curate.schema import VERDICT
from curate.store import Dataset, Draft, Fence, Layer, View, atomic_file, file_sha256, write_text

SCHEMA = pa.schema([("n", pa.int32())])


def batch(*numbers: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": list(numbers)}, SCHEMA)


def with_verdicts(columns: dict[str, list[object]], verdicts: list[str | None]) -> pa.RecordBatch:
    n = len(verdicts)
    arrays = {name: pa.array(values) for name, values in columns.items()}
    arrays |= {name: pa.nulls(n, VERDICT.field(name).type) for name in VERDICT.names}
    arrays["verdict"] = pa.array(["dropped" if v else None for v in verdicts], pa.string())
    arrays["reason"] = pa.array(verdicts, pa.string())
    return pa.record_batch(list(arrays.values()), names=list(arrays))


def test_publishing_writes_data_then_manifest(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), 2)
    draft = Draft("f")
    draft.count("kept", 3)
    done = dataset.publish(1, SCHEMA, [batch(1, 2), batch(3)], draft)
    assert (done.rows, done.counts) == (3, {"kept": 3})
    assert done.sha256 == file_sha256(dataset.path(1))
    assert list(dataset.manifests()) == [done]
    assert dataset.table(1)["n"].to_pylist() == [1, 2, 3]


def test_content_is_flushed_before_every_name_and_the_names_at_the_end_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    flush, rename = os.fsync, os.replace

    def fsync(handle: int) -> None:
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        flush(handle)

    def replace(source: Path, target: Path) -> None:
        calls.append(f"name {Path(target).suffix}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    dataset = Dataset(str(tmp_path), 1)
    dataset.publish(0, SCHEMA, [batch(1)], Draft("f"))
    assert calls == ["file", "name .parquet", "file", "name .json"]
    dataset.gather()
    assert calls[4:] == ["file", "name .jsonl", "folder"]


def test_same_rows_same_bytes_however_they_are_batched(tmp_path: Path) -> None:
    whole, pieces = Dataset(str(tmp_path / "a"), 1), Dataset(str(tmp_path / "b"), 1)
    first = whole.publish(0, SCHEMA, [batch(*range(100))], Draft("f"))
    second = pieces.publish(0, SCHEMA, (batch(n) for n in range(100)), Draft("f"))
    assert first.sha256 == second.sha256


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def full() -> Iterator[pa.RecordBatch]:
        yield batch(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    dataset = Dataset(str(tmp_path), 1)
    with pytest.raises(EngineError, match="No space left"):
        dataset.publish(0, SCHEMA, full(), Draft("f"))
    assert os.listdir(tmp_path) == []


def test_gathering_keeps_every_manifest(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), 1005)
    for part in (0, 999, 1000, 1004):
        dataset.publish(part, SCHEMA, [batch(part)], Draft(f"f{part}"))
    before = list(dataset.manifests())
    dataset.gather()
    assert list(dataset.manifests()) == before
    assert list(tmp_path.glob("part-*.json")) == []
    newer = dataset.publish(999, SCHEMA, [batch(1)], Draft("new"))
    assert list(dataset.manifests())[1] == newer  # a single manifest is newer than a gathered one
    others = (tmp_path / "manifests-00001.jsonl").stat().st_ino
    dataset.gather()
    assert list(dataset.manifests())[1] == newer
    assert (tmp_path / "manifests-00001.jsonl").stat().st_ino == others  # nothing new in it, so not written again


def test_a_view_reads_the_newest_column_and_the_first_verdict(tmp_path: Path) -> None:
    first, second = Dataset(str(tmp_path / "0"), 1), Dataset(str(tmp_path / "1"), 1)
    one = with_verdicts({"id": [1, 2, 3], "text": ["a", "b", "c"]}, [None, "too_short", None])
    two = with_verdicts({"text": ["A", None, "C"]}, [None, None, "spam"])
    first.publish(0, one.schema, [one], Draft("f"))
    second.publish(0, two.schema, [two], Draft("g"))
    view = View((Layer(first, ("id", "text")), Layer(second, ("text",))))
    assert view.table(0, ["text", "id"]).to_pydict() == {"text": ["A", None, "C"], "id": [1, 2, 3]}
    assert view.verdicts(0)["reason"].to_pylist() == [None, "too_short", "spam"]
    assert view.undecided(0, ["id"]).to_pydict() == {"id": [1], "row": [0]}


def test_only_the_holder_of_the_lock_publishes(tmp_path: Path) -> None:
    with lock(tmp_path) as fence:
        write_text(tmp_path / "a", "text")
        with atomic_file(tmp_path / "b", fence) as temporary:
            temporary.write_text("b")
        with pytest.raises(LockError, match="another run"), lock(tmp_path):
            pass
    late = Fence(fence.lock, "an older run's token")
    with pytest.raises(LockError, match="discarded"), atomic_file(tmp_path / "c", late) as temporary:
        temporary.write_text("c")
    assert not (tmp_path / "c").exists()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(1, 7), st.randoms(use_true_random=False))
def test_slices_are_the_table_however_row_groups_lie(groups: list[int], rows: int, chance: random.Random) -> None:
    """Two layers whose files are cut into other row groups; a column of the first is written again by the second."""
    n = sum(groups)
    first = pa.table({"a": range(n), "b": [f"old {k}" for k in range(n)], **nothing_decided(n)})
    second = pa.table({"b": [None if k % 5 == 0 else f"new {k}" for k in range(n)], **nothing_decided(n, every=3)})
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SLICE_ROWS", rows)
        layers = []
        for name, table in (("first", first), ("second", second)):
            chance.shuffle(groups)
            dataset = Dataset(str(Path(folder) / name), 1)
            dataset.path(0).parent.mkdir()
            with pq.ParquetWriter(dataset.path(0), table.schema) as writer:
                start = 0
                for size in groups:
                    writer.write_table(table.slice(start, size))
                    start += size
            layers.append(Layer(dataset, tuple(name for name in table.column_names if name not in VERDICT.names)))
        view = View(tuple(layers))
        pieces = list(view.slices(0, ["b", "a"]))
        assert [piece.num_rows for piece in pieces[:-1]] == [rows] * (len(pieces) - 1)
        assert [row for piece in pieces for row in piece.to_pylist()] == view.table(0, ["b", "a"]).to_pylist()
        undecided = [row for piece in view.undecided_slices(0, ["b"]) for row in piece.to_pylist()]
        assert undecided == view.undecided(0, ["b"]).to_pylist()
        assert [row["row"] for row in undecided] == [k for k in range(n) if k % 3]
        chosen = np.array(sorted(chance.sample(range(n), n // 2)), np.int64)
        assert view.take(0, ["b"], chosen)["b"].to_pylist() == [second["b"][int(k)].as_py() for k in chosen]


def nothing_decided(rows: int, every: int = 0) -> dict[str, pa.Array]:
    """VERDICT columns in which every so many rows are dropped."""
    columns = {item.name: pa.nulls(rows, item.type) for item in VERDICT}
    if every:
        columns["verdict"] = pa.array(["dropped" if k % every == 0 else None for k in range(rows)], pa.string())
    return columns
