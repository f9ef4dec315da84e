"""A running server as its watchers see it: scraped, asked for its health, its access log rotated, no secret told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from seglake.adapters.telemetry.names import METRICS, PROCESS_SERIES
from tests.integration.asking import Asker
from tests.integration.endpoint import SECRET, Endpoint, clean_environment, running_server
from tests.wire import Mode

CANARY = "canary-of-observability-0123456789"
_PORT_MARK = '"event":"ops_listening"'


def until(found: Callable[[], Any], *, seconds: float = 15.0) -> Any:
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)


class Watched:
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.log = endpoint.data_dir.parent / f"{endpoint.data_dir.name}.log"
        self.access = endpoint.data_dir.parent / "access.log"
        line = next(line for line in self.log.read_text().splitlines() if _PORT_MARK in line)
        self.url = f"http://127.0.0.1:{json.loads(line)['port']}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def sample(self, line: str) -> float:
        """The value of the series whose line begins so."""
        text = self.get("/metrics")[1]
        return sum(float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line))

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.access.read_text().splitlines()] if self.access.exists() else []


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    top = tmp_path_factory.mktemp("watched")
    flags = ("--ops-addr", "127.0.0.1:0", "--access-log-file", str(top / "access.log"), "--reserve", "1MiB")
    with running_server(top / "data", *flags) as endpoint:
        yield Watched(endpoint)


@pytest.fixture(scope="module")
def s3(watched: Watched) -> Any:
    endpoint = watched.endpoint
    client = boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret,
        region_name=endpoint.region,
        config=Config(signature_version="s3v4", retries={"max_attempts": 1}),
    )
    client.create_bucket(Bucket="watched")
    return client


def test_a_scrape_shows_the_traffic(watched: Watched, s3: Any) -> None:
    before = watched.sample('seglake_requests_total{class="2xx",operation="PutObject"}')
    for number in range(5):
        s3.put_object(Bucket="watched", Key=f"k{number}", Body=b"x" * 1000)
    s3.put_object(Bucket="watched", Key="long", Body=b"x" * 6_000_000)
    assert s3.get_object(Bucket="watched", Key="long")["Body"].read() == b"x" * 6_000_000
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="watched", Key="missing")
    assert watched.sample('seglake_requests_total{class="2xx",operation="PutObject"}') == before + 6
    assert watched.sample('seglake_sent_bytes_total{operation="GetObject"}') >= 6_000_000
    assert watched.sample('seglake_received_bytes_total{operation="PutObject"}') >= 6_005_000
    assert watched.sample('seglake_errors_total{code="NoSuchKey"}') >= 1
    assert watched.sample("seglake_sync_seconds_count") >= 6
    assert watched.sample("seglake_batch_scripts_count") >= 6
    assert watched.sample('seglake_segments{state="open"}') >= 1
    assert watched.sample('seglake_request_seconds_count{operation="PutObject"}') == before + 6


def test_nothing_is_told_that_the_table_does_not_name(watched: Watched, s3: Any) -> None:
    known = {name for metric in METRICS for name in metric.series} | PROCESS_SERIES
    for line in watched.get("/metrics")[1].splitlines():
        if not line.startswith("#"):
            assert line.partition("{")[0].partition(" ")[0] in known, line


def test_it_is_alive_and_ready(watched: Watched) -> None:
    assert watched.get("/health/live")[0] == 200
    assert watched.get("/health/ready") == (200, '{"status": "ready", "reasons": {}}\n')
    assert watched.get("/other")[0] == 404


def test_the_ops_listener_answers_no_s3_and_the_endpoint_no_metrics(watched: Watched, s3: Any) -> None:
    assert watched.get("/watched/k0")[0] == 404
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{watched.endpoint.url}/metrics", timeout=10)


async def test_stats_agree_with_what_was_done(watched: Watched, s3: Any) -> None:
    s3.put_object(Bucket="watched", Key="counted", Body=b"12345")
    found = json.loads((await Asker(watched.endpoint, s3, "watched").ask("GET", "/v1/meta/stats")).body)
    assert found["requests"]["by_operation"]["PutObject"]["by_class"]["2xx"] >= 1
    latency = found["requests"]["by_operation"]["PutObject"]["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert found["commits"]["committed"] >= 1
    assert found["syncs"]["count"] >= 1
    assert {one["bucket"] for one in found["requests"]["by_bucket"]} == {"watched"}
    assert {one["access_key"] for one in found["requests"]["by_key"]} == {watched.endpoint.access_key}


def test_segctl_tells_the_same(watched: Watched, s3: Any) -> None:
    command = [sys.executable, "-c", "from seglake.entrypoints.segctl import main; main()", "stats", "--json"]
    home = watched.endpoint.data_dir.parent
    done = subprocess.run(
        [*command, "--data-dir", str(watched.endpoint.data_dir)],
        env=clean_environment(home),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["store"]["buckets"] == 1
    assert "by_operation" in found["requests"]


async def test_the_access_log_has_a_line_for_each_request_and_survives_a_rotation(watched: Watched, s3: Any) -> None:
    asker = Asker(watched.endpoint, s3, "watched")
    reply = await asker.ask("GET", "/{bucket}/a%0Ab%22c?partNumber=1", {"user-agent": 'evil"\tagent'})
    wanted = reply.headers["x-amz-request-id"]
    line = until(lambda: next((one for one in watched.records() if one["request_id"] == wanted), None))
    assert (line["operation"], line["bucket"], line["key"]) == ("GetObject", "watched", "a%0Ab%22c")
    assert (line["status"], line["code"], line["peer"]) == (404, "NoSuchKey", "127.0.0.1")
    moved = watched.access.with_suffix(".1")
    watched.access.rename(moved)
    os.kill(watched.endpoint.pid, signal.SIGHUP)
    until(watched.access.exists)
    after = await asker.ask("GET", "/{bucket}/after")
    until(lambda: any(one["request_id"] == after.headers["x-amz-request-id"] for one in watched.records()))
    assert wanted in moved.read_text()
    assert (watched.access.stat().st_mode & 0o777) == 0o600


async def test_no_secret_is_in_metrics_logs_or_stats(watched: Watched, s3: Any) -> None:
    """P17: neither the root's secret, nor a signature, a customer's key, or what a client hides in odd places."""
    asker = Asker(watched.endpoint, s3, "watched")
    presigned = asker.request("GET", f"/{{bucket}}/k0?response-expires={CANARY}x", mode=Mode.PRESIGNED)
    signature = presigned.target.partition("X-Amz-Signature=")[2].partition("&")[0]
    assert len(signature) == 64
    await asker.send(presigned)
    for target in (f"/watched/k?Signature={CANARY}", f"/watched/k?password={CANARY}", f"/watched/k?x={SECRET}"):
        await asker.ask("GET", target)
    await asker.ask("PUT", "/{bucket}/sse", {"x-amz-server-side-encryption-customer-key": CANARY}, b"x")
    wrong = asker.request("GET", "/{bucket}/k0").with_header("authorization", f"AWS4-HMAC-SHA256 {CANARY}")
    await asker.send(wrong)
    stats = (await asker.ask("GET", "/v1/meta/stats")).body.decode()
    until(lambda: any("meta/stats" in one["target"] for one in watched.records()))
    seen = "\n".join([stats, watched.get("/metrics")[1], watched.log.read_text(), watched.access.read_text()])
    assert SECRET not in seen
    assert signature not in seen
    assert f"Signature={CANARY}" not in seen
    assert seen.count(CANARY) == seen.count(f"response-expires={CANARY}"), "only where it was no secret"


def test_a_disk_without_room_is_not_ready(tmp_path: Path) -> None:
    """The reserve is larger than any disk: the store opens, takes no objects, and says why."""
    flags = ("--ops-addr", "127.0.0.1:0", "--reserve", "1000TiB")
    with running_server(tmp_path / "data", *flags) as endpoint:
        status, text = Watched(endpoint).get("/health/ready")
        assert status == 503
        assert "bytes are free" in json.loads(text)["reasons"]["disk"]


def test_lines_in_amazons_format(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    flags = ("--access-log-format", "s3", "--access-log-file", str(path))
    with running_server(tmp_path / "data", *flags) as endpoint:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{endpoint.url}/bucket/key", timeout=10)
        until(lambda: path.read_text())
    (line,) = path.read_text().splitlines()
    assert ' REST.GET.OBJECT key "GET /bucket/key HTTP/1.1" 403 AccessDenied ' in line
