from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.acl import (
    GRANTS_MAX,
    Acl,
    AskedAcl,
    CannedAcl,
    Grant,
    Group,
    Permission,
    acl_of,
    bucket_allows,
    canned,
    is_public,
    object_allows,
    only_bucket_owner,
    parse_text,
    permitted,
    private,
    to_text,
)

NAMES = st.text("abcAllUsersX+=,.@_-", min_size=1, max_size=12)
GRANTS = st.builds(Grant, NAMES | st.sampled_from(Group), st.sampled_from(Permission))
ACLS = st.builds(Acl, NAMES, st.lists(GRANTS, max_size=GRANTS_MAX).map(tuple))

READS = ("s3:GetObject", "s3:GetObjectVersion")
LISTS = ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads")
WRITES = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")
BUCKET_ACTIONS = (*LISTS, *WRITES, "s3:GetBucketAcl", "s3:PutBucketAcl")
OBJECT_ACTIONS = (
    *READS,
    "s3:GetObjectAcl",
    "s3:GetObjectVersionAcl",
    "s3:PutObjectAcl",
    "s3:PutObjectVersionAcl",
)


@given(ACLS)
def test_a_list_is_read_as_it_was_written(acl: Acl) -> None:
    assert parse_text(to_text(acl)) == acl


def test_a_user_called_like_a_group_is_not_the_group() -> None:
    acl = Acl("ada", (Grant("AllUsers", Permission.READ),))
    assert parse_text(to_text(acl)) == acl
    assert not is_public(acl)
    assert not object_allows(acl, None, "s3:GetObject")
    assert object_allows(acl, "AllUsers", "s3:GetObject")


def test_the_text_is_the_one_on_disk() -> None:
    acl = Acl("ada", (Grant("ada", Permission.FULL_CONTROL), Grant(Group.ALL_USERS, Permission.READ)))
    assert to_text(acl) == '{"grants":[["user","ada","FULL_CONTROL"],["group","AllUsers","READ"]],"owner":"ada"}'


def test_no_text_is_private() -> None:
    assert acl_of("", "ada") == private("ada") == Acl("ada", (Grant("ada", Permission.FULL_CONTROL),))


def allowed(acl: Acl, user: str | None) -> set[str]:
    on_bucket = {a for a in BUCKET_ACTIONS if bucket_allows(acl, user, a)}
    return on_bucket | {a for a in OBJECT_ACTIONS if object_allows(acl, user, a)}


@pytest.mark.parametrize(
    ("permission", "actions"),
    [
        (Permission.READ, {*LISTS, *READS}),
        (Permission.WRITE, {"s3:PutObject"}),
        (Permission.READ_ACP, {"s3:GetBucketAcl", "s3:GetObjectAcl", "s3:GetObjectVersionAcl"}),
        (Permission.WRITE_ACP, {"s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"}),
        (Permission.FULL_CONTROL, {*BUCKET_ACTIONS, *OBJECT_ACTIONS} - {"s3:DeleteObject", "s3:DeleteObjectVersion"}),
    ],
)
def test_a_permission_is_the_actions_of_the_user_guide(permission: Permission, actions: set[str]) -> None:
    assert allowed(Acl("ada", (Grant("bob", permission),)), "bob") == actions
    assert allowed(Acl("ada", (Grant("bob", permission),)), "cyd") == set()
    assert allowed(Acl("ada", (Grant("bob", permission),)), None) == set()


def test_groups_hold_whom_they_say() -> None:
    everybody = Acl("ada", (Grant(Group.ALL_USERS, Permission.READ),))
    with_a_key = Acl("ada", (Grant(Group.AUTHENTICATED_USERS, Permission.READ),))
    for user in ("bob", None):
        assert object_allows(everybody, user, "s3:GetObject")
    assert object_allows(with_a_key, "bob", "s3:GetObject")
    assert not object_allows(with_a_key, None, "s3:GetObject")
    log = canned(CannedAcl.LOG_DELIVERY_WRITE, "ada", "ada")
    assert allowed(log, "bob") == allowed(log, None) == set()


def test_a_bucket_list_says_nothing_about_reading_objects_and_the_other_way_round() -> None:
    acl = Acl("ada", (Grant("bob", Permission.FULL_CONTROL),))
    assert not any(bucket_allows(acl, "bob", action) for action in OBJECT_ACTIONS)
    assert not any(object_allows(acl, "bob", action) for action in BUCKET_ACTIONS)
    assert not bucket_allows(acl, "bob", "s3:DeleteBucket")
    assert not object_allows(acl, "bob", "s3:PutObjectTagging")


