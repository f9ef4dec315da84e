"""Default deny: every operation of the S3 model is recognised, everything else is refused by name."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.addressing import SERVICE, Address
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import SOURCE_ACTIONS, VERSION_ACTIONS, Body, Level, Operation
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.routing import IMPLEMENTED, ROUTES, Route, route
from seglake.domain.model.user import ACCOUNT
from tests.unit.adapters.s3_protocol.wire import attempt

BUCKET = Address("bucket", None)
OBJECT = Address("bucket", "key")
PLACES = {Level.SERVICE: SERVICE, Level.BUCKET: BUCKET, Level.OBJECT: OBJECT}
MODEL: Any = botocore.session.get_session().get_service_model("s3")
# Old names that share a request with their successors.
SUCCESSORS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}


def refused(*args: Any) -> S3Error:
    with pytest.raises(S3Error) as caught:
        route(*args)
    return caught.value


def request_of(name: str) -> tuple[str, Address, dict[str, str], dict[str, str]]:
    """A minimal request for an operation of botocore's model: required query parameters and headers filled in."""
    operation = MODEL.operation_model(name)
    uri = operation.http["requestUri"]
    path, _, static = uri.partition("?")
    query = dict.fromkeys([part.partition("=")[0] for part in static.split("&") if part], "")
    query.update({k: v for k, _, v in (part.partition("=") for part in static.split("&") if part)})
    headers = {"host": "h"}
    shape = operation.input_shape
    for member in shape.members.values() if shape else ():
        field = member.serialization.get("name", "")
        required = any(shape.members[r] is member for r in shape.required_members)
        if required and member.serialization.get("location") == "querystring":
            query[field] = "1"
        if required and member.serialization.get("location") == "header":
            headers[field.lower()] = "1"
    if path == "/WriteGetObjectResponse":
        return operation.http["method"], Address("WriteGetObjectResponse", None), query, headers
    level = OBJECT if "{Key" in path else BUCKET if "{Bucket}" in path else SERVICE
    if name == "ListDirectoryBuckets":
        query["max-directory-buckets"] = "1"
    return operation.http["method"], level, query, headers


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_every_operation_of_the_sdk_model_is_recognised(name: str) -> None:
    expected = Operation[SUCCESSORS.get(name, name)]
    got = attempt(lambda: route(*request_of(name)))
    if isinstance(got, S3Error):
        assert expected not in IMPLEMENTED
        assert got.code is ErrorCode.NotImplemented
        assert expected.name in got.message
    else:
        assert got.operation is expected


def test_the_model_and_the_table_name_the_same_operations() -> None:
    names = {SUCCESSORS.get(name, name) for name in MODEL.operation_names}
    assert {operation.name for operation in Operation} - names == {
        *("PostObject", "Preflight", "GetMetaStats", "GetMetaConflicts")
    }


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_parameters_of_implemented_operations_are_those_of_the_model(name: str) -> None:
    row = ROUTES.get(Operation[SUCCESSORS.get(name, name)])
    if row is None:
        return
    known = {
        member.serialization["name"]
        for member in (
            MODEL.operation_model(name).input_shape.members.values() if MODEL.operation_model(name).input_shape else ()
        )
        if member.serialization.get("location") == "querystring"
    }
    own = {p for p in row.parameters if not p.startswith("X-Amz-") and p != "x-id" and p != row.operation.subresource}
    assert own <= known


@pytest.mark.parametrize("operation", list(Operation))
def test_every_operation_is_classified(operation: Operation) -> None:
    if operation is Operation.Preflight:
        return
    assert re.fullmatch(r"(s3(express|-object-lambda)?|seglake):[A-Za-z]+", operation.action)
    assert operation.action.startswith("seglake:") == (operation.level is Level.META)
    assert (operation in SOURCE_ACTIONS) == (operation.name in ("CopyObject", "UploadPartCopy"))


