"""What can go wrong ends every engine with the same message and exit status, or with the same rows, and in time."""

import re
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from curate.cli import app
from curate.digest import digest_run

RECIPE = """
name = "troubled"
[[stage]]
use = "extract"
backend = "{backend}"
{more}
[[stage]]
use = "exact_dedup"
[output]
part_bytes = 20000
max_failed_ratio = 1.0
"""
OTHERS = ["ray", "spark"]


def carry_out(engine: str, crawl: Path, out: Path, backend: str = "blocks", more: str = "") -> Result:
    recipe = out.parent / "troubled.toml"
    recipe.write_text(RECIPE.format(backend=backend, more=more))
    words = ["run", recipe, "--input", crawl, "--out", out, "--engine", engine, "--workers", 2]
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def message(done: Result) -> str:
    """What the command said it had failed at."""
    (found,) = re.findall(r"^error: (.*)", done.output, re.MULTILINE)
    return str(found)


@pytest.fixture
def other(request: pytest.FixtureRequest) -> str:
    """The name of an engine, ready to be joined."""
    name: str = request.param
    request.getfixturevalue(f"{name}_here")
    return name


@pytest.mark.parametrize("other", OTHERS, indirect=True)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("angry", r" failed: StageError: angry: ValueError: this page, of all pages"),
        ("modelless", r" failed: StageError: modelless: FileNotFoundError: .*no-such-model\.bin'"),
        ("deadly", r": its worker died 3 times \(.*\)\. Lower --workers or output\.part_bytes\."),
    ],
    ids=lambda value: value if value.isalpha() else "",
)
def test_a_stage_that_raises_or_dies_ends_the_run_by_name(
    name: str, expected: str, other: str, made_crawl: Path, tmp_path: Path
) -> None:
    more = f'[[stage]]\nuse = "misbehaving:{name}"'
    for engine in ("local", other):
        done = carry_out(engine, made_crawl, tmp_path / engine, more=more)
        assert done.exit_code == 4, done.output
        assert re.fullmatch(r"01-exact_dedup-content_id, part \d+" + expected, message(done)), message(done)
        assert not (tmp_path / engine / "run.json").exists()


ENDLESS = """
name = "endless"
[[stage]]
use = "misbehaving:endless"
how = "{how}"
calls = "{calls}"
[output]
stage_limit_s = 1
"""


@pytest.mark.parametrize("engine", ["local", *OTHERS])
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("in Python", "has used more than 1 s of CPU time for one batch of documents"),
        ("in C", "has used more than 1 s of CPU time for one batch of documents"),
        ("asleep", "has waited for 1 s and done nothing"),
        ("looking now and then", "has waited for 1 s and done nothing"),
    ],
)
def test_a_stage_that_never_returns_ends_the_run_by_name(
    how: str, expected: str, engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if engine != "local":
        request.getfixturevalue(f"{engine}_here")
    page, recipe = tmp_path / "crawl" / "page.html", tmp_path / "endless.toml"
    page.parent.mkdir()
    page.write_text("<p>A page.</p>")
    recipe.write_text(ENDLESS.format(how=how, calls=tmp_path / "calls"))
    words = ["run", recipe, "--input", page.parent, "--out", tmp_path / "out", "--engine", engine, "--workers", 2]
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    said = f"00-endless, part 0: stage 'endless' {expected}. If it is to go on, raise output.stage_limit_s."
    assert (done.exit_code, message(done)) == (4, said), done.output
    assert (tmp_path / "calls").read_text() == "x", "nobody waits for it a second time"


@pytest.mark.parametrize("other", OTHERS, indirect=True)
def test_a_page_that_kills_an_extractor_is_a_failed_row(other: str, made_crawl: Path, tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    for name in ("deadly", "good", "better"):
        (crawl / f"{name}.html").write_text(f"<p>A {name} page.</p>")
    digests = []
    for engine in ("local", other):
        done = carry_out(engine, crawl, tmp_path / engine, backend="misbehaving:deadly_extractor")
        assert done.exit_code == 0, done.output
        assert re.search(r"crashed +1 ", done.output), done.output
        digests.append(digest_run(tmp_path / engine))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("other", OTHERS, indirect=True)
@pytest.mark.parametrize("files", [{}, {"empty.jsonl": ""}, {"empty.html": "", "empty.warc": ""}], ids=len)
def test_input_without_documents(files: dict[str, str], other: str, tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    for name, content in files.items():
        (crawl / name).write_text(content)
    ends = []
    for engine in ("local", other):
        done = carry_out(engine, crawl, tmp_path / engine)
        ends.append((done.exit_code, digest_run(tmp_path / engine) if done.exit_code == 0 else message(done)))
    assert ends[0] == ends[1]
    assert ends[0][0] == (0 if files else 2)


@pytest.mark.parametrize("other", OTHERS, indirect=True)
def test_a_wrong_path_is_told(other: str, tmp_path: Path) -> None:
    here, there = (carry_out(engine, tmp_path / "nowhere", tmp_path / engine) for engine in ("local", other))
    assert here.exit_code == there.exit_code == 2
    assert message(here) == message(there)
    assert "nowhere" in message(here)


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("spark", "pyspark")])
def test_an_engine_whose_package_is_missing_says_what_to_install(
    engine: str, package: str, made_crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"curate.engines.{engine}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    done = carry_out(engine, made_crawl, tmp_path / "out")
    assert done.exit_code == 2
    assert message(done) == f"--engine {engine} needs the package {package}: pip install 'curate[{engine}]'"
    assert not (tmp_path / "out").exists()
