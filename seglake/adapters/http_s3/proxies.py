"""Who a request comes from is what the socket says; only a trusted proxy may say otherwise (A13).

``X-Forwarded-For`` is read from the right, hop by hop, as long as the hop that wrote an entry is trusted;
``X-Forwarded-Proto`` is the word of the nearest proxy. ``Forwarded``, ``X-Real-IP`` and ``X-Forwarded-Host`` are never
read: the signature is over the Host header, which a proxy must pass on as it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
RawHeaders = Iterable[tuple[bytes, bytes]]

HOPS_MAX = 16
"""No chain of proxies is longer; what lies beyond is not looked at."""


class TrustedProxies:
    """The networks whose word about the client is taken."""

    def __init__(self, networks: tuple[Network, ...]) -> None:
        self._networks = networks
        # Few addresses are asked for, and the same ones all day; bounded by its size.
        self._trusts = lru_cache(maxsize=1024)(self._holds)

    def origin(self, peer: str, raw_headers: RawHeaders, *, secure: bool) -> tuple[str, bool]:
        """(address of the client as text, whether the client spoke TLS) of a request that came from ``peer``."""
        if not self._trusts(peer):
            return peer, secure
        forwarded: list[bytes] = []
        scheme: list[bytes] = []
        for name, value in raw_headers:
            lower = name.lower()
            if lower == b"x-forwarded-for":
                forwarded += value.split(b",")
            elif lower == b"x-forwarded-proto":
                scheme += value.split(b",")
        if scheme:
            secure = scheme[-1].strip().lower() == b"https"
        for entry in reversed(forwarded[-HOPS_MAX:]):
            hop = _address(entry)
            if hop is None:
                # What a proxy could not name is not guessed: the hop that said so is the last one known.
                return peer, secure
            peer = str(hop)
            if not self._trusts(peer):
                break
        return peer, secure

    def _holds(self, peer: str) -> bool:
        address = _address(peer.encode())
        return address is not None and any(address in network for network in self._networks)


def _address(entry: bytes) -> Address | None:
    """An address as proxies write it: ``192.0.2.1``, ``192.0.2.1:4711``, ``2001:db8::1``, ``[2001:db8::1]:4711``."""
    text = entry.strip().decode("latin-1")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
