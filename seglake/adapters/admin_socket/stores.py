"""Operations on buckets, their policies and their rules. What may take long is a step that the caller repeats."""

from __future__ import annotations

from typing import Any

from seglake.adapters.s3_protocol.http_dates import iso_date
from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.errors import InvalidArgument, NoSuchBucket
from seglake.domain.model.manifest import ROOT
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.explaining import Question
from seglake.domain.services.users import user_named

from .operation import OPTIONAL, REQUIRED, AdminServices, Operation, Parameter, Result

PAGE = 1000
_VERSIONING = {"enabled": Versioning.ENABLED, "suspended": Versioning.SUSPENDED, "off": Versioning.UNVERSIONED}
_SHOWN = {value: name for name, value in _VERSIONING.items()}


def _bucket(bucket: Bucket) -> Result:
    return {
        "name": bucket.name,
        "owner": bucket.owner,
        "versioning": _SHOWN[bucket.versioning],
        "region": bucket.region,
        "created": iso_date(bucket.created.ms),
    }


def _versioning(text: str, *, off: bool) -> Versioning:
    found = _VERSIONING.get(text.lower())
    if found is None or (found is Versioning.UNVERSIONED and not off):
        allowed = "enabled, suspended or off" if off else "enabled or suspended (it is never undone)"
        raise InvalidArgument("versioning", text[:80], f"write {allowed}")
    return found


async def _list(s: AdminServices, *, owner: str | None, prefix: str | None, after: str | None) -> Result:
    page = s.buckets.list(prefix or "", after or "", PAGE, owner=owner)
    return {"buckets": [_bucket(bucket) for bucket in page.buckets], "next": page.next_after}


async def _create(s: AdminServices, *, name: str, owner: str | None, versioning: str | None) -> Result:
    owner = ROOT if owner is None else owner
    s.metadata.read(lambda view: user_named(view, owner))
    kept = s.default_versioning if versioning is None else _versioning(versioning, off=True)
    return _bucket(await s.buckets.create(CreateBucket(name, owner, s.region, kept)))


async def _exists(s: AdminServices, *, name: str) -> Result:
    try:
        s.buckets.get(name)
    except NoSuchBucket:
        return {"name": name, "exists": False}
    return {"name": name, "exists": True}


async def _delete(s: AdminServices, *, name: str) -> Result:
    await s.buckets.delete(name)
    return {"name": name, "deleted": True}


async def _locked(s: AdminServices, *, name: str, cursor: str | None) -> Result:
    found = s.emptying.locked(name, cursor, s.clock.now_ms())
    return {"examined": found.examined, "locked": found.locked, "cursor": found.cursor}


async def _empty(s: AdminServices, *, name: str) -> Result:
    done = await s.emptying.step(name)
    return {"versions": done.versions, "uploads": done.uploads, "done": done.done}


async def _get_versioning(s: AdminServices, *, name: str) -> Result:
    return {"name": name, "versioning": _SHOWN[s.buckets.get(name).versioning]}


async def _set_versioning(s: AdminServices, *, name: str, versioning: str) -> Result:
    wanted = _versioning(versioning, off=False)
    await s.buckets.set_versioning(name, wanted)
    return {"name": name, "versioning": _SHOWN[wanted]}


async def _get_policy(s: AdminServices, *, bucket: str) -> Result:
    return {"bucket": bucket, "policy": s.bucket_access.policy(bucket), "public": s.bucket_access.is_public(bucket)}


async def _set_policy(s: AdminServices, *, bucket: str, policy: str) -> Result:
    await s.bucket_access.put_policy(bucket, policy)
    return {"bucket": bucket, "public": s.bucket_access.is_public(bucket)}


async def _delete_policy(s: AdminServices, *, bucket: str) -> Result:
    await s.bucket_access.remove_policy(bucket)
    return {"bucket": bucket, "deleted": True}


async def _explain(
    s: AdminServices,
    *,
    action: str,
    resource: str,
    key: str | None,
    user: str | None,
    version: str | None,
    context: tuple[tuple[str, str], ...] | None,
) -> Result:
    if key is not None and user is not None:
        raise InvalidArgument("user", user[:80], "a key says whose it is: name the key or the user, not both")
    found = s.explaining.explain(Question(action, resource, key, user, version, context or ()))
    identity, decision = found.identity, found.decision
    principal: dict[str, Any] = {"anonymous": True}
    if identity is not None:
        principal = {"user": identity.user, "key": identity.access_key or None}
    return {
        "allowed": decision.allowed,
        "ground": decision.ground.value,
        "reason": decision.reason,
        "statement": decision.statement,
        "sid": decision.sid or None,
        "principal": principal,
        "action": found.asked.action,
        "resource": found.asked.resource,
    }


_NAME = {"name": REQUIRED}
_BUCKET = {"bucket": REQUIRED}

BUCKET_OPERATIONS = {
    "bucket.list": Operation(
        f"lists buckets by name, {PAGE} at a time; the next page begins after `next`",
        _list,
        {"owner": OPTIONAL, "prefix": OPTIONAL, "after": OPTIONAL},
    ),
    "bucket.create": Operation("makes a bucket", _create, {**_NAME, "owner": OPTIONAL, "versioning": OPTIONAL}),
    "bucket.exists": Operation("says whether there is such a bucket", _exists, _NAME),
    "bucket.delete": Operation("deletes an empty bucket", _delete, _NAME),
    "bucket.locked": Operation(
        "counts a page of versions that object lock protects; the next page begins at `cursor`",
        _locked,
        {**_NAME, "cursor": OPTIONAL},
    ),
    "bucket.empty": Operation(
        "removes one batch of versions and uploads for good; repeated until `done`", _empty, _NAME
    ),
    "bucket.get-versioning": Operation("says how a bucket keeps versions", _get_versioning, _NAME),
    "bucket.set-versioning": Operation(
        "enables or suspends versioning", _set_versioning, {**_NAME, "versioning": REQUIRED}
    ),
    "bucket-policy.get": Operation("shows a bucket's policy", _get_policy, _BUCKET),
    "bucket-policy.set": Operation("stores a bucket's policy", _set_policy, {**_BUCKET, "policy": REQUIRED}),
    "bucket-policy.delete": Operation("removes a bucket's policy", _delete_policy, _BUCKET),
    "policy.explain": Operation(
        "decides a request that nobody makes, and says why",
        _explain,
        {
            "action": REQUIRED,
            "resource": REQUIRED,
            "key": OPTIONAL,
            "user": OPTIONAL,
            "version": OPTIONAL,
            "context": Parameter("pairs", required=False),
        },
    ),
}
