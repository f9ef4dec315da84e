"""The recipes of docs/ops.md are carried out as they stand there: the restore drill, and a move from another server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.integration.conftest import client_of
from tests.integration.endpoint import BIN, ROOT, clean_environment, running_server
from tests.integration.moto_server import running_moto
from tests.integration.tools import make_tree

MIB = 1 << 20


def recipe(name: str) -> list[str]:
    """The commands of the blocks with that mark, in order."""
    text = (ROOT / "docs" / "ops.md").read_text()
    blocks = re.findall(rf"<!-- recipe: {name} -->\n```console\n(.*?)```", text, re.DOTALL)
    assert blocks, f"docs/ops.md has no recipe {name}"
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def carry_out(commands: list[str], place: Path, **environment: str) -> str:
    """Runs them one after another in a shell that stops at the first failure; what they printed."""
    (place / "bin").mkdir()
    wrapper = place / "bin" / "seglake"
    wrapper.write_text(f"#!/bin/sh\nexec {BIN}/python -c 'from seglake.entrypoints.cli import main; main()' \"$@\"\n")
    wrapper.chmod(0o755)
    path = f"{place / 'bin'}:{BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        cwd=place,
        env={**clean_environment(place, **environment), "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_restore_drill_beside_a_running_store(tmp_path: Path) -> None:
    place = tmp_path / "work"
    backup, keys = place / "backup", place / "keys"
    for directory in (place, backup, keys):
        directory.mkdir()
    encrypted = {"ServerSideEncryption": "AES256"}
    with running_server(tmp_path / "data", "--ops-addr", "off") as endpoint:
        s3 = client_of(endpoint)
        s3.create_bucket(Bucket="important")
        for number in range(20):
            s3.put_object(Bucket="important", Key=f"k{number}", Body=bytes([number]) * 300_000, **encrypted)
        settings = {"SEGLAKE_DATA_DIR": str(endpoint.data_dir), "BACKUP": str(backup), "KEYS": str(keys)}
        printed = carry_out(recipe("drill"), place, DRILL=str(place / "drill"), **settings)
        assert re.search(r"object bytes +6,000,000", printed)
        assert "NOT SOUND" not in printed
        s3.close()
    with running_server(place / "drill", "--ops-addr", "off") as endpoint:
        s3 = client_of(endpoint)
        for number in range(20):
            answer = s3.get_object(Bucket="important", Key=f"k{number}")
            assert answer["Body"].read() == bytes([number]) * 300_000, "the master key is the right one"
        s3.close()


def _moto_client(url: str) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="old",
        aws_secret_access_key="old-secret",
        config=Config(retries={"total_max_attempts": 2}),
    )


def test_moving_from_another_server(tmp_path: Path, tool: Callable[[str], str]) -> None:
    tool("rclone")
    files = make_tree(tmp_path / "tree", big=6 * MIB)
    place = tmp_path / "work"
    place.mkdir()
    with running_moto(tmp_path / "moto") as old, running_server(tmp_path / "data", "--ops-addr", "off") as endpoint:
        source, target = _moto_client(old), client_of(endpoint)
        for bucket in ("first", "second"):
            source.create_bucket(Bucket=bucket)
        for name, content in files.items():
            source.put_object(
                Bucket="first", Key=name, Body=content, ContentType="text/x-odd", Metadata={"colour": "green"}
            )
        source.put_object(Bucket="second", Key="only", Body=b"one")
        (place / "rclone.conf").write_text(
            f"[old]\ntype = s3\nprovider = Minio\nendpoint = {old}\n"
            f"access_key_id = old\nsecret_access_key = old-secret\n"
            f"[new]\ntype = s3\nprovider = Other\nendpoint = {endpoint.url}\nregion = us-east-1\n"
            f"access_key_id = {endpoint.access_key}\nsecret_access_key = {endpoint.secret}\n"
        )
        carry_out(recipe("move"), place, RCLONE_CONFIG=str(place / "rclone.conf"))
        for name, content in files.items():
            answer = target.get_object(Bucket="first", Key=name)
            assert answer["Body"].read() == content
            assert answer["ContentType"] == "text/x-odd"
            assert answer["Metadata"]["colour"] == "green"
        assert [one["Key"] for one in target.list_objects_v2(Bucket="second")["Contents"]] == ["only"]
        target.close()
        source.close()
