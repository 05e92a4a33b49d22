"""Objects of a store: what fails is asked for again, what cannot be mended is said at once, nothing is half there."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from buckets import Store
from crawl import write_crawl
from faulty_s3 import CODES, EVERYTHING, FaultyS3

from curate.errors import EngineError, LockError, RecipeError
from curate.objects import RangeFile, Remote, create, is_denied, persist, read_ranges
from curate.sources import Limits, Piece, SourceFile, input_from_path, list_files, read
from curate.storage import local_copies, names_in, place, put_in_place, reached, read_all, remove_tree
from curate.store import Dataset, Draft, Fence, atomic_file, file_sha256, parquet_batches, write_text

SCHEMA = pa.schema([("n", pa.int32())])
Url = Callable[[str], str]


def numbers(count: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array(range(count), pa.int32())], schema=SCHEMA)


def test_a_place_is_a_path_or_what_stands_in_for_one() -> None:
    assert place("data/out") == Path("data/out")
    assert place("file:///data/out") == Path("/data/out")
    found = place("s3://bucket//a/b/") / "part-000001.parquet"
    assert str(found) == "s3://bucket/a/b/part-000001.parquet"
    assert (found.name, found.stem) == ("part-000001.parquet", "part-000001")
    assert (str(found.parent), str(found.with_name("x"))) == ("s3://bucket/a/b", "s3://bucket/a/b/x")
    assert place(found) == found == found.absolute()


def test_a_url_that_was_made_a_path_is_no_local_folder() -> None:
    with pytest.raises(RecipeError, match="was a URL before"):
        place(Path("s3://bucket/out"))


@pytest.mark.parametrize("fault", ["busy", "broken", "cut", "lost"])
def test_every_request_is_made_again_where_it_fails(fault: str, store: Store, quick: None) -> None:
    store.proxy.faults, store.proxy.seed = {fault: 0.4}, 3
    folder = place(store.url())
    for n in range(8):
        write_text(folder / f"{n}.txt", f"text {n} " * 100)
    assert sorted(names_in(folder)) == [f"{n}.txt" for n in range(8)]
    assert read_all([folder / f"{n}.txt" for n in range(8)]) == [f"text {n} ".encode() * 100 for n in range(8)]
    assert (folder / "3.txt").is_file()
    assert not (folder / "8.txt").exists()
    assert folder.is_dir()
    with pytest.raises(FileNotFoundError):
        (folder / "8.txt").read_bytes()
    put_in_place(place(store.url("copy")), {"a/1": folder / "1.txt"}, {"last": "said"})
    assert store.names("copy") == {"a/1", "last"}
    remove_tree(folder)
    assert store.names() == set()
    assert store.proxy.failed[fault] > 5


def test_a_slow_body_is_waited_for(store: Store) -> None:
    write_text(place(store.url("slow")), "slowly " * 1000)
    store.proxy.faults = {"slow": 1.0}
    assert place(store.url("slow")).read_text() == "slowly " * 1000


def test_a_body_that_does_not_come_is_asked_for_again(
    store: Store, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3fs.S3FileSystem.read_timeout", 0.2)
    monkeypatch.setattr("faulty_s3.LATER_S", 1.0)
    write_text(place(store.url("slow")), "slowly " * 1000)
    store.proxy.faults = {"slow": 0.6}
    store.proxy.asked.clear()
    for _ in range(3):
        assert place(store.url("slow")).read_text() == "slowly " * 1000
    assert store.proxy.asked["GET"] > 3


def test_a_store_that_stays_away_ends_the_run_with_the_object(store: Store, quick: None) -> None:
    store.proxy.faults = {"busy": 1.0}
    with pytest.raises(EngineError, match=r"s3://.*/out/a.* tried 8 times: .*goes on"):
        place(store.url("out/a")).read_bytes()
    assert store.proxy.asked.total() == 8, "and nobody else has tried again as well"


def test_only_the_pieces_that_failed_are_asked_for_again(store: Store, quick: None) -> None:
    whole = bytes(range(256)) * 100
    store.client.put_object(Bucket=store.bucket, Key="a", Body=whole)
    ranges = [(Remote(store.url("a")), 100 * n, 100 * n + 150) for n in range(200)]
    store.proxy.faults = {"cut": 0.2, "busy": 0.1}
    assert read_ranges(ranges) == [whole[start:end] for _, start, end in ranges]
    assert 240 < store.proxy.asked["GET"] < 360


def test_waiting_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(EngineError, match="tried 8 times: TimeoutError"):
        persist(cast(Callable[[], None], _time_out), "an object")
    assert [0.5 * 2**n / 2 <= pause <= min(0.5 * 2**n, 20) for n, pause in enumerate(pauses[:6])] == [True] * 6
    assert 10 <= pauses[6] <= 20


def _time_out() -> None:
    raise TimeoutError


def test_what_asking_again_cannot_mend_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def act() -> None:
        tries.append(1)
        raise PermissionError("Forbidden")

    with pytest.raises(EngineError, match=r"refused.*Forbidden.*credentials") as raised:
        persist(act, "an object")
    assert is_denied(raised.value.__cause__)
    assert len(tries) == 1


def test_a_missing_bucket_is_said_before_anything_is_read(store: Store) -> None:
    with pytest.raises(RecipeError, match=r"s3://no-such-bucket/out: .*bucket does not exist.*AWS_ENDPOINT_URL"):
        reached("s3://no-such-bucket/out")
    assert names_in(reached(store.url("nothing/yet"))) == []


def test_missing_credentials_are_exit_status_2_of_every_command(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    command = [sys.executable, "-m", "curate", "status", store.url()]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert said.returncode == 2, said.stderr
    assert "Unable to locate credentials" in said.stderr
    assert "AWS_ACCESS_KEY_ID" in said.stderr


def test_a_lost_answer_to_a_creation_is_no_other_owner(store: Store, quick: None) -> None:
    store.proxy.faults = {"lost": 0.5}
    for seed in range(6):
        store.proxy.seed = seed
        assert create(Remote(store.url(f"lock-{seed}")), b"mine")
        assert not create(Remote(store.url(f"lock-{seed}")), b"another's")


def test_a_write_that_fails_leaves_no_object(store: Store) -> None:
    def some() -> None:
        with atomic_file(place(store.url("a"))) as temporary:
            temporary.write_text("half")
            made.append(temporary)
            raise ValueError("full")

    made: list[Path] = []
    with pytest.raises(ValueError, match="full"):
        some()
    assert store.names("") == set()
    assert not made[0].exists()


def test_large_objects_are_put_in_parts_that_become_one(store: Store, quick: None, tmp_path: Path) -> None:
    store.proxy.faults = {"busy": 0.1, "lost": 0.1}
    with atomic_file(place(store.url("large"))) as temporary:
        with open(temporary, "wb") as file:
            for n in range(101):
                file.write(bytes([n]) * (1 << 20))
        digest = file_sha256(temporary)
    store.proxy.faults = {}
    with local_copies([place(store.url("large"))]) as (copy,):
        assert file_sha256(copy) == digest
    assert store.client.head_object(Bucket=store.bucket, Key="large")["ETag"].endswith('-3"'), "three parts"


def test_an_upload_whose_last_answer_is_lost_is_made_again(store: Store, quick: None) -> None:
    store.proxy.fails = lambda verb, path: verb == "POST" and "uploadId" in path
    with atomic_file(place(store.url("large"))) as temporary:
        temporary.write_bytes(bytes(101 << 20))
    assert store.client.head_object(Bucket=store.bucket, Key="large")["ContentLength"] == 101 << 20
    assert store.proxy.asked["POST"] == 3, "two that begin an upload, and one that ends the second"
    assert store.unfinished() == []


def test_late_workers_do_not_publish(memory: Url) -> None:
    create(Remote(memory("lock")), b"token")
    with atomic_file(place(memory("a")), Fence(memory("lock"), "token")) as temporary:
        temporary.write_text("a")
    with pytest.raises(LockError), atomic_file(place(memory("b")), Fence(memory("lock"), "older")) as temporary:
        temporary.write_text("b")
    assert sorted(names_in(place(memory("")))) == ["a", "lock"]


def test_datasets_are_what_they_are_on_disk(memory: Url, tmp_path: Path) -> None:
    far, here = Dataset(memory("steps"), 1005), Dataset(str(tmp_path), 1005)
    for dataset in (far, here):
        for part in (0, 999, 1004):
            dataset.publish(part, SCHEMA, [numbers(part)], Draft("f"))
        dataset.gather()
        dataset.publish(999, SCHEMA, [numbers(7)], Draft("newer"))
    assert list(far.manifests()) == list(here.manifests())
    assert far.table(1004).equals(here.table(1004))
    assert (far.rows(999), far.rows(1004)) == (7, 1004)
    assert sorted(names_in(place(far.folder))) == sorted(names_in(tmp_path))


def test_a_large_file_is_read_by_row_groups_and_columns(store: Store, tmp_path: Path) -> None:
    table = pa.table({name: pa.array([f"{name} {n} " * 20 for n in range(60_000)]) for name in ("a", "b", "c")})
    pq.write_table(table, tmp_path / "x", row_group_size=20_000, compression="none", use_dictionary=False)
    store.client.upload_file(str(tmp_path / "x"), store.bucket, "x")
    batches = list(parquet_batches(place(store.url("x")), 8192, ["b"]))
    assert pa.Table.from_batches(batches)["b"].equals(table["b"])
    assert store.proxy.asked == {"HEAD": 1, "GET": 1 + 3}, "its size, the footer, and one column of three row groups"


def test_a_range_file_reads_as_a_file_does(memory: Url) -> None:
    with atomic_file(place(memory("small"))) as temporary:
        temporary.write_bytes(b"0123456789")
    file = RangeFile(Remote(memory("small")))
    assert (file.read(3), file.tell(), file.seek(-2, 2), file.read(), file.read(5)) == (b"012", 3, 8, b"89", b"")


def test_what_is_put_in_place_leaves_nothing_else(memory: Url) -> None:
    source = place(memory("step/part-000000.parquet"))
    write_text(source, "rows")
    target = place(memory("corpus"))
    for stale in ("part-00000.parquet", "part-00001.parquet"):
        write_text(target / stale, "old")
    put_in_place(target, {"part-00000.parquet": source}, {"index.json": "{}"})
    assert sorted(names_in(target)) == ["index.json", "part-00000.parquet"]
    assert (target / "part-00000.parquet").read_text() == "rows"


def test_an_input_in_a_store_that_fails_reads_as_from_disk(store: Store, quick: None, tmp_path: Path) -> None:
    crawl = write_crawl(tmp_path / "crawl")
    for path in crawl.rglob("*"):
        if path.is_file():
            store.client.upload_file(str(path), store.bucket, f"in/crawl/{path.relative_to(crawl)}")
    store.proxy.faults = dict.fromkeys(EVERYTHING, 0.1)
    rows = [
        {row["doc_id"]: row for file in list_files([input_from_path(where)]) for row in rows_of(file)}
        for where in (str(crawl), store.url("in/crawl"))
    ]
    assert len(rows[0]) > 60
    assert rows[0].keys() == rows[1].keys()
    assert [row["html"] for row in rows[0].values()] == [row["html"] for row in rows[1].values()]


def rows_of(file: SourceFile) -> list[dict[str, object]]:
    return [row for batch in read(Piece(file), Limits(), lambda key, n: None) for row in batch.to_pylist()]


def test_faults_come_at_their_rate() -> None:
    proxy = FaultyS3(0, dict.fromkeys(CODES, 0.1))
    found = [proxy.draw("GET", "/") for _ in range(1000)]
    assert 150 < sum(map(bool, found)) < 250
    assert found == [proxy.draw("GET", "/") for proxy in [FaultyS3(0, proxy.faults)] for _ in range(1000)]
