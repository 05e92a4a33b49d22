"""What a new user gets: a light import, declared dependencies, whole wheels, no traces of one machine."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import curate

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# What only the engines of other clusters and training need: these modules exist without their packages.
OPTIONAL_ENGINES = {
    "curate.engines.ray": "ray",
    "curate.engines.ray_workers": "ray",
    "curate.engines.spark": "pyspark",
    "curate.engines.spark_gpus": "pyspark",
    "curate.engines.spark_worker": "pyspark",
    "curate.spark_daemon": "pyspark",
}


PACKAGES_OF = packages_distributions()  # import name → names of the distributions that hold it


def modules() -> list[str]:
    """Every module of the package; `__main__` is a program and runs when it is imported."""
    names = [module.name for module in pkgutil.walk_packages(curate.__path__, "curate.")]
    return sorted(name for name in names if not name.endswith(".__main__"))


def loaded_after(code: str) -> set[str]:
    """Names of all modules that a new Python has loaded when it has run `code`."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def tracked_files() -> list[Path]:
    """The files that a clone gets; skips where this is no checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs the project's git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def imports_of(path: Path) -> Iterator[str]:
    """Top-level names of all packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(specifications: list[str]) -> set[str]:
    return {canonical(re.match(r"[\w.-]+", item)[0]) for item in specifications}


@pytest.mark.parametrize(
    "module", ["curate", "curate.schema", "curate.rule", "curate.stage", "curate.store", "curate.wide"]
)
def test_the_contract_imports_only_numpy_and_pyarrow(module: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_after(f"import {module}")}
    third_party = {name for name in loaded if name in PACKAGES_OF and not name.startswith("_")}
    assert third_party <= {"curate", "numpy", "pyarrow", "dateutil", "pytz", "six", "zoneinfo", "tzdata"}


def test_no_module_loads_a_cluster_or_a_trainer_unasked() -> None:
    names = [name for name in modules() if name not in OPTIONAL_ENGINES]
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert not {"torch", "transformers", "ray", "pyspark", "matplotlib", "datasets"} & loaded


@pytest.mark.parametrize("module", modules())
def test_every_module_imports_and_says_what_it_is(module: str) -> None:
    if module in OPTIONAL_ENGINES:
        pytest.importorskip(OPTIONAL_ENGINES[module])
    found = importlib.import_module(module)
    assert found.__doc__, f"{module} has no docstring"


def test_everything_imported_is_declared() -> None:
    """No import rides on a package that only happens to be installed because another one needs it."""
    core = required(PYPROJECT["project"]["dependencies"])
    extras = required([item for group in PYPROJECT["project"]["optional-dependencies"].values() for item in group])
    undeclared = set()
    for path in sorted((ROOT / "curate").rglob("*.py")):
        for name in set(imports_of(path)) - set(sys.stdlib_module_names) - {"curate"}:
            if not {canonical(owner) for owner in PACKAGES_OF.get(name, [name])} & (core | extras):
                undeclared.add(f"{path.relative_to(ROOT)}: {name}")
    assert not undeclared


def test_constraints_pin_everything_declared() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!]+", pin) for pin in pins)
    declared = required(PYPROJECT["project"]["dependencies"]) | required(
        PYPROJECT["project"]["optional-dependencies"]["dev"]
    )
    assert declared - {"curate"} <= {canonical(pin.partition("==")[0]) for pin in pins}


@pytest.mark.proof
@pytest.mark.parametrize("extras", ["ray,s3", "spark,s3"])
def test_constraints_can_be_met_by_what_the_images_install(extras: str, tmp_path: Path) -> None:
    """pip finds a version of everything; nothing is installed."""
    wanted = tmp_path / "requirements.txt"
    groups = PYPROJECT["project"]["optional-dependencies"]
    lines = [*PYPROJECT["project"]["dependencies"], *(item for name in extras.split(",") for item in groups[name])]
    wanted.write_text("\n".join(lines))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    command += ["--constraint", str(ROOT / "constraints.txt"), "--requirement", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text
    assert PYPROJECT["project"]["license"] == "Apache-2.0"


def test_tracked_files_name_no_machine_and_are_small() -> None:
    """No absolute paths of the place where this was written, and no file that belongs into a store of data."""
    machine = re.compile(rb"/(work|root|home)/(?!user\b)[A-Za-z0-9_.]+/")
    for path in tracked_files():
        content = path.read_bytes()
        assert len(content) < 2_000_000, f"{path.relative_to(ROOT)} is {len(content):,} bytes"
        found = machine.search(content)
        assert found is None, f"{path.relative_to(ROOT)} holds {found[0]!r}"


def test_ci_runs_exactly_the_tests_that_a_user_runs() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        "exec make test",
    ]


@pytest.mark.proof
def test_a_wheel_holds_all_data_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("curate-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    data = {path.relative_to(ROOT).as_posix() for path in tracked_files() if path.is_relative_to(ROOT / "curate")}
    assert data <= packed
    assert not [name for name in packed if name.startswith(("tests/", "pipelines/"))]
