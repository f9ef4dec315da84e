"""The composition root: which object gets which. Building is cheap and touches nothing; `lifespan` opens and closes.

The only module that knows dependency_injector. No async resources and no injection into functions: whoever needs an
object asks the container for it, once, at start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_network

from dependency_injector import containers, providers

from seglake.adapters.ciphers import AesGcmCiphers
from seglake.adapters.commit.group import GroupCommitter
from seglake.adapters.digests import LibraryDigests
from seglake.adapters.http_s3.app import FrontConfig, S3Application, Services
from seglake.adapters.http_s3.listener import S3Listener
from seglake.adapters.system.clock import SystemClock
from seglake.adapters.system.ids import SystemRandom
from seglake.adapters.system.threads import ThreadOffload
from seglake.domain.model.encryption import SSE_S3, Protection
from seglake.domain.model.errors import StoreFailed
from seglake.domain.model.limits import Limits
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.services.access import Access, KeyPair, RootKey
from seglake.domain.services.bucket_access import BucketAccess
from seglake.domain.services.bucket_settings import BucketSettings
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.copying import Copying
from seglake.domain.services.directory import Directory
from seglake.domain.services.encryption import Encrypting
from seglake.domain.services.ingest import Ingest
from seglake.domain.services.key_ring import KeyRing
from seglake.domain.services.lifecycle import LifecycleRunner
from seglake.domain.services.listing import Listings
from seglake.domain.services.locking import Locking
from seglake.domain.services.multipart import Multipart
from seglake.domain.services.object_reads import ObjectReads
from seglake.domain.services.object_writes import ObjectWrites
from seglake.domain.services.recovery import Recovery
from seglake.domain.services.sealing import Sealing
from seglake.domain.services.tagging import Tagging

from .descriptors import connections_within_limits
from .selection import AdapterContext, choose_metadata, choose_segments
from .settings import Settings


def limits_of(settings: Settings) -> Limits:
    """The domain's limits."""
    return Limits(
        object_bytes_max=settings.max_object_size,
        part_bytes_min=settings.mpu_min_part_size,
        inline_bytes_max=settings.inline_limit,
        require_if_match=frozenset(settings.require_if_match_buckets),
    )


def front_config_of(settings: Settings) -> FrontConfig:
    """The endpoint's settings."""
    return FrontConfig(
        region=settings.region,
        regions=frozenset(settings.regions),
        domains=settings.domains,
        virtual_hosted=settings.virtual_hosted,
        default_versioning=settings.default_versioning,
        url_length_max=settings.max_url_length,
        header_bytes_max=settings.max_header_bytes,
        in_flight_bytes_max=settings.max_in_flight,
        idle_timeout_s=settings.idle_timeout,
        head_timeout_s=settings.read_header_timeout,
        body_bytes_per_s_min=settings.body_min_rate,
        read_timeout_s=settings.read_timeout,
        write_timeout_s=settings.write_timeout,
        connections_max=connections_within_limits(settings.max_connections),
        requests_per_key_max=settings.requests_per_key,
        mpu_complete_max=settings.mpu_complete_limit,
        auth_failures_per_min=settings.auth_failures_per_minute,
        require_content_md5=settings.require_content_md5,
        allow_unsigned_payload=settings.allow_unsigned_payload,
        trusted_proxies=tuple([ip_network(network) for network in settings.trusted_proxies]),
        replay_ttl_s=settings.replay_ttl,
        replay_block=settings.replay_block,
        replay_entries_max=settings.replay_cache_max,
        lifecycle_day_ms=settings.lifecycle_day_ms,
        allow_insecure_sse_c=settings.allow_insecure_sse_c,
        cors=settings.cors,
        access_log=settings.access_log,
    )


def default_protection_of(settings: Settings) -> Protection | None:
    """What encrypts the objects of buckets that have no default of their own."""
    return SSE_S3 if settings.default_encryption == SSE_S3.kind else None


def given_root(settings: Settings) -> KeyPair | None:
    """The root pair of the flags or the environment, if any."""
    if settings.access_key is None or settings.secret_key is None:
        return None
    return KeyPair(settings.access_key, settings.secret_key.get_secret_value())


