"""Whole runs whose OUT is a store that fails: the digest of a local run, nothing lost, doubled or left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

import pytest
from buckets import Store, open_store
from crawl import write_crawl
from faulty_s3 import EVERYTHING
from killing import recipe_with
from page_crawls import document, run_here
from typer.testing import CliRunner

from curate.cli import app
from curate.digest import digest_run
from curate.engines.local import LocalEngine
from curate.errors import EngineError
from curate.inspect.report import write_report
from curate.objects import Remote
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.run import run as carry_out
from curate.storage import place

# A run that was killed is known to be dead after three seconds, and tries follow one another sooner.
PRELUDE = """
from curate import lock, objects
lock.BEAT_S, lock.STILL_S, lock.SETTLE_S, lock.LOOK_S, objects.FIRST_PAUSE_S = 0.5, 3.0, 0.2, 0.2, 0.1
from curate.cli import main
main()
"""
FIRST_WINS = {"use": "exact_dedup", "policy": "earliest"}
# Of what a run leaves on a disk, the lock alone is not left in a store.
LOCK = {".lock"}


@dataclass(frozen=True)
class Work:
    """A recipe, a crawl, and what a local run makes of them."""

    recipe: Path
    crawl: Path
    digest: dict[str, str]
    files: set[str]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("work")
    recipe = recipe_with(150_000, folder / "recipe.toml")
    crawl = write_crawl(folder / "crawl")
    assert command("run", recipe, "--input", crawl, "--out", folder / "out", "--workers", 2)[0] == 0
    files = {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*") if path.is_file()}
    return Work(recipe, crawl, digest_run(folder / "out"), files - LOCK)


def start(*words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PRELUDE, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def command(*words: object) -> tuple[int, str]:
    """(exit status, what was said) of a command."""
    process = start(*words)
    said = "".join(process.communicate(timeout=300))
    return process.returncode, said


@pytest.mark.parametrize("engine", ["local", "ray", "spark"])
def test_a_run_whose_store_fails_gives_what_a_local_run_gives(engine: str, work: Work, store: Store) -> None:
    if engine != "local":
        pytest.importorskip({"ray": "ray", "spark": "pyspark"}[engine], reason=f"needs curate[{engine}]")
    store.proxy.faults = EVERYTHING
    run = ("run", work.recipe, "--input", work.crawl, "--out", store.url(), "--engine", engine, "--workers", 2)
    status, said = command(*run)
    if status == 2 and "Java" in said:
        pytest.skip(said)
    assert status == 0, said
    assert all(store.proxy.failed.values()), store.proxy.failed
    store.proxy.faults = {}
    assert digest_run(place(store.url())) == work.digest
    assert store.names() == work.files
    assert store.unfinished() == []
    assert not Path("s3:").exists()


def test_a_run_that_is_killed_again_and_again_is_finished_by_the_same_command(work: Work, store: Store) -> None:
    run = ("run", work.recipe, "--input", work.crawl, "--out", store.url(), "--workers", 2)
    for seen in ("fuzzy_dedup.texts/spill/part-", "tokens.windows/part-"):
        store.proxy.puts.clear()
        process = start(*run)
        wait_for(store, seen, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    status, said = command(*run)
    assert status == 0, said
    assert "looking for up to 3 s whether its run lives" in said
    assert digest_run(place(store.url())) == work.digest
    assert store.names() == work.files
    _, said = command(*run)
    steps = {name.split("/")[1] for name in work.files if name.startswith("parts/")} - {"input", "tokens"}
    steps = {name for name in steps if not name.startswith("survey")}  # of which one file says that all of it is there
    assert said.count("finished before") == len(steps), "a finished run does nothing again"
    assert digest_run(place(store.url())) == work.digest


def wait_for(store: Store, name: str, process: "subprocess.Popen[str]") -> None:
    """Until the run has put an object of such a name, which may be gone again soon."""
    until = time.monotonic() + 120
    while not any(name in path for path in store.proxy.puts):
        assert process.poll() is None, "it has ended before: " + "".join(process.communicate())
        assert time.monotonic() < until, name
        time.sleep(0.01)


def test_a_second_run_on_the_same_out_is_refused(work: Work, store: Store) -> None:
    run = ("run", work.recipe, "--input", work.crawl, "--out", store.url(), "--workers", 1)
    first = start(*run)
    wait_for(store, ".lock", first)
    status, said = command(*run)
    assert status == 4, said
    assert f"another run is working on {store.url()}" in said
    assert store.names() >= {".lock"}
    os.killpg(first.pid, signal.SIGTERM)
    first.communicate(timeout=60)
    assert first.returncode == 130
    assert ".lock" not in store.names(), "a run that is told to end gives its lock back"


@pytest.fixture(scope="module")
def finished(s3_port: int, crawls: Path) -> Iterator[Remote]:
    """The first of two crawls, run with OUT in a store; its documents are in an index."""
    with pytest.MonkeyPatch.context() as patch:
        for opened in open_store(s3_port, "finished", {}, patch):
            forkserver._forkserver._stop()  # workers know the environment that their server was started in
            out = place(opened.url("old"))
            run_here(one_crawl(crawls, 0), out, LocalEngine(2))
            yield out


def one_crawl(crawls: Path, number: int) -> dict[str, object]:
    made = document(crawls, [{"use": "urls"}, {"use": "extract", "backend": "resiliparse"}, FIRST_WINS])
    return {**made, "input": made["input"][number : number + 1], "tokens": {"vocab_size": 400, "sequence_length": 64}}


Said = Callable[..., str]


@pytest.fixture
def said(finished: Remote) -> Said:
    def run(*words: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_every_command_reads_a_run_in_a_store(finished: Remote, said: Said, tmp_path: Path) -> None:
    out = str(finished)
    assert "finished" in said("status", out)
    assert "report.html" in said("report", out)
    assert "README.md" in said("card", out)
    assert "duplicate" in said("rejects", out)
    assert "the settings are the same" in said("compare", out, out)
    assert digest_run(finished)["digest"] in said("digest", out)
    assert "kept" in said("explain", out, "--token", "10")


def test_an_earlier_run_may_lie_in_a_store(finished: Remote, crawls: Path, tmp_path: Path) -> None:
    plan = compile_plan(parse_recipe(one_crawl(crawls, 1)))
    here = tmp_path / "old"
    run_here(one_crawl(crawls, 0), here, LocalEngine(2))
    results = [
        carry_out(plan, tmp_path / name, LocalEngine(2), Silent(), [against])
        for name, against in (("a", here), ("b", finished))
    ]
    assert digest_run(results[0].out) == digest_run(results[1].out)
    assert results[1].totals["dropped"]["exact_dedup"]


def test_exports_and_cleaning(finished: Remote, said: Said, tmp_path: Path) -> None:
    out, to = str(finished), f"{finished.parent}/exported"
    said("export", out, "--to", to)
    said("export", out, "--to", str(tmp_path / "exported"))
    (here,) = (tmp_path / "exported").iterdir()
    assert (place(to) / here.name).read_bytes() == here.read_bytes()
    said("tokenizer", "train", out, "--to", f"{to}/tokenizer.model", "--vocab-size", "300")
    assert (place(to) / "tokenizer.model").is_file()
    digest = digest_run(finished)
    said("clean", out)
    assert not (finished / "parts").exists()
    assert digest_run(finished) == digest
    said("report", out, status=4)
    with pytest.raises(EngineError, match="has been deleted"):
        write_report(finished)
