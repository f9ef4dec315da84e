"""What the operator chose for the endpoint, checked before it gets here."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.cors import NO_RULES, Rules
from seglake.domain.model.lifecycle import DAY_MS


@dataclass(frozen=True, slots=True)
class FrontConfig:
    """Settings of the S3 endpoint. Sizes in bytes, times in seconds."""

    region: str = "us-east-1"
    regions: frozenset[str] = frozenset()
    """Further regions that a signature may name."""
    domains: tuple[str, ...] = ()
    virtual_hosted: bool = True
    default_versioning: Versioning = Versioning.UNVERSIONED
    url_length_max: int = 32 << 10
    header_bytes_max: int = 32 << 10
    in_flight_bytes_max: int = 256 << 20
    """Bytes of all request bodies in memory together; a body that finds too little left waits for its turn."""
    idle_timeout_s: float = 15.0
    """An idle connection is closed after this."""
    head_timeout_s: float = 10.0
    """Time for a request's head, from its first byte."""
    body_bytes_per_s_min: int = 1 << 10
    """The least rate of a body or a reader that is waited for; 0 means any."""
    read_timeout_s: float = 30.0
    """Time over which a body must keep up the least rate."""
    write_timeout_s: float = 30.0
    """Time over which a reader must keep up the least rate."""
    connections_max: int = 10_000
    requests_per_key_max: int = 32
    """Requests of one key that are under way at once, more wait; 0 means no limit."""
    mpu_complete_max: int = 32
    """CompleteMultipartUpload requests under way at once; 0 means no limit."""
    auth_failures_per_min: int = 0
    """Failed authentications of an address or a key that are answered with an explanation; 0 means all."""
    require_content_md5: bool = False
    allow_unsigned_payload: bool = True
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose word about the client's address and scheme is taken."""
    replay_ttl_s: float = 0.0
    """How long a signature is remembered; 0 means not at all."""
    replay_block: bool = False
    replay_entries_max: int = 100_000
    lifecycle_day_ms: int = DAY_MS
    """How long a day of lifecycle rules is."""
    allow_insecure_sse_c: bool = False
    """Customers' keys (SSE-C) are taken over plain http from other machines too."""
    cors: Rules = NO_RULES
    """What holds for buckets without CORS rules of their own."""
    access_log: bool = False

    @property
    def all_regions(self) -> frozenset[str]:
        """Every region that a signature may name (``us`` is an old name of us-east-1)."""
        named = self.regions | {self.region}
        return named | {"us"} if "us-east-1" in named else named