def test_the_owner_always_reaches_the_list_itself() -> None:
    empty = Acl("ada", ())
    assert allowed(empty, "ada") == {a for a in (*BUCKET_ACTIONS, *OBJECT_ACTIONS) if a.endswith("Acl")}
    assert permitted(empty, "ada", Permission.READ_ACP)
    assert not permitted(empty, "ada", Permission.READ)


def test_writing_into_a_bucket_replaces_only_what_one_owns() -> None:
    acl = Acl("ada", (Grant("ada", Permission.FULL_CONTROL), Grant(Group.ALL_USERS, Permission.WRITE)))
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert bucket_allows(acl, "bob", action, object_owner="bob")
        assert not bucket_allows(acl, "bob", action, object_owner="cyd")
        assert bucket_allows(acl, "ada", action, object_owner="cyd")
    assert bucket_allows(acl, None, "s3:PutObject")
    assert not bucket_allows(acl, None, "s3:PutObject", object_owner="anonymous")
    assert not bucket_allows(acl, "bob", "s3:DeleteObject")
    assert not bucket_allows(acl, "bob", "s3:DeleteObjectVersion", object_owner="bob")
    assert bucket_allows(acl, "ada", "s3:DeleteObjectVersion", object_owner="bob")


def grants(name: CannedAcl, owner: str = "ada", bucket_owner: str = "bea") -> set[tuple[object, str]]:
    acl = canned(name, owner, bucket_owner)
    assert acl.owner == owner
    assert acl.grants[0] == Grant(owner, Permission.FULL_CONTROL)
    return {(grant.grantee, grant.permission.value) for grant in acl.grants[1:]}


def test_canned_names_mean_what_the_user_guide_says() -> None:
    assert grants(CannedAcl.PRIVATE) == set()
    assert grants(CannedAcl.PUBLIC_READ) == {(Group.ALL_USERS, "READ")}
    assert grants(CannedAcl.PUBLIC_READ_WRITE) == {(Group.ALL_USERS, "READ"), (Group.ALL_USERS, "WRITE")}
    assert grants(CannedAcl.AUTHENTICATED_READ) == {(Group.AUTHENTICATED_USERS, "READ")}
    assert grants(CannedAcl.BUCKET_OWNER_READ) == {("bea", "READ")}
    assert grants(CannedAcl.BUCKET_OWNER_FULL_CONTROL) == {("bea", "FULL_CONTROL")}
    assert grants(CannedAcl.LOG_DELIVERY_WRITE) == {(Group.LOG_DELIVERY, "WRITE"), (Group.LOG_DELIVERY, "READ_ACP")}


@pytest.mark.parametrize("name", [CannedAcl.BUCKET_OWNER_READ, CannedAcl.BUCKET_OWNER_FULL_CONTROL])
def test_what_is_for_the_bucket_owner_is_private_to_the_bucket_owner(name: CannedAcl) -> None:
    assert canned(name, "ada", "ada") == private("ada")


@pytest.mark.parametrize("permission", Permission)
def test_any_grant_to_everybody_is_public(permission: Permission) -> None:
    assert is_public(Acl("ada", (Grant("ada", permission), Grant(Group.ALL_USERS, permission))))
    assert is_public(Acl("ada", (Grant(Group.AUTHENTICATED_USERS, permission),)))
    assert not is_public(Acl("ada", (Grant("bob", permission), Grant(Group.LOG_DELIVERY, permission))))


def test_what_may_be_asked_for_where_lists_are_off() -> None:
    full = Permission.FULL_CONTROL
    assert only_bucket_owner(private("ada"), "ada")
    assert only_bucket_owner(canned(CannedAcl.BUCKET_OWNER_FULL_CONTROL, "bob", "ada"), "ada")
    assert only_bucket_owner(Acl("bob", (Grant("ada", full),)), "ada")
    assert not only_bucket_owner(private("bob"), "ada")
    assert not only_bucket_owner(Acl("ada", ()), "ada")
    assert not only_bucket_owner(Acl("ada", (Grant("ada", Permission.READ),)), "ada")
    assert not only_bucket_owner(Acl("ada", (Grant("ada", full), Grant("cyd", Permission.READ))), "ada")
    for name in (CannedAcl.PUBLIC_READ, CannedAcl.AUTHENTICATED_READ, CannedAcl.LOG_DELIVERY_WRITE):
        assert not only_bucket_owner(canned(name, "ada", "ada"), "ada")


def test_an_asked_list_is_resolved_for_its_owner() -> None:
    assert AskedAcl(CannedAcl.BUCKET_OWNER_READ).resolve("bob", "ada") == canned(
        CannedAcl.BUCKET_OWNER_READ, "bob", "ada"
    )
    given = (Grant("cyd", Permission.READ),)
    assert AskedAcl(grants=given).resolve("bob", "ada") == Acl("bob", given)
