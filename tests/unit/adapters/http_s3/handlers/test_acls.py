"""Access control lists, ownership controls and owners, seen from the wire."""

from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.documents.acl import URIS
from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.acl import Group
from tests.unit.adapters.http_s3.front import ROOT, Front
from tests.wire import Reply

ADA = Signer("ada-key", "ada-secret-0123456789")
BOB = Signer("bob-key", "bob-secret-0123456789")


async def ask(
    front: Front, signer: Signer, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Reply:
    async with front.wire() as wire:
        return await wire.ask(front.signed(method, target, headers, body, signer=signer))


@pytest.fixture
async def world(store: Front) -> Front:
    """Users ada and bob; ada's bucket ``mine``, where the writers own their objects and nothing is blocked."""
    for name, signer in (("ada", ADA), ("bob", BOB)):
        await store.add_user(name)
        await store.add_key(signer, user=name)
    assert (await ask(store, ADA, "PUT", "/mine")).status == 200
    await own(store, "ObjectWriter")
    assert (await ask(store, ADA, "DELETE", "/mine?publicAccessBlock")).status == 204
    return store


async def own(front: Front, ownership: str) -> None:
    body = f"<OwnershipControls><Rule><ObjectOwnership>{ownership}</ObjectOwnership></Rule></OwnershipControls>"
    assert (await ask(front, ADA, "PUT", "/mine?ownershipControls", body=body.encode())).status == 200


def user_id(front: Front, name: str) -> str:
    return front.services.directory.id_of(name)


async def test_a_fresh_bucket_and_its_objects_show_the_owner_alone(store: Front) -> None:
    await store.put("/alpha/key", b"data")
    for target in ("/alpha?acl", "/alpha/key?acl"):
        reply = await store.ask("GET", target)
        assert reply.status == 200
        assert reply.element("ID") == user_id(store, "root")
        assert reply.element("DisplayName") == "root"
        assert reply.body.count(b"<Grant>") == 1
        assert reply.element("Permission") == "FULL_CONTROL"


@pytest.mark.parametrize("target", ["/alpha?acl", "/alpha/key?acl", "/alpha/other"])
@pytest.mark.parametrize(
    "headers", [{"x-amz-acl": "public-read"}, {"x-amz-grant-read": f'uri="{URIS[Group.ALL_USERS]}"'}]
)
async def test_lists_are_refused_where_the_owner_is_enforced(
    store: Front, target: str, headers: dict[str, str]
) -> None:
    await store.put("/alpha/key", b"data")
    before = store.dump()
    reply = await store.ask("PUT", target, headers)
    assert (reply.status, reply.code) == (400, "AccessControlListNotSupported")
    assert store.dump() == before


@pytest.mark.parametrize("name", ["private", "bucket-owner-full-control"])
async def test_a_list_that_says_what_is_so_anyway_is_taken(store: Front, name: str) -> None:
    await store.put("/alpha/key", b"data", {"x-amz-acl": name})
    for target in ("/alpha?acl", "/alpha/key?acl"):
        assert (await store.ask("PUT", target, {"x-amz-acl": name})).status == 200


async def test_a_list_lets_others_read(world: Front) -> None:
    await ask(world, ADA, "PUT", "/mine/key", body=b"data")
    assert (await ask(world, BOB, "GET", "/mine/key")).code == "AccessDenied"
    granted = {"x-amz-grant-read": f'id="{user_id(world, "bob")}"'}
    assert (await ask(world, ADA, "PUT", "/mine/key?acl", granted)).status == 200
    assert (await ask(world, BOB, "GET", "/mine/key")).body == b"data"
    assert (await ask(world, BOB, "GET", "/mine/key?acl")).code == "AccessDenied"
    assert (await ask(world, BOB, "PUT", "/mine/key", body=b"more")).code == "AccessDenied"
    assert (await ask(world, ADA, "PUT", "/mine/key?acl", {"x-amz-acl": "private"})).status == 200
    assert (await ask(world, BOB, "GET", "/mine/key")).code == "AccessDenied"


async def test_who_writes_into_anothers_bucket_owns_the_object(world: Front) -> None:
    granted = {"x-amz-grant-write": f"id={user_id(world, 'bob')}"}
    assert (await ask(world, ADA, "PUT", "/mine?acl", granted)).status == 200
    assert (await ask(world, BOB, "PUT", "/mine/his", body=b"his")).status == 200
    assert (await ask(world, ADA, "GET", "/mine/his")).code == "AccessDenied"
    listed = await ask(world, ADA, "GET", "/mine?list-type=2&fetch-owner=true")
    assert (listed.element("ID"), listed.element("DisplayName")) == (user_id(world, "bob"), "bob")
    await own(world, "BucketOwnerPreferred")
    for target in ("/mine?acl", "/mine/his"):
        assert (await ask(world, ADA, "GET", target)).code == ("" if target == "/mine?acl" else "AccessDenied")


async def test_an_answer_can_be_sent_back_as_a_document(world: Front) -> None:
    assert (await ask(world, ADA, "PUT", "/mine?acl", {"x-amz-acl": "public-read"})).status == 200
    shown = await ask(world, ADA, "GET", "/mine?acl")
    assert URIS[Group.ALL_USERS].encode() in shown.body
    assert (await ask(world, ADA, "PUT", "/mine?acl", {"x-amz-acl": "private"})).status == 200
    assert (await ask(world, ADA, "PUT", "/mine?acl", body=shown.body)).status == 200
    assert (await ask(world, ADA, "GET", "/mine?acl")).body == shown.body


async def test_a_list_comes_one_way(world: Front) -> None:
    shown = (await ask(world, ADA, "GET", "/mine?acl")).body
    both = await ask(world, ADA, "PUT", "/mine?acl", {"x-amz-acl": "private"}, shown)
    assert (both.status, both.code) == (400, "InvalidRequest")
    neither = await ask(world, ADA, "PUT", "/mine?acl")
    assert (neither.status, neither.code) == (400, "MissingSecurityHeader")
    assert neither.element("MissingHeaderName") == "x-amz-acl"


async def test_a_version_has_its_own_list(world: Front) -> None:
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    await ask(world, ADA, "PUT", "/mine?versioning", body=enabled)
    first = (await ask(world, ADA, "PUT", "/mine/key", {"x-amz-acl": "authenticated-read"}, b"1")).headers
    version = first["x-amz-version-id"]
    await ask(world, ADA, "PUT", "/mine/key", body=b"2")
    assert (await ask(world, BOB, "GET", f"/mine/key?versionId={version}")).body == b"1"
    assert (await ask(world, BOB, "GET", "/mine/key")).code == "AccessDenied"
    reply = await ask(world, ADA, "GET", f"/mine/key?acl&versionId={version}")
    assert reply.headers["x-amz-version-id"] == version
    assert URIS[Group.AUTHENTICATED_USERS].encode() in reply.body
    reply = await ask(world, ADA, "PUT", f"/mine/key?acl&versionId={version}", {"x-amz-acl": "private"})
    assert reply.headers["x-amz-version-id"] == version
    assert (await ask(world, BOB, "GET", f"/mine/key?versionId={version}")).code == "AccessDenied"


async def test_copies_and_uploads_take_a_list(world: Front) -> None:
    await ask(world, ADA, "PUT", "/mine/key", body=b"data")
    readable = {"x-amz-acl": "authenticated-read"}
    await ask(world, ADA, "PUT", "/mine/copy", {"x-amz-copy-source": "/mine/key", **readable})
    begun = await ask(world, ADA, "POST", "/mine/big?uploads", readable)
    upload = begun.element("UploadId")
    part = await ask(world, ADA, "PUT", f"/mine/big?partNumber=1&uploadId={upload}", body=b"data")
    done = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
        "</CompleteMultipartUpload>"
    )
    await ask(world, ADA, "POST", f"/mine/big?uploadId={upload}", body=done.encode())
    for key in ("copy", "big"):
        assert (await ask(world, BOB, "GET", f"/mine/{key}")).body == b"data"
    assert (await ask(world, BOB, "GET", "/mine/key")).code == "AccessDenied"


