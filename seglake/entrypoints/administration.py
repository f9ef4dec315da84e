"""The use cases of administration are put together once, for the running server and for commands without one."""

from __future__ import annotations

import asyncio

from seglake.adapters.admin_socket.operation import AdminServices, Checks, Upkeep
from seglake.adapters.ciphers import AesGcmCiphers
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Clock, Randomness
from seglake.domain.services.access import Access, KeyPair
from seglake.domain.services.bucket_access import BucketAccess
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.emptying import Emptying
from seglake.domain.services.explaining import Explaining
from seglake.domain.services.jobs import Jobs
from seglake.domain.services.key_ring import KeyRing
from seglake.domain.services.keys import Keys
from seglake.domain.services.maintenance import MaintenanceMode
from seglake.domain.services.statistics import Statistics
from seglake.domain.services.stocktaking import Stocktaking
from seglake.domain.services.users import Users

from .observing import statistics_of
from .settings import Settings


def given_root(settings: Settings) -> KeyPair | None:
    """The root pair of the flags or the environment, if any."""
    if settings.access_key is None or settings.secret_key is None:
        return None
    return KeyPair(settings.access_key, settings.secret_key.get_secret_value())


def public_buckets_of(settings: Settings) -> frozenset[str]:
    """The buckets that anonymous requests may reach, as far as their policies allow it."""
    return frozenset(settings.public_buckets)


def services_of(
    settings: Settings,
    *,
    metadata: MetadataStore,
    committer: Committer,
    box: SecretBox,
    clock: Clock,
    randomness: Randomness,
    maintenance: MaintenanceMode,
    jobs: Jobs,
    upkeep: Upkeep,
    checks: Checks,
    statistics: Statistics | None = None,
) -> AdminServices:
    """What the operations of the admin channel need."""
    root, public = given_root(settings), public_buckets_of(settings)
    given = None if root is None else root.access_key
    return AdminServices(
        metadata=metadata,
        users=Users(metadata, committer),
        keys=Keys(metadata, committer, box, randomness, given=given),
        buckets=Buckets(metadata, committer),
        emptying=Emptying(metadata, committer),
        bucket_access=BucketAccess(metadata, committer, public),
        explaining=Explaining(metadata, Access(metadata, box, root, public), clock, given=given),
        key_ring=KeyRing(metadata, committer, box, AesGcmCiphers(randomness)),
        maintenance=maintenance,
        jobs=jobs,
        upkeep=upkeep,
        checks=checks,
        statistics=statistics or statistics_of(metadata, clock, Stocktaking(metadata, clock, asyncio.sleep), None),
        clock=clock,
        region=settings.region,
        default_versioning=settings.default_versioning,
        lifecycle_day_ms=settings.lifecycle_day_ms,
    )
