"""What a request must be allowed, all of it before its body is asked for; a refusal tells no more than it must."""

from __future__ import annotations

from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.adapters.s3_protocol.routing import Route
from seglake.domain.model.access import Asked, Context, Facts
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import Identity
from seglake.domain.model.errors import AccessDenied, NoSuchKey, NoSuchVersion, SeglakeError
from seglake.domain.model.hlc import HLC
from seglake.domain.model.policy import parse_policy
from seglake.domain.services.access import Access, Grounds

_LATER = frozenset((Operation.DeleteObjects, Operation.PostObject))
"""Decided by their handlers: each key of a bulk delete for itself, a form by what the form says."""


def authorise(
    access: Access,
    row: Route,
    head: RequestHead,
    target: tuple[str, str],
    identity: Identity | None,
    *,
    context: Facts,
    grounds: Grounds,
) -> None:
    """Returns when every action that the request needs is allowed on its target. AccessDenied, S3Error."""
    bucket, key = target
    if identity is None:
        _check_anonymous(head)
    if row.operation in _LATER:
        if identity is None and bucket not in access.public_buckets and row.operation is not Operation.PostObject:
            raise AccessDenied("this needs a signed request: the bucket is not public")
        return
    if row.operation in _BODY_KEYS and _needs_body(row.operation, identity, grounds):
        return
    if row.operation is Operation.CreateBucket and grounds.bucket is None and identity is not None:
        # What a new bucket begins with is set by its owner to be.
        grounds = Grounds(bucket, Bucket(bucket, HLC(0, 0), owner=identity.user))
    version = head.query.get("versionId") if head.query else None
    for action in row.actions(head.query, head.headers):
        access.authorize(identity, Asked(action, bucket, key, version), context, grounds)


_BODY_KEYS = {
    Operation.CreateBucket: "s3:locationconstraint",
    Operation.PutObjectTagging: "s3:requestobjecttag",
    Operation.PutObjectRetention: "s3:object-lock-",
    Operation.PutObjectLegalHold: "s3:object-lock-legal-hold",
}
"""What policies may say about the documents of these operations: where one does, it is decided with the document."""


def _needs_body(operation: Operation, identity: Identity | None, grounds: Grounds) -> bool:
    prefix = _BODY_KEYS[operation]
    policies = []
    if identity is not None and identity.policy.startswith("{"):
        policies.append(parse_policy(identity.policy, principals=False))
    if ConfigKind.POLICY in grounds.configs:
        policies.append(parse_policy(grounds.configs[ConfigKind.POLICY], principals=True))
    return any(key.startswith(prefix) for policy in policies for key in policy.condition_keys)


def authorise_document(x: Exchange, facts: Context) -> None:
    """The same for one of those operations, once its document is read; ``facts`` are the condition keys in it.

    Every handler of theirs calls it before it changes anything. AccessDenied.
    """
    assert x.route.operation in _BODY_KEYS, "the others are decided before their body"
    if _needs_body(x.route.operation, x.identity, x.grounds):
        version = x.query.get("versionId")
        for action in x.route.actions(x.query, x.headers):
            asked = Asked(action, x.bucket, x.key, version)
            x.services.access.authorize(x.identity, asked, lambda keys: {**x.context(keys), **facts}, x.grounds)


def _check_anonymous(head: RequestHead) -> None:
    for name in head.query:
        if name.startswith("response-"):
            raise S3Error(
                ErrorCode.InvalidRequest,
                "Request specific response headers cannot be used for anonymous GET requests; sign the request",
            )


def discreet(exchange: Exchange | None, error: SeglakeError) -> SeglakeError:
    """Who may not list a bucket does not learn which keys it has (API: GetObject, "Permissions")."""
    if exchange is None or not isinstance(error, NoSuchKey | NoSuchVersion):
        return error
    identity, bucket = exchange.identity, exchange.bucket
    if identity is not None and identity.is_root:
        return error
    action = "s3:ListBucketVersions" if isinstance(error, NoSuchVersion) else "s3:ListBucket"
    return error if exchange.may(action, bucket) else AccessDenied("Access Denied")
