"""A server is alive when it answers S3 requests under its own name, and ready when its ops listener says so."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from .settings import Settings, SettingsInvalid
from .units import ListenAddress

READY_PATH = "/health/ready"
_NAME = "Seglake"
_SERVER_ERROR = 500
_DOCUMENT_BYTES_MAX = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, and what came of it; ``reason`` is a few words for people."""

    url: str
    healthy: bool
    reason: str


def local_url(settings: Settings) -> str:
    """Where a server with these settings is reached from its own machine. SettingsInvalid for port 0."""
    return f"{'https' if settings.tls else 'http'}://{_reached_at(settings.listen, '--addr')}"


def ready_url(settings: Settings) -> str:
    """Where it says whether it is ready. SettingsInvalid for port 0, and when it has no ops listener."""
    place = settings.ops_listen
    if place is None:
        raise SettingsInvalid(("--ready asks the listener of --ops-addr, which is off",))
    return f"http://{_reached_at(place, '--ops-addr')}{READY_PATH}"


def _reached_at(place: ListenAddress, flag: str) -> str:
    if not place.port:
        raise SettingsInvalid((f"{flag} has port 0, which is any: give --url",))
    host = place.host or "127.0.0.1"
    if _unspecified(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"[{host}]:{place.port}" if ":" in host else f"{host}:{place.port}"


def _unspecified(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def ask(url: str, timeout_s: float) -> Answer:
    """One unsigned GET; without a path of its root, which every store refuses politely, otherwise of what says whether
    it is ready. SettingsInvalid when ``url`` is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsInvalid((f"--url: {url[:200]!r} is not http://HOST:PORT or https://HOST:PORT",))
    try:
        connection = _connection(parts.scheme, parts.hostname, parts.port, timeout_s)
    except ValueError as error:
        raise SettingsInvalid((f"--url: {error}",)) from None
    path = parts.path or "/"
    try:
        connection.request("GET", path, headers={"User-Agent": "seglake-health", "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(_DOCUMENT_BYTES_MAX)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(url, healthy=False, reason=f"no answer: {str(error) or type(error).__name__}")
    finally:
        connection.close()
    if path == READY_PATH:
        return _readiness(url, answer.status, body)
    name = answer.getheader("Server", "")
    if not name.startswith(_NAME):
        return Answer(url, healthy=False, reason=f"answered {answer.status}, but as {name[:60]!r}: not a Seglake")
    return Answer(url, healthy=answer.status < _SERVER_ERROR, reason=f"answered {answer.status}")


def _readiness(url: str, status: int, body: bytes) -> Answer:
    try:
        document = json.loads(body)
        word, reasons = str(document["status"]), [f"{name}: {text}" for name, text in document["reasons"].items()]
    except (ValueError, TypeError, KeyError, AttributeError):
        return Answer(url, healthy=False, reason=f"answered {status}, but not as an ops listener of Seglake")
    return Answer(url, healthy=status == http.HTTPStatus.OK, reason="; ".join([word, *reasons]))


def _connection(scheme: str, host: str, port: int | None, timeout_s: float) -> http.client.HTTPConnection:
    """The certificate is not checked: it names the public host, which this machine need not know by that name.

    Nothing secret is sent, and nothing but a status is read.
    """
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
