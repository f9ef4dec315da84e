"""What a tool asks of a bucket that nobody configured, as Terraform does on every read: the answers of AWS, one by one.

Sources: API Reference, "Special errors" of each operation; User Guide, the defaults of new buckets (object ownership,
Block Public Access).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.integration.answers import MODEL
from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, running_server

ALL_BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
EMPTY_LIST = {"IsTruncated": False}
LISTED = {"IsTruncated": False, "Name": "fresh", "Prefix": "", "MaxKeys": 1000, "EncodingType": "url"}

AWS_SAYS: dict[str, dict[str, Any] | str] = {
    "GetBucketAbac": {"AbacStatus": {"Status": "Disabled"}},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketAnalyticsConfiguration": "NoSuchConfiguration",
    "GetBucketCors": "NoSuchCORSConfiguration",
    "GetBucketIntelligentTieringConfiguration": "NoSuchConfiguration",
    "GetBucketInventoryConfiguration": "NoSuchConfiguration",
    "GetBucketLifecycle": "NoSuchLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
    "GetBucketLocation": {"LocationConstraint": None},
    "GetBucketLogging": {},
    "GetBucketMetadataConfiguration": "MetadataConfigurationNotFound",
    "GetBucketMetadataTableConfiguration": "MetadataConfigurationNotFound",
    "GetBucketMetricsConfiguration": "NoSuchConfiguration",
    "GetBucketNotification": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketOwnershipControls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
    "GetBucketPolicy": "NoSuchBucketPolicy",
    "GetBucketPolicyStatus": "NoSuchBucketPolicy",
    "GetBucketReplication": "ReplicationConfigurationNotFoundError",
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "GetBucketTagging": "NoSuchTagSet",
    "GetBucketVersioning": {},
    "GetBucketWebsite": "NoSuchWebsiteConfiguration",
    "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
    "GetPublicAccessBlock": {"PublicAccessBlockConfiguration": ALL_BLOCKED},
    "ListBucketAnalyticsConfigurations": EMPTY_LIST,
    "ListBucketIntelligentTieringConfigurations": EMPTY_LIST,
    "ListBucketInventoryConfigurations": EMPTY_LIST,
    "ListBucketMetricsConfigurations": EMPTY_LIST,
    "ListMultipartUploads": {
        **EMPTY_LIST,
        "Bucket": "fresh",
        "KeyMarker": "",
        "UploadIdMarker": "",
        "Prefix": "",
        "MaxUploads": 1000,
    },
    "ListObjectVersions": {**LISTED, "KeyMarker": "", "VersionIdMarker": ""},
    "ListObjects": {**LISTED, "Marker": ""},
    "ListObjectsV2": {**LISTED, "KeyCount": 0},
}
"""Operation and answer: a document, or the code of a 404."""

SAID_ELSEWHERE = {"GetBucketAcl", "GetBucketEncryption"}
"""Their answers depend on the owner's id and on a setting; they have tests of their own below."""

PREFIXES = (
    "GetBucket",
    "GetObjectLockConfiguration",
    "GetPublicAccessBlock",
    "ListBucket",
    "ListMultipart",
    "ListObject",
)
NOT_OF_A_BUCKET = {"ListBuckets", "ListObjectAnnotations"}
TODAYS_DEFAULT = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}


@pytest.fixture(scope="module", params=["none", "AES256"])
def probed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """A server with each default encryption and a bucket that nobody touched."""
    with running_server(tmp_path_factory.mktemp("fresh") / "data", "--default-encryption", request.param) as endpoint:
        client = client_of(endpoint)
        client.create_bucket(Bucket="fresh")
        yield request.param, client
        client.close()


def ask(client: Any, operation: str) -> dict[str, Any] | str:
    """The answer without its metadata, or the code of the refusal, which must be a 404."""
    named = {"Id": "x"} if "Id" in MODEL.operation_model(operation).input_shape.members else {}
    try:
        answer: dict[str, Any] = getattr(client, xform_name(operation))(Bucket="fresh", **named)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return str(error.response["Error"]["Code"])
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    return answer


@pytest.mark.parametrize("operation", AWS_SAYS)
def test_a_probe_of_a_fresh_bucket_is_answered_as_by_aws(probed: tuple[str, Any], operation: str) -> None:
    assert ask(probed[1], operation) == AWS_SAYS[operation]


def test_every_probe_is_in_the_table() -> None:
    probes = {name for name in MODEL.operation_names if name.startswith(PREFIXES)} - NOT_OF_A_BUCKET
    assert probes == AWS_SAYS.keys() | SAID_ELSEWHERE


def test_the_owner_has_full_control_and_nobody_else_has_any(probed: tuple[str, Any]) -> None:
    acl = ask(probed[1], "GetBucketAcl")
    assert isinstance(acl, dict)
    (grant,) = acl["Grants"]
    assert (grant["Permission"], grant["Grantee"]["Type"]) == ("FULL_CONTROL", "CanonicalUser")
    assert grant["Grantee"]["ID"] == acl["Owner"]["ID"]


def test_default_encryption_is_said_exactly_where_objects_are_encrypted(probed: tuple[str, Any]) -> None:
    default, client = probed
    answer = ask(client, "GetBucketEncryption")
    if default == "none":  # as every bucket of AWS answered until January 2023
        assert answer == "ServerSideEncryptionConfigurationNotFoundError"
    else:
        assert answer == {"ServerSideEncryptionConfiguration": TODAYS_DEFAULT}
    put = client.put_object(Bucket="fresh", Key="k", Body=b"x")
    assert put.get("ServerSideEncryption") == (None if default == "none" else "AES256")
    client.delete_object(Bucket="fresh", Key="k")


def test_head_says_where_the_bucket_is(probed: tuple[str, Any], endpoint: Endpoint) -> None:
    assert probed[1].head_bucket(Bucket="fresh")["BucketRegion"] == endpoint.region
