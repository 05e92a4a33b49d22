"""Files appear whole or not at all, and steps of a part stay aligned."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

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
    assert dataset.manifests() == [done]
    assert dataset.table(1)["n"].to_pylist() == [1, 2, 3]


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
    before = dataset.manifests()
    dataset.gather()
    assert dataset.manifests() == before
    assert list(tmp_path.glob("part-*.json")) == []
    newer = dataset.publish(999, SCHEMA, [batch(1)], Draft("new"))
    assert dataset.manifests()[1] == newer  # a single manifest is newer than a gathered one


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