@pytest.mark.parametrize("row", ROUTES.values(), ids=lambda row: row.operation.name)
def test_the_payload_modes_follow_from_the_body(row: Route) -> None:
    """A body-taking operation that forgets a mode, or a mode without its check, is how uploads went unsigned
    elsewhere."""
    if row.operation.body is Body.NONE:
        assert row.modes == {PayloadMode.SIGNED, PayloadMode.UNSIGNED}
        assert "x-amz-trailer" not in row.headers
    elif row.operation.body is Body.FORM:
        assert row.modes == {PayloadMode.UNSIGNED}, "a form is vouched for by its policy"
        assert not {"x-amz-trailer", "x-amz-decoded-content-length", "x-amz-acl"} & row.headers.keys()
    else:
        assert row.modes == set(PayloadMode)
        assert "x-amz-decoded-content-length" in row.headers


def test_copies_are_told_apart_by_their_header() -> None:
    source = {"x-amz-copy-source": "/a/b"}
    part = {"uploadId": "u", "partNumber": "1"}
    assert route("PUT", OBJECT, {}, {}).operation is Operation.PutObject
    assert route("PUT", OBJECT, {}, source).operation is Operation.CopyObject
    assert route("PUT", OBJECT, part, {}).operation is Operation.UploadPart
    assert route("PUT", OBJECT, part, source).operation is Operation.UploadPartCopy


def test_a_version_changes_the_action() -> None:
    row = route("GET", OBJECT, {"versionId": "null"}, {})
    assert row.action({"versionId": "null"}) == "s3:GetObjectVersion" == VERSION_ACTIONS["s3:GetObject"]
    assert row.action({}) == "s3:GetObject"
    assert route("HEAD", OBJECT, {"versionId": "x"}, {}).action({"versionId": "x"}) == "s3:GetObjectVersion"
    assert route("DELETE", OBJECT, {"versionId": "x"}, {}).action({"versionId": "x"}) == "s3:DeleteObjectVersion"


@pytest.mark.parametrize("address", PLACES.values())
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD"])
@pytest.mark.parametrize("name", ["foo", "Acl", "x-amz-acl", "X-Amz-Foo", "torrents", "uploadid"])
def test_unknown_sub_resources_are_not_implemented(method: str, address: Address, name: str) -> None:
    error = refused(method, address, {name: ""}, {})
    assert error.code is ErrorCode.NotImplemented
    assert name in error.message or "operation" in error.message


@pytest.mark.parametrize(
    ("method", "address", "query", "allow"),
    [
        ("PATCH", OBJECT, {}, "DELETE, GET, HEAD, PUT"),
        ("POST", OBJECT, {}, "DELETE, GET, HEAD, PUT"),
        ("POST", SERVICE, {}, "GET, OPTIONS"),
        ("DELETE", BUCKET, {"location": ""}, "GET"),
        ("HEAD", OBJECT, {"acl": ""}, "GET, PUT"),
        ("POST", BUCKET, {"versions": ""}, "GET"),
    ],
)
def test_a_wrong_method_says_which_are_right(method: str, address: Address, query: dict[str, str], allow: str) -> None:
    error = refused(method, address, query, {})
    assert error.code is ErrorCode.MethodNotAllowed
    assert error.headers == (("Allow", allow),)


def test_sub_resources_exclude_each_other() -> None:
    assert refused("GET", BUCKET, {"acl": "", "policy": ""}, {}).code is ErrorCode.InvalidArgument
    assert refused("PUT", OBJECT, {"uploadId": "u", "tagging": ""}, {}).code is ErrorCode.InvalidArgument


@pytest.mark.parametrize("value", ["", "1", "3"])
def test_only_list_type_2_exists(value: str) -> None:
    assert refused("GET", BUCKET, {"list-type": value}, {}).code is ErrorCode.InvalidArgument


@pytest.mark.parametrize(
    "name",
    [
        "x-amz-object-lock-event-hold",
        "x-amz-object-annotation-directive",
        "x-amz-write-offset-bytes",
        "x-amz-copy-source-range",
        "x-amz-checksum-sha512",
        "x-amz-mfa",
        "x-amz-anything-new",
    ],
)
def test_a_header_that_would_change_the_meaning_is_refused_by_name(name: str) -> None:
    error = refused("PUT", OBJECT, {}, {"host": "h", name: "v"})
    assert error.code is ErrorCode.NotImplemented
    assert error.extra == (("Header", name),)


