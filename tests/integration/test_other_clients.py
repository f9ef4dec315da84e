"""s3cmd, s5cmd, rclone and minio-py do their whole rounds, unmodified and each with a configuration of its own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from tests.integration.endpoint import Endpoint
from tests.integration.tools import Tool, make_tree, read_tree

MIB = 1 << 20


def keys(s3: Any, bucket: str) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.fixture
def s3cmd(endpoint: Endpoint, home: Path, tool: Callable[[str], str]) -> Tool:
    tool("s3cmd")
    (home / "s3cfg").write_text(
        f"[default]\naccess_key = {endpoint.access_key}\nsecret_key = {endpoint.secret}\n"
        f"host_base = {endpoint.host}\nhost_bucket = {endpoint.host}\nuse_https = False\n"
        f"bucket_location = us-east-1\nsignature_v2 = False\nmultipart_chunk_size_mb = 5\n"
    )
    return Tool(endpoint, home, ("s3cmd", "--config", "s3cfg", "--no-progress"), {})


def test_s3cmd(s3cmd: Tool, s3: Any, bucket: str, home: Path) -> None:
    files = make_tree(home / "tree", big=12 * MIB)
    s3cmd.run("mb", f"s3://{bucket}-s3cmd")
    assert f"s3://{bucket}-s3cmd" in s3cmd.run("ls")
    s3cmd.run("sync", "tree/", f"s3://{bucket}/t/")
    assert set(keys(s3, bucket)) == {f"t/{name}" for name in files}
    assert s3.head_object(Bucket=bucket, Key="t/big.bin")["ETag"].endswith('-3"')
    (home / "back").mkdir()
    s3cmd.run("sync", f"s3://{bucket}/t/", "back/")
    assert read_tree(home / "back") == files
    s3cmd.run("put", "tree/plain.txt", f"s3://{bucket}/one", "--add-header", "x-amz-meta-a: 1")
    assert s3.head_object(Bucket=bucket, Key="one")["Metadata"]["a"] == "1"
    s3cmd.run("cp", f"s3://{bucket}/one", f"s3://{bucket}/two words")
    s3cmd.run("mv", f"s3://{bucket}/two words", f"s3://{bucket}/three+plus")
    s3cmd.run("get", f"s3://{bucket}/three+plus", "got")
    assert (home / "got").read_bytes() == files["plain.txt"]
    assert "MD5 sum" in s3cmd.run("info", f"s3://{bucket}/one")
    s3cmd.run("del", "--recursive", "--force", f"s3://{bucket}/")
    assert keys(s3, bucket) == []
    s3cmd.run("rb", f"s3://{bucket}-s3cmd")


@pytest.fixture
def s5cmd(endpoint: Endpoint, home: Path, tool: Callable[[str], str]) -> Tool:
    tool("s5cmd")
    environment = {
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret,
        "AWS_REGION": endpoint.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return Tool(endpoint, home, ("s5cmd", "--endpoint-url", endpoint.url, "--retry-count", "0"), environment)


def test_s5cmd(s5cmd: Tool, s3: Any, bucket: str, home: Path) -> None:
    files = make_tree(home / "tree", big=12 * MIB)
    s5cmd.run("mb", f"s3://{bucket}-s5cmd")
    assert f"s3://{bucket}-s5cmd" in s5cmd.run("ls")
    s5cmd.run("cp", "--part-size", "5", "tree/", f"s3://{bucket}/t/")
    assert set(keys(s3, bucket)) == {f"t/{name}" for name in files}
    s5cmd.run("cp", "--part-size", "5", f"s3://{bucket}/t/*", "back/")
    assert read_tree(home / "back") == files
    s5cmd.run("sync", "tree/", f"s3://{bucket}/s/")
    assert s5cmd.run("sync", "--size-only", "tree/", f"s3://{bucket}/s/") == ""
    s5cmd.run("cp", f"s3://{bucket}/t/with space.txt", f"s3://{bucket}/copied with space")
    s5cmd.run("mv", f"s3://{bucket}/copied with space", f"s3://{bucket}/moved+plus")
    assert s5cmd.run("cat", f"s3://{bucket}/moved+plus").encode() == files["with space.txt"]
    assert '"size":' in s5cmd.run("--json", "ls", f"s3://{bucket}/moved+plus")
    s5cmd.run("rm", f"s3://{bucket}/*")
    assert keys(s3, bucket) == []
    s5cmd.run("rb", f"s3://{bucket}-s5cmd")


@pytest.fixture
def rclone(endpoint: Endpoint, home: Path, tool: Callable[[str], str]) -> Tool:
    tool("rclone")
    (home / "rclone.conf").write_text(
        f"[store]\ntype = s3\nprovider = Other\naccess_key_id = {endpoint.access_key}\n"
        f"secret_access_key = {endpoint.secret}\nendpoint = {endpoint.url}\nregion = us-east-1\n"
        f"chunk_size = 5Mi\nupload_cutoff = 6Mi\n"
    )
    return Tool(endpoint, home, ("rclone", "--config", "rclone.conf", "--retries", "1"), {})


def test_rclone(rclone: Tool, s3: Any, bucket: str, home: Path) -> None:
    files = make_tree(home / "tree", big=12 * MIB)
    rclone.run("copy", "tree", f"store:{bucket}/t")
    assert set(keys(s3, bucket)) == {f"t/{name}" for name in files}
    rclone.run("check", "tree", f"store:{bucket}/t")
    rclone.run("check", "--download", "tree", f"store:{bucket}/t")
    rclone.run("sync", f"store:{bucket}/t", "back")
    assert read_tree(home / "back") == files
    rclone.run("copy", f"store:{bucket}/t", f"store:{bucket}/server side")
    rclone.run("check", "tree", f"store:{bucket}/server side")
    (home / "tree" / "plain.txt").write_bytes(b"changed")
    rclone.run("check", "tree", f"store:{bucket}/t", fails=True)
    rclone.run("sync", "tree", f"store:{bucket}/t")
    assert rclone.run("cat", f"store:{bucket}/t/plain.txt") == "changed"
    rclone.run("moveto", f"store:{bucket}/t/plain.txt", f"store:{bucket}/moved + ü")
    assert "moved + ü" in rclone.run("lsf", f"store:{bucket}")
    rclone.run("mkdir", f"store:{bucket}-rclone")
    rclone.run("rmdir", f"store:{bucket}-rclone")
    rclone.run("delete", f"store:{bucket}")
    assert keys(s3, bucket) == []


@pytest.fixture
def minio(endpoint: Endpoint) -> Iterator[Minio]:
    pool = urllib3.PoolManager(retries=False)
    yield Minio(endpoint.host, endpoint.access_key, endpoint.secret, secure=False, http_client=pool)
    pool.clear()


def test_minio_py(minio: Minio, s3: Any, bucket: str, home: Path) -> None:
    own = f"{bucket}-minio"
    minio.make_bucket(own)
    assert minio.bucket_exists(own)
    assert own in [one.name for one in minio.list_buckets()]
    body = bytes(range(256)) * (12 * MIB // 256)
    written = minio.put_object(own, "dir/big ü", io.BytesIO(body), len(body), part_size=5 * MIB, metadata={"a": "1"})
    assert written.etag is not None
    assert written.etag.endswith("-3")
    unknown = minio.put_object(own, "unknown length", io.BytesIO(b"stream"), -1, part_size=5 * MIB)
    assert unknown.object_name == "unknown length"
    found = minio.stat_object(own, "dir/big ü")
    assert (found.size, found.metadata["x-amz-meta-a"]) == (len(body), "1")  # type: ignore[index]
    answer = minio.get_object(own, "dir/big ü", offset=5 * MIB - 3, length=6)
    assert answer.read() == body[5 * MIB - 3 : 5 * MIB + 3]
    answer.close()
    answer.release_conn()
    minio.fget_object(own, "dir/big ü", str(home / "back"))
    assert (home / "back").read_bytes() == body
    minio.copy_object(own, "copy", CopySource(own, "dir/big ü"))
    assert {one.object_name for one in minio.list_objects(own)} == {"copy", "dir/", "unknown length"}
    assert {one.object_name for one in minio.list_objects(own, recursive=True)} == {
        "copy",
        "dir/big ü",
        "unknown length",
    }
    url = minio.presigned_get_object(own, "unknown length", expires=timedelta(minutes=1))
    with urllib3.PoolManager() as pool:
        assert pool.request("GET", url).data == b"stream"
    assert list(minio.remove_objects(own, [DeleteObject("copy"), DeleteObject("dir/big ü")])) == []
    with pytest.raises(S3Error, match="NoSuchKey"):
        minio.stat_object(own, "copy")
    minio.remove_object(own, "unknown length")
    minio.remove_bucket(own)
    assert not minio.bucket_exists(own)
