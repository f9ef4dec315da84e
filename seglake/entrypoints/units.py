"""Sizes, durations and addresses as people write them; nothing is guessed, a number without a known unit is refused.

Sizes are whole bytes: ``64MiB``, ``5GiB`` (powers of 1024), ``10MB`` (powers of 1000), ``4096``.
Durations are seconds: ``250ms``, ``30s``, ``10m``, ``1h30m``, ``15``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SIZE = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,6}))?[ ]?([A-Za-z]*)", re.ASCII)
_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "t": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
_SIZE_MAX = 1 << 63
_DURATION_WORD = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ms|[smhd]))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|[smhd])", re.ASCII)
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PLAIN_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9_.-]{1,15})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen: an empty ``host`` means every interface, ``port`` 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_size(text: str) -> int:
    """Bytes meant by ``text``; ValueError says what would be understood."""
    found = _SIZE.fullmatch(text.strip())
    factor = _SIZE_UNITS.get(found[3].lower()) if found else None
    if found is None or factor is None:
        raise ValueError("not a size; write for example 64MiB, 5GiB, 10MB or a number of bytes")
    whole, fraction = int(found[1]), found[2]
    size = whole * factor
    if fraction:
        scaled = int(fraction) * factor
        if scaled % 10 ** len(fraction):
            raise ValueError("not a whole number of bytes")
        size += scaled // 10 ** len(fraction)
    if size >= _SIZE_MAX:
        raise ValueError("too large for a size")
    return size


def parse_duration(text: str) -> float:
    """Seconds meant by ``text``; ValueError says what would be understood."""
    word = text.strip()
    if _PLAIN_SECONDS.fullmatch(word):
        return float(word)
    if not _DURATION_WORD.fullmatch(word):
        raise ValueError("not a duration; write for example 250ms, 30s, 10m, 1h30m or a number of seconds")
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in _DURATION_PART.findall(word))


def parse_address(text: str) -> ListenAddress:
    """``:9000``, ``127.0.0.1:0``, ``store.example:9000`` or ``[::1]:9000``; ValueError otherwise."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > 65535:
        raise ValueError("not an address; write for example :9000 (every interface), 127.0.0.1:9000 or [::1]:9000")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _IPV6.fullmatch(host) or ":" not in host:
            raise ValueError("not an IPv6 address between the brackets")
    elif host and not _HOST.fullmatch(host):
        raise ValueError("not a host name or address; an IPv6 address stands in brackets: [::1]:9000")
    return ListenAddress(host, int(port))
