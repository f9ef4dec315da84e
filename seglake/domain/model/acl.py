"""An access control list grants to named users and to three groups; what it does not grant, it does not allow.

Source: Amazon S3 User Guide, "Access control list (ACL) overview": permissions, the mapping of ACL permissions to
actions, canned ACLs, at most 100 grants.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache

GRANTS_MAX = 100


class Permission(StrEnum):
    """API: Permission. FULL_CONTROL is all of the others."""

    FULL_CONTROL = "FULL_CONTROL"
    WRITE = "WRITE"
    WRITE_ACP = "WRITE_ACP"
    READ = "READ"
    READ_ACP = "READ_ACP"


class Group(Enum):
    """The groups that can be granted to; no user's name is ever equal to one. Nobody is in LOG_DELIVERY here."""

    ALL_USERS = "AllUsers"
    AUTHENTICATED_USERS = "AuthenticatedUsers"
    LOG_DELIVERY = "LogDelivery"


Grantee = str | Group
"""A user's name, or a group."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission for one grantee."""

    grantee: Grantee
    permission: Permission


@dataclass(frozen=True, slots=True)
class Acl:
    """Who owns a bucket or object, and what is granted on it; the owner may always read and write the list itself."""

    owner: str
    grants: tuple[Grant, ...]

    def __post_init__(self) -> None:
        assert len(self.grants) <= GRANTS_MAX, "whoever takes grants from outside counts them first"


class CannedAcl(StrEnum):
    """API: x-amz-acl. The names that stand for a list; ``aws-exec-read`` is missing, for there is no EC2 here."""

    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"
    AUTHENTICATED_READ = "authenticated-read"
    BUCKET_OWNER_READ = "bucket-owner-read"
    BUCKET_OWNER_FULL_CONTROL = "bucket-owner-full-control"
    LOG_DELIVERY_WRITE = "log-delivery-write"


_CANNED_GROUPS = {
    CannedAcl.PUBLIC_READ: (Grant(Group.ALL_USERS, Permission.READ),),
    CannedAcl.PUBLIC_READ_WRITE: (
        Grant(Group.ALL_USERS, Permission.READ),
        Grant(Group.ALL_USERS, Permission.WRITE),
    ),
    CannedAcl.AUTHENTICATED_READ: (Grant(Group.AUTHENTICATED_USERS, Permission.READ),),
    CannedAcl.LOG_DELIVERY_WRITE: (
        Grant(Group.LOG_DELIVERY, Permission.WRITE),
        Grant(Group.LOG_DELIVERY, Permission.READ_ACP),
    ),
}
_CANNED_BUCKET_OWNER = {
    CannedAcl.BUCKET_OWNER_READ: Permission.READ,
    CannedAcl.BUCKET_OWNER_FULL_CONTROL: Permission.FULL_CONTROL,
}


def private(owner: str) -> Acl:
    """The list that everything begins with: its owner has full control, nobody else anything."""
    return Acl(owner, (Grant(owner, Permission.FULL_CONTROL),))


def canned(name: CannedAcl, owner: str, bucket_owner: str) -> Acl:
    """The list that a canned name stands for on something of ``owner`` in a bucket of ``bucket_owner``.

    For a bucket itself both are the same, so the two ``bucket-owner-...`` names mean private, as S3 has it.
    """
    own = private(owner)
    if name in _CANNED_GROUPS:
        return Acl(owner, (*own.grants, *_CANNED_GROUPS[name]))
    if name in _CANNED_BUCKET_OWNER and owner != bucket_owner:
        return Acl(owner, (*own.grants, Grant(bucket_owner, _CANNED_BUCKET_OWNER[name])))
    return own


_BUCKET_NEEDS = {
    "s3:ListBucket": Permission.READ,
    "s3:ListBucketVersions": Permission.READ,
    "s3:ListBucketMultipartUploads": Permission.READ,
    "s3:PutObject": Permission.WRITE,
    "s3:DeleteObject": Permission.WRITE,
    "s3:DeleteObjectVersion": Permission.WRITE,
    "s3:GetBucketAcl": Permission.READ_ACP,
    "s3:PutBucketAcl": Permission.WRITE_ACP,
}
_OBJECT_NEEDS = {
    "s3:GetObject": Permission.READ,
    "s3:GetObjectVersion": Permission.READ,
    "s3:GetObjectAcl": Permission.READ_ACP,
    "s3:GetObjectVersionAcl": Permission.READ_ACP,
    "s3:PutObjectAcl": Permission.WRITE_ACP,
    "s3:PutObjectVersionAcl": Permission.WRITE_ACP,
}
_REMOVALS = frozenset(("s3:DeleteObject", "s3:DeleteObjectVersion"))
_ON_THE_LIST = frozenset((Permission.READ_ACP, Permission.WRITE_ACP))


