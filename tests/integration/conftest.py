"""One real server for the whole session; every test gets a bucket of its own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.integration.asking import Asker
from tests.integration.endpoint import BIN, Endpoint, running_server
from tests.wire import Wire, connect

_NUMBERS = itertools.count(1)
FLAGS = ("--domains", "s3.test", "--regions", "eu-central-1", "--max-object-size", "1GiB")


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server that most tests share."""
    with running_server(tmp_path_factory.mktemp("store") / "data", *FLAGS) as running:
        yield running


def client_of(endpoint: Endpoint, *, url: str = "", **config: Any) -> Any:
    """A boto3 client with its own defaults, but no retries that would hide an error."""
    config.setdefault("retries", {"total_max_attempts": 1})
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url or endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret,
        config=Config(**config),
    )


@pytest.fixture(scope="session")
def s3(endpoint: Endpoint) -> Iterator[Any]:
    """boto3 as it comes."""
    client = client_of(endpoint)
    yield client
    client.close()


@pytest.fixture
def bucket(s3: Any) -> str:
    """A fresh bucket."""
    name = f"test-{next(_NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def asker(endpoint: Endpoint, s3: Any, bucket: str) -> Asker:
    """Requests made by hand, about a fresh bucket."""
    return Asker(endpoint, s3, bucket)


@pytest.fixture
async def wire(endpoint: Endpoint) -> AsyncIterator[Wire]:
    """A connection to the server."""
    async with connect(endpoint.port) as connection:
        yield connection


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home for a tool."""
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def tool() -> Callable[[str], str]:
    """The path of a client that was installed beside Python, or the test is skipped with a word."""

    def find(name: str) -> str:
        path = BIN / name
        if not path.exists():
            pytest.skip(f"{name} is not installed; it comes with the test extra")
        return str(path)

    return find
