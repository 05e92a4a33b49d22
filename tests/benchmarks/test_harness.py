"""What times and memory are taken of, what becomes of a command that fails, and how tables and arguments read."""

import argparse
import subprocess
import sys
from pathlib import Path

import harness
import pytest
from harness import FailedError, Table, arguments, parse, watch

# Holds 50 MB while a child of its holds 90.
PARENT = """
import subprocess, sys
held = bytearray(b"x") * 50_000_000
subprocess.run([sys.executable, "-c", "import time; held = bytearray(b'x') * 90_000_000; time.sleep(0.6)"], check=True)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_memory_is_that_of_children_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "SAMPLE_EVERY_S", 0.05)
    seen = watch(python(PARENT))
    assert 90e6 < seen.largest < 130e6
    assert 140e6 < seen.memory < 200e6
    assert seen.seconds > 0.6


def test_a_process_that_is_gone_holds_no_memory() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert harness.proportional_set_bytes(ended.pid) == 0


def test_a_command_that_ends_well_is_heard_by_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    seen = watch(python("import os; print(os.environ['SAID']); assert os.getsid(0) == os.getpid()"), SAID="this")
    assert seen.seconds > 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('first'); raise ValueError('no such thing')", "exit status 1: ValueError: no such thing"),
        ("import sys; print('said before'); sys.exit(3)", "exit status 3: said before"),
        ("raise SystemExit(4)", "exit status 4: "),
        ("import os; os.kill(os.getpid(), 9)", "exit status -9: "),
        ("print('x' * 1000); exit(5)", "exit status 5: " + "x" * 200),
        (r"import sys; sys.stdout.buffer.write(b'\xff\n'); exit(6)", "exit status 6: \ufffd"),
    ],
)
def test_a_command_that_fails_is_an_error_with_its_last_line(code: str, message: str) -> None:
    with pytest.raises(FailedError) as caught:
        watch(python(code))
    assert str(caught.value) == message


def test_whoever_stops_watching_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def interrupted(run: subprocess.Popen[bytes]) -> tuple[int, int]:
        started.append(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(harness, "_sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch(["sleep", "60"])
    assert started[0].wait(5) == -9


def test_a_table_is_aligned_and_goes_into_the_file_behind_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n", encoding="utf-8")
    table = Table("Two tools:", ["", "seconds", "MB"], page)
    table.add("curate", "1.5", "1,200")
    table.add("another", "10.25", "7")
    table.show()
    assert capsys.readouterr().out == (
        "\nTwo tools:\n"
        "         seconds     MB\n"
        "curate       1.5  1,200\n"
        "another    10.25      7\n"
    )  # fmt: skip
    assert page.read_text(encoding="utf-8") == (
        "# Page\n"
        "\n"
        "Two tools:\n"
        "\n"
        "|  | seconds | MB |\n"
        "| --- | --: | --: |\n"
        "| curate | 1.5 | 1,200 |\n"
        "| another | 10.25 | 7 |\n"
    )  # fmt: skip


def test_a_row_of_another_length_is_no_table() -> None:
    table = Table("", ["", "seconds"], None)
    table.add("curate", "1.5", "one too many")
    with pytest.raises(ValueError, match="zip"):
        table.show()


def parsed(monkeypatch: pytest.MonkeyPatch, *given: str) -> argparse.Namespace:
    """By a benchmark with --documents, of which a quick run takes 30."""
    monkeypatch.setattr(sys, "argv", ["benchmark", *given])
    parser = arguments("", repeat=5)
    parser.add_argument("--documents", type=int, default=9000)
    return parse(parser, documents=30)


def test_quick_changes_defaults_and_nothing_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, quick = parsed(monkeypatch), parsed(monkeypatch, "--quick")
    assert (whole.repeat, whole.documents, whole.quick) == (5, 9000, False)
    assert (quick.repeat, quick.documents, quick.quick) == (1, 30, True)
    given = parsed(monkeypatch, "--documents", "70", "--quick", "--repeat", "2")
    assert (given.repeat, given.documents) == (2, 70)


def test_arguments_are_not_abbreviated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(monkeypatch, "--qui")
    assert "unrecognized arguments: --qui" in capsys.readouterr().err


def test_the_folder_of_the_markdown_file_is_there_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = parsed(monkeypatch, "--markdown", str(tmp_path / "build" / "page.md"))
    assert given.markdown.parent.is_dir()


def test_the_machine_is_named_with_what_runs_on_it() -> None:
    said = harness.machine()
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}." in said
    assert " cores, " in said


def test_memory_is_that_of_descendants_in_sessions_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "SAMPLE_EVERY_S", 0.05)
    seen = watch(python(PARENT.replace("check=True", "check=True, start_new_session=True")))
    assert 90e6 < seen.largest < 130e6
    assert seen.python == seen.largest
    assert watch(["sleep", "0.2"]).python == 0