async def test_public_lists_are_refused_while_they_are_blocked(world: Front) -> None:
    block = b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
    await ask(world, ADA, "PUT", "/mine?publicAccessBlock", body=block)
    await ask(world, ADA, "PUT", "/mine/key", body=b"data")
    before = world.dump()
    for target in ("/mine?acl", "/mine/key?acl", "/mine/other"):
        reply = await ask(world, ADA, "PUT", target, {"x-amz-acl": "public-read"})
        assert (reply.status, reply.code) == (403, "AccessDenied")
    assert world.dump() == before


async def test_a_bucket_is_made_with_ownership_and_list(world: Front) -> None:
    headers = {"x-amz-object-ownership": "BucketOwnerPreferred", "x-amz-acl": "log-delivery-write"}
    assert (await world.ask("PUT", "/made", headers)).status == 200
    assert (await world.ask("GET", "/made?ownershipControls")).element("ObjectOwnership") == "BucketOwnerPreferred"
    assert URIS[Group.LOG_DELIVERY].encode() in (await world.ask("GET", "/made?acl")).body
    before = world.dump()
    assert (await world.ask("PUT", "/made", headers)).status == 200
    assert (await world.ask("PUT", "/made")).status == 200
    for other in ({"x-amz-object-ownership": "ObjectWriter"}, {**headers, "x-amz-acl": "private"}):
        reply = await world.ask("PUT", "/made", other)
        assert (reply.status, reply.code) == (409, "BucketAlreadyOwnedByYou")
    assert world.dump() == before


