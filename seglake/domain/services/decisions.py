"""Who may do what: Deny wins wherever it stands, what nobody allows is refused, and the same inputs give one answer.

Pure. The order and its reasons are in docs/policies.md; sources: IAM User Guide, "Policy evaluation logic"; S3 User
Guide, "How Amazon S3 authorizes a request".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seglake.domain.model.access import Asked, Decision, Facts, Ground, tag_values
from seglake.domain.model.acl import Acl, Group, acl_of, bucket_allows, object_allows
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind, Configs
from seglake.domain.model.credential import Identity, KeyPolicy
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.ownership import (
    ALL_BLOCKED,
    NOTHING_BLOCKED,
    ObjectOwnership,
    PublicAccessBlock,
    ownership_of,
    public_access_of,
)
from seglake.domain.model.policy import (
    ANONYMOUS,
    AccessQuery,
    Effect,
    Policy,
    Principal,
    Verdict,
    evaluate,
    is_public,
    parse_policy,
)
from seglake.domain.model.user import canonical_id, user_arn
from seglake.domain.model.version import Version

READ_PREFIXES = ("s3:Get", "s3:List", "s3:Head")
"""What a read-only key may do."""

_OWN_POLICY = frozenset(("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"))
"""What a Deny never takes from the root key, so that nobody locks everybody out (as AWS's account root)."""

_OBJECT_OWNERS = ("s3:GetObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutObjectTagging")
"""Where ACLs count, these belong to the object's owner and not to the bucket's."""

_STORE_ACTIONS = "seglake:"
"""What concerns the store as a whole; a key's policy has to name it, unless the key is root's and unlimited (A11)."""

_EXISTING_TAG = "s3:existingobjecttag/"
_OF_PRINCIPAL: dict[str, Callable[[str], str]] = {"aws:principalarn": user_arn, "aws:username": str, "aws:userid": str}
_CREATE = "s3:CreateBucket"
_EVERYBODY = (Group.ALL_USERS, Group.AUTHENTICATED_USERS)

Found = Callable[[], Version | None]
"""Looks up the version that is asked for; called only when a decision depends on it."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a decision may look at; ``context`` and ``found`` only where a policy or an ACL needs them."""

    identity: Identity | None
    asked: Asked
    bucket: Bucket | None
    configs: Configs
    site: int
    context: Facts
    found: Found
    listed_public: bool = False
    """The operator named the bucket in --public-buckets."""


def decide(case: Case) -> Decision:
    """The decision; never raises on stored documents, which were parsed when they were stored."""
    identity, asked = case.identity, case.asked
    if identity is not None and identity.buckets and asked.bucket and asked.bucket not in identity.buckets:
        return Decision(False, Ground.ALLOW_LIST, f"the key {identity.access_key} is limited to other buckets")
    judge = _Judge(case)
    by_key = judge.key_verdict()
    by_bucket = judge.bucket_verdict()
    denied = _denied(case, by_key, by_bucket)
    if denied is not None:
        return denied
    if by_key is not None and by_key.effect is Effect.ALLOW:
        return _by(Ground.KEY_POLICY, by_key, allowed=True)
    owned = _owned(case)
    if owned is not None:
        return owned
    if by_bucket is not None and (identity is not None or case.listed_public) and judge.policy_counts():
        return _by(Ground.BUCKET_POLICY, by_bucket, allowed=True)
    if (identity is not None or case.listed_public) and judge.acl_allows():
        return Decision(True, Ground.ACL, "the access control list grants it")
    return _nothing(case)


def _denied(case: Case, by_key: Verdict | None, by_bucket: Verdict | None) -> Decision | None:
    identity = case.identity
    rescued = identity is not None and identity.is_root and case.asked.action in _OWN_POLICY
    if by_key is not None and by_key.effect is Effect.DENY:
        return _by(Ground.KEY_POLICY, by_key, allowed=False)
    if by_bucket is not None and by_bucket.effect is Effect.DENY and not rescued:
        return _by(Ground.BUCKET_POLICY, by_bucket, allowed=False)
    if identity is not None and identity.policy == KeyPolicy.READ_ONLY and not _reads(case.asked.action):
        return Decision(False, Ground.KEY_POLICY, f"the key {identity.access_key} is read-only")
    return None


def _owned(case: Case) -> Decision | None:
    """What a key with a named policy reaches without any document: root everything, others what they own."""
    identity, asked, bucket = case.identity, case.asked, case.bucket
    if identity is None or identity.policy not in (KeyPolicy.READ_WRITE, KeyPolicy.READ_ONLY):
        return None
    if asked.action.startswith(_STORE_ACTIONS) and not identity.is_root:
        return None
    if identity.user == ROOT:
        return Decision(True, Ground.ROOT, "keys of root reach everything")
    if not asked.bucket or asked.action == _CREATE:
        return Decision(True, Ground.OWNER, "every user may have buckets")
    if bucket is None or bucket.owner != identity.user:
        return None
    if asked.action.startswith(_OBJECT_OWNERS) and not _enforced(case.configs):
        found = case.found()
        if found is not None and found.manifest.owner != identity.user:
            return None
    return Decision(True, Ground.OWNER, f"{identity.user} owns the bucket")


def _nothing(case: Case) -> Decision:
    what = f"{case.asked.action} on {case.asked.resource}"
    if case.identity is None and not case.listed_public:
        return Decision(False, Ground.PUBLIC, f"{what} needs a signed request: the bucket is not public")
    return Decision(False, Ground.NOTHING, f"no policy or grant allows {what}")


def _reads(action: str) -> bool:
    return action.startswith(READ_PREFIXES)


def _enforced(configs: Configs) -> bool:
    return ownership_of(configs) is ObjectOwnership.BUCKET_OWNER_ENFORCED


def _by(ground: Ground, verdict: Verdict, *, allowed: bool) -> Decision:
    name = f" ({verdict.sid})" if verdict.sid else ""
    word = "allows" if allowed else "denies"
    return Decision(allowed, ground, f"statement {verdict.statement}{name} {word} it", verdict.statement, verdict.sid)


class _Judge:
    """The documents of one case; the query and the context are made once, and only when a document is there."""

    __slots__ = ("_case", "_policy", "_principal")

    def __init__(self, case: Case) -> None:
        self._case = case
        text = case.configs.get(ConfigKind.POLICY)
        self._policy = None if text is None else parse_policy(text, principals=True)
        identity = case.identity
        self._principal = ANONYMOUS if identity is None else Principal(identity.user)

    def key_verdict(self) -> Verdict | None:
        """What the key's own document says; None for the named key policies."""
        identity = self._case.identity
        if identity is None or not identity.policy.startswith("{"):
            return None
        return self._evaluate(parse_policy(identity.policy, principals=False))

    def bucket_verdict(self) -> Verdict | None:
        """What the bucket's policy says."""
        return None if self._policy is None else self._evaluate(self._policy)

    def policy_counts(self) -> bool:
        """RestrictPublicBuckets: a public policy opens the bucket to nobody but its owner."""
        policy = self._policy
        if policy is None or not self._blocked().restrict_buckets:
            return True
        return not is_public(policy)

    def acl_allows(self) -> bool:
        """Whether the object's or the bucket's access control list grants it."""
        case = self._case
        if case.bucket is None or _enforced(case.configs):
            return False
        user = None if case.identity is None else case.identity.user
        action, found = case.asked.action, case.found() if case.asked.key else None
        owner = None if found is None else found.manifest.owner
        acl = self._counting(acl_of(case.configs.get(ConfigKind.ACL, ""), case.bucket.owner))
        if bucket_allows(acl, user, action, object_owner=owner):
            return True
        if found is None or owner is None:
            return False
        return object_allows(self._counting(acl_of(found.acl, owner)), user, action)

    def _counting(self, acl: Acl) -> Acl:
        """The grants that count: IgnorePublicAcls takes away those of everybody."""
        if not self._blocked().ignore_acls:
            return acl
        return Acl(acl.owner, tuple([grant for grant in acl.grants if grant.grantee not in _EVERYBODY]))

    def _blocked(self) -> PublicAccessBlock:
        return public_access_of(
            self._case.configs, default=NOTHING_BLOCKED if self._case.listed_public else ALL_BLOCKED
        )

    def _evaluate(self, policy: Policy) -> Verdict | None:
        case, principal = self._case, self._principal
        identity = case.identity
        canonical = "" if identity is None else canonical_id(case.site, identity.user)
        action = case.asked.action
        if not policy.about(action, principal, canonical):
            return None
        return evaluate(policy, AccessQuery(principal, canonical, action, case.asked.resource, self._facts(policy)))

    def _facts(self, policy: Policy) -> Mapping[str, tuple[str, ...]]:
        """The request's context with what only the store knows."""
        case, keys = self._case, policy.condition_keys
        if not keys:
            return {}
        facts = dict(case.context(keys))
        for key in keys:
            if key in _OF_PRINCIPAL:
                if case.identity is not None:
                    facts[key] = (_OF_PRINCIPAL[key](case.identity.user),)
            elif key.startswith(_EXISTING_TAG):
                found = case.found()
                facts.update(tag_values(_EXISTING_TAG, () if found is None else found.tags))
        return facts
