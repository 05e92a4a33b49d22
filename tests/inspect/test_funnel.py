"""The funnel's books must close."""

import io
import itertools

from rich.console import Console

from curate.inspect.funnel import StageFunnel, funnel, render_funnel
from curate.inspect.run_folder import RunFolder


def test_stages_follow_one_another_without_a_gap(made_run: RunFolder) -> None:
    stages = funnel(made_run)
    assert [stage.stage for stage in stages] == ["read", "extract", "language", "rules", "exact_dedup", "fuzzy_dedup"]
    assert stages[0].records_in == made_run.totals["records_in"] == 59
    for before, after in itertools.pairwise(stages):
        assert before.records_out == after.records_in
    assert stages[-1].records_out == made_run.totals["kept"] == 40


def test_reasons_and_errors_are_where_they_belong(made_run: RunFolder) -> None:
    stages = {stage.stage: stage for stage in funnel(made_run)}
    assert stages["read"] == StageFunnel("read", 59, {"empty": 1}, {"unsupported_format": 1})
    assert stages["extract"].failed == {"timeout": 2}
    assert stages["rules"].dropped == {"few_words": 8}
    assert sum(stage.n_failed for stage in stages.values()) == made_run.totals["failed"]
    assert {s: dict(f.dropped) for s, f in stages.items() if f.dropped} == made_run.totals["dropped"]


def test_what_is_printed(made_run: RunFolder, printed: Console) -> None:
    render_funnel(made_run, printed)
    lines = printed.export_text().splitlines()
    assert lines[0].startswith("made: 40 of 59 records kept")
    assert ["rules", "52", "8", "15.4", "%", "74.6", "%"] in [line.split()[:7] for line in lines]
    assert ["few_words", "8", "15.4", "%"] in [line.split() for line in lines]


def test_it_fits_on_eighty_columns(made_run: RunFolder) -> None:
    console = Console(width=80, file=io.StringIO())
    render_funnel(made_run, console)
    printed = console.file.getvalue()
    assert "  unsupported_format" in printed
    assert max(map(len, printed.splitlines())) <= 80