def permitted(acl: Acl, user: str | None, permission: Permission) -> bool:
    """Whether ``user`` (None: an anonymous request) holds a permission, by a grant or as the list's owner."""
    if user is not None and user == acl.owner and permission in _ON_THE_LIST:
        return True
    for grant in acl.grants:
        if grant.permission is permission or grant.permission is Permission.FULL_CONTROL:
            grantee = grant.grantee
            if grantee is Group.ALL_USERS:
                return True
            if user is not None and (grantee is Group.AUTHENTICATED_USERS or grantee == user):
                return True
    return False


def bucket_allows(acl: Acl, user: str | None, action: str, *, object_owner: str | None = None) -> bool:
    """Whether a bucket's list allows an action on the bucket or on an object in it.

    ``object_owner`` owns the object that the action would replace or remove, None when there is none. WRITE makes new
    objects; only the owners of the bucket and of the object replace or remove one with it, and only the bucket's owner
    removes a version.
    """
    needed = _BUCKET_NEEDS.get(action)
    if needed is None or not permitted(acl, user, needed):
        return False
    if needed is not Permission.WRITE or user == acl.owner:
        return True
    if action in _REMOVALS:
        return action == "s3:DeleteObject" and user is not None and user == object_owner
    return object_owner is None or (user is not None and user == object_owner)


def object_allows(acl: Acl, user: str | None, action: str) -> bool:
    """Whether an object's list allows an action on it."""
    needed = _OBJECT_NEEDS.get(action)
    return needed is not None and permitted(acl, user, needed)


def is_public(acl: Acl) -> bool:
    """Whether it grants anything to everybody, or to everybody with a key: what S3 calls a public ACL."""
    return any(grant.grantee in (Group.ALL_USERS, Group.AUTHENTICATED_USERS) for grant in acl.grants)


def only_bucket_owner(acl: Acl, bucket_owner: str) -> bool:
    """Whether it says no more than that the bucket's owner has full control, beside who wrote it; the one thing that
    may be asked for where ACLs are off."""
    full = {grant.grantee for grant in acl.grants if grant.permission is Permission.FULL_CONTROL}
    rest = {grant.grantee for grant in acl.grants}
    return bucket_owner in full and rest <= {bucket_owner, acl.owner}


@dataclass(frozen=True, slots=True)
class AskedAcl:
    """A list as a request asks for it: a canned name or grants; ``owner`` where it names the owner that it expects."""

    canned: CannedAcl | None = None
    grants: tuple[Grant, ...] = ()
    owner: str | None = None

    def resolve(self, owner: str, bucket_owner: str) -> Acl:
        """The list on something of ``owner`` in a bucket of ``bucket_owner``."""
        return Acl(owner, self.grants) if self.canned is None else canned(self.canned, owner, bucket_owner)


def to_text(acl: Acl) -> str:
    """The text to keep: canonical JSON. A private list has a text too; where it can go without, the caller knows."""
    grants = []
    for grant in acl.grants:
        kind, name = ("group", grant.grantee.value) if isinstance(grant.grantee, Group) else ("user", grant.grantee)
        grants.append([kind, name, grant.permission.value])
    return json.dumps({"grants": grants, "owner": acl.owner}, separators=(",", ":"))


@lru_cache(maxsize=4096)
def parse_text(text: str) -> Acl:
    """Reads what to_text wrote."""
    fields = json.loads(text)
    grants = [
        Grant(Group(name) if kind == "group" else name, Permission(permission))
        for kind, name, permission in fields["grants"]
    ]
    return Acl(fields["owner"], tuple(grants))


def acl_of(text: str, owner: str) -> Acl:
    """The list of something of ``owner``; an empty text is private."""
    return parse_text(text) if text else private(owner)
