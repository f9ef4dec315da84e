"""What would be answered to whom, and why: asked of the same code that answers requests, so it cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from seglake.domain.model.access import Asked, Context, Decision, Ground
from seglake.domain.model.actions import BUCKET_ACTIONS, OBJECT_ACTIONS, covered_actions
from seglake.domain.model.admin_errors import NoSuchAccessKey
from seglake.domain.model.credential import Identity, KeyPolicy
from seglake.domain.model.errors import InvalidArgument
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.names import check_bucket_name, check_key
from seglake.domain.model.policy import RESOURCE_PREFIX
from seglake.domain.model.policy_keys import HEADER, condition_key
from seglake.domain.model.user import UserState
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.system import Clock

from .access import Access
from .users import user_named


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks: a ``key``, else a ``user`` with a key that nothing limits, else nobody (an unsigned request).

    ``resource`` is an ARN, ``bucket/key``, ``bucket``, or ``*`` for the service; ``context`` has names and values of
    condition keys, a name several times for several values.
    """

    action: str
    resource: str
    key: str | None = None
    user: str | None = None
    version: str | None = None
    context: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The question as it was understood, and the decision."""

    identity: Identity | None
    asked: Asked
    decision: Decision


class Explaining:
    """Answers questions about access; changes nothing and opens no secret."""

    def __init__(self, metadata: MetadataStore, access: Access, clock: Clock, *, given: str | None = None) -> None:
        self._metadata = metadata
        self._access = access
        self._clock = clock
        self._given = given

    def explain(self, question: Question) -> Explanation:
        """The decision with its reason. NoSuchAccessKey, NoSuchUser, InvalidArgument, InvalidBucketName, InvalidKey,
        MalformedPolicy for a condition key that no policy can name."""
        asked = asked_of(question.action, question.resource, question.version)
        context = self._context(question.context)
        identity, obstacle = self._identity(question)
        if obstacle:
            return Explanation(identity, asked, Decision(False, Ground.NOTHING, obstacle))
        return Explanation(identity, asked, self._access.decide(identity, asked, lambda _keys: context))

    def _identity(self, question: Question) -> tuple[Identity | None, str]:
        """Who it is, and what keeps every request of theirs out."""
        key, user = question.key, question.user
        if key is None:
            if user is None:
                return None, ""
            disabled = self._is_disabled(user)
            return Identity("", user, KeyPolicy.READ_WRITE), f"the user {user} is disabled" if disabled else ""
        if key == self._given:
            return Identity(key, ROOT, KeyPolicy.READ_WRITE), ""
        found = self._metadata.read(lambda view: view.credentials.get(key))
        if found is None:
            raise NoSuchAccessKey(key)
        identity = Identity(found.access_key, found.user, found.policy, found.buckets)
        if not found.enabled:
            return identity, f"the key {key} is disabled"
        return identity, f"the user {found.user} is disabled" if self._is_disabled(found.user) else ""

    def _is_disabled(self, name: str) -> bool:
        return self._metadata.read(lambda view: user_named(view, name)).state is not UserState.ACTIVE

    def _context(self, given: Sequence[tuple[str, str]]) -> Context:
        values: dict[str, tuple[str, ...]] = {}
        for name, value in given:
            lower = name.lower()
            key = lower if lower.startswith(HEADER) else condition_key(name, name[:80])
            values[key] = (*values.get(key, ()), value)
        if "aws:currenttime" not in values:
            now = datetime.fromtimestamp(self._clock.now_ms() // 1000, UTC)
            values["aws:currenttime"] = (now.strftime("%Y-%m-%dT%H:%M:%SZ"),)
        return values


def asked_of(action: str, resource: str, version: str | None) -> Asked:
    """What is asked for. InvalidArgument when the action is none, or is not asked about such a resource."""
    found = frozenset() if set("*?") & set(action) else covered_actions(action)
    if len(found) != 1:
        raise InvalidArgument("action", action[:80], f"{action[:80]!r} is no action; write for example s3:GetObject")
    (name,) = found
    bucket, slash, key = resource.removeprefix(RESOURCE_PREFIX).partition("/")
    if name in OBJECT_ACTIONS:
        if not slash:
            raise InvalidArgument("resource", resource[:80], f"{name} is asked about an object: BUCKET/KEY")
        return Asked(name, check_bucket_name(bucket), check_key(key), version)
    if key or version is not None:
        raise InvalidArgument("resource", resource[:80], f"{name} is not asked about an object")
    if name in BUCKET_ACTIONS:
        return Asked(name, check_bucket_name(bucket))
    if bucket != "*":
        raise InvalidArgument("resource", resource[:80], f"{name} is asked about the service: write *")
    return Asked(name)
