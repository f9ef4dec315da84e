"""What only the administration of users, keys and buckets can be refused; no S3 operation raises any of these."""

from __future__ import annotations

from .errors import SeglakeError


class NoSuchUser(SeglakeError):
    """There is no user of this name, or there was one and it was deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no user named {name[:80]!r}")
        self.name = name


class UserTaken(SeglakeError):
    """The name belongs, or has belonged, to a user."""

    def __init__(self, name: str, *, deleted: bool) -> None:
        why = "belonged to a user who was deleted, and names are never given out twice" if deleted else "is taken"
        super().__init__(f"the user name {name!r} {why}; choose another")
        self.name = name
        self.deleted = deleted


class UserInUse(SeglakeError):
    """The user still has access keys or owns buckets, so it cannot be deleted."""

    def __init__(self, name: str, keys: tuple[str, ...], buckets: tuple[str, ...]) -> None:
        held = [f"{what} {_named(names)}" for what, names in (("the keys", keys), ("the buckets", buckets)) if names]
        super().__init__(f"the user {name!r} still has {' and '.join(held)}; delete them first, or disable the user")
        self.name = name
        self.keys = keys
        self.buckets = buckets


def _named(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


class NoSuchAccessKey(SeglakeError):
    """There is no access key of this name."""

    def __init__(self, access_key: str) -> None:
        super().__init__(f"there is no access key {access_key[:128]!r}")
        self.access_key = access_key


class AccessKeyTaken(SeglakeError):
    """There is an access key of this name already."""

    def __init__(self, access_key: str) -> None:
        super().__init__(f"there is an access key {access_key!r} already; choose another, or leave it out")
        self.access_key = access_key


class AccessKeyOfFlags(SeglakeError):
    """The key was given to the server with --access-key; it is not in the store."""

    def __init__(self, access_key: str) -> None:
        super().__init__(
            f"{access_key!r} is the key that the server was given with --access-key; it is changed there, not here"
        )
        self.access_key = access_key


class InvalidAccessKey(SeglakeError):
    """An access key or a secret that was asked for breaks the rules for them. The hint never shows the secret."""


class LastRootKey(SeglakeError):
    """Without this key nobody could administer the store over S3 any more."""

    def __init__(self, access_key: str) -> None:
        super().__init__(
            f"{access_key!r} is the last enabled root key without limits; make another first (`segctl key create`), "
            "or start the server with --access-key and --secret-key"
        )
        self.access_key = access_key


class AllowListEmpty(SeglakeError):
    """Taking the last bucket from a key's list would open all buckets to it."""

    def __init__(self, access_key: str, bucket: str) -> None:
        super().__init__(
            f"{bucket!r} is the last bucket that {access_key!r} is limited to, and without a list a key reaches all "
            f"buckets; disable the key, or lift its limit with `segctl key allow-bucket {access_key} '*'`"
        )
        self.access_key = access_key
        self.bucket = bucket


class BucketHoldsLocked(SeglakeError):
    """Object lock protects versions in the bucket, so it cannot be emptied."""

    def __init__(self, bucket: str, count: int) -> None:
        versions = "1 version" if count == 1 else f"{count:,} versions"
        super().__init__(
            f"object lock protects {versions} in {bucket!r}: wait until the retention is over, or lift what may be "
            "lifted, and try again"
        )
        self.bucket = bucket
        self.count = count
