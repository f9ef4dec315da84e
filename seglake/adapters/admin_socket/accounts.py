"""Operations on users, access keys and ring keys. A secret is in an answer only when it was made by that very call."""

from __future__ import annotations

from seglake.adapters.s3_protocol.http_dates import iso_date
from seglake.domain.model.credential import Credential, KeyPolicy
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.user import User
from seglake.domain.services.access import KeyPair
from seglake.domain.services.key_ring import RingKeyInfo

from .operation import OPTIONAL, REQUIRED, AdminServices, Operation, Parameter, Result


def _user(user: User) -> Result:
    return {"name": user.name, "state": user.state.value, "created": iso_date(user.created_ms)}


def _key(found: Credential) -> Result:
    return {
        "access_key": found.access_key,
        "user": found.user,
        "enabled": found.enabled,
        "policy": str(found.policy),
        "buckets": list(found.buckets),
        "created": iso_date(found.created_ms),
    }


def _pair(made: tuple[Credential, KeyPair]) -> Result:
    found, pair = made
    return {**_key(found), "secret_key": pair.secret}


def _ring_key(info: RingKeyInfo) -> Result:
    return {
        "name": info.name,
        "version": info.version,
        "enabled": info.enabled,
        "created": iso_date(info.created_ms),
    }


async def _user_create(s: AdminServices, *, name: str) -> Result:
    return _user(await s.users.create(name))


async def _user_list(s: AdminServices) -> Result:
    return {"users": [_user(user) for user in s.users.list()]}


async def _user_disable(s: AdminServices, *, name: str) -> Result:
    return _user(await s.users.set_enabled(name, False))


async def _user_enable(s: AdminServices, *, name: str) -> Result:
    return _user(await s.users.set_enabled(name, True))


async def _user_delete(s: AdminServices, *, name: str) -> Result:
    return _user(await s.users.delete(name))


async def _key_create(
    s: AdminServices,
    *,
    user: str | None,
    policy: str | None,
    buckets: tuple[str, ...] | None,
    access_key: str | None,
    secret_key: str | None,
) -> Result:
    made = await s.keys.create(
        ROOT if user is None else user,
        policy=KeyPolicy.READ_WRITE if policy is None else policy,
        buckets=buckets or (),
        access_key=access_key,
        secret=secret_key,
    )
    return _pair(made)


async def _key_list(s: AdminServices, *, user: str | None) -> Result:
    return {"keys": [_key(found) for found in s.keys.list(user)]}


async def _key_show(s: AdminServices, *, access_key: str) -> Result:
    return _key(s.keys.show(access_key))


async def _key_rotate(s: AdminServices, *, access_key: str, secret_key: str | None) -> Result:
    return _pair(await s.keys.rotate(access_key, secret=secret_key))


async def _key_enable(s: AdminServices, *, access_key: str) -> Result:
    return _key(await s.keys.set_enabled(access_key, True))


async def _key_disable(s: AdminServices, *, access_key: str) -> Result:
    return _key(await s.keys.set_enabled(access_key, False))


async def _key_delete(s: AdminServices, *, access_key: str) -> Result:
    return {"access_key": (await s.keys.delete(access_key)).access_key, "deleted": True}


async def _key_set_policy(s: AdminServices, *, access_key: str, policy: str) -> Result:
    return _key(await s.keys.set_policy(access_key, policy))


async def _key_allow_bucket(s: AdminServices, *, access_key: str, bucket: str) -> Result:
    return _key(await s.keys.allow_bucket(access_key, bucket))


async def _key_disallow_bucket(s: AdminServices, *, access_key: str, bucket: str) -> Result:
    return _key(await s.keys.disallow_bucket(access_key, bucket))


async def _key_list_buckets(s: AdminServices, *, access_key: str) -> Result:
    found = s.keys.show(access_key)
    return {"access_key": found.access_key, "limited": bool(found.buckets), "buckets": list(found.buckets)}


async def _ring_create(s: AdminServices, *, name: str) -> Result:
    return _ring_key(await s.key_ring.create(name))


async def _ring_list(s: AdminServices) -> Result:
    return {"keys": [_ring_key(info) for info in s.key_ring.list()]}


async def _ring_rotate(s: AdminServices, *, name: str) -> Result:
    return _ring_key(await s.key_ring.rotate(name))


async def _ring_enable(s: AdminServices, *, name: str) -> Result:
    return _ring_key(await s.key_ring.set_enabled(name, True))


async def _ring_disable(s: AdminServices, *, name: str) -> Result:
    return _ring_key(await s.key_ring.set_enabled(name, False))


_NAME = {"name": REQUIRED}
_KEY = {"access_key": REQUIRED}

ACCOUNT_OPERATIONS = {
    "user.create": Operation("makes a user", _user_create, _NAME),
    "user.list": Operation("lists the users", _user_list),
    "user.disable": Operation("refuses a user and all of the user's keys", _user_disable, _NAME),
    "user.enable": Operation("lets a disabled user in again", _user_enable, _NAME),
    "user.delete": Operation("deletes a user without keys and buckets", _user_delete, _NAME),
    "key.create": Operation(
        "makes an access key and tells its secret",
        _key_create,
        {
            "user": OPTIONAL,
            "policy": OPTIONAL,
            "buckets": Parameter("texts", required=False),
            "access_key": OPTIONAL,
            "secret_key": OPTIONAL,
        },
    ),
    "key.list": Operation("lists the access keys, all or a user's", _key_list, {"user": OPTIONAL}),
    "key.show": Operation("shows an access key without its secret", _key_show, _KEY),
    "key.rotate": Operation(
        "gives an access key a new secret and tells it", _key_rotate, {**_KEY, "secret_key": OPTIONAL}
    ),
    "key.enable": Operation("lets a disabled access key in again", _key_enable, _KEY),
    "key.disable": Operation("refuses an access key", _key_disable, _KEY),
    "key.delete": Operation("removes an access key", _key_delete, _KEY),
    "key.set-policy": Operation(
        "says what an access key may do: rw, ro or a document", _key_set_policy, {**_KEY, "policy": REQUIRED}
    ),
    "key.allow-bucket": Operation(
        "adds a bucket to those that a key is limited to; * lifts the limit",
        _key_allow_bucket,
        {**_KEY, "bucket": REQUIRED},
    ),
    "key.disallow-bucket": Operation(
        "takes a bucket from those that a key is limited to", _key_disallow_bucket, {**_KEY, "bucket": REQUIRED}
    ),
    "key.list-buckets": Operation("lists the buckets that a key is limited to", _key_list_buckets, _KEY),
    "kms-key.create": Operation("makes a named key of the key ring", _ring_create, _NAME),
    "kms-key.list": Operation("lists the keys of the key ring", _ring_list),
    "kms-key.rotate": Operation("gives a ring key a new version; the older ones still open", _ring_rotate, _NAME),
    "kms-key.enable": Operation("allows a disabled ring key again", _ring_enable, _NAME),
    "kms-key.disable": Operation("refuses every use of a ring key", _ring_disable, _NAME),
}
