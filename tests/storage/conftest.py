"""An S3 server for the tests of this folder; those that need one skip where moto is missing."""

import logging
from collections.abc import Callable, Iterator

import pytest
from buckets import Store, open_store

from curate import lock, objects


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Where moto's server listens."""
    pytest.importorskip("s3fs", reason="needs curate[s3]")
    server = pytest.importorskip("moto.server", reason="needs moto[s3], flask and flask-cors")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield running.get_host_and_port()[1]
    running.stop()


@pytest.fixture
def store(s3_port: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A new bucket; processes that are started meanwhile know the endpoint from their environment."""
    yield from open_store(s3_port, request.node.name, {}, monkeypatch)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once, and a lock is dead after a second, in this process."""
    monkeypatch.setattr(objects, "FIRST_PAUSE_S", 0.0)
    for name, seconds in (("BEAT_S", 0.1), ("STILL_S", 1.0), ("LOOK_S", 0.05), ("SETTLE_S", 0.1)):
        monkeypatch.setattr(lock, name, seconds)


@pytest.fixture
def memory() -> Iterator[Callable[[str], str]]:
    """URLs in fsspec's store in memory, emptied at the end."""
    from fsspec.implementations.memory import MemoryFileSystem

    yield lambda name: f"memory://tests/{name}"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
