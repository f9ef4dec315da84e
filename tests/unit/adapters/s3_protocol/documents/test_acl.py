from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.documents.acl import GRANT_HEADERS, URIS, parse_acl, render_acl, requested_acl
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.acl import Acl, AskedAcl, CannedAcl, Grant, Group, Permission, canned
from seglake.domain.model.errors import AccessDenied, SeglakeError
from seglake.domain.model.user import canonical_id

SITE = 7
IDS = {canonical_id(SITE, name): name for name in ("root", "ada", "bob")}
ADA, BOB = canonical_id(SITE, "ada"), canonical_id(SITE, "bob")
NOBODY = "f" * 64
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
MODEL = botocore.session.get_session().get_service_model("s3")


def document(*grants: str, owner: str = f"<Owner><ID>{ADA}</ID></Owner>") -> bytes:
    grants_given = f"<AccessControlList>{''.join(grants)}</AccessControlList>"
    return f"<AccessControlPolicy>{owner}{grants_given}</AccessControlPolicy>".encode()


def grant(kind: str, inner: str, permission: str = "READ") -> str:
    return f'<Grant><Grantee {XSI} xsi:type="{kind}">{inner}</Grantee><Permission>{permission}</Permission></Grant>'


def refused(body: bytes) -> S3Error:
    with pytest.raises(S3Error) as caught:
        parse_acl(body, IDS.get)
    return caught.value


def refused_headers(headers: dict[str, str]) -> S3Error:
    with pytest.raises(S3Error) as caught:
        requested_acl(headers, IDS.get)
    return caught.value


def test_what_botocore_writes_is_read() -> None:
    acl = Acl(
        "ada",
        (
            Grant("bob", Permission.WRITE_ACP),
            Grant(Group.AUTHENTICATED_USERS, Permission.READ),
            Grant(Group.LOG_DELIVERY, Permission.WRITE),
        ),
    )
    policy = {
        "Owner": {"ID": ADA, "DisplayName": "whatever"},
        "Grants": [
            {"Grantee": {"Type": "CanonicalUser", "ID": BOB, "DisplayName": "x"}, "Permission": "WRITE_ACP"},
            {"Grantee": {"Type": "Group", "URI": URIS[Group.AUTHENTICATED_USERS]}, "Permission": "READ"},
            {"Grantee": {"Type": "Group", "URI": URIS[Group.LOG_DELIVERY]}, "Permission": "WRITE"},
        ],
    }
    operation = MODEL.operation_model("PutBucketAcl")
    request = create_serializer("rest-xml").serialize_to_request(
        {"Bucket": "b", "AccessControlPolicy": policy}, operation
    )
    assert parse_acl(request["body"], IDS.get) == AskedAcl(grants=acl.grants, owner="ada")


def parsed(operation: str, body: bytes) -> dict[str, Any]:
    shape = MODEL.operation_model(operation).output_shape
    got: dict[str, Any] = create_parser("rest-xml").parse({"body": body, "headers": {}, "status_code": 200}, shape)
    return got


@pytest.mark.parametrize("operation", ["GetBucketAcl", "GetObjectAcl"])
def test_botocore_reads_what_is_written(operation: str) -> None:
    acl = canned(CannedAcl.PUBLIC_READ, "ada", "ada")
    got = parsed(operation, render_acl(acl, SITE))
    assert got["Owner"] == {"ID": ADA, "DisplayName": "ada"}
    assert got["Grants"] == [
        {"Grantee": {"Type": "CanonicalUser", "ID": ADA, "DisplayName": "ada"}, "Permission": "FULL_CONTROL"},
        {"Grantee": {"Type": "Group", "URI": URIS[Group.ALL_USERS]}, "Permission": "READ"},
    ]


@pytest.mark.parametrize("name", CannedAcl)
def test_an_answer_can_be_sent_back(name: CannedAcl) -> None:
    acl = canned(name, "ada", "bob")
    assert parse_acl(render_acl(acl, SITE), IDS.get) == AskedAcl(grants=acl.grants, owner="ada")


