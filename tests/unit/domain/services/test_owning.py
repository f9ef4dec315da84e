from __future__ import annotations

import pytest

from seglake.domain.model.acl import Acl, AskedAcl, CannedAcl, Grant, Permission, canned, parse_text, private, to_text
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import AclAgainstOwnership, AclsDisabled, PublicAclOnNewBucket
from seglake.domain.model.limits import Limits
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.ownership import (
    ALL_BLOCKED,
    NOTHING_BLOCKED,
    ObjectOwnership,
    ownership_text,
)
from seglake.domain.model.version import Version
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.facts import bucket_named
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from seglake.domain.services.owning import first_configs, owner_and_acl
from tests.unit.fixtures import Pieces, Store

FULL = to_text(canned(CannedAcl.BUCKET_OWNER_FULL_CONTROL, "bob", "ada"))
PUBLIC = to_text(canned(CannedAcl.PUBLIC_READ, "bob", "ada"))
PRIVATE = to_text(private("bob"))
ENFORCED, PREFERRED, WRITER = ObjectOwnership


async def store_with(ownership: ObjectOwnership | None) -> Store:
    store = Store(Limits(part_bytes_min=1))
    await store.buckets.create(CreateBucket("bucket", "ada"))
    if ownership is not None:
        await store.bucket_access.put_ownership("bucket", ownership)
    return store


def decided(store: Store, acl: str, owner: str = "bob") -> tuple[str, str]:
    return store.metadata.read(lambda view: owner_and_acl(view, bucket_named(view, "bucket"), owner, acl))


@pytest.mark.parametrize("ownership", [None, ENFORCED])
async def test_the_bucket_owner_owns_all_where_that_is_enforced(ownership: ObjectOwnership | None) -> None:
    store = await store_with(ownership)
    for acl in ("", FULL, to_text(private("ada"))):
        assert decided(store, acl) == ("ada", "")
    for acl in (PUBLIC, PRIVATE, to_text(Acl("bob", ()))):
        with pytest.raises(AclsDisabled):
            decided(store, acl)


async def test_the_writer_owns_what_it_wrote() -> None:
    store = await store_with(WRITER)
    assert decided(store, "") == decided(store, PRIVATE) == ("bob", "")
    for acl in (FULL, PUBLIC):
        assert decided(store, acl) == ("bob", acl)


async def test_the_bucket_owner_is_preferred_when_given_full_control() -> None:
    store = await store_with(PREFERRED)
    assert decided(store, "") == ("bob", "")
    assert decided(store, PUBLIC) == ("bob", PUBLIC)
    assert decided(store, FULL) == ("ada", "")


async def test_removed_controls_leave_objects_to_their_writers() -> None:
    store = await store_with(None)
    await store.bucket_access.put_ownership("bucket", None)
    assert decided(store, PUBLIC) == ("bob", PUBLIC)


def version(store: Store, key: str) -> Version:
    return store.reads.open(ReadObject("bucket", key)).version


@pytest.mark.parametrize(
    ("ownership", "owner", "acl"), [(None, "ada", ""), (PREFERRED, "ada", ""), (WRITER, "bob", FULL)]
)
async def test_every_way_to_make_an_object_asks(ownership: ObjectOwnership | None, owner: str, acl: str) -> None:
    store = await store_with(ownership)
    await store.put("put", b"data", owner="bob", acl=FULL)
    copy = CopyObject(CopySource("bucket", "put"), "bucket", "copy", "bob", acl=FULL)
    await store.copying.copy(copy)
    begun = await store.multipart.create(CreateUpload("bucket", "big", ObjectAttributes(owner="bob", acl=FULL)))
    part = await store.multipart.upload_part("bucket", "big", begun.id, 1, Pieces([b"part"]))
    await store.multipart.complete(CompleteUpload("bucket", "big", begun.id, (PartClaim(1, part.etag),)))
    assert begun.owner == "bob", "who began it is its initiator"
    for key in ("put", "copy", "big"):
        found = version(store, key)
        assert (found.manifest.owner, found.acl) == (owner, acl), key


async def test_every_way_to_make_an_object_refuses_a_list_where_lists_are_off() -> None:
    store = await store_with(None)
    await store.put("source", b"data")
    before = store.dump()
    with pytest.raises(AclsDisabled):
        await store.put("put", b"data", owner="bob", acl=PUBLIC)
    with pytest.raises(AclsDisabled):
        await store.copying.copy(CopyObject(CopySource("bucket", "source"), "bucket", "copy", "bob", acl=PUBLIC))
    with pytest.raises(AclsDisabled):
        await store.multipart.create(CreateUpload("bucket", "big", ObjectAttributes(owner="bob", acl=PUBLIC)))
    assert store.dump() == before


async def test_an_upload_drops_its_list_when_the_owner_was_enforced_meanwhile() -> None:
    store = await store_with(WRITER)
    begun = await store.multipart.create(CreateUpload("bucket", "big", ObjectAttributes(owner="bob", acl=PUBLIC)))
    part = await store.multipart.upload_part("bucket", "big", begun.id, 1, Pieces([b"part"]))
    await store.bucket_access.put_ownership("bucket", ENFORCED)
    await store.multipart.complete(CompleteUpload("bucket", "big", begun.id, (PartClaim(1, part.etag),)))
    found = version(store, "big")
    assert (found.manifest.owner, found.acl) == ("ada", "")


async def test_a_copy_takes_no_list_from_its_source() -> None:
    store = await store_with(WRITER)
    await store.put("source", b"data", owner="bob", acl=PUBLIC)
    await store.copying.copy(CopyObject(CopySource("bucket", "source"), "bucket", "copy", "cyd"))
    found = version(store, "copy")
    assert (found.manifest.owner, found.acl) == ("cyd", "")


async def test_a_delete_marker_belongs_to_the_bucket_owner() -> None:
    store = Store()
    await store.buckets.create(CreateBucket("bucket", "ada", versioning=Versioning.ENABLED))
    await store.writes.delete("bucket", DeleteObject("key"))
    page = store.metadata.read(lambda view: view.versions.current_entry(bucket_named(view, "bucket").id, "key"))
    assert page is not None
    assert (page.is_marker, page.owner) == (True, "ada")


def test_what_a_new_bucket_begins_with() -> None:
    asked = AskedAcl(CannedAcl.AUTHENTICATED_READ)
    assert first_configs("b", "ada", None, None, ALL_BLOCKED) == ()
    assert first_configs("b", "ada", None, AskedAcl(CannedAcl.PRIVATE), ALL_BLOCKED) == ()
    writer = (ConfigKind.OWNERSHIP, ownership_text(WRITER))
    assert first_configs("b", "ada", WRITER, AskedAcl(CannedAcl.PRIVATE), ALL_BLOCKED) == (writer,)
    configs = first_configs("b", "ada", WRITER, asked, NOTHING_BLOCKED)
    assert configs[0] == writer
    assert configs[1][0] is ConfigKind.ACL
    assert parse_text(configs[1][1]) == canned(CannedAcl.AUTHENTICATED_READ, "ada", "ada")
    grants = AskedAcl(grants=(Grant("bob", Permission.READ),))
    assert len(first_configs("b", "ada", PREFERRED, grants, ALL_BLOCKED)) == 2
    with pytest.raises(PublicAclOnNewBucket):
        first_configs("b", "ada", WRITER, asked, ALL_BLOCKED)
    for ownership in (None, ENFORCED):
        with pytest.raises(AclAgainstOwnership):
            first_configs("b", "ada", ownership, grants, NOTHING_BLOCKED)
