"""The composition root: which object gets which. Building is cheap and touches nothing; `lifespan` opens and closes.

The only module that knows dependency_injector. No async resources and no injection into functions: whoever needs an
object asks the container for it, once, at start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_network

from dependency_injector import containers, providers

import seglake
from seglake.adapters.admin_socket.server import AdminServer
from seglake.adapters.ciphers import AesGcmCiphers
from seglake.adapters.commit.group import GroupCommitter
from seglake.adapters.digests import LibraryDigests
from seglake.adapters.http_s3.app import FrontConfig, S3Application, Services
from seglake.adapters.http_s3.listener import S3Listener
from seglake.adapters.system.clock import SystemClock
from seglake.adapters.system.ids import SystemRandom
from seglake.adapters.system.threads import ThreadOffload
from seglake.adapters.telemetry.commits import MeteredBatches, MeteredCommitter
from seglake.adapters.telemetry.health import Health
from seglake.domain.model.encryption import SSE_S3, Protection
from seglake.domain.model.errors import StoreFailed
from seglake.domain.model.limits import Limits
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.services.access import Access, RootKey
from seglake.domain.services.bucket_access import BucketAccess
from seglake.domain.services.bucket_settings import BucketSettings
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.copying import Copying
from seglake.domain.services.directory import Directory
from seglake.domain.services.encryption import Encrypting
from seglake.domain.services.ingest import Ingest
from seglake.domain.services.jobs import Jobs
from seglake.domain.services.key_ring import KeyRing
from seglake.domain.services.lifecycle import LifecycleRunner
from seglake.domain.services.listing import Listings
from seglake.domain.services.locking import Locking
from seglake.domain.services.maintenance import MaintenanceMode, WriteGate
from seglake.domain.services.mpu_gc import UploadCollector
from seglake.domain.services.multipart import Multipart
from seglake.domain.services.object_reads import ObjectReads
from seglake.domain.services.object_writes import ObjectWrites
from seglake.domain.services.recovery import Recovery
from seglake.domain.services.scrubbing import ScrubRunner
from seglake.domain.services.sealing import Sealing
from seglake.domain.services.stocktaking import Stocktaking
from seglake.domain.services.tagging import Tagging

from .administration import given_root, public_buckets_of, services_of
from .checking import serving_checks
from .collecting import collector_of, reads_of, serving_garbage
from .descriptors import connections_within_limits
from .observing import Watched, access_log_of, access_sink_of, meters_of, ops_listener_of, statistics_of, timed_files
from .selection import AdapterContext, choose_metadata, choose_segments
from .settings import Settings
from .upkeep import StoreUpkeep


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
    steady_s = clock.provided.steady_s
    meters = providers.Singleton(meters_of, clock)

    adapters = providers.Singleton(
        AdapterContext,
        settings=settings,
        files=files,
        timed=providers.Callable(timed_files, files, meters, clock),
        clock=clock,
        randomness=randomness,
        digests=digests,
        offload=offload,
        log=log,
    )
    metadata = providers.Singleton(choose_metadata, adapters)
    segments = providers.Singleton(choose_segments, adapters)
    segment_store = segments.provided.store
    group_committer = providers.Singleton(
        GroupCommitter,
        providers.Singleton(MeteredBatches, metadata, meters.provided.commits, steady_s),
        segment_store,
        clock,
        max_ops=settings.provided.max_batch_ops,
        max_bytes=settings.provided.max_batch_bytes,
        on_failure=on_failure,
        log=log,
    )
    committer = providers.Singleton(MeteredCommitter, group_committer, meters.provided.commits, steady_s)

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
    stocktaking = providers.Singleton(Stocktaking, metadata, clock, asyncio.sleep)
    statistics = providers.Singleton(statistics_of, metadata, clock, stocktaking, meters)
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
        statistics=statistics,
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
    scrubbing = providers.Singleton(
        ScrubRunner,
        metadata,
        committer,
        segment_store,
        offload,
        clock,
        log,
        asyncio.sleep,
        bytes_per_s=settings.provided.scrub_rate,
    )
    jobs = providers.Singleton(Jobs, offload, clock, log, recorder=meters.provided.tasks)
    reads = providers.Singleton(reads_of, adapters, metadata, segments, served=True)
    collector = providers.Singleton(collector_of, adapters, metadata, committer, segments, reads)
    uploads = providers.Singleton(UploadCollector, metadata, committer, clock, offload)
    garbage = providers.Singleton(serving_garbage, collector, uploads, files, settings.provided.gc_grace)
    upkeep = providers.Singleton(StoreUpkeep, adapters, metadata, segments, reads, serving=True, garbage=garbage)
    checks = providers.Singleton(serving_checks, adapters, reads, committer, segments)
    gate = providers.Singleton(WriteGate)
    maintenance = providers.Singleton(MaintenanceMode, metadata, committer, clock, log, asyncio.sleep, gate)
    root_key = providers.Singleton(RootKey, metadata, committer, box, clock, randomness)
    access_log = providers.Singleton(access_log_of, settings, log)
    application = providers.Singleton(
        S3Application,
        services,
        providers.Callable(front_config_of, settings),
        clock=clock,
        randomness=randomness,
        log=log,
        gate=gate,
        meter=meters.provided.requests,
        access_log=providers.Callable(access_sink_of, access_log),
    )
    health = providers.Singleton(Health, steady_s)
    watched = providers.Singleton(
        Watched,
        settings,
        metadata=metadata,
        committer=group_committer,
        files=files,
        offload=offload,
        clock=clock,
        meters=meters,
        stocktaking=stocktaking,
        health=health,
        access_log=access_log,
    )
    ops = providers.Singleton(ops_listener_of, watched)
    listener = providers.Singleton(S3Listener, application)
    admin_services = providers.Singleton(
        services_of,
        settings,
        metadata=metadata,
        committer=committer,
        box=box,
        clock=clock,
        randomness=randomness,
        maintenance=maintenance,
        jobs=jobs,
        upkeep=upkeep,
        checks=checks,
        statistics=statistics,
    )
    admin = providers.Singleton(
        AdminServer, admin_services, version=seglake.__version__, clock=clock, randomness=randomness, log=log
    )