def test_the_order_is_that_of_the_documentation() -> None:
    root = ET.fromstring(render_acl(canned(CannedAcl.PRIVATE, "ada", "ada"), SITE))
    space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
    assert root.tag == f"{space}AccessControlPolicy"
    assert [child.tag for child in root] == [f"{space}Owner", f"{space}AccessControlList"]
    assert [child.tag for child in root[1][0]] == [f"{space}Grantee", f"{space}Permission"]
    assert [child.tag for child in root[1][0][0]] == [f"{space}ID", f"{space}DisplayName"]


@pytest.mark.parametrize(
    "body",
    [
        document(owner=""),
        document(owner="<Owner><DisplayName>ada</DisplayName></Owner>"),
        b"<AccessControlPolicy><Owner><ID>" + ADA.encode() + b"</ID></Owner></AccessControlPolicy>",
        document(grant("CanonicalUser", f"<ID>{BOB}</ID>", "READ_WRITE")),
        document(f'<Grant><Grantee {XSI} xsi:type="Group"><URI>x</URI></Grantee></Grant>'),
        document("<Grant><Permission>READ</Permission></Grant>"),
        document(f"<Grant><Grantee><ID>{BOB}</ID></Grantee><Permission>READ</Permission></Grant>"),
        document(grant("Group", f"<ID>{BOB}</ID>")),
        document(grant("CanonicalUser", "")),
        document(grant("Martian", f"<ID>{BOB}</ID>")),
        document(owner="<Owner><ID></ID></Owner>"),
    ],
)
def test_a_document_that_says_too_little_is_malformed(body: bytes) -> None:
    assert refused(body).code is ErrorCode.MalformedACLError


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<AccessControlPolicy>",
        b"<Other/>",
        document("<Grant><Foo/></Grant>"),
        document(f'<Grant x="1">{grant("CanonicalUser", "")[7:]}'),
        document(grant("CanonicalUser", f"<ID>{BOB}</ID>").replace("xsi:type", "xsi:kind")),
        document(grant("CanonicalUser", f"<ID>{BOB}</ID>").replace("xsi:type", 'a="1" xsi:type')),
        document(grant("CanonicalUser", f'<ID xsi:type="x">{BOB}</ID>')),
    ],
)
def test_what_is_not_in_the_schema_is_malformed(body: bytes) -> None:
    assert refused(body).code is ErrorCode.MalformedXML


def test_grantees_that_are_nobody_are_refused() -> None:
    unknown = refused(document(grant("CanonicalUser", f"<ID>{NOBODY}</ID>")))
    assert (unknown.code, unknown.message[:10]) == (ErrorCode.InvalidArgument, "Invalid id")
    assert unknown.extra == (("ArgumentName", "CanonicalUser/ID"), ("ArgumentValue", NOBODY))
    group = refused(document(grant("Group", "<URI>http://acs.amazonaws.com/groups/global/Nobody</URI>")))
    assert (group.code, group.message[:17]) == (ErrorCode.InvalidArgument, "Invalid group uri")
    mail = grant("AmazonCustomerByEmail", "<EmailAddress>a@example.com</EmailAddress>")
    assert refused(document(mail)).code is ErrorCode.UnresolvableGrantByEmailAddress
    with pytest.raises(AccessDenied):
        parse_acl(document(owner=f"<Owner><ID>{NOBODY}</ID></Owner>"), IDS.get)


def test_a_list_has_at_most_a_hundred_grants_each_once() -> None:
    users = {f"{n:064x}": f"u{n}" for n in range(101)} | {ADA: "ada"}
    grants = [grant("CanonicalUser", f"<ID>{id_}</ID>") for id_ in list(users)[:101]]
    assert len(parse_acl(document(*grants[:100], *grants[:100]), users.get).grants) == 100
    with pytest.raises(S3Error) as caught:
        parse_acl(document(*grants), users.get)
    assert caught.value.code is ErrorCode.MalformedACLError
    value = ", ".join([f'id="{id_}"' for id_ in list(users)[:101]])
    with pytest.raises(S3Error) as caught:
        requested_acl({"x-amz-grant-read": value}, users.get)
    assert caught.value.code is ErrorCode.MalformedACLError


