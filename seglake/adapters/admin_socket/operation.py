"""An admin operation is a name, strictly checked parameters, and a function of the services and their values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from seglake.domain.model.bucket import Versioning
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.progress import Stages
from seglake.domain.ports.system import Clock
from seglake.domain.services.bucket_access import BucketAccess
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.emptying import Emptying
from seglake.domain.services.explaining import Explaining
from seglake.domain.services.gc_plan import Limits
from seglake.domain.services.jobs import Jobs
from seglake.domain.services.key_ring import KeyRing
from seglake.domain.services.keys import Keys
from seglake.domain.services.maintenance import MaintenanceMode
from seglake.domain.services.statistics import Statistics
from seglake.domain.services.users import Users

from .messages import CallRefused

Result = dict[str, Any]
"""What JSON knows, and nothing else."""

Kind = Literal["text", "flag", "number", "texts", "pairs"]
"""A string, true or false, a number >= 0, a list of strings, a list of pairs of strings."""

ITEMS_MAX = 1000


class Upkeep(Protocol):
    """Long blocking work on the store; each gives what JSON knows. Its parameters are checked already."""

    def snapshot(
        self, stages: Stages, /, *, target: str, data: bool, link: bool, key: bool, bytes_per_s: int
    ) -> Result:
        """Takes a snapshot into the directory ``target`` (an absolute path)."""
        ...

    def check_index(self, stages: Stages, /) -> Result:
        """The integrity check of the index: {"findings": [...]}."""
        ...

    def reindex(self, stages: Stages, /) -> Result:
        """Builds the index's own indexes anew. While requests are served only in maintenance (Busy)."""
        ...

    def support(self, stages: Stages, /, *, with_keys: bool) -> Result:
        """What a support bundle tells about the store, without secrets."""
        ...

    def gc_plan(self, stages: Stages, /, *, limits: Limits) -> Result:
        """Which segments are dead, and what is alive, by bucket."""
        ...

    def gc_run(self, stages: Stages, /, *, limits: Limits) -> Result:
        """Dooms dead segments."""
        ...

    def rewrite_plan(self, stages: Stages, /, *, limits: Limits, threshold: float) -> Result:
        """Which segments are worth rewriting."""
        ...

    def rewrite_run(self, stages: Stages, /, *, limits: Limits, threshold: float, bytes_per_s: float) -> Result:
        """Rewrites them."""
        ...

    def uploads_plan(self, stages: Stages, /, *, ttl_s: float) -> Result:
        """Which uploads are stale."""
        ...

    def uploads_run(self, stages: Stages, /, *, ttl_s: float, uploads_max: int) -> Result:
        """Gives them up."""
        ...


class Checks(Protocol):
    """Looks at a whole store, and mends it; each gives what JSON knows. Blocking."""

    def status(self, stages: Stages, /, *, live: bool) -> Result:
        """What the store holds; ``live``: and the bytes that are in use."""
        ...

    def fsck(self, stages: Stages, /, *, deep: bool) -> Result:
        """The index against the segments; ``deep``: and every payload."""
        ...

    def scrub(self, stages: Stages, /, *, dead: bool, mark: bool) -> Result:
        """All live payload; ``dead``: and every other record. ``mark``: damaged versions are not served any more."""
        ...

    def repair(self, stages: Stages, /, *, deep: bool, dry_run: bool) -> Result:
        """Repairs what is provably safe to repair, and checks. NeedsStoppedServer."""
        ...

    def rebuild(self, stages: Stages, /) -> Result:
        """Makes the index anew from the segments. NeedsStoppedServer."""
        ...


@dataclass(frozen=True, slots=True)
class AdminServices:
    """The use cases that operations reach, and what a new bucket begins with."""

    metadata: MetadataStore
    users: Users
    keys: Keys
    buckets: Buckets
    emptying: Emptying
    bucket_access: BucketAccess
    explaining: Explaining
    key_ring: KeyRing
    maintenance: MaintenanceMode
    jobs: Jobs
    upkeep: Upkeep
    checks: Checks
    statistics: Statistics
    clock: Clock
    region: str = "us-east-1"
    default_versioning: Versioning = Versioning.UNVERSIONED
    lifecycle_day_ms: int = 86_400_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; one that need not be there is None then."""

    kind: Kind = "text"
    required: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """``run`` gets every parameter by name, checked."""

    about: str
    run: Callable[..., Awaitable[Result]]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values that ``run`` takes. CallRefused for an unknown, missing or wrongly typed parameter."""
        for name in given:
            if name not in self.parameters:
                raise _invalid(f"there is no parameter {name[:80]!r} here")
        values: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            value = given.get(name)
            if value is None:
                if parameter.required:
                    raise _invalid(f"the parameter {name!r} is missing")
                values[name] = None
            else:
                values[name] = _CHECKS[parameter.kind](name, value)
        return values


def _invalid(hint: str) -> CallRefused:
    return CallRefused("InvalidParameters", 400, hint)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _invalid(f"the parameter {name!r} must be a string of Unicode characters")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _invalid(f"the parameter {name!r} must be true or false")
    return value


def _number(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise _invalid(f"the parameter {name!r} must be a whole number, not negative")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > ITEMS_MAX:
        raise _invalid(f"the parameter {name!r} must be a list of at most {ITEMS_MAX} strings")
    return tuple([_text(name, item) for item in value])


def _pairs(name: str, value: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list) or len(value) > ITEMS_MAX:
        raise _invalid(f"the parameter {name!r} must be a list of at most {ITEMS_MAX} pairs")
    if not all(isinstance(item, list) and len(item) == 2 for item in value):
        raise _invalid(f"the parameter {name!r} must be a list of pairs")
    return tuple([_texts(name, item) for item in value])


_CHECKS: Mapping[Kind, Callable[[str, Any], Any]] = {
    "text": _text,
    "flag": _flag,
    "number": _number,
    "texts": _texts,
    "pairs": _pairs,
}
REQUIRED = Parameter()
OPTIONAL = Parameter(required=False)
