"""The aws command line does its whole round: cp, sync of a tree with odd names, mv, rm, presign, multipart."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.endpoint import Endpoint
from tests.integration.tools import Tool, make_tree, read_tree

MIB = 1 << 20


@pytest.fixture
def aws(endpoint: Endpoint, home: Path, tool: Callable[[str], str]) -> Tool:
    tool("aws")
    environment = {
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret,
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return Tool(endpoint, home, ("aws",), environment)


def test_copy_list_move_and_remove(aws: Tool, s3: Any, bucket: str, home: Path) -> None:
    (home / "file.txt").write_bytes(b"content")
    aws.run("s3", "cp", "file.txt", f"s3://{bucket}/dir/file.txt", "--content-type", "text/x-test")
    head = s3.head_object(Bucket=bucket, Key="dir/file.txt")
    assert (head["ContentType"], head["ContentLength"]) == ("text/x-test", 7)
    assert "dir/file.txt" in aws.run("s3", "ls", f"s3://{bucket}", "--recursive")
    assert "PRE dir/" in aws.run("s3", "ls", f"s3://{bucket}")
    aws.run("s3", "mv", f"s3://{bucket}/dir/file.txt", f"s3://{bucket}/moved ü.txt")
    aws.run("s3", "cp", f"s3://{bucket}/moved ü.txt", "back.txt")
    assert (home / "back.txt").read_bytes() == b"content"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["moved ü.txt"]
    aws.run("s3", "rm", f"s3://{bucket}/moved ü.txt")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    aws.run("s3", "cp", f"s3://{bucket}/nothing", "x", fails=True)


def test_sync_of_a_tree_with_odd_names(aws: Tool, s3: Any, bucket: str, home: Path) -> None:
    files = make_tree(home / "tree")
    aws.run("s3", "sync", "tree", f"s3://{bucket}/pre fix/")
    listed = {one["Key"]: one["ETag"].strip('"') for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed == {f"pre fix/{name}": hashlib.md5(content).hexdigest() for name, content in files.items()}
    aws.run("s3", "sync", f"s3://{bucket}/pre fix/", "back")
    assert read_tree(home / "back") == files
    assert aws.run("s3", "sync", "tree", f"s3://{bucket}/pre fix/") == "", "nothing is left to do"
    (home / "tree" / "plain.txt").unlink()
    aws.run("s3", "sync", "tree", f"s3://{bucket}/pre fix/", "--delete")
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == len(files) - 1
    aws.run("s3", "rm", f"s3://{bucket}/pre fix/", "--recursive")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_multipart_of_forty_mebibytes(aws: Tool, s3: Any, bucket: str, home: Path) -> None:
    content = hashlib.sha256(b"seed").digest() * (40 * MIB // 32)
    (home / "big").write_bytes(content)
    aws.run("s3", "cp", "big", f"s3://{bucket}/big")
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"].endswith('-5"')
    assert head["ContentLength"] == len(content)
    aws.run("s3", "cp", f"s3://{bucket}/big", f"s3://{bucket}/copy")
    aws.run("s3", "cp", f"s3://{bucket}/copy", "back")
    assert (home / "back").read_bytes() == content
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_presigned_urls(aws: Tool, s3: Any, bucket: str, home: Path) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=b"content")
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text("[default]\ns3 =\n    signature_version = s3v4\n")
    url = aws.run("s3", "presign", f"s3://{bucket}/a b", "--expires-in", "60").strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"content"


def test_presigned_urls_of_us_east_1_say_that_they_are_of_the_old_version(aws: Tool, bucket: str) -> None:
    """Without a setting the aws command line (1.x) presigns with Signature Version 2 for this one region."""
    url = aws.run("s3", "presign", f"s3://{bucket}/k").strip()
    with pytest.raises(urllib.error.HTTPError) as failed, urllib.request.urlopen(url, timeout=30):
        pass
    assert failed.value.code == 400
    assert b"Signature Version 2" in failed.value.read()
    failed.value.close()
    url = aws.run("s3", "presign", f"s3://{bucket}/k", "--region", "eu-central-1").strip()
    with pytest.raises(urllib.error.HTTPError) as failed, urllib.request.urlopen(url, timeout=30):
        pass
    assert failed.value.code == 404, "every other region gets version 4"
    failed.value.close()


def test_the_low_level_commands(aws: Tool, s3: Any, bucket: str, home: Path) -> None:
    (home / "f").write_bytes(b"content")
    aws.run("s3", "mb", f"s3://{bucket}-new")
    api = ("s3api", "put-object", "--bucket", f"{bucket}-new", "--key", "k", "--body", "f", "--checksum-algorithm")
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        assert f"Checksum{algorithm}" in aws.run(*api, algorithm)
    status = ("--versioning-configuration", "Status=Enabled")
    aws.run("s3api", "put-bucket-versioning", "--bucket", f"{bucket}-new", *status)
    aws.run("s3api", "delete-object", "--bucket", f"{bucket}-new", "--key", "k")
    assert "DeleteMarkers" in aws.run("s3api", "list-object-versions", "--bucket", f"{bucket}-new")
    aws.run("s3", "rb", f"s3://{bucket}-new", fails=True)