def test_no_header_asks_for_nothing() -> None:
    assert requested_acl({"x-amz-meta-acl": "private", "host": "x"}, IDS.get) is None


@pytest.mark.parametrize("shape", ["ObjectCannedACL", "BucketCannedACL"])
def test_every_canned_name_of_botocore_is_known(shape: str) -> None:
    for name in MODEL.shape_for(shape).enum:
        if name == "aws-exec-read":
            assert refused_headers({"x-amz-acl": name}).code is ErrorCode.NotImplemented
        else:
            assert requested_acl({"x-amz-acl": name}, IDS.get) == AskedAcl(CannedAcl(name))


@pytest.mark.parametrize("name", ["", "Private", "public", "private "])
def test_an_unknown_canned_name_is_refused(name: str) -> None:
    error = refused_headers({"x-amz-acl": name})
    assert error.code is ErrorCode.InvalidArgument
    assert error.extra[0] == ("ArgumentName", "x-amz-acl")


@pytest.mark.parametrize(("header", "permission"), GRANT_HEADERS.items())
def test_a_grant_header_names_users_and_groups(header: str, permission: Permission) -> None:
    value = f'id="{BOB}", uri="{URIS[Group.ALL_USERS]}",ID={ADA} , uri={URIS[Group.LOG_DELIVERY]}'
    asked = requested_acl({header: value}, IDS.get)
    assert asked is not None
    assert asked.grants == tuple(
        Grant(grantee, permission) for grantee in ("bob", Group.ALL_USERS, "ada", Group.LOG_DELIVERY)
    )


def test_several_grant_headers_are_one_list() -> None:
    asked = requested_acl({"x-amz-grant-read": f"id={BOB}", "x-amz-grant-full-control": f"id={ADA}"}, IDS.get)
    assert asked is not None
    assert set(asked.grants) == {Grant("bob", Permission.READ), Grant("ada", Permission.FULL_CONTROL)}


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        f"id={BOB},",
        f"id={BOB} id={ADA}",
        f'id="{BOB}',
        "id=",
        BOB,
        f"name={BOB}",
        f'id="{BOB}"x',
        f"id={BOB};",
    ],
)
def test_a_grant_header_that_is_no_list_is_refused(value: str) -> None:
    error = refused_headers({"x-amz-grant-read": value})
    assert error.code is ErrorCode.InvalidArgument


def test_header_grantees_that_are_nobody_are_refused() -> None:
    assert refused_headers({"x-amz-grant-read": f"id={NOBODY}"}).message.startswith("Invalid id")
    assert refused_headers({"x-amz-grant-read": "id=bob"}).message.startswith("Invalid id")
    assert refused_headers({"x-amz-grant-read": 'uri="http://x"'}).message.startswith("Invalid group uri")
    mail = refused_headers({"x-amz-grant-read": f'id="{BOB}", emailAddress="a@example.com"'})
    assert mail.code is ErrorCode.UnresolvableGrantByEmailAddress


def test_a_canned_name_beside_grants_is_refused() -> None:
    error = refused_headers({"x-amz-acl": "private", "x-amz-grant-read": f"id={BOB}"})
    assert error.code is ErrorCode.InvalidRequest


@given(st.text(max_size=200) | st.from_regex(r'((id|uri)="?[a-z0-9]*"?[, ]*){0,9}', fullmatch=True))
def test_any_header_is_read_or_refused(value: str) -> None:
    try:
        asked = requested_acl({"x-amz-grant-read": value}, lambda wanted: wanted or None)
    except S3Error as refusal:
        code: ErrorCode | None = refusal.code
    else:
        assert asked is not None
        assert asked.grants
        code = None
    assert code in (None, ErrorCode.InvalidArgument, ErrorCode.UnresolvableGrantByEmailAddress)


@given(st.binary(max_size=300))
def test_any_document_is_read_or_refused(body: bytes) -> None:
    with pytest.raises(SeglakeError):
        parse_acl(body, IDS.get)
