"""Pins of other tools, and environments that cannot be made; pip is a script here, and nothing is fetched."""

import sys
from pathlib import Path

import environments
import fuzzy_dedup
import pytest
import signals
from environments import ENVIRONMENTS, Environment, NotInstalledError, Peer, install, installed
from packaging.requirements import Requirement

# A Python that notes what it is asked for. As `-m venv DIR` it copies itself; its pip does not install "broken".
STAND_IN = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip "*broken*) echo "ERROR: Ignored" >&2; echo "ERROR: No matching distribution found" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What python3.99, the only one on the PATH that starts, was asked for."""
    log = tmp_path / "log"
    for folder, script in (("stub", "#!/bin/sh\nexit 1\n"), ("bin", STAND_IN.format(log=log))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "python3.99").write_text(script, encoding="utf-8")
        (tmp_path / folder / "python3.99").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'stub'}:{tmp_path / 'bin'}:/usr/bin:/bin")
    tools = {
        "whole": Environment(("whole==1.0", "part"), ("3.98", "3.99")),
        "broken": Environment(("broken==2.0",), ("3.99",)),
        "old": Environment(("old==3.0",), ("3.97", "3.98")),
    }
    monkeypatch.setattr(environments, "ENVIRONMENTS", tools)
    return log


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_pins_are_requirements_that_pip_reads(name: str) -> None:
    tool, *others = map(Requirement, ENVIRONMENTS[name].requirements)
    assert tool.name.removeprefix("py-") == name
    assert str(tool.specifier) == f"=={ENVIRONMENTS[name].version}"
    assert all(str(other.specifier).startswith("==") or not other.specifier for other in others)


@pytest.mark.parametrize(("name", "job"), [*fuzzy_dedup.JOBS.items(), *signals.JOBS.items(), ("datatrove", "web")])
def test_every_job_is_one_that_the_script_of_the_tool_knows(name: str, job: str, tmp_path: Path) -> None:
    python, script, *given = Peer(name, tmp_path / "python").command(job, tmp_path / "in", tmp_path / "out", 3)
    assert python == str(tmp_path / "python")
    assert job in (Path(script).read_text(encoding="utf-8").split('"""')[1]).replace("|", " ").split()
    assert given == [job, str(tmp_path / "in"), str(tmp_path / "out"), "3"]


def test_a_tool_that_pip_cannot_install_is_skipped_and_the_others_are_not(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = installed(("old", "broken", "whole"), tmp_path / "peers")
    assert found == [Peer("whole", tmp_path / "peers/whole/bin/python")]
    assert found[0].label == "whole 1.0"
    said = capsys.readouterr().err
    assert "old is skipped: it needs Python 3.97 or 3.98, and none is on the PATH" in said
    assert "broken is skipped: -m pip install …: ERROR: No matching distribution found" in said
    assert log.read_text(encoding="utf-8").splitlines()[-1].endswith("whole==1.0 part")


def test_an_environment_is_made_once(log: Path, tmp_path: Path) -> None:
    place = tmp_path / "whole"
    python = install("whole", tmp_path)
    (place / "left").touch()
    before = log.read_text(encoding="utf-8")
    assert install("whole", tmp_path) == python
    assert (place / "left").exists()
    assert log.read_text(encoding="utf-8") == before


def test_an_environment_that_was_interrupted_or_has_other_pins_is_made_anew(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp, left = tmp_path / "whole/requirements.txt", tmp_path / "whole/left"
    install("whole", tmp_path)
    stamp.unlink()
    left.touch()
    install("whole", tmp_path)
    assert stamp.exists()
    assert not left.exists()
    left.touch()
    monkeypatch.setitem(environments.ENVIRONMENTS, "whole", Environment(("whole==1.1", "part"), ("3.99",)))
    install("whole", tmp_path)
    assert not left.exists()
    assert "whole==1.1" in stamp.read_text(encoding="utf-8")


def test_a_failed_installation_is_tried_again(log: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(NotInstalledError):
            install("broken", tmp_path)
    assert log.read_text(encoding="utf-8").count("-m pip") == 2


def test_this_python_serves_for_its_own_version(log: Path) -> None:
    assert environments.find_python(f"3.{sys.version_info[1]}") == sys.executable
    assert not log.exists()


def test_environments_lie_in_the_cache_unless_a_folder_is_named(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert installed(("whole",), None)[0].python == tmp_path / "cache/curate-peers/whole/bin/python"