async def test_a_user_makes_a_bucket_with_ownership_and_list(world: Front) -> None:
    headers = {"x-amz-object-ownership": "ObjectWriter", "x-amz-acl": "log-delivery-write"}
    assert (await ask(world, BOB, "PUT", "/made", headers)).status == 200
    assert (await ask(world, BOB, "GET", "/made?ownershipControls")).element("ObjectOwnership") == "ObjectWriter"
    assert (await ask(world, ADA, "PUT", "/made", headers)).status in (403, 409)
    assert (await ask(world, ADA, "PUT", "/nothere?acl", {"x-amz-acl": "private"})).status in (403, 404)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-acl": "log-delivery-write"}, "InvalidBucketAclWithObjectOwnership"),
        (
            {"x-amz-acl": "public-read", "x-amz-object-ownership": "BucketOwnerEnforced"},
            "InvalidBucketAclWithObjectOwnership",
        ),
        (
            {"x-amz-acl": "public-read", "x-amz-object-ownership": "ObjectWriter"},
            "InvalidBucketAclWithBlockPublicAccessError",
        ),
        ({"x-amz-object-ownership": "Nobody"}, "InvalidArgument"),
        ({"x-amz-acl": "aws-exec-read"}, "NotImplemented"),
    ],
)
async def test_a_bucket_is_not_made_with_a_list_that_cannot_stand(
    store: Front, headers: dict[str, str], code: str
) -> None:
    before = store.dump()
    assert (await store.ask("PUT", "/made", headers)).code == code
    assert store.dump() == before


async def test_a_bucket_is_made_with_a_private_list(store: Front) -> None:
    assert (await store.ask("PUT", "/made", {"x-amz-acl": "private"})).status == 200


async def test_ownership_controls_can_be_removed(store: Front) -> None:
    target = "/alpha?ownershipControls"
    assert (await store.ask("GET", target)).element("ObjectOwnership") == "BucketOwnerEnforced"
    assert (await store.ask("DELETE", target)).status == 204
    reply = await store.ask("GET", target)
    assert (reply.status, reply.code) == (404, "OwnershipControlsNotFoundError")


async def test_the_owner_is_not_enforced_over_a_list_that_grants(world: Front) -> None:
    await ask(world, ADA, "PUT", "/mine?acl", {"x-amz-acl": "authenticated-read"})
    body = b"<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
    reply = await ask(world, ADA, "PUT", "/mine?ownershipControls", body=body)
    assert (reply.status, reply.code) == (400, "InvalidBucketAclWithObjectOwnership")


async def test_listings_name_owners_by_their_canonical_ids(world: Front) -> None:
    await ask(world, ADA, "PUT", "/mine/key", body=b"data")
    begun = await ask(world, ADA, "POST", "/mine/big?uploads")
    parts = f"/mine/big?uploadId={begun.element('UploadId')}"
    named = f"<ID>{user_id(world, 'ada')}</ID><DisplayName>ada</DisplayName>".encode()
    for target in ("/", "/mine", "/mine?list-type=2&fetch-owner=true", "/mine?versions", "/mine?uploads", parts):
        assert b"<Owner>" + named in (await ask(world, ADA, "GET", target)).body, target
    for target in ("/mine?uploads", parts):
        assert b"<Initiator>" + named in (await ask(world, ADA, "GET", target)).body, target


async def test_a_bucket_belongs_to_the_user_who_made_it(world: Front) -> None:
    taken = await ask(world, BOB, "PUT", "/mine")
    assert (taken.status, taken.code) == (409, "BucketAlreadyExists")
    assert (await ask(world, ROOT, "PUT", "/mine")).code == "BucketAlreadyExists"
    assert (await ask(world, ADA, "PUT", "/mine")).status == 200
