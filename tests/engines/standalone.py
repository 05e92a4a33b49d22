"""A standalone Spark cluster on this machine, whose nodes can be killed."""

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from submitting import free_port

from curate.errors import RecipeError
from curate.processes import descendants

pyspark = pytest.importorskip("pyspark", reason="needs Spark: pip install 'curate[spark]'")

from curate.engines.spark import check_java  # noqa: E402  # there is none without Spark

BIN = Path(pyspark.__file__).parent / "bin"


@dataclass
class Standalone:
    """A master and its worker nodes, each a process of its own on the loopback interface."""

    folder: Path
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    @property
    def nodes(self) -> list[subprocess.Popen[bytes]]:
        return self.processes[1:]

    def start(self, kind: str, *words: str) -> None:
        command = [BIN / "spark-class", f"org.apache.spark.deploy.{kind.lower()}.{kind}", *words, "--webui-port", "0"]
        environment = {**self.environment, "SPARK_WORKER_DIR": str(self.folder)}
        with (self.folder / f"{kind}.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            )

    def start_master(self) -> None:
        self.start("Master", "--host", "127.0.0.1", "--port", str(self.port))

    def add_node(self) -> None:
        """A worker node of one core."""
        self.start("Worker", self.url, "--host", "127.0.0.1", "--cores", "1", "--memory", "1g")

    def kill_a_node(self) -> None:
        """SIGKILL to a worker node with its executor and that one's Python."""
        slay(self.processes.pop(1))

    def close(self) -> None:
        while self.processes:
            slay(self.processes.pop())


def slay(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and all below it."""
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(timeout=60)


def with_java() -> None:
    try:
        check_java()
    except RecipeError as error:
        pytest.skip(str(error))
