"""Ways to open a bucket, or to own what is in it, that nobody asked for."""

from __future__ import annotations

from .mutant import Edit, Mutant

_ACL = "domain/model/acl.py"
_OWNING = "domain/services/owning.py"
_ACCESS = "domain/services/bucket_access.py"
_WIRE = "adapters/s3_protocol/documents/acl.py"
_LISTS = ("tests/unit/domain/model/test_acl.py",)
_OWNERS = ("tests/unit/domain/services/test_owning.py",)
_BUCKETS = ("tests/unit/domain/services/test_bucket_access.py",)

OPENING = (
    Mutant(
        "everybody with a key includes those without",
        _LISTS,
        (
            Edit(
                _ACL,
                "if user is not None and (grantee is Group.AUTHENTICATED_USERS or grantee == user):",
                "if grantee is Group.AUTHENTICATED_USERS or grantee == user:",
            ),
        ),
    ),
    Mutant(
        "who may write into a bucket replaces what belongs to others",
        _LISTS,
        (
            Edit(
                _ACL,
                "return object_owner is None or (user is not None and user == object_owner)",
                "return True",
            ),
        ),
    ),
    Mutant(
        "a list for keys only is not called public",
        _LISTS,
        (
            Edit(
                _ACL,
                "grant.grantee in (Group.ALL_USERS, Group.AUTHENTICATED_USERS)",
                "grant.grantee is Group.ALL_USERS",
            ),
        ),
    ),
    Mutant(
        "lists are taken although the owner is enforced",
        _OWNERS,
        (
            Edit(
                _OWNING,
                "if acl and not only_bucket_owner(parse_text(acl), bucket.owner):",
                "if acl and bucket.owner == owner and not only_bucket_owner(parse_text(acl), bucket.owner):",
            ),
        ),
    ),
    Mutant(
        "the writer owns the object although the owner is enforced",
        _OWNERS,
        (
            Edit(
                _OWNING,
                '    if not bucket.configured and not acl:\n        return bucket.owner, ""\n',
                '    if not bucket.configured and not acl:\n        return owner, ""\n',
            ),
        ),
    ),
    Mutant(
        "public lists are taken although they are blocked",
        _BUCKETS,
        (
            Edit(
                _ACCESS,
                "if is_public(acl) and public_access_of(configs, default=default).block_acls:",
                "if is_public(acl) and public_access_of(configs, default=default).ignore_acls:",
            ),
        ),
    ),
    Mutant(
        "public policies are taken although they are blocked",
        _BUCKETS,
        (
            Edit(
                _ACCESS,
                "if self.public and public_access_of(configs_of(tx, bucket), default=self.default).block_policy:",
                "if self.public and configs_of(tx, bucket) and self.default.block_policy:",
            ),
        ),
    ),
    Mutant(
        "a list changes the owner",
        _BUCKETS,
        (
            Edit(
                _ACCESS,
                "if asked.owner is not None and asked.owner != owner:",
                "if asked.owner == bucket_owner != owner:",
            ),
        ),
    ),
    Mutant(
        "a grantee that is nobody is dropped",
        ("tests/unit/adapters/s3_protocol/documents/test_acl.py",),
        (
            Edit(
                _WIRE,
                "    if name is None:\n        raise S3Error(\n",
                "    if name is None and not wanted:\n        raise S3Error(\n",
            ),
        ),
    ),
    Mutant(
        "another account's buckets are taken for the store's",
        ("tests/unit/adapters/s3_protocol/test_routing.py",),
        (
            Edit(
                "adapters/s3_protocol/routing.py",
                '"x-amz-expected-bucket-owner": frozenset((ACCOUNT,)),',
                '"x-amz-expected-bucket-owner": _ANY,',
            ),
        ),
    ),
)
