"""`python tests/benchmarks`: what it passes on, and what becomes of the others where one fails."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Its names, where a benchmark only says what it was given, and signals.py fails."""
    found = runpy.run_path(str(FOLDER / "__main__.py"))

    def run(command: list[str | Path], check: bool) -> subprocess.CompletedProcess[str]:
        print("ran", Path(command[1]).name, *command[2:])
        return subprocess.CompletedProcess(command, 3 if Path(command[1]).stem == "signals" else 0)

    monkeypatch.setattr(subprocess, "run", run)
    return found


def test_every_benchmark_is_there(program: dict[str, Any]) -> None:
    assert all((FOLDER / f"{name}.py").is_file() for name in program["BENCHMARKS"])


def test_arguments_are_passed_on_and_one_that_fails_is_counted(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "page.md"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--alone", "--repeat", "2", "--markdown", str(page)])
    assert program["main"]() == 1
    said = capsys.readouterr()
    ran = [line for line in said.out.splitlines() if line.startswith("ran ")]
    assert ran == [f"ran {name}.py --alone --repeat 2 --markdown {page}" for name in program["BENCHMARKS"]]
    assert said.err == "signals.py failed with exit status 3\n"
    headings = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert headings == ["# How fast it is", *(f"## {title}" for title in program["BENCHMARKS"].values())]


@pytest.mark.parametrize("given", [["--times", "5"], ["--only", "rensa"], ["--rep", "1"], ["folder"]])
def test_what_only_one_benchmark_takes_is_refused_before_any_runs(
    given: list[str], program: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--alone", *given])
    with pytest.raises(SystemExit, match="2"):
        program["main"]()
    said = capsys.readouterr()
    assert f"not every benchmark takes {' '.join(given)}; run the one that does" in said.err
    assert said.out == ""
