"""Counts by language, host and source, the sample behind the distributions, and that nothing shows in them but data."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from adversary import AdversaryEngine
from hypothesis import given
from hypothesis import strategies as st
from made_run import Record, dropped, failed, ordinary, surveyed, text_record, write_run

from curate.errors import EngineError
from curate.inspect import tallies
from curate.inspect.chains import TARGETS
from curate.inspect.merge import Shape
from curate.inspect.report import render_report, write_report
from curate.inspect.run_folder import RunFolder, open_run
from curate.inspect.samples import SEED
from curate.inspect.scored import rank_limit
from curate.inspect.survey import survey
from curate.inspect.tallies import TALLIES, Tally
from curate.progress import Silent
from curate.schema import seeded_hash
from curate.steps import Place


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
    assert found.of["host"] == len([name for name in found.hosts if name])


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
    assert list(surveyed(run).hosts) == [host]


def test_single_pages_are_put_together_by_folder(tmp_path: Path) -> None:
    """Also a page at the end of a part, which might have gone on in the next; a file that does is no page."""
    pages = [replace(text_record(n), source=f"in/a/{n}.html", offset=0) for n in range(6)]
    crawl = [replace(text_record(n), source="in/x.warc", offset=n) for n in range(3)]
    alone = [replace(text_record(9), source="alone", offset=0)]
    records = [*pages, *crawl, *alone]
    for parts in (1, 2, 5, 10):
        size = -(-len(records) // parts)
        consecutive = [records[part * size + n] for n in range(size) for part in range(parts) if part * size + n < 10]
        found = surveyed(open_run(write_run(tmp_path / str(parts), consecutive, parts=parts)))
        assert found.sources == {"in/a/": Tally(6, 6), "in/x.warc": Tally(3, 3), "alone": Tally(1, 1)}
        assert found.inputs == {"in": Tally(9, 9), "alone": Tally(1, 1)}
        assert found.of["source"] == 3


def test_shares_of_a_tally() -> None:
    tally = Tally(records_in=100, kept=5, duplicates=45, before_dedup=50, unread=20)
    assert tally.pages == 80
    assert tally.removed_share == 1 - 5 / 80
    assert tally.duplicate_share == 0.9
    assert Tally().removed_share == Tally().duplicate_share == 0.0


def test_the_sample_is_the_smallest_hashes_whatever_the_parts(tmp_path: Path) -> None:
    records = ordinary()
    reached = [record for record in records if record.verdict.get("stage") != "read"]
    wanted = sorted(seeded_hash(SEED, record.doc_id) >> 1 for record in reached)[:20]
    for parts in (1, 3, 7):
        run = open_run(write_run(tmp_path / str(parts), records, parts=parts))
        found = surveyed(run, sample_documents=20)
        assert found.sample["rank"].to_pylist() == wanted
        assert found.sampled_from == len(reached) == 57


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_enough_records_pass_the_limit_and_not_many_more(records: int, documents: int) -> None:
    passing = records * (rank_limit(records, documents) + 1) / 2**63
    assert min(records, 2 * documents) <= passing < max(4 * documents, 1)


def test_of_many_names_the_first_of_every_list_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hosts are counted exactly, however they are spread over buckets, and only those that can be shown stay."""
    monkeypatch.setattr("curate.inspect.survey.ROW_BYTES", 4 << 20)
    records = [text_record(n, url=f"http://h{n // 4 if n < 12 else n}.example/") for n in range(80)]
    run = open_run(write_run(tmp_path, records, parts=3))
    found = surveyed(run)
    assert len(list((tmp_path / "parts" / "survey.tallies").glob("*.parquet"))) > 1
    assert found.of["host"] == 71
    assert len(found.hosts) == tallies.HOSTS
    assert {name: found.hosts[name].records_in for name in ("h0.example", "h1.example", "h2.example")} == {
        "h0.example": 4, "h1.example": 4, "h2.example": 4,
    }  # fmt: skip


def test_records_without_text_or_url_are_counted(tmp_path: Path) -> None:
    records = [Record("in/a", 0, {}, dropped("read", "empty")), Record("in/a", 1, {}, failed("read", "broken: x"))]
    found = surveyed(open_run(write_run(tmp_path, records, parts=1)))
    assert found.hosts == {"": Tally(2, 0, 0, 2, 2)}
    assert found.sample.num_rows == found.sampled_from == 0
    assert found.sample["characters"].type == pa.int32()
    assert found.of["file/read/broken"] == 1


