"""A disk that is really full: every command ends with an answer, nothing acknowledged is lost, deleting frees it.

Needs to mount a small file system in memory, which root may; skipped elsewhere.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .endpoint import Endpoint, clean_environment, running_server
from .jobs import job
from .test_upkeep import client_of, command

B = "bucket"
SIZE = 200_000
FLAGS = ("--reserve", "3MiB", "--segment-size", "1MiB", "--gc-grace", "100ms")

READING = (
    ("status", "--live"),
    ("fsck", "--deep"),
    ("scrub", "--all"),
    ("gc-plan",),
    ("gc-rewrite-plan",),
    ("mpu-gc-plan",),
    ("db-integrity-check",),
    ("maintenance", "status"),
    ("users", "list"),
    ("keys", "list"),
    ("buckets", "list"),
)
WRITING = (
    ("users", "create", "alice"),
    ("buckets", "create", "another"),
    ("gc-run", "--force"),
    ("gc-rewrite", "--force"),
    ("mpu-gc-run", "--force"),
    ("db-reindex",),
    ("snapshot", "{}/snap", "--include-data", "--copy"),
    ("support-bundle", "{}/bundle.tar.gz"),
)
ALONE = (("fsck", "--repair"), ("keys", "rotate-master"), ("rebuild-index",))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(place)], check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill_up(place: Path) -> None:
    """Takes every byte that is left."""
    with (place / "filler").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def body_of(number: int) -> bytes:
    return random.Random(number).randbytes(SIZE)


def put_until_full(s3: Any) -> int:
    """How many objects were acknowledged before the disk was said to be full."""
    number, refusal = 0, None
    while refusal is None:
        try:
            s3.put_object(Bucket=B, Key=f"k{number:03}", Body=body_of(number))
            number += 1
        except ClientError as error:
            refusal = error.response
    assert (refusal["Error"]["Code"], refusal["ResponseMetadata"]["HTTPStatusCode"]) == ("StorageFull", 507)
    return number


def ends(data: Path, *words: str) -> None:
    """A command answers, or says that there is no room; nothing else is wrong with this store."""
    environment = clean_environment(data.parent, SEGLAKE_DATA_DIR=str(data))
    done = subprocess.run(
        [sys.executable, "-c", "from seglake.entrypoints.cli import main; main()", *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 2), (words, done)
    assert "Traceback" not in done.stderr, (words, done.stderr)
    if done.returncode == 2:
        assert re.search(r"seglake: .*(no room|No space left|disk is full|enable maintenance first)", done.stderr), (
            words,
            done.stderr,
        )


def try_all(data: Path, others: Path, *, alone: bool) -> None:
    for words in (*READING, *WRITING, *(ALONE if alone else ())):
        ends(data, *[word.format(others) for word in words])


def all_there(server: Endpoint, count: int, first: int = 0) -> None:
    with closing(client_of(server)) as s3:
        for number in range(first, count):
            assert s3.get_object(Bucket=B, Key=f"k{number:03}")["Body"].read() == body_of(number)


@pytest.mark.slow
def test_every_command_answers_and_deleting_frees_a_full_disk(small: Path) -> None:
    data = small / "data"
    with running_server(data, *FLAGS) as server:
        with closing(client_of(server)) as s3:
            s3.create_bucket(Bucket=B)
            count = put_until_full(s3)
        assert count > 50
        fill_up(small)
        for words in READING:
            command(data, *words)
        try_all(data, small, alone=False)
        all_there(server, count)
    fill_up(small)
    assert os.statvfs(small).f_bavail == 0
    try_all(data, small, alone=True)
    (small / "filler").write_bytes(bytes(1000))  # somebody makes room for an index to be opened
    with running_server(data, "--segment-size", "1MiB", "--gc-grace", "100ms", "--reserve", "0") as server:
        all_there(server, count)
        with closing(client_of(server)) as s3:
            for number in range(count - 10):
                s3.delete_object(Bucket=B, Key=f"k{number:03}")
            job(data, "gc.run")
            job(data, "gc.rewrite-run")
            _wait_for_space(small)
            s3.put_object(Bucket=B, Key=f"k{count:03}", Body=body_of(count))
        all_there(server, count + 1, count - 10)
        assert command(data, "fsck", "--deep")["sound"]


def _wait_for_space(place: Path) -> None:
    end = time.monotonic() + 20
    while os.statvfs(place).f_bavail < 1000:
        assert time.monotonic() < end, "the space did not come back"
        time.sleep(0.1)