def public_buckets_of(settings: Settings) -> frozenset[str]:
    """The buckets that anonymous requests may reach, as far as their policies allow it."""
    return frozenset(settings.public_buckets)


class Container(containers.DeclarativeContainer):
    """One store. ``settings``, ``log``, ``files``, ``box`` and ``on_failure`` are given; the rest follows."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    log: providers.Dependency[Log] = providers.Dependency()
    files: providers.Dependency[FileSystem | None] = providers.Dependency()
    box: providers.Dependency[SecretBox] = providers.Dependency()
    on_failure: providers.Dependency[Callable[[StoreFailed], None]] = providers.Dependency()

    clock = providers.Singleton(SystemClock)
    randomness = providers.Singleton(SystemRandom)
    digests = providers.Singleton(LibraryDigests)
    offload = providers.Singleton(ThreadOffload)
    limits = providers.Singleton(limits_of, settings)

    adapters = providers.Singleton(
        AdapterContext,
        settings=settings,
        files=files,
        clock=clock,
        randomness=randomness,
        digests=digests,
        offload=offload,
        log=log,
    )
    metadata = providers.Singleton(choose_metadata, adapters)
    segments = providers.Singleton(choose_segments, adapters)
    segment_store = segments.provided.store
    committer = providers.Singleton(
        GroupCommitter,
        metadata,
        segment_store,
        clock,
        max_ops=settings.provided.max_batch_ops,
        max_bytes=settings.provided.max_batch_bytes,
        on_failure=on_failure,
        log=log,
    )

    ingest = providers.Singleton(
        Ingest, segment_store, digests, offload, inline_bytes_max=limits.provided.inline_bytes_max
    )
    access = providers.Singleton(
        Access, metadata, box, providers.Callable(given_root, settings), providers.Callable(public_buckets_of, settings)
    )
    ciphers = providers.Singleton(AesGcmCiphers, randomness)
    key_ring = providers.Singleton(KeyRing, metadata, committer, box, ciphers)
    encrypting = providers.Singleton(
        Encrypting, key_ring, ciphers, offload, default=providers.Callable(default_protection_of, settings)
    )
    services = providers.Singleton(
        Services,
        reads=providers.Singleton(ObjectReads, metadata, segment_store, encrypting),
        writes=providers.Singleton(ObjectWrites, metadata, committer, ingest, limits, encrypting),
        multipart=providers.Singleton(Multipart, metadata, committer, ingest, digests, randomness, limits, encrypting),
        copying=providers.Singleton(
            Copying,
            metadata,
            committer,
            segment_store,
            digests,
            offload,
            limits,
            ingest=ingest,
            encrypting=encrypting,
        ),
        listings=providers.Singleton(Listings, metadata),
        buckets=providers.Singleton(Buckets, metadata, committer),
        settings=providers.Singleton(BucketSettings, metadata, committer),
        tagging=providers.Singleton(Tagging, metadata, committer),
        locking=providers.Singleton(Locking, metadata, committer),
        encrypting=encrypting,
        access=access,
        bucket_access=providers.Singleton(BucketAccess, metadata, committer, access.provided.public_buckets),
        directory=providers.Singleton(Directory, metadata),
        digests=digests,
    )
    recovery = providers.Singleton(Recovery, metadata, segments.provided.files, log)
    sealing = providers.Singleton(Sealing, segment_store, committer, offload, log)
    lifecycle = providers.Singleton(
        LifecycleRunner,
        metadata,
        committer,
        clock,
        log,
        asyncio.sleep,
        day_ms=settings.provided.lifecycle_day_ms,
        per_second=settings.provided.lifecycle_rate,
    )
    root_key = providers.Singleton(RootKey, metadata, committer, box, clock, randomness)
    application = providers.Singleton(
        S3Application,
        services,
        providers.Callable(front_config_of, settings),
        clock=clock,
        randomness=randomness,
        log=log,
    )
    listener = providers.Singleton(S3Listener, application)
