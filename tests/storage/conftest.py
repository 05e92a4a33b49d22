"""An S3 server for the tests of this folder; those that need one skip where moto is missing."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from faulty_s3 import Faults, FaultyS3

from curate import lock, objects


@dataclass
class Store:
    """A bucket of its own for a test, behind a proxy that may be told to fail. client: past the proxy."""

    bucket: str
    proxy: FaultyS3
    client: Any

    def url(self, name: str = "out") -> str:
        return f"s3://{self.bucket}/{name}"

    def names(self, below: str = "out") -> set[str]:
        """Of all objects below a name."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{below}/")
        found = (entry["Key"] for page in pages for entry in page.get("Contents", []))
        return {key.removeprefix(f"{below}/") for key in found}

    def unfinished(self) -> list[Any]:
        """Uploads that were begun and neither ended nor given up."""
        found: list[Any] = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return found


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


def open_store(port: int, name: str, faults: Faults, patch: pytest.MonkeyPatch) -> Iterator[Store]:
    import boto3

    proxy = FaultyS3(port, faults)
    environment = {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "something",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_ENDPOINT_URL": proxy.start(),
    }
    for variable, value in environment.items():
        patch.setenv(variable, value)
    forget_connections()
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
    bucket = "test-" + "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:50].strip("-")
    client.create_bucket(Bucket=bucket)
    yield Store(bucket, proxy, client)
    client.close()
    proxy.stop()
    forget_connections()


def forget_connections() -> None:
    """File systems that are open keep the endpoint that they were opened with."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


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
