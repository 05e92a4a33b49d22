"""A bucket for a test, and the environment in which processes find it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from faulty_s3 import Faults, FaultyS3


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
