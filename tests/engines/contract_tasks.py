"""Tasks, emits and reduces that tests give to engines; workers import them by name."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from curate.store import Manifest

SCHEMA = pa.schema([pa.field("bucket", pa.int32()), pa.field("n", pa.int64())])


@dataclass(frozen=True)
class Square:
    """Squares numbers; `deadly` kills the worker, `times` times."""

    folder: str
    deadly: int = -1
    times: int = 0

    def __call__(self, number: int) -> int:
        if number == self.deadly:
            marks = Path(self.folder) / "deaths"
            with marks.open("a") as file:
                file.write("x")
            if len(marks.read_text()) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        return number * number


@dataclass(frozen=True)
class Raise:
    error: Exception

    def __call__(self, number: int) -> int:
        raise self.error


class DemandingError(Exception):
    """Pickles, but cannot be made again from what is pickled."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


@dataclass(frozen=True)
class RaiseDemanding:
    def __call__(self, number: int) -> int:
        raise DemandingError("a fault", "the works")


@dataclass(frozen=True)
class Numbers:
    """Emits ten numbers a part; `folder` is told which parts were emitted."""

    buckets: int
    folder: str = ""

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        if self.folder:
            with (Path(self.folder) / "emitted").open("a") as file:
                file.write(f"{part}\n")
        values = list(range(part * 10, part * 10 + 10))
        for start in range(0, 10, 3):
            some = values[start : start + 3]
            yield pa.RecordBatch.from_pydict({"bucket": [v % self.buckets for v in some], "n": some}, SCHEMA)


@dataclass(frozen=True)
class Sum:
    """A manifest with the number of rows and their sum; rows of other buckets are not counted."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Manifest:
        values = [row["n"] for batch in rows for row in batch.to_pylist() if row["bucket"] == bucket]
        return Manifest(bucket, "f", len(values), sum(values), "")


@dataclass(frozen=True)
class RaiseInEmit:
    error: Exception

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        yield from Numbers(2)(part)
        raise self.error


@dataclass(frozen=True)
class RaiseInReduce:
    error: Exception

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Manifest:
        raise self.error


ALL_TYPES = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("truth", pa.bool_()),
        pa.field("small", pa.int32()),
        pa.field("large", pa.int64(), nullable=False),
        pa.field("single", pa.float32()),
        pa.field("double", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("bytes", pa.binary()),
        pa.field("list", pa.list_(pa.int32())),
        pa.field("struct", pa.struct([("file", pa.string()), ("offset", pa.int64())])),
    ]
)
ALL_ROWS = [
    (0, True, -1, 1 << 62, 0.1, 0.1, "Zürich 数据 \x00", b"\x00\xff", [1, None], {"file": "a", "offset": None}),
    (0, None, None, -1, None, None, None, None, None, None),
    (0, False, 2**31 - 1, 0, float("nan"), float("-inf"), "", b"", [], {"file": None, "offset": -1}),
]


@dataclass(frozen=True)
class AllTypes:
    """Emits every type that may cross an exchange, with its nulls and ends."""

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([dict(zip(ALL_TYPES.names, row, strict=True)) for row in ALL_ROWS], ALL_TYPES)


@dataclass(frozen=True)
class Describe:
    """A manifest whose sha256 is what arrived, as text, in the order of `large`; `fingerprint` is its schema."""

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Manifest:
        table = pa.Table.from_batches(list(rows), ALL_TYPES).sort_by("large")
        return Manifest(bucket, str(table.schema), table.num_rows, 0, repr(table.to_pylist()))
