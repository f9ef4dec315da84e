"""Automatic scrubs: off by default, one after another, and an error in one is not the end of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import boto3
import pytest

from seglake.domain.model.errors import SeglakeError, StorageFull, StoreFailed, UnderMaintenance
from seglake.entrypoints.scrub_schedule import scrub_again_and_again
from seglake.entrypoints.settings import SettingsInvalid, load_settings
from seglake.testing import running_server
from tests.unit.fixtures import RecordingLog


class _Runner:
    """Runs that end like ``outcomes``; the last one ends the test."""

    def __init__(self, *outcomes: Exception | float | None) -> None:
        self.outcomes = list(outcomes)
        self.runs = 0
        self.over = asyncio.Event()

    def due_in_s(self, _interval_s: float) -> float:
        if self.outcomes and isinstance(self.outcomes[0], float):
            return float(self.outcomes.pop(0))  # type: ignore[arg-type]
        return 0.0

    async def run(self) -> None:
        self.runs += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if not self.outcomes:
            self.over.set()
        if isinstance(outcome, Exception):
            raise outcome


async def _lived(runner: _Runner) -> tuple[RecordingLog, list[StoreFailed]]:
    log, failures = RecordingLog(), list[StoreFailed]()
    work: Any = scrub_again_and_again(runner, 0.001, failures.append, log)  # type: ignore[arg-type]
    task = asyncio.create_task(work)
    await asyncio.wait_for(runner.over.wait(), 10)
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    return log, failures


async def test_a_run_that_fails_is_not_the_last() -> None:
    errors: list[Exception] = [StorageFull("no room"), UnderMaintenance(), SeglakeError("odd"), ZeroDivisionError()]
    log, failures = await _lived(_Runner(*errors, None))
    assert failures == []
    assert log.events("warning") == ["scrub_waits"] * 2
    assert log.events("error") == ["scrub_failed"] * 2


async def test_a_failure_in_a_run_is_the_stores() -> None:
    runner = _Runner(StoreFailed("a sync failed"))
    _, failures = await _lived(runner)
    assert [failure.hint for failure in failures] == ["a sync failed"]
    assert runner.runs == 1, "nothing is done after it"


async def test_what_is_not_due_waits() -> None:
    runner = _Runner(0.001, 0.001, None)
    await _lived(runner)
    assert runner.outcomes == []


def test_it_is_off_unless_asked_for() -> None:
    assert load_settings().scrub_interval == 0
    assert load_settings(scrub_interval="7d", scrub_rate="1MiB").scrub_rate == 1 << 20
    with pytest.raises(SettingsInvalid):
        load_settings(scrub_rate="0")


def test_a_server_finds_and_marks_what_rots_beneath_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_server(data_dir=data_dir, reserve=0, scrub_interval="200ms") as server:
        client = boto3.client("s3", **server.boto3)
        client.create_bucket(Bucket="bucket")
        for key in ("good", "bad"):
            client.put_object(Bucket="bucket", Key=key, Body=key.encode() * 100)
        (segment,) = [path for path in (data_dir / "objects/segments").iterdir() if b"bad" * 100 in path.read_bytes()]
        at = segment.read_bytes().find(b"bad" * 100)
        with segment.open("r+b") as file:
            file.seek(at)
            file.write(b"B")
        for _ in range(100):
            if _refused(client):
                break
            asyncio.run(asyncio.sleep(0.05))
        assert _refused(client)
        assert client.get_object(Bucket="bucket", Key="good")["Body"].read() == b"good" * 100
        with pytest.raises(client.exceptions.ClientError):
            client.get_object(Bucket="bucket", Key="bad")
        client.close()


def _refused(client: Any) -> bool:
    """HEAD reads no payload: it fails only when the version is marked."""
    try:
        client.head_object(Bucket="bucket", Key="bad")
    except client.exceptions.ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 500)
    return False
