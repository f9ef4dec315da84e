"""Where to listen, and why that is not possible, in words that say what to do."""

from __future__ import annotations

import errno
from ipaddress import ip_address

from .units import ListenAddress, parse_address


class CannotListen(Exception):
    """The address cannot be listened on; the text says why and what to do."""


def why_not(address: str, error: OSError, flag: str) -> str:
    """One line about ``address``, which ``flag`` names."""
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use by another program; stop it or choose another address with {flag}"
    if error.errno == errno.EACCES:
        return f"this user may not listen on {address}; choose a port above 1023 with {flag}"
    return f"cannot listen on {address}: {error.strerror or error}; choose another address with {flag}"


def parse_ops_address(text: str) -> ListenAddress | None:
    """The address of metrics and health; None when there shall be none. ValueError."""
    return None if text.lower() in ("", "off", "none") else parse_address(text)


def ops_problems(text: str, *, remote: bool) -> list[str]:
    """What is wrong with that address: nobody is asked for a key there, so it is this machine's unless ``remote``."""
    try:
        place = parse_ops_address(text)
    except ValueError as error:
        return [f"--ops-addr: {error}"]
    if place is None or remote or _is_loopback(place.host):
        return []
    reason = f"--ops-addr: {text} is reached from other machines, and nobody is asked for a key there"
    return [f"{reason}: use 127.0.0.1, or say --ops-allow-remote if a firewall protects it"]


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