def test_the_copy_header_is_refused_where_it_means_nothing() -> None:
    assert refused("GET", OBJECT, {}, {"x-amz-copy-source": "/a/b"}).code is ErrorCode.NotImplemented
    assert refused("POST", OBJECT, {"uploads": ""}, {"x-amz-copy-source": "/a/b"}).code is ErrorCode.NotImplemented


def test_an_expected_owner_is_compared_with_the_one_account_there_is() -> None:
    for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
        source = {"x-amz-copy-source": "/a/b"}
        assert route("PUT", OBJECT, {}, {**source, name: ACCOUNT}).operation is Operation.CopyObject
        for other in ("111122223333", "", f"{ACCOUNT} "):
            assert refused("PUT", OBJECT, {}, {**source, name: other}).code is ErrorCode.AccessDenied
    assert refused("GET", OBJECT, {}, {"x-amz-source-expected-bucket-owner": ACCOUNT}).code is ErrorCode.NotImplemented


def test_every_operation_understands_the_expected_owner() -> None:
    for row in ROUTES.values():
        if row.operation is not Operation.PostObject:
            assert row.headers["x-amz-expected-bucket-owner"] == frozenset((ACCOUNT,))


def test_grants_are_refused_where_they_mean_nothing() -> None:
    assert refused("GET", OBJECT, {}, {"x-amz-acl": "private"}).code is ErrorCode.NotImplemented
    assert refused("PUT", OBJECT, {"tagging": ""}, {"x-amz-grant-read": "id=1"}).code is ErrorCode.NotImplemented


def test_values_that_are_fixed_are_checked() -> None:
    source = {"x-amz-copy-source": "/a/b"}
    replaced = {**source, "x-amz-metadata-directive": "REPLACE"}
    assert route("PUT", OBJECT, {}, replaced).operation is Operation.CopyObject
    assert refused("PUT", OBJECT, {}, {**source, "x-amz-metadata-directive": "MERGE"}).code is ErrorCode.InvalidArgument
    assert refused("PUT", BUCKET, {}, {"x-amz-bucket-object-lock-enabled": "maybe"}).code is ErrorCode.NotImplemented
    bypass = {"x-amz-bypass-governance-retention": "1"}
    assert refused("DELETE", OBJECT, {}, bypass).code is ErrorCode.NotImplemented


def test_the_noise_of_sdks_is_let_through() -> None:
    noise = {
        "x-amz-user-agent": "aws-sdk-js/3",
        "amz-sdk-request": "attempt=1",
        "amz-sdk-invocation-id": "1",
        "x-amzn-trace-id": "Root=1",
        "x-amz-request-payer": "requester",
        "x-amz-date": "",
        "x-amz-meta-anything": "v",
    }
    assert route("GET", OBJECT, {"x-id": "GetObject"}, noise).operation is Operation.GetObject


def test_the_version_of_the_api_may_be_named_and_there_is_one() -> None:
    named = {"x-amz-api-version": "2006-03-01"}
    assert route("HEAD", OBJECT, {}, named).operation is Operation.HeadObject
    assert refused("HEAD", OBJECT, {}, {"x-amz-api-version": "2030-01-01"}).code is ErrorCode.NotImplemented


def test_preflights_are_routed_everywhere() -> None:
    for address in PLACES.values():
        assert route("OPTIONS", address, {"acl": ""}, {}).operation is Operation.Preflight


OTHERS = ["versionId", "partNumber", "x-id", "prefix", "nonsense", "id"]
WORDS = st.sampled_from([operation.subresource for operation in Operation] + OTHERS)
HEADERS = st.sampled_from(
    ["x-amz-copy-source", "x-amz-acl", "x-amz-meta-a", "x-amz-foo", "range", "x-amz-request-route"]
)


@settings(max_examples=500)
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]),
    st.sampled_from(list(PLACES.values())),
    st.dictionaries(WORDS, st.text(max_size=3), max_size=3),
    st.dictionaries(HEADERS, st.text(max_size=8), max_size=3),
)
def test_routing_is_total(method: str, address: Address, query: dict[str, str], headers: dict[str, str]) -> None:
    row = attempt(lambda: route(method, address, query, headers))
    if isinstance(row, S3Error):
        assert row.code.status in (400, 405, 501)
        return
    assert row.operation in IMPLEMENTED
    assert row.operation.method == method
    if method != "OPTIONS":
        assert set(query) <= row.parameters
