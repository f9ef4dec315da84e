"""A condition key that this table does not list is refused when a policy is stored, never ignored when it is asked.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3", and IAM User Guide,
"AWS global condition context keys". Names of keys do not depend on case; here they are lower-case.
"""

from __future__ import annotations

from .errors import MalformedPolicy

CONDITION_KEYS = frozenset(
    [
        "aws:currenttime",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:referer",
        "aws:securetransport",
        "aws:sourceip",
        "aws:useragent",
        "aws:userid",
        "aws:username",
        "s3:authtype",
        "s3:delimiter",
        "s3:if-match",
        "s3:if-none-match",
        "s3:locationconstraint",
        "s3:max-keys",
        "s3:object-lock-legal-hold",
        "s3:object-lock-mode",
        "s3:object-lock-remaining-retention-days",
        "s3:object-lock-retain-until-date",
        "s3:prefix",
        "s3:requestobjecttagkeys",
        "s3:resourceaccount",
        "s3:signatureage",
        "s3:signatureversion",
        "s3:tlsversion",
        "s3:versionid",
        "s3:x-amz-acl",
        "s3:x-amz-content-sha256",
        "s3:x-amz-copy-source",
        "s3:x-amz-grant-full-control",
        "s3:x-amz-grant-read",
        "s3:x-amz-grant-read-acp",
        "s3:x-amz-grant-write",
        "s3:x-amz-grant-write-acp",
        "s3:x-amz-metadata-directive",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-server-side-encryption-customer-algorithm",
        "s3:x-amz-storage-class",
    ]
)
"""Every key that has one name (lower-case)."""

EXISTING_TAG = "s3:existingobjecttag/"
REQUEST_TAG = "s3:requestobjecttag/"
TAG_KEYS = (EXISTING_TAG, REQUEST_TAG)
"""What the keys that name an object tag begin with; the rest is the tag's key (lower-case in the context too)."""

HEADER = "header:"
"""What the keys that name a request header begin with; only the ``v1`` form can write them."""

_MULTIVALUED = frozenset(["s3:requestobjecttagkeys"])
_TAG_KEY_MAX = 128


def condition_key(name: str, where: str) -> str:
    """The lower-case form of a key's ``name``; MalformedPolicy naming ``where`` when nobody gives it a value."""
    key = name.lower()
    if key in CONDITION_KEYS:
        return key
    if key.startswith(TAG_KEYS) and 0 < len(key.partition("/")[2]) <= _TAG_KEY_MAX:
        return key
    raise MalformedPolicy(where, "this condition key is not supported")


def variable_key(name: str, where: str) -> str:
    """The same for a policy variable, which needs a key with a single value."""
    key = condition_key(name, where)
    if key in _MULTIVALUED:
        raise MalformedPolicy(where, f"{name} can have several values, so it cannot be a policy variable")
    return key
