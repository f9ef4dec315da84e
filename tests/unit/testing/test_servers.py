from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import boto3
import pytest

import seglake.testing
from seglake.domain.model.errors import DataDirUnusable
from seglake.entrypoints.settings import SettingsInvalid
from seglake.testing.servers import StandardLog


def _round_trip(arguments: dict[str, str]) -> bytes:
    client = boto3.client("s3", **arguments)
    try:
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="key", Body=b"body")
        body: bytes = client.get_object(Bucket="bucket", Key="key")["Body"].read()
        return body
    finally:
        client.close()


async def test_a_server_runs_in_the_present_event_loop() -> None:
    async with seglake.testing.server() as s:
        assert await asyncio.get_running_loop().run_in_executor(None, _round_trip, s.boto3) == b"body"


def test_a_server_runs_beside_a_synchronous_test() -> None:
    before = threading.active_count()
    with seglake.testing.running_server() as s:
        assert _round_trip(s.boto3) == b"body"
        assert s.endpoint.startswith("http://127.0.0.1:")
    assert threading.active_count() == before


async def test_two_servers_do_not_meet() -> None:
    async with seglake.testing.server() as one, seglake.testing.server() as two:
        assert one.endpoint != two.endpoint


def test_a_data_directory_outlives_its_server(tmp_path: Path) -> None:
    with seglake.testing.running_server(data_dir=tmp_path / "data") as s:
        _round_trip(s.boto3)
    with seglake.testing.running_server(data_dir=tmp_path / "data") as s:
        client = boto3.client("s3", **s.boto3)
        assert client.get_object(Bucket="bucket", Key="key")["Body"].read() == b"body"
        client.close()


def test_settings_and_credentials_may_be_given() -> None:
    with seglake.testing.running_server(access_key="mine", secret_key="my-secret", region="eu-west-1") as s:
        assert (s.access_key, s.secret_key, s.region) == ("mine", "my-secret", "eu-west-1")
        assert _round_trip(s.boto3) == b"body"


def test_what_keeps_it_from_starting_is_raised(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid), seglake.testing.running_server(no_such_setting=1):
        pass
    (tmp_path / "data").mkdir(mode=0o755)
    with pytest.raises(DataDirUnusable), seglake.testing.running_server(data_dir=tmp_path / "data"):
        pass


def test_the_block_may_fail_without_a_hanging_thread() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), seglake.testing.running_server():
        raise ZeroDivisionError
    assert threading.active_count() == before


def test_warnings_reach_the_test_runner(caplog: pytest.LogCaptureFixture) -> None:
    log = StandardLog()
    with caplog.at_level(logging.DEBUG, "seglake"):
        log.info("quiet", a=1)
        log.warning("careful", a=1)
        log.error("broken", exc_info=ValueError("why"))
    assert [record.message for record in caplog.records] == ["careful {'a': 1}", "broken {}"]
    assert caplog.records[1].exc_info is not None


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError):
        _ = seglake.testing.no_such_thing
