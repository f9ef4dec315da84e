"""Every answer of every operation is what botocore's model says: elements, order, namespace, types; errors too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import xform_name

from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.routing import IMPLEMENTED
from tests.integration.answers import MODEL, deviations
from tests.integration.conftest import client_of
from tests.integration.conversations import CHAPTERS
from tests.integration.endpoint import Endpoint
from tests.integration.recording import Recorder
from tests.unit.adapters.s3_protocol.test_routing import SUCCESSORS

NO_METHOD = {"PostObject", "Preflight", "GetMetaStats", "GetMetaConflicts"}
"""No SDK has a method for them; their answers are tested where browsers are."""

WITHOUT_BUCKET = {"CreateBucket", "ListBuckets", "ListDirectoryBuckets", "WriteGetObjectResponse"}
NOWHERE = "answers-nowhere"
OLD = {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 9}}
AES256 = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


def named(operations: set[str]) -> set[str]:
    """Names of the model for what they mean here."""
    return {SUCCESSORS.get(name, name) for name in operations}


def _policy(bucket: str) -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/no"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def settings(r: Recorder) -> None:
    """Everything about a bucket that can be set, read and removed."""
    bucket, r.chapter = "answers-settings", "settings"
    r("make", "create_bucket", Bucket=bucket)
    r("put policy", "put_bucket_policy", Bucket=bucket, Policy=_policy(bucket))
    r("put ownership", "put_bucket_ownership_controls", Bucket=bucket, OwnershipControls=_ownership("ObjectWriter"))
    r("put acl", "put_bucket_acl", Bucket=bucket, ACL="private")
    rule = {**OLD, "Filter": {"Prefix": "old/"}}
    r("put lifecycle", "put_bucket_lifecycle_configuration", Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    encryption = {"ServerSideEncryptionConfiguration": {"Rules": [AES256]}}
    r("put encryption", "put_bucket_encryption", Bucket=bucket, **encryption)
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    r("put public access", "put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=block)
    rules = {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]}
    r("put cors", "put_bucket_cors", Bucket=bucket, CORSConfiguration=rules)
    r("put tags", "put_bucket_tagging", Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    _unconfigured(r, bucket)
    for operation in sorted(name for name in MODEL.operation_names if name.startswith(("GetBucket", "ListBucket"))):
        if operation != "ListBuckets" and SUCCESSORS.get(operation, operation) in Operation.__members__:
            named_by_id = {"Id": "a"} if "Id" in MODEL.operation_model(operation).input_shape.members else {}
            r(operation, xform_name(operation), Bucket=bucket, **named_by_id)
    r("get public access", "get_public_access_block", Bucket=bucket)
    for what in ("bucket_policy", "bucket_ownership_controls", "public_access_block", "bucket_lifecycle"):
        r(f"delete {what}", f"delete_{what}", Bucket=bucket)
    for what in ("encryption", "cors", "tagging", "website", "replication", "metadata_configuration"):
        r(f"delete {what}", f"delete_bucket_{what}", Bucket=bucket)
    r("delete metadata table", "delete_bucket_metadata_table_configuration", Bucket=bucket)
    for what in ("analytics", "intelligent_tiering", "inventory", "metrics"):
        r(f"delete {what}", f"delete_bucket_{what}_configuration", Bucket=bucket, Id="a")
    r("delete the bucket", "delete_bucket", Bucket=bucket)


def _ownership(word: str) -> dict[str, Any]:
    return {"Rules": [{"ObjectOwnership": word}]}


def _unconfigured(r: Recorder, bucket: str) -> None:
    payer = {"Payer": "BucketOwner"}
    r("put payment", "put_bucket_request_payment", Bucket=bucket, RequestPaymentConfiguration=payer)
    suspended = {"Status": "Suspended"}
    r("put acceleration", "put_bucket_accelerate_configuration", Bucket=bucket, AccelerateConfiguration=suspended)
    r("put logging", "put_bucket_logging", Bucket=bucket, BucketLoggingStatus={})
    r("put events", "put_bucket_notification_configuration", Bucket=bucket, NotificationConfiguration={})
    r("put abac", "put_bucket_abac", Bucket=bucket, AbacStatus={"Status": "Disabled"})


def objects(r: Recorder) -> None:
    """Locks, access control lists, attributes and checksums of objects."""
    bucket, r.chapter = "answers-objects", "objects"
    r("make", "create_bucket", Bucket=bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
    place = {"Bucket": bucket, "Key": "k"}
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        r(f"put {algorithm}", "put_object", **place, Body=b"bytes", ChecksumAlgorithm=algorithm)
    r("head", "head_object", **place, ChecksumMode="ENABLED")
    r("get", "get_object", **place, ChecksumMode="ENABLED")
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    r("attributes", "get_object_attributes", **place, ObjectAttributes=wanted)
    r("lock of the bucket", "get_object_lock_configuration", Bucket=bucket)
    default = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": default}
    r("set lock of the bucket", "put_object_lock_configuration", Bucket=bucket, ObjectLockConfiguration=lock)
    r("lock of the bucket again", "get_object_lock_configuration", Bucket=bucket)
    until = datetime.now(UTC) + timedelta(hours=1)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    r("no retention", "get_object_retention", **place)
    r("retain", "put_object_retention", **place, Retention=retention)
    r("retention", "get_object_retention", **place)
    r("hold", "put_object_legal_hold", **place, LegalHold={"Status": "ON"})
    r("held", "get_object_legal_hold", **place)
    r("head locked", "head_object", **place)
    version = r("versions", "list_object_versions", Bucket=bucket)["Versions"][0]["VersionId"]
    r("delete locked", "delete_object", **place, VersionId=version)
    several = {"Objects": [{"Key": "k", "VersionId": version}, {"Key": "k", "VersionId": "wrong!"}, {"Key": "new"}]}
    r("delete several", "delete_objects", Bucket=bucket, Delete=several)
    r("let go", "put_object_legal_hold", **place, LegalHold={"Status": "OFF"})
    r("put acl", "put_object_acl", **place, ACL="private")
    r("acl", "get_object_acl", **place)
    r("tag", "put_object_tagging", **place, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    r("delete bucket that is not empty", "delete_bucket", Bucket=bucket)
    asked = {**place, "UploadId": r("begin", "create_multipart_upload", **place, ChecksumAlgorithm="CRC32")["UploadId"]}
    part = r("part", "upload_part", **asked, PartNumber=1, Body=b"part", ChecksumAlgorithm="CRC32")
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]
    r("parts", "list_parts", **asked)
    r("uploads", "list_multipart_uploads", Bucket=bucket)
    r("complete", "complete_multipart_upload", **asked, MultipartUpload={"Parts": parts})
    r("attributes of parts", "get_object_attributes", **place, ObjectAttributes=wanted)
    r("copy", "copy_object", Bucket=bucket, Key="copy", CopySource=place, ChecksumAlgorithm="SHA256")


@pytest.fixture(scope="module")
def spoken(endpoint: Endpoint) -> Iterator[Recorder]:
    """All conversations with this server; buckets of other tests are left alone."""
    client = client_of(endpoint, parameter_validation=False)
    recorder = Recorder(client)
    settings(recorder)
    objects(recorder)
    for chapter in CHAPTERS:
        chapter(_elsewhere(recorder))
    yield recorder
    client.close()


class _Elsewhere:
    """The same recorder, with other names of buckets."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __call__(self, label: str, method: str, /, **arguments: Any) -> Any:
        for name in ("Bucket", "Prefix"):
            if str(arguments.get(name, "")).startswith("differ-"):
                arguments[name] = arguments[name].replace("differ-", "answers-", 1)
        source = arguments.get("CopySource")
        if source is not None:
            arguments["CopySource"] = {**source, "Bucket": source["Bucket"].replace("differ-", "answers-", 1)}
        return self._recorder(label, method, **arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "chapter":
            self._recorder.chapter = value
        else:
            super().__setattr__(name, value)


def _elsewhere(recorder: Recorder) -> Any:
    return _Elsewhere(recorder)


def test_every_answer_is_as_the_model_describes_it(spoken: Recorder) -> None:
    wrong = []
    for seen in spoken.seen:
        found = deviations(seen.operation, seen.status, seen.headers, seen.body)
        if found:
            wrong.append(f"{seen.operation} {seen.status}: {found}\n  {seen.body[:300]!r}")
    assert not wrong, "\n".join(wrong)


def test_every_operation_that_works_was_asked_and_succeeded_where_it_can(spoken: Recorder) -> None:
    asked = named({seen.operation for seen in spoken.seen})
    assert {operation.name for operation in IMPLEMENTED} - asked == NO_METHOD
    succeeded = named({seen.operation for seen in spoken.seen if seen.status < 300})
    never = {name for name in asked - succeeded if Operation[name] in IMPLEMENTED}
    id_named = {"Analytics", "IntelligentTiering", "Inventory", "Metrics", "Metadata", "MetadataTable"}
    without = {f"{verb}Bucket{kind}Configuration" for verb in ("Get", "Delete") for kind in id_named}
    assert never == without | {"GetBucketReplication", "GetBucketWebsite"}


def _least(shape: Any) -> Any:
    """The least value that an SDK accepts for a shape."""
    if shape.type_name == "structure":
        return {name: _least(member) for name, member in shape.members.items() if name in shape.required_members}
    if shape.type_name == "list":
        return [_least(shape.member)]
    plain: dict[str, Any] = {"integer": 1, "long": 1, "boolean": True, "blob": b"", "map": {}}
    if shape.type_name == "timestamp":
        return datetime(2030, 1, 1, tzinfo=UTC)
    return plain.get(shape.type_name, shape.enum[0] if getattr(shape, "enum", None) else "x")


SENSIBLE: dict[str, dict[str, Any]] = {
    "CompleteMultipartUpload": {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]}},
    "CopyObject": {"CopySource": {"Bucket": NOWHERE, "Key": "k"}},
    "PutBucketAcl": {"ACL": "private"},
    "PutBucketCors": {"CORSConfiguration": {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]}},
    "PutBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": [AES256]}},
    "PutBucketLifecycle": {"LifecycleConfiguration": {"Rules": [{**OLD, "Prefix": "old/"}]}},
    "PutBucketLifecycleConfiguration": {"LifecycleConfiguration": {"Rules": [{**OLD, "Filter": {"Prefix": "old/"}}]}},
    "PutBucketPolicy": {"Policy": _policy(NOWHERE)},
    "PutBucketVersioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "PutObjectAcl": {"ACL": "private"},
    "PutObjectLegalHold": {"LegalHold": {"Status": "ON"}},
    "PutObjectLockConfiguration": {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
    "PutObjectRetention": {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": datetime(2100, 1, 1, tzinfo=UTC)}},
    "UploadPartCopy": {"CopySource": {"Bucket": NOWHERE, "Key": "k"}},
}
"""Where the least value is none that a server could read."""


@pytest.fixture(scope="module")
def stray(endpoint: Endpoint) -> Iterator[Recorder]:
    client = client_of(endpoint, parameter_validation=False)
    yield Recorder(client)
    client.close()


@pytest.mark.parametrize("name", [name for name in MODEL.operation_names if name not in WITHOUT_BUCKET])
def test_a_missing_bucket_is_said_by_every_operation_that_works(stray: Recorder, name: str) -> None:
    operation = MODEL.operation_model(name)
    arguments = {**_least(operation.input_shape), "Bucket": NOWHERE, **SENSIBLE.get(name, {})}
    outcome = stray(name, xform_name(name), **arguments)
    seen = stray.seen[-1]
    assert deviations(seen.operation, seen.status, seen.headers, seen.body) == []
    works = Operation[SUCCESSORS.get(name, name)] in IMPLEMENTED
    status, code = (404, "NoSuchBucket") if works else (501, "NotImplemented")
    assert (seen.status, outcome["Error"]["Code"]) == (status, "404" if operation.http["method"] == "HEAD" else code)


HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
TAGS = b'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>%b</TagSet></Tagging>'
TAG = b"<Tag><Key>k</Key><Value>v</Value></Tag>"
LISTED = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>%b</ListBucketResult>'


def document(operation: str, body: bytes) -> list[str]:
    return deviations(operation, 200, {"content-type": "application/xml"}, HEAD + body)


def test_right_documents_have_no_deviations() -> None:
    assert document("GetBucketTagging", TAGS % TAG) == []
    assert document("GetBucketTagging", TAGS % b"") == []
    assert document("ListObjectsV2", LISTED % b"<KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>") == []


@pytest.mark.parametrize(
    ("operation", "body", "said"),
    [
        ("GetBucketTagging", TAGS.replace(b"2006", b"2007") % TAG, "the root"),
        ("GetBucketTagging", TAGS.replace(b"Tagging", b"Tags") % TAG, "the root"),
        ("GetBucketTagging", TAGS % b'<Tag xmlns=""><Key>k</Key><Value>v</Value></Tag>', "is not an item"),
        ("GetBucketTagging", TAGS % b"<Tag><Key>k</Key></Tag>", "lacks Value"),
        ("GetBucketTagging", TAGS % b"<Tag><Value>v</Value><Key>k</Key></Tag>", "in the order"),
        ("GetBucketTagging", TAGS % b"<Tag><Key>k</Key><Value>v</Value><More/></Tag>", "does not know"),
        ("GetBucketTagging", TAGS % b'<Tag a="1"><Key>k</Key><Value>v</Value></Tag>', "has the attribute"),
        ("GetBucketTagging", TAGS % b"<Tag>text<Key>k</Key><Value>v</Value></Tag>", "has text"),
        ("GetBucketTagging", TAGS % b"<Tag><Key>k</Key><Key>l</Key><Value>v</Value></Tag>", "stands 2 times"),
        ("GetBucketTagging", TAGS.replace(b"TagSet", b"Set") % TAG, "lacks TagSet"),
        ("ListObjectsV2", LISTED % b"<KeyCount>no</KeyCount>", "which is no"),
        ("ListObjectsV2", LISTED % b"<IsTruncated>FALSE</IsTruncated>", "which is no"),
        ("ListObjectsV2", LISTED % b"<Contents><LastModified>today</LastModified></Contents>", "which is no"),
        ("ListObjectsV2", LISTED % b"<Contents><StorageClass>WARM</StorageClass></Contents>", "which is no"),
        ("ListObjectsV2", LISTED % b"<MaxKeys>1</MaxKeys><KeyCount>1</KeyCount>", "in the order"),
        ("DeleteObject", b"<Surprise/>", "nobody expects"),
        ("DeleteBucket", b"<Surprise/>", "nobody expects"),
    ],
)
def test_a_doctored_document_is_seen_through(operation: str, body: bytes, said: str) -> None:
    assert any(said in deviation for deviation in document(operation, body))


def test_a_doctored_error_is_seen_through() -> None:
    headers = {"content-type": "application/xml", "x-amz-request-id": "R", "x-amz-id-2": "H"}
    right = b"<Error><Code>A</Code><Message>m</Message><RequestId>R</RequestId><HostId>H</HostId></Error>"
    assert deviations("GetObject", 404, headers, right) == []
    for old, new in ((b"<Code>A</Code>", b""), (b"Error>", b"Fault>"), (b">R<", b">S<"), (b">A<", b"><")):
        assert deviations("GetObject", 404, headers, right.replace(old, new)) != []
    assert deviations("GetObject", 404, {**headers, "content-type": "text/plain"}, right) != []
