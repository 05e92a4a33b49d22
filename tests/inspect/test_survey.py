"""Counts by language, host and source, and the sample behind the distributions."""

from pathlib import Path

import pyarrow as pa
import pytest
from made_run import Record, dropped, ordinary, text_record, write_run

from curate.inspect import survey as module
from curate.inspect.run_folder import RunFolder, open_run
from curate.inspect.samples import SEED
from curate.inspect.survey import Tally, by_input, fold_files, survey
from curate.schema import seeded_hash


def test_languages_and_hosts_are_counted(made_run: RunFolder) -> None:
    found = survey(made_run)
    assert found.languages == {
        "en": Tally(42, 30, 4, 8),
        "zh": Tally(10, 10, 0, 0),
        "de": Tally(3, 0, 0, 3),
        "": Tally(4, 0, 0, 4, 2),
    }
    assert found.hosts["site1.example"].records_in == 21
    assert sum(tally.records_in for tally in found.hosts.values()) == 59
    assert sum(tally.kept for tally in found.hosts.values()) == 40


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.Example.COM/a", "example.com"),
        ("http://user:secret@example.com:8080/x?y#z", "example.com"),
        ("http://例え.テスト/", "例え.テスト"),
        ("javascript:alert(1)", ""),
        ("not a url", ""),
        ("http:///nothing", ""),
        ("//example.org/x", "example.org"),
        ("http://a.example/http://b.example/", "a.example"),
    ],
)
def test_hosts_of_urls(tmp_path: Path, url: str, host: str) -> None:
    run = open_run(write_run(tmp_path, [text_record(1, url=url)], parts=1))
    assert list(survey(run).hosts) == [host]


def test_single_pages_are_put_together_by_folder() -> None:
    sources = {"in/a/1.html": Tally(1, 1), "in/a/2.html": Tally(1, 0), "in/x.warc": Tally(5, 2), "alone": Tally(1, 1)}
    assert fold_files(sources) == {"in/a/": Tally(2, 1), "in/x.warc": Tally(5, 2), "alone": Tally(1, 1)}
    assert by_input(fold_files(sources)) == {"in": Tally(7, 3), "alone": Tally(1, 1)}


def test_shares_of_a_tally() -> None:
    tally = Tally(records_in=100, kept=5, duplicates=45, before_dedup=50, unread=20)
    assert tally.pages == 80
    assert tally.removed_share == 1 - 5 / 80
    assert tally.duplicate_share == 0.9
    assert Tally().removed_share == Tally().duplicate_share == 0.0


def test_the_sample_is_the_smallest_hashes_whatever_the_parts(tmp_path: Path) -> None:
    records = ordinary()
    reached = [record for record in records if record.verdict.get("stage") != "read"]
    wanted = sorted(seeded_hash(SEED, record.doc_id) for record in reached)[:20]
    for parts in (1, 3, 7):
        found = survey(open_run(write_run(tmp_path / str(parts), records, parts=parts)), sample_documents=20)
        assert found.sample is not None
        assert sorted(found.sample["hash"].to_pylist()) == wanted
        assert found.sampled_from == len(reached) == 57


def test_too_many_names_lose_the_smallest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 4)
    records = [text_record(n, url=f"http://h{n // 4 if n < 12 else n}.example/") for n in range(20)]
    found = survey(open_run(write_run(tmp_path, records, parts=1)))
    assert found.thinned
    assert set(found.hosts) >= {"h0.example", "h1.example"}
    assert len(found.hosts) == 2


def test_records_without_text_or_url_are_counted(tmp_path: Path) -> None:
    records = [Record("in/a", 0, {}, dropped("read", "empty")), Record("in/a", 1, {}, dropped("read", "empty"))]
    found = survey(open_run(write_run(tmp_path, records, parts=1)))
    assert found.hosts == {"": Tally(2, 0, 0, 2, 2)}
    assert found.sample is not None
    assert found.sample.num_rows == 0
    assert found.sample["characters"].type == pa.int32()