def test_a_survey_that_misses_records_is_refused(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path, ordinary()))
    totals = {**run.totals, "records_in": 61}
    with pytest.raises(EngineError, match="counts 59 of 61 records"):
        surveyed(replace(run, summary={**run.summary, "totals": totals}))


def test_the_report_is_the_same_whatever_the_parts_and_the_engine(tmp_path: Path) -> None:
    """Parts, buckets, the order in which tasks are done, and tasks that are done twice do not show in it."""
    reports = set()
    for parts, seed in ((1, 0), (2, 1), (5, 2), (13, 3)):
        run = open_run(write_run(tmp_path / str(parts), ordinary(), parts=parts))
        reports.add(render_report(run, Place(run.out / "parts", AdversaryEngine(seed), Silent())))
    assert len(reports) == 1


class Killed(Exception):
    """Stands for the end of a process."""


class Mortal(AdversaryEngine):
    """Dies after so many exchanges."""

    lives = 0

    def exchange(self, job):  # type: ignore[no-untyped-def]  # as in its parent
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        return super().exchange(job)


def test_a_survey_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Whenever it was: what is finished is not done again, and the report is the same."""
    write_run(tmp_path / "whole", ordinary())
    whole = write_report(tmp_path / "whole").read_bytes()
    for lives in range(4):
        out = write_run(tmp_path / str(lives), ordinary())
        engine = Mortal()
        engine.lives = lives
        with pytest.raises(Killed):
            write_report(out, Place(out / "parts", engine, Silent()))
        assert not (out / "report.html").exists()
        engine.lives = 4 - lives
        assert write_report(out, Place(out / "parts", engine, Silent())).read_bytes() == whole
        assert engine.lives == 0
        assert write_report(out, Place(out / "parts", engine, Silent())).read_bytes() == whole


def test_a_run_that_is_made_again_is_surveyed_again(tmp_path: Path) -> None:
    """The summaries carry the fingerprint of all that they were made of."""
    run = open_run(write_run(tmp_path, ordinary()))
    before = surveyed(run)
    steps = [{**step, "fingerprint": "e" * 64} for step in run.summary["steps"]]
    changed = replace(run, summary={**run.summary, "steps": steps})
    with pytest.raises(Killed):
        survey(changed, Place(run.out / "parts", Mortal(), Silent()))
    after = surveyed(changed)
    assert (after.names, after.clusters) == (before.names, before.clusters)


def summaries(shape: Shape) -> st.SearchStrategy[pa.Table]:
    """Rows as tasks make them: few keys, some documents each with a rank of its own."""
    row = {key.name: st.sampled_from("abc") for key in shape.keys}
    row |= {item.name: st.integers(0, 9) for item in shape.sums}
    row |= {item.name: st.none() for item in shape.once}
    document = st.none() | st.integers(0, 40)
    rows = st.tuples(st.fixed_dictionaries(row), document).map(
        lambda drawn: {**drawn[0], "rank": drawn[1], "document": drawn[1]}
    )
    return st.lists(rows, max_size=30).map(lambda found: pa.Table.from_pylist(found, shape.schema))


@pytest.mark.parametrize("shape", [TALLIES, TARGETS], ids=["tallies", "targets"])
@given(data=st.data(), samples=st.integers(1, 4))
def test_summaries_merge_in_any_order_and_any_split(shape: Shape, data: st.DataObject, samples: int) -> None:
    """Merged at once, or cut anywhere, shuffled and merged piece by piece, some of them merged before."""
    rows = data.draw(summaries(shape))
    whole = shape.merged(rows, samples)
    order = data.draw(st.permutations(range(rows.num_rows)))
    shuffled = rows.take(pa.array(order, pa.int64()))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, rows.num_rows), max_size=5))), rows.num_rows]
    pieces = [shuffled.slice(start, stop - start) for start, stop in pairwise(cuts)]
    merged = [shape.merged(piece, samples) if data.draw(st.booleans()) else piece for piece in pieces]
    found = shape.schema.empty_table()
    for piece in merged:
        found = shape.merged(pa.concat_tables([found, piece]), samples)
    assert found.equals(whole)
    for item in shape.sums:
        assert sum(whole[item.name].to_pylist()) == sum(rows[item.name].to_pylist())
    heads = shape.heads(whole).select([key.name for key in shape.keys]).to_pylist()
    assert len({tuple(head.values()) for head in heads}) == len(heads)
