"""Who fails to authenticate again and again gets a short answer; a right signature is never refused for others' wrong
ones (A14).

Failures are counted by address and, for keys that exist, by key: a token bucket each, filled at the permitted rate.
Only an attempt that has failed looks at them. So an attacker can lock out neither a key nor the other clients behind an
address; what he loses is the long answer with its explanation, and what the operator gets is a line in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.ports.log import Log

ENTRIES_MAX = 10_000
"""Addresses and keys remembered; the one that failed longest ago goes first."""

LOG_EVERY_S = 60.0
RETRY_AFTER_S = 30


class _Tokens:
    """What one address or key may still fail."""

    __slots__ = ("at", "left", "told")

    def __init__(self, left: float, at: float) -> None:
        self.left = left
        self.at = at
        self.told = -LOG_EVERY_S * 2


class Failures:
    """Counts failed authentications. One event loop."""

    def __init__(self, per_minute: int, *, steady_s: Callable[[], float], log: Log) -> None:
        self._burst = float(per_minute)
        self._steady_s = steady_s
        self._log = log
        self._entries: dict[str, _Tokens] = {}

    def explain(self, error: S3Error, *, peer: str, known_key: str | None) -> S3Error:
        """The answer to a failure: ``error`` itself within the limit, SlowDown beyond it.

        ``known_key`` is the access key if it exists; keys that do not exist are counted by address alone.
        """
        now = self._steady_s()
        within = self._take(f"address {_network(peer)}", now)
        if known_key is not None:
            within = self._take(f"key {known_key}", now) and within
        if within:
            return error
        return S3Error(
            ErrorCode.SlowDown,
            "Too many requests with this access key or from this address failed to authenticate, the last one too; "
            f"correct the credentials and try again in {RETRY_AFTER_S} seconds.",
            headers=(("Retry-After", str(RETRY_AFTER_S)),),
        )

    def _take(self, name: str, now: float) -> bool:
        """Takes one token of ``name``; False when there is none."""
        entry = self._entries.pop(name, None)
        if entry is None:
            entry = _Tokens(self._burst, now)
            if len(self._entries) >= ENTRIES_MAX:
                del self._entries[next(iter(self._entries))]
        self._entries[name] = entry
        entry.left = min(self._burst, entry.left + (now - entry.at) * self._burst / 60.0)
        entry.at = now
        if entry.left >= 1.0:
            entry.left -= 1.0
            return True
        if now - entry.told >= LOG_EVERY_S:
            entry.told = now
            self._log.warning("authentication_failures", of=name, per_minute=int(self._burst))
        return False


def _network(peer: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one IPv6 customer has."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return peer
