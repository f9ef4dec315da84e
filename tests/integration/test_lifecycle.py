"""Lifecycle rules on the real server, with a day that lasts a second."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, clean_environment, running_server

FLAGS = ("--lifecycle-day", "1s", "--lifecycle-interval", "200ms")
BUCKET = "bucket"


def until(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.1)


@contextmanager
def serving(data_dir: Path, *flags: str) -> Iterator[tuple[Endpoint, Any]]:
    with running_server(data_dir, *(flags or FLAGS)) as endpoint:
        client = client_of(endpoint)
        yield endpoint, client
        client.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def rule(rule_id: str, **fields: Any) -> dict[str, Any]:
    return {"ID": rule_id, "Status": "Enabled", "Filter": {"Prefix": ""}, **fields}


def configure(s3: Any, *rules: dict[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": list(rules)})


def held(s3: Any) -> tuple[list[str], list[str]]:
    """Keys of all versions, and of all delete markers."""
    page = s3.list_object_versions(Bucket=BUCKET)
    return [one["Key"] for one in page.get("Versions", [])], [one["Key"] for one in page.get("DeleteMarkers", [])]


def runs(data_dir: Path) -> list[dict[str, Any]]:
    """What the log says about each run so far."""
    lines = (data_dir.parent / f"{data_dir.name}.log").read_text().splitlines()
    return [json.loads(line) for line in lines if '"lifecycle_run"' in line and line.endswith("}")]


def seglake(*arguments: str, home: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", "from seglake.entrypoints.cli import main; main()", *arguments, "--json"]
    done = subprocess.run(command, env=clean_environment(home), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def test_objects_expire_by_age_date_prefix_tag_and_size(data_dir: Path) -> None:
    with serving(data_dir) as (_, s3):
        s3.create_bucket(Bucket=BUCKET)
        yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        both = {"Prefix": "tagged/", "Tags": [{"Key": "a", "Value": "1"}]}
        configure(
            s3,
            rule("age", Filter={"Prefix": "age/"}, Expiration={"Days": 1}),
            rule("date", Filter={"Prefix": "date/"}, Expiration={"Date": yesterday}),
            rule("tag", Filter={"And": both}, Expiration={"Days": 1}),
            rule("size", Filter={"ObjectSizeGreaterThan": 100}, Expiration={"Days": 1}),
            rule("later", Filter={"Prefix": "later/"}, Expiration={"Days": 10_000_000}),
            {**rule("off", Expiration={"Days": 1}), "Status": "Disabled"},
        )
        s3.put_object(Bucket=BUCKET, Key="age/a", Body=b"x")
        s3.put_object(Bucket=BUCKET, Key="date/a", Body=b"x")
        s3.put_object(Bucket=BUCKET, Key="tagged/yes", Body=b"x", Tagging="a=1&b=2")
        s3.put_object(Bucket=BUCKET, Key="tagged/no", Body=b"x", Tagging="a=2")
        s3.put_object(Bucket=BUCKET, Key="large", Body=b"x" * 300_000)
        s3.put_object(Bucket=BUCKET, Key="small", Body=b"x" * 100)
        s3.put_object(Bucket=BUCKET, Key="later/a", Body=b"x")
        until(lambda: held(s3)[0] == ["later/a", "small", "tagged/no"])


def test_versions_markers_and_uploads_go_and_every_index_agrees(data_dir: Path) -> None:
    with serving(data_dir) as (_, s3):
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for number in range(5):
            s3.put_object(Bucket=BUCKET, Key="many", Body=b"%d" % number)
        s3.put_object(Bucket=BUCKET, Key="covered/a", Body=b"x")
        s3.delete_object(Bucket=BUCKET, Key="sole/a")
        s3.create_multipart_upload(Bucket=BUCKET, Key="up")
        noncurrent = {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}
        configure(
            s3,
            rule("noncurrent", NoncurrentVersionExpiration=noncurrent),
            rule("cover", Filter={"Prefix": "covered/"}, Expiration={"Days": 1}),
            rule("markers", Filter={"Prefix": "sole/"}, Expiration={"ExpiredObjectDeleteMarker": True}),
            rule("uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}),
        )
        expected = (["covered/a", "many", "many", "many"], ["covered/a"])
        until(lambda: held(s3) == expected and "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET))
        assert s3.get_object(Bucket=BUCKET, Key="many")["Body"].read() == b"4"
    log = (data_dir.parent / "data.log").read_text()
    for word in ("lifecycle_removed", "noncurrent", "lifecycle_run", "abort-upload"):
        assert word in log
    assert seglake("fsck", "--data-dir", str(data_dir), home=data_dir.parent)["sound"]
    (data_dir / "meta.db").unlink()
    seglake("rebuild-index", "--data-dir", str(data_dir), home=data_dir.parent)
    with serving(data_dir, "--lifecycle-day", "1d") as (_, s3):
        assert held(s3) == expected
        assert len(s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]) == 4


def test_a_locked_version_outlives_its_rule(data_dir: Path) -> None:
    with serving(data_dir) as (_, s3):
        s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
        old = s3.put_object(Bucket=BUCKET, Key="held", Body=b"old")
        s3.put_object(Bucket=BUCKET, Key="free", Body=b"old")
        s3.put_object_legal_hold(Bucket=BUCKET, Key="held", LegalHold={"Status": "ON"})
        for key in ("held", "free"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"new")
        configure(s3, rule("noncurrent", NoncurrentVersionExpiration={"NoncurrentDays": 1}))
        # Until a whole run found the one that is locked, and nothing else to do.
        until(lambda: any(run["locked"] and not run["noncurrent_removed"] for run in runs(data_dir)))
        assert held(s3)[0] == ["free", "held", "held"]
        s3.put_object_legal_hold(Bucket=BUCKET, Key="held", VersionId=old["VersionId"], LegalHold={"Status": "OFF"})
        until(lambda: held(s3)[0] == ["free", "held"])


def test_what_is_explained_is_what_a_later_start_removes(data_dir: Path) -> None:
    with serving(data_dir, "--lifecycle-day", "1d") as (_, s3):
        s3.create_bucket(Bucket=BUCKET)
        configure(s3, rule("age", Filter={"Prefix": "a"}, Expiration={"Days": 1}))
        for key in ("a1", "a2", "b"):
            answer = s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
            assert ("Expiration" in answer) == key.startswith("a")
        assert 'rule-id="age"' in s3.head_object(Bucket=BUCKET, Key="a1")["Expiration"]
    place = ("--data-dir", str(data_dir))
    assert seglake("lifecycle", "explain", BUCKET, *place, home=data_dir.parent)["due"] == []
    found = seglake("lifecycle", "explain", BUCKET, "--at", "+3d", *place, home=data_dir.parent)
    assert [(row["key"], row["rule"]) for row in found["due"]] == [("a1", "age"), ("a2", "age")]
    with serving(data_dir) as (_, s3):
        until(lambda: held(s3)[0] == ["b"])


def test_boto3_reads_back_what_it_put(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as missing:
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert missing.value.response["Error"]["Code"] == "NoSuchLifecycleConfiguration"
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    conditions = {
        "Prefix": "p",
        "Tags": [{"Key": "a", "Value": "1"}],
        "ObjectSizeGreaterThan": 1,
        "ObjectSizeLessThan": 9,
    }
    rules = [
        {
            "Expiration": {"Date": datetime(2030, 1, 31, tzinfo=UTC)},
            "ID": "one",
            "Filter": {"And": conditions},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 4},
        },
        {
            "ID": "two",
            "Filter": {"Prefix": ""},
            "Status": "Disabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 5},
        },
    ]
    put = s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert put["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    got = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert got["Rules"] == rules
    assert got["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    begun = s3.create_multipart_upload(Bucket=bucket, Key="key")
    assert "AbortRuleId" not in begun
    rules[1]["Status"] = "Enabled"
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    begun = s3.create_multipart_upload(Bucket=bucket, Key="key")
    assert (begun["AbortRuleId"], begun["AbortDate"].tzinfo is not None) == ("two", True)
    listed = s3.list_parts(Bucket=bucket, Key="key", UploadId=begun["UploadId"])
    assert (listed["AbortRuleId"], listed["AbortDate"]) == ("two", begun["AbortDate"])
    s3.delete_bucket_lifecycle(Bucket=bucket)
    with pytest.raises(ClientError):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)


def test_transitions_are_refused_by_name(s3: Any, bucket: str) -> None:
    moved = rule("move", Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])
    with pytest.raises(ClientError, match="Transition") as refused:
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [moved]})
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
