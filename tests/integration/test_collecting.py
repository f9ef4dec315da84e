"""P11 on the real server: garbage is collected and segments rewritten while clients read, write, copy and upload."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from seglake.domain.services.dump import logical_dump
from seglake.domain.services.scrub import Scrub
from seglake.entrypoints.offline import open_store, rebuild_index
from seglake.entrypoints.settings import load_settings
from tests.unit.fixtures import RecordingLog

from .endpoint import Endpoint, running_server
from .jobs import job
from .test_upkeep import client_of, command

B = "bucket"
CLIENTS = 4
STORES = 5
ROUNDS = 25
"""Of collecting and rewriting, for each store and each of two ways of versioning: 500 runs."""
FLAGS = ("--segment-size", "256KiB", "--inline-limit", "16KiB", "--mpu-min-part-size", "1KiB", "--gc-grace", "300ms")


def segment_files(data: Path) -> int:
    return len(list((data / "objects" / "segments").glob("*.seg")))


class Client(threading.Thread):
    """Puts, overwrites, deletes, copies, uploads and reads its own keys, and compares every byte that it reads."""

    def __init__(self, server: Endpoint, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.number, self.stop_ = server, number, stop
        self.chance = random.Random(number)
        self.kept: dict[str, str] = {}
        self.done = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with closing(client_of(self.server)) as s3:
                while not self.stop_.is_set():
                    self.step(s3)
                    self.done += 1
                for key, digest in self.kept.items():
                    self.check(s3, key, digest)
        except Exception as error:  # noqa: BLE001 - told by the test
            self.error = error

    def step(self, s3: Any) -> None:
        key, kind = f"{self.number}/{self.chance.randrange(12):02}", self.chance.randrange(10)
        if kind <= 3:
            body = self.chance.randbytes(self.chance.choice((0, 100, 5000, 60_000, 200_000)))
            s3.put_object(Bucket=B, Key=key, Body=body)
            self.kept[key] = hashlib.md5(body).hexdigest()
        elif kind <= 5:
            s3.delete_object(Bucket=B, Key=key)
            self.kept.pop(key, None)
        elif kind == 6 and self.kept:
            source = self.chance.choice(sorted(self.kept))
            if source != key:
                s3.copy_object(Bucket=B, Key=key, CopySource={"Bucket": B, "Key": source})
                self.kept[key] = self.kept[source]
        elif kind == 7:
            self.upload(s3, key)
        elif self.kept:
            wanted = self.chance.choice(sorted(self.kept))
            self.check(s3, wanted, self.kept[wanted])

    def upload(self, s3: Any, key: str) -> None:
        upload = s3.create_multipart_upload(Bucket=B, Key=key)["UploadId"]
        parts, whole = [], b""
        for number in (1, 2):
            body = self.chance.randbytes(40_000)
            answer = s3.upload_part(Bucket=B, Key=key, UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            whole += body
            time.sleep(0.02)
        if self.chance.random() < 0.2:
            s3.abort_multipart_upload(Bucket=B, Key=key, UploadId=upload)
            return
        s3.complete_multipart_upload(Bucket=B, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        self.kept[key] = hashlib.md5(whole).hexdigest()

    def check(self, s3: Any, key: str, digest: str) -> None:
        body = s3.get_object(Bucket=B, Key=key)["Body"].read()
        assert hashlib.md5(body).hexdigest() == digest, f"{key} is not what was put"


@pytest.mark.slow
@pytest.mark.parametrize("versioning", ["Suspended", "Enabled"])
@pytest.mark.parametrize("number", range(STORES))
def test_nothing_is_lost_while_garbage_is_collected(tmp_path: Path, versioning: str, number: int) -> None:
    data, stop = tmp_path / "data", threading.Event()
    with running_server(data, *FLAGS) as server:
        with closing(client_of(server)) as s3:
            s3.create_bucket(Bucket=B)
            s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": versioning})
        clients = [Client(server, number * CLIENTS + client, stop) for client in range(CLIENTS)]
        for client in clients:
            client.start()
        doomed = rewritten = removed = 0
        for _ in range(ROUNDS):
            ran = job(data, "gc.run")
            moved = job(data, "gc.rewrite-run", live_percent=90)
            assert ran["findings"] == moved["findings"] == []
            assert ran["spared"] == moved["spared"] == []
            doomed += ran["dead_segments"]
            rewritten += moved["rewritten"]
            removed += ran["removed"] + moved["removed"]
        stop.set()
        for client in clients:
            client.join(60)
            assert client.error is None, client.error
    assert rewritten, "there was something to do"
    assert doomed or versioning == "Enabled"
    assert sum([client.done for client in clients]) > 50
    check_at_rest(data)


def check_at_rest(data: Path) -> None:
    """A scrub of every version and part finds nothing, and an index made of the segments alone is the same."""
    assert command(data, "fsck")["sound"]
    settings, log = load_settings(data_dir=data), RecordingLog()
    with open_store(settings, log) as store:
        scrubbed = Scrub(store.metadata, store.segment_files, store.context.clock).run()
        assert not scrubbed.damaged
        before = store.metadata.read(lambda view: list(logical_dump(view)))
    assert rebuild_index(settings, log).findings == ()
    with open_store(settings, log) as store:
        assert store.metadata.read(lambda view: list(logical_dump(view))) == before


def test_space_comes_back_with_and_without_a_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, *FLAGS) as server, closing(client_of(server)) as s3:
        s3.create_bucket(Bucket=B)
        for number in range(12):
            s3.put_object(Bucket=B, Key=f"k{number}", Body=random.Random(number).randbytes(100_000))
        for number in range(6):
            s3.delete_object(Bucket=B, Key=f"k{number}")
        before = segment_files(data)
        plan = command(data, "gc-plan")
        assert [one["bucket"] for one in plan["buckets"]] == [B]
        line = plan["buckets"][0]
        assert (line["versions"], line["live_bytes"], line["dead_bytes"]) == (6, 600_000, 600_000)
        assert 0 < line["reclaimable_bytes"] <= line["dead_bytes"] <= plan["dead_bytes"]
        ran = command(data, "gc-run", "--force")
        assert ran["dead_segments"] >= plan["dead_segments"] > 0
        end = time.monotonic() + 20
        while segment_files(data) > before - ran["dead_segments"] and time.monotonic() < end:
            time.sleep(0.1)
        assert segment_files(data) <= before - ran["dead_segments"] + 1, "one more is being written"
        for number in range(6, 12):
            assert s3.get_object(Bucket=B, Key=f"k{number}")["Body"].read() == random.Random(number).randbytes(100_000)
        for number in range(6, 11):
            s3.delete_object(Bucket=B, Key=f"k{number}")
    plan = command(data, "gc-plan")
    ran = command(data, "gc-run", "--force")
    assert (ran["dead_segments"], ran["reclaimable_bytes"]) == (plan["dead_segments"], plan["reclaimable_bytes"])
    assert ran["removed"] >= plan["dead_segments"] > 0
    wanted = command(data, "gc-rewrite-plan", "--gc-live-threshold", "0.9")
    done = command(data, "gc-rewrite-run", "--force", "--gc-live-threshold", "0.9")
    assert done["rewritten"] == wanted["rewrites"] > 0
    check_at_rest(data)


def test_uploads_that_are_left_are_given_up(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, *FLAGS) as server, closing(client_of(server)) as s3:
        s3.create_bucket(Bucket=B)
        upload = s3.create_multipart_upload(Bucket=B, Key="k")["UploadId"]
        s3.upload_part(Bucket=B, Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 100_000)
        assert command(data, "mpu-gc-plan")["count"] == 0
        plan = command(data, "mpu-gc-plan", "--mpu-ttl", "0s")
        assert [one["upload"] for one in plan["uploads"]] == [upload]
        assert command(data, "mpu-gc-run", "--mpu-ttl", "0s", "--force") == plan
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=B)
    assert command(data, "gc-run", "--force")["removed"] > 0
    check_at_rest(data)
