"""What the operator chose for the endpoint, checked before it gets here."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.bucket import Versioning


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
    stall_window_s: float = 30.0
    """Time over which a body or a reader must keep up the minimum rate."""
    connections_max: int = 10_000
    access_log: bool = False

    @property
    def all_regions(self) -> frozenset[str]:
        """Every region that a signature may name (``us`` is an old name of us-east-1)."""
        named = self.regions | {self.region}
        return named | {"us"} if "us-east-1" in named else named
