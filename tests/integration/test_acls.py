"""Owners, access control lists, ownership controls, the public access block and bucket policies with boto3 as it
comes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, running_server
from tests.integration.people import as_user, found_store

EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A store with the users ada and bob, where the operator lets the bucket ``poster`` be public."""
    data_dir = tmp_path_factory.mktemp("owned") / "data"
    found_store(data_dir, "ada", "bob")
    with running_server(data_dir, "--public-buckets", "poster") as running:
        yield running


@pytest.fixture(scope="module")
def root(server: Endpoint) -> Any:
    return client_of(server)


@pytest.fixture(scope="module")
def ada(server: Endpoint) -> Any:
    return client_of(as_user(server, "ada"))


@pytest.fixture(scope="module")
def bob(server: Endpoint) -> Any:
    return client_of(as_user(server, "bob"))


def refused(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def id_of(client: Any) -> str:
    return str(client.list_buckets()["Owner"]["ID"])


def opened(client: Any, name: str, ownership: str = "ObjectWriter") -> str:
    """A bucket where lists count and nothing is blocked."""
    client.create_bucket(Bucket=name)
    client.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": ownership}]})
    client.delete_public_access_block(Bucket=name)
    return name


def anonymous(server: Endpoint, target: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", target)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_every_user_has_an_id_and_sees_their_own_buckets(root: Any, ada: Any, bob: Any) -> None:
    ada.create_bucket(Bucket="hers")
    assert len({id_of(client) for client in (root, ada, bob)}) == 3
    assert all(len(id_of(client)) == 64 for client in (root, ada, bob))
    assert "hers" in [one["Name"] for one in ada.list_buckets()["Buckets"]]
    assert "hers" not in [one["Name"] for one in bob.list_buckets()["Buckets"]]
    assert refused(bob.create_bucket, Bucket="hers") == "BucketAlreadyExists"
    assert refused(bob.list_objects_v2, Bucket="hers") == "AccessDenied"


def test_a_fresh_bucket_answers_like_one_of_amazon(ada: Any) -> None:
    ada.create_bucket(Bucket="fresh")
    grants = ada.get_bucket_acl(Bucket="fresh")["Grants"]
    assert [(grant["Grantee"]["ID"], grant["Permission"]) for grant in grants] == [(id_of(ada), "FULL_CONTROL")]
    rules = ada.get_bucket_ownership_controls(Bucket="fresh")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert set(ada.get_public_access_block(Bucket="fresh")["PublicAccessBlockConfiguration"].values()) == {True}
    for call in (ada.get_bucket_policy, ada.get_bucket_policy_status):
        assert refused(call, Bucket="fresh") == "NoSuchBucketPolicy"
    ada.put_object(Bucket="fresh", Key="key", Body=b"x", ACL="bucket-owner-full-control")
    for arguments in ({"ACL": "public-read"}, {"GrantRead": f"uri={EVERYBODY}"}):
        call = refused(ada.put_object, Bucket="fresh", Key="key", Body=b"y", **arguments)
        assert call == "AccessControlListNotSupported"
    assert ada.get_object(Bucket="fresh", Key="key")["Body"].read() == b"x"


def test_a_list_is_given_to_a_user_and_taken_away(ada: Any, bob: Any) -> None:
    bucket = opened(ada, "shared")
    ada.put_object(Bucket=bucket, Key="key", Body=b"data")
    assert refused(bob.get_object, Bucket=bucket, Key="key") == "AccessDenied"
    shown = ada.get_object_acl(Bucket=bucket, Key="key")
    grantee = {"Type": "CanonicalUser", "ID": id_of(bob)}
    policy = {"Owner": shown["Owner"], "Grants": [*shown["Grants"], {"Grantee": grantee, "Permission": "READ"}]}
    ada.put_object_acl(Bucket=bucket, Key="key", AccessControlPolicy=policy)
    assert bob.get_object(Bucket=bucket, Key="key")["Body"].read() == b"data"
    assert ada.get_object_acl(Bucket=bucket, Key="key")["Grants"][1]["Grantee"]["DisplayName"] == "bob"
    ada.put_object_acl(Bucket=bucket, Key="key", ACL="private")
    assert refused(bob.get_object, Bucket=bucket, Key="key") == "AccessDenied"
    assert refused(ada.put_object_acl, Bucket=bucket, Key="key", GrantRead="id=0") == "InvalidArgument"
    mail = 'emailAddress="bob@example.com"'
    assert refused(ada.put_object_acl, Bucket=bucket, Key="key", GrantRead=mail) == "UnresolvableGrantByEmailAddress"


@pytest.mark.parametrize(
    ("ownership", "acl", "owner"),
    [
        ("BucketOwnerEnforced", "bucket-owner-full-control", "ada"),
        ("BucketOwnerPreferred", "bucket-owner-full-control", "ada"),
        ("BucketOwnerPreferred", "private", "bob"),
        ("ObjectWriter", "bucket-owner-full-control", "bob"),
    ],
)
def test_the_bucket_says_who_owns_a_new_object(ada: Any, bob: Any, ownership: str, acl: str, owner: str) -> None:
    bucket = opened(ada, f"own-{ownership.lower()}-{acl}", ownership)
    statement = {
        "Effect": "Allow",
        "Principal": {"CanonicalUser": id_of(bob)},
        "Action": ["s3:PutObject", "s3:PutObjectAcl"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    ada.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    bob.put_object(Bucket=bucket, Key="key", Body=b"x", ACL=acl)
    listed = ada.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]
    assert listed == {"ID": id_of(ada if owner == "ada" else bob), "DisplayName": owner}


def test_a_public_list_needs_an_open_bucket_and_the_operator(root: Any, ada: Any, server: Endpoint) -> None:
    for bucket, status in (("poster", 200), ("hidden", 403)):
        opened(ada, bucket)
        ada.put_object(Bucket=bucket, Key="key", Body=b"data", ACL="public-read")
        assert anonymous(server, f"/{bucket}/key")[0] == status
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": False}
    ada.put_public_access_block(Bucket="poster", PublicAccessBlockConfiguration=block)
    assert refused(ada.put_object_acl, Bucket="poster", Key="key", ACL="public-read") == "AccessDenied"
    assert anonymous(server, "/poster/key") == (200, b"data")
    ada.put_public_access_block(Bucket="poster", PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert anonymous(server, "/poster/key")[0] == 403


def test_a_policy_makes_the_round_trip(ada: Any, bob: Any) -> None:
    ada.create_bucket(Bucket="ruled")
    ada.put_object(Bucket="ruled", Key="key", Body=b"data")
    account = "arn:aws:iam::000000000000"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"{account}:user/bob"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::ruled/*",
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)
    ada.put_bucket_policy(Bucket="ruled", Policy=text)
    assert ada.get_bucket_policy(Bucket="ruled")["Policy"] == text
    assert ada.get_bucket_policy_status(Bucket="ruled")["PolicyStatus"] == {"IsPublic": False}
    assert bob.get_object(Bucket="ruled", Key="key")["Body"].read() == b"data"
    assert refused(bob.put_object, Bucket="ruled", Key="key", Body=b"") == "AccessDenied"
    public = text.replace(f"{account}:user/bob", "*")
    assert refused(ada.put_bucket_policy, Bucket="ruled", Policy=public) == "AccessDenied"
    assert refused(ada.put_bucket_policy, Bucket="ruled", Policy="{}") == "MalformedPolicy"
    ada.delete_bucket_policy(Bucket="ruled")
    assert refused(bob.get_object, Bucket="ruled", Key="key") == "AccessDenied"


def test_a_user_makes_a_bucket_with_a_list(ada: Any) -> None:
    ada.create_bucket(Bucket="listed", ObjectOwnership="ObjectWriter", ACL="private")
    assert ada.get_bucket_ownership_controls(Bucket="listed")["OwnershipControls"]["Rules"][0] == {
        "ObjectOwnership": "ObjectWriter"
    }
    assert refused(ada.create_bucket, Bucket="other", ACL="public-read") == "InvalidBucketAclWithObjectOwnership"


def test_expected_owners_are_compared(ada: Any) -> None:
    ada.create_bucket(Bucket="expected")
    ada.put_object(Bucket="expected", Key="key", Body=b"", ExpectedBucketOwner="000000000000")
    assert refused(ada.list_objects_v2, Bucket="expected", ExpectedBucketOwner="111111111111") == "AccessDenied"


def test_the_resource_interface_works(server: Endpoint, bob: Any) -> None:
    endpoint = as_user(server, "bob")
    resource = boto3.resource(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret,
    )
    opened(bob, "resource")
    bucket = resource.Bucket("resource")
    bucket.Acl().put(ACL="authenticated-read")
    assert {grant["Permission"] for grant in bucket.Acl().grants} == {"FULL_CONTROL", "READ"}
    assert bucket.Acl().owner["DisplayName"] == "bob"


def test_owners_and_lists_survive_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    data_dir = tmp_path_factory.mktemp("again") / "data"
    found_store(data_dir, "ada")
    with running_server(data_dir) as running:
        ada = client_of(as_user(running, "ada"))
        bucket = opened(ada, "bucket")
        ada.put_object(Bucket=bucket, Key="key", Body=b"data", ACL="authenticated-read")
        before = ada.get_object_acl(Bucket=bucket, Key="key")
        ada.close()
    with running_server(data_dir) as running:
        ada = client_of(as_user(running, "ada"))
        after = ada.get_object_acl(Bucket=bucket, Key="key")
        assert (after["Owner"], after["Grants"]) == (before["Owner"], before["Grants"])
        assert refused(ada.get_public_access_block, Bucket=bucket) == "NoSuchPublicAccessBlockConfiguration"
        ada.close()
