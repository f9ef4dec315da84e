"""Object lock through boto3, a restart included."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, running_server
from tests.integration.test_versions import refused


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture
def locking(s3: Any, bucket: str) -> str:
    name = f"{bucket}-locking"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def put(s3: Any, bucket: str, **fields: Any) -> dict[str, str]:
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"body", **fields)["VersionId"]
    return {"Bucket": bucket, "Key": "k", "VersionId": version}


def test_a_version_is_kept_until_its_date(s3: Any, locking: str) -> None:
    until = later(2.5)
    place = put(s3, locking, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    assert refused(s3.delete_object, **place) == (403, "AccessDenied")
    assert refused(s3.delete_object, **place, BypassGovernanceRetention=True) == (403, "AccessDenied")
    many = {"Objects": [{"Key": "k", "VersionId": place["VersionId"]}, {"Key": "other"}]}
    answered = s3.delete_objects(Bucket=locking, Delete=many)
    assert [error["Code"] for error in answered["Errors"]] == ["AccessDenied"]
    assert [one["Key"] for one in answered["Deleted"]] == ["other"]
    head = s3.head_object(**place)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert abs(head["ObjectLockRetainUntilDate"] - until) < timedelta(seconds=1)
    assert s3.delete_object(Bucket=locking, Key="k")["DeleteMarker"] is True
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 0.1)
    s3.delete_object(**place)
    assert refused(s3.head_object, **place)[0] == 404


def test_governance_is_prolonged_by_all_and_lifted_by_bypass(s3: Any, locking: str) -> None:
    place = put(s3, locking, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=later(3600))

    def retain(seconds: float, mode: str = "GOVERNANCE", **more: Any) -> Any:
        return {**place, "Retention": {"Mode": mode, "RetainUntilDate": later(seconds)}, **more}

    s3.put_object_retention(**retain(7200))
    assert refused(s3.put_object_retention, **retain(60)) == (403, "AccessDenied")
    assert refused(s3.put_object_retention, **retain(9000, "COMPLIANCE")) == (403, "AccessDenied")
    s3.put_object_retention(**retain(60), BypassGovernanceRetention=True)
    assert s3.get_object_retention(**place)["Retention"]["Mode"] == "GOVERNANCE"
    assert refused(s3.put_object_retention, **place, Retention={}) == (403, "AccessDenied")
    s3.put_object_retention(**place, Retention={}, BypassGovernanceRetention=True)
    assert refused(s3.get_object_retention, **place) == (404, "NoSuchObjectLockConfiguration")
    s3.put_object_retention(**retain(60))
    s3.delete_object(**place, BypassGovernanceRetention=True)
    wrong = {"Mode": "abc", "RetainUntilDate": later(60)}
    assert refused(s3.put_object_retention, **place, Retention=wrong) == (400, "MalformedXML")


def test_a_hold_keeps_whatever_else_holds(s3: Any, locking: str) -> None:
    place = put(s3, locking, ObjectLockLegalHoldStatus="ON")
    assert s3.get_object(**place)["ObjectLockLegalHoldStatus"] == "ON"
    assert refused(s3.delete_object, **place, BypassGovernanceRetention=True) == (403, "AccessDenied")
    s3.put_object_legal_hold(**place, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**place)["LegalHold"]["Status"] == "OFF"
    s3.delete_object(**place)
    assert refused(s3.put_object_legal_hold, **place, LegalHold={"Status": "ON"}) == (404, "NoSuchVersion")


def test_a_default_applies_to_every_way_to_make_a_version(s3: Any, locking: str) -> None:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration=configuration)
    assert s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"] == configuration
    put(s3, locking)
    s3.copy_object(Bucket=locking, Key="copy", CopySource=f"{locking}/k")
    upload = s3.create_multipart_upload(Bucket=locking, Key="up")["UploadId"]
    place = {"Bucket": locking, "Key": "up", "UploadId": upload}
    etag = s3.upload_part(**place, PartNumber=1, Body=b"part")["ETag"]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    for key in ("k", "copy", "up"):
        head = s3.head_object(Bucket=locking, Key=key)
        assert head["ObjectLockMode"] == "GOVERNANCE"
        assert abs(head["ObjectLockRetainUntilDate"] - head["LastModified"] - timedelta(days=2)) < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"Mode": "GOVERNANCE", "Days": 0}, "InvalidRetentionPeriod"),
        ({"Mode": "GOVERNANCE", "Years": -1}, "InvalidRetentionPeriod"),
        ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML"),
        ({"Mode": "abc", "Years": 1}, "MalformedXML"),
        ({"Mode": "COMPLIANCE"}, "MalformedXML"),
    ],
)
def test_a_wrong_default_is_refused(s3: Any, locking: str, rule: dict[str, Any], code: str) -> None:
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}
    asked = {"Bucket": locking, "ObjectLockConfiguration": configuration}
    assert refused(s3.put_object_lock_configuration, **asked) == (400, code)


def test_a_bucket_without_object_lock_takes_none(s3: Any, bucket: str) -> None:
    configuration = {"ObjectLockEnabled": "Enabled"}
    asked = {"Bucket": bucket, "ObjectLockConfiguration": configuration}
    assert refused(s3.get_object_lock_configuration, Bucket=bucket) == (404, "ObjectLockConfigurationNotFoundError")
    assert refused(s3.put_object_lock_configuration, **asked) == (409, "InvalidBucketState")
    with pytest.raises(ClientError, match="missing Object Lock Configuration"):
        put(s3, bucket, ObjectLockLegalHoldStatus="ON")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(s3.get_object_legal_hold, Bucket=bucket, Key="k") == (400, "InvalidRequest")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(**asked)
    suspend = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Suspended"}}
    assert refused(s3.put_bucket_versioning, **suspend) == (409, "InvalidBucketState")
    s3.put_object_legal_hold(Bucket=bucket, Key="k", VersionId="null", LegalHold={"Status": "ON"})
    assert refused(s3.delete_object, Bucket=bucket, Key="k", VersionId="null") == (403, "AccessDenied")


def test_locks_and_tags_outlive_a_restart(tmp_path: Path) -> None:
    place: dict[str, str] = {}

    def client(endpoint: Endpoint) -> Any:
        return client_of(endpoint)

    with running_server(tmp_path / "data") as endpoint:
        s3 = client(endpoint)
        s3.create_bucket(Bucket="locking", ObjectLockEnabledForBucket=True)
        place = put(s3, "locking", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=later(3600), Tagging="a=1")
        s3.close()
    with running_server(tmp_path / "data") as endpoint:
        s3 = client(endpoint)
        assert refused(s3.delete_object, **place) == (403, "AccessDenied")
        assert s3.get_object_tagging(**place)["TagSet"] == [{"Key": "a", "Value": "1"}]
        assert s3.head_object(**place)["ObjectLockMode"] == "COMPLIANCE"
        s3.close()
