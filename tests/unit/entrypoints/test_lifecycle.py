from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from seglake.domain.model.errors import InvalidArgument, StorageFull, StoreFailed
from seglake.entrypoints.cli.app import app
from seglake.entrypoints.cli.lifecycle import parse_time
from seglake.entrypoints.lifespan import lifespan
from seglake.entrypoints.settings import SettingsInvalid, load_settings
from seglake.testing import running_server
from tests.unit.fixtures import RecordingLog

RULES: list[dict[str, Any]] = [
    {
        "ID": "old logs",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "logs/", "ObjectSizeGreaterThan": 2, "Tags": [{"Key": "a", "Value": "b"}]}},
        "Expiration": {"Days": 5},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 2, "NewerNoncurrentVersions": 3},
    },
    {
        "ID": "uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
    {
        "ID": "off",
        "Status": "Disabled",
        "Filter": {"ObjectSizeLessThan": 9},
        "Expiration": {"Date": datetime(2030, 1, 31, tzinfo=UTC)},
    },
    {"ID": "markers", "Status": "Enabled", "Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped store with a bucket with rules, and one without."""
    path = tmp_path_factory.mktemp("lifecycle") / "data"
    with running_server(data_dir=path, reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        client.create_bucket(Bucket="bucket")
        client.create_bucket(Bucket="plain")
        client.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": RULES})
        client.put_object(Bucket="bucket", Key="logs/\x07ring", Body=b"x" * 2000, Tagging="a=b")
        client.put_object(Bucket="bucket", Key="logs/small", Body=b"x", Tagging="a=b")
        client.put_object(Bucket="bucket", Key="other", Body=b"xxx")
        client.create_multipart_upload(Bucket="bucket", Key="big")
        client.close()
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["lifecycle", *[str(argument) for argument in arguments]])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def document(*arguments: object) -> dict[str, Any]:
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    loaded: dict[str, Any] = json.loads(out)
    return loaded


@pytest.mark.parametrize("command", ["show", "explain"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"seglake lifecycle {command}" in " ".join(out.split())


def test_rules_are_shown_to_people_and_programs(data_dir: Path) -> None:
    code, out, _ = run("show", "bucket", "--data-dir", data_dir)
    assert code == 0
    assert out.splitlines() == [
        "old logs: enabled, prefix logs/, tag a=b, larger than 2 bytes",
        "  expires current versions after 5 days",
        "  removes noncurrent versions after 2 days, but the 3 newest",
        "uploads: enabled, everything",
        "  aborts multipart uploads after 1 days",
        "off: disabled, smaller than 9 bytes",
        "  expires current versions from 2030-01-31T00:00:00Z on",
        "markers: enabled, everything",
        "  removes delete markers with no version left under them",
    ]
    rules = document("show", "bucket", "--data-dir", data_dir)["rules"]
    assert [rule["id"] for rule in rules] == ["old logs", "uploads", "off", "markers"]
    assert run("show", "plain", "--data-dir", data_dir)[:2] == (0, "the bucket plain has no lifecycle rules\n")
    assert document("show", "plain", "--data-dir", data_dir) == {"bucket": "plain", "rules": []}


def test_what_is_due_at_a_time_is_listed_with_its_reason(data_dir: Path) -> None:
    found = document("explain", "bucket", "--at", "+30d", "--data-dir", data_dir)
    assert found["count"] == 2
    expired, aborted = found["due"]
    assert {name: expired[name] for name in ("key", "version", "size", "action", "rule", "reason", "kept")} == {
        "key": "logs/\x07ring",
        "version": "null",
        "size": 2000,
        "action": "expire",
        "rule": "old logs",
        "reason": "5 days old",
        "kept": None,
    }
    assert expired["due"].endswith("T00:00:00Z")
    assert (aborted["key"], aborted["action"]) == ("big", "abort-upload")
    code, out, _ = run("explain", "bucket", "--at", "+30d", "--data-dir", data_dir)
    assert code == 0
    head, first, second, last = out.splitlines()
    assert head.split()[:2] == ["ACTION", "DUE"]
    assert '"logs/\\u0007ring"  (rule old logs: 5 days old)' in first
    assert "2.0 KiB" in first
    assert "big  (rule uploads: not completed 1 day after it was begun)" in second
    assert last.startswith("2 due in bucket at ")


def test_nothing_due_is_no_failure(data_dir: Path) -> None:
    assert document("explain", "bucket", "--data-dir", data_dir)["due"] == []
    found = document("explain", "plain", "--at", "2030-01-31", "--data-dir", data_dir)
    assert (found["count"], found["at"]) == (0, "2030-01-31T00:00:00Z")
    code, out, _ = run("explain", "bucket", "--data-dir", data_dir)
    assert (code, out.startswith("0 due in bucket")) == (0, True)


def test_a_shorter_day_may_be_asked_for(data_dir: Path) -> None:
    found = document("explain", "bucket", "--at", "+10s", "--lifecycle-day", "1s", "--data-dir", data_dir)
    assert (found["count"], found["lifecycle_day_s"]) == (2, 1)


@pytest.mark.parametrize("command", ["show", "explain"])
def test_a_bucket_that_is_not_there_is_one_line(command: str, data_dir: Path) -> None:
    code, out, err = run(command, "nobody", "--data-dir", data_dir)
    assert (code, out) == (2, "")
    assert "nobody" in err
    code, out, _ = run(command, "nobody", "--data-dir", data_dir, "--json")
    assert (code, list(json.loads(out))) == (2, ["error"])


def test_a_wrong_time_or_day_is_one_line(data_dir: Path) -> None:
    for arguments in (("--at", "tomorrow"), ("--lifecycle-day", "0s")):
        code, out, err = run("explain", "bucket", *arguments, "--data-dir", data_dir)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert arguments[0] in err


def test_times_are_utc_or_from_now_on() -> None:
    assert parse_time("", 5) == 5
    assert parse_time("+1d", 5) == 86_400_005
    assert parse_time("1970-01-02", 5) == 86_400_000
    for text in ("1970-01-01T01:00", "1970-01-01T01:00:00", "1970-01-01T01:00:00Z"):
        assert parse_time(text, 5) == 3_600_000
    for text in ("1970-13-01", "+", "-1d", "1970", "1970-01-01T01:00:00+01:00", "١٩٧٠-01-01"):
        with pytest.raises(InvalidArgument, match="--at"):
            parse_time(text, 5)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within 5 s")


async def lived(monkeypatch: pytest.MonkeyPatch, outcomes: list[Exception | None]) -> tuple[RecordingLog, Any]:
    """A store whose lifecycle runs end like these, one after another; at the end its log and failure."""

    async def run(_self: object) -> None:
        outcome = outcomes.pop(0) if outcomes else None
        if outcome is not None:
            raise outcome

    monkeypatch.setattr("seglake.domain.services.lifecycle.LifecycleRunner.run", run)
    log = RecordingLog()
    settings = load_settings(addr="127.0.0.1:0", ephemeral=True, shutdown_timeout=1, lifecycle_interval="100ms")
    async with lifespan(settings, log) as running:
        await until(lambda: not outcomes)
        await asyncio.sleep(0)
        return log, running.failure


async def test_a_run_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    log, failure = await lived(monkeypatch, [StorageFull("no room"), ZeroDivisionError(), None, None])
    assert not failure.done()
    assert log.events("warning") == ["lifecycle_waits"]
    assert log.events("error") == ["lifecycle_failed"]


async def test_a_failure_in_a_run_is_the_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    _, failure = await lived(monkeypatch, [StoreFailed("a sync failed")])
    assert (await asyncio.wait_for(failure, 5)).hint == "a sync failed"


async def test_a_running_store_removes_what_is_due_and_stops_in_between() -> None:
    from seglake.testing import server

    async with server(lifecycle_day="1s", lifecycle_interval="100ms") as running:

        def fill(keys: int) -> Any:
            client = boto3.client("s3", **running.boto3)
            client.create_bucket(Bucket="bucket")
            rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
            client.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [rule]})
            for number in range(keys):
                client.put_object(Bucket="bucket", Key=f"k{number}", Body=b"x")
            return client

        client = await asyncio.to_thread(fill, 5)
        for _ in range(500):
            if "Contents" not in await asyncio.to_thread(client.list_objects_v2, Bucket="bucket"):
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("nothing was removed within 10 s")
        client.close()


def test_the_settings_have_bounds() -> None:
    settings = load_settings()
    assert (settings.lifecycle_day_ms, settings.lifecycle_interval, settings.lifecycle_rate) == (86_400_000, 3600, 500)
    assert load_settings(lifecycle_day="1.5s").lifecycle_day_ms == 1500
    for name, value in (("lifecycle_day", "0.5s"), ("lifecycle_day", "2d"), ("lifecycle_rate", "0")):
        with pytest.raises(SettingsInvalid):
            load_settings(**{name: value})
