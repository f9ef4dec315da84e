"""The worked example of docs/adapters.md is run as it stands: its adapter, its tests, and a server that uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from seglake.testing import running_server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A directory with the files that the document shows."""
    text = (ROOT / "docs" / "adapters.md").read_text()
    found = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in found] == ["commit_times.py", "test_commit_times.py"]
    for name, source in found:
        (tmp_path / name).write_text(source)
    return tmp_path


def test_the_adapter_passes_its_contract(example: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "test_commit_times.py",
    ]
    environment = {"PYTHONPATH": f"{example}:{ROOT}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=example, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 30


def test_the_server_takes_it_by_name(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(example))
    told: list[dict[str, int]] = []
    monkeypatch.setattr("seglake.testing.servers.StandardLog.info", lambda _log, _event, **fields: told.append(fields))
    with running_server(data_dir=tmp_path / "data", reserve=0, metadata_store="commit_times:build") as server:
        client = boto3.client("s3", **server.boto3)
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="key", Body=b"body")
        client.close()
    assert any(fields.get("batches", 0) >= 2 for fields in told)
    with running_server(data_dir=tmp_path / "data", reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        assert client.get_object(Bucket="bucket", Key="key")["Body"].read() == b"body"
        client.close()
