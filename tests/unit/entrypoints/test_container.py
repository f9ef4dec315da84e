from __future__ import annotations

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.encryption import SSE_S3, Protection
from seglake.domain.services.access import KeyPair
from seglake.entrypoints.administration import given_root
from seglake.entrypoints.container import (
    Container,
    default_protection_of,
    front_config_of,
    limits_of,
)
from seglake.entrypoints.settings import load_settings
from tests.unit.fixtures import RecordingLog, Store


def test_settings_become_limits() -> None:
    limits = limits_of(
        load_settings(
            max_object_size="1MiB", mpu_min_part_size="2KiB", inline_limit="3KiB", require_if_match_buckets="a,b"
        )
    )
    assert (limits.object_bytes_max, limits.part_bytes_min, limits.inline_bytes_max) == (1 << 20, 2 << 10, 3 << 10)
    assert limits.require_if_match == {"a", "b"}


def test_settings_become_the_endpoints_configuration() -> None:
    config = front_config_of(
        load_settings(
            region="eu-west-1",
            regions="a-1,b-2",
            domains="s3.example",
            virtual_hosted=False,
            default_versioning="enabled",
            max_url_length="4KiB",
            max_header_bytes="8KiB",
            max_in_flight="64MiB",
            idle_timeout="7s",
            body_min_rate="2KiB",
            read_timeout="9s",
            write_timeout="8s",
            max_connections=20,
            requests_per_key=5,
            mpu_complete_limit=6,
            auth_failures_per_minute=7,
            require_content_md5=True,
            allow_unsigned_payload=False,
            trusted_proxies="10.0.0.0/8 2001:db8::/32",
            replay_ttl="15m",
            replay_block=True,
            replay_cache_max=99,
            allow_insecure_sse_c=True,
            access_log=True,
        )
    )
    assert (config.region, config.domains) == ("eu-west-1", ("s3.example",))
    assert config.regions == {"a-1", "b-2"}
    assert (config.virtual_hosted, config.default_versioning) == (False, Versioning.ENABLED)
    assert (config.url_length_max, config.header_bytes_max) == (4 << 10, 8 << 10)
    assert (config.in_flight_bytes_max, config.idle_timeout_s) == (64 << 20, 7.0)
    assert (config.body_bytes_per_s_min, config.access_log) == (2 << 10, True)
    assert (config.read_timeout_s, config.write_timeout_s) == (9.0, 8.0)
    assert (config.connections_max, config.requests_per_key_max, config.mpu_complete_max) == (20, 5, 6)
    assert config.auth_failures_per_min == 7
    assert config.allow_insecure_sse_c
    assert (config.require_content_md5, config.allow_unsigned_payload) == (True, False)
    assert [str(network) for network in config.trusted_proxies] == ["10.0.0.0/8", "2001:db8::/32"]
    assert (config.replay_ttl_s, config.replay_block, config.replay_entries_max) == (900.0, True, 99)


@pytest.mark.parametrize(("text", "default"), [("none", None), ("None", None), ("AES256", SSE_S3), ("aes256", SSE_S3)])
def test_the_default_encryption_reaches_the_writes(text: str, default: Protection | None) -> None:
    assert default_protection_of(load_settings(default_encryption=text)) is default
    container = Container(settings=load_settings(ephemeral=True, default_encryption=text), log=RecordingLog())
    container.files.override(None)
    container.box.override(Store().box)
    container.on_failure.override(lambda _error: None)
    assert container.encrypting().default is default


def test_the_buckets_that_may_be_public_reach_the_access_decisions() -> None:
    container = Container(settings=load_settings(ephemeral=True, public_buckets="site, media"), log=RecordingLog())
    container.files.override(None)
    container.box.override(Store().box)
    assert container.access().public_buckets == {"site", "media"}


def test_a_given_pair_is_root() -> None:
    assert given_root(load_settings()) is None
    given = given_root(load_settings(access_key="test", secret_key="testsecret"))
    assert isinstance(given, KeyPair)
    assert (given.access_key, given.secret) == ("test", "testsecret")


async def test_one_store_has_one_of_each() -> None:
    container = Container(settings=load_settings(ephemeral=True), log=RecordingLog())
    container.files.override(None)
    container.box.override(Store().box)
    container.on_failure.override(lambda _error: None)
    services = container.services()
    assert services is container.services()
    assert services.access is container.access()
    assert container.segment_store() is container.segments().store
    assert container.committer() is container.committer()
    assert container.application() is container.application()
    container.offload().close()
