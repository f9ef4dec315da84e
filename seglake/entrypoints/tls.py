"""The certificate in force is the newest that could be used: a broken one is logged, and the one before it stays.

Every connection begins with the context of its time. A renewed certificate is a new context, so connections that are
open go on, and no handshake ever sees half a change.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

from cryptography import x509

from seglake.domain.ports.log import Log
from seglake.domain.ports.system import Clock, Offload

POLL_S = 2.0
"""How often the files are looked at."""

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has no others."""

_OTHERS = 0o007
_Signature = tuple[tuple[int, int, int], ...]


class CertificateUnusable(Exception):
    """The certificate or its key cannot be used; the text says why and what to do."""


class Certificate:
    """A chain and its private key, in two PEM files that may be replaced at any time. Its methods read files."""

    def __init__(self, chain: Path, key: Path, *, clock: Clock, log: Log) -> None:
        self._chain = chain
        self._key = key
        self._clock = clock
        self._log = log
        self._seen: _Signature | None = None
        self.in_force: ssl.SSLContext | None = None
        """The context of new connections; None before the first ``load``."""

    def load(self) -> ssl.SSLContext:
        """Puts in force what the files hold now, for TLS 1.2 or newer. CertificateUnusable."""
        self._seen = self._signature()
        try:
            if os.stat(self._key).st_mode & _OTHERS:
                raise CertificateUnusable(f"the TLS key {self._key} is open to other users: chmod 600 {self._key}")
            context = _context(self._chain, self._key)
            self._describe()
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            raise CertificateUnusable(
                f"the TLS certificate {self._chain} with the key {self._key} cannot be used: {reason}"
            ) from error
        except OSError as error:
            raise CertificateUnusable(f"cannot read {error.filename or self._chain}: {error.strerror}") from error
        except ValueError as error:
            raise CertificateUnusable(f"the TLS certificate {self._chain} is not in PEM form: {error}") from error
        self.in_force = context
        return context

    def renewed(self, *, even_if_unchanged: bool = False) -> ssl.SSLContext | None:
        """A context when the files have changed and can be used, else None. What cannot be used is logged, once."""
        if self._signature() == self._seen and not even_if_unchanged:
            return None
        try:
            return self.load()
        except CertificateUnusable as error:
            self._log.error("tls_certificate_refused", reason=str(error), hint="the one before it stays in force")
            return None

    def _signature(self) -> _Signature:
        """What changes when a file is written or replaced."""
        found = []
        for path in (self._chain, self._key):
            try:
                info = os.stat(path)
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((info.st_ino, info.st_size, info.st_mtime_ns))
        return tuple(found)

    def _describe(self) -> None:
        leaf = x509.load_pem_x509_certificates(self._chain.read_bytes())[0]
        ends = leaf.not_valid_after_utc
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        report = self._log.info if leaf.not_valid_before_utc <= now < ends else self._log.warning
        report(
            "tls_certificate",
            subject=leaf.subject.rfc4514_string(),
            not_before=leaf.not_valid_before_utc.isoformat(),
            not_after=ends.isoformat(),
        )


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(chain, key, password=lambda: _refuse_password(key))
    return context


def _refuse_password(key: Path) -> NoReturn:
    """Without this, OpenSSL would ask on the terminal."""
    raise CertificateUnusable(f"the TLS key {key} is encrypted; store it in clear, readable by its owner only")


async def keep_renewed(
    certificate: Certificate,
    use: Callable[[ssl.SSLContext], None],
    asked: asyncio.Event,
    *,
    offload: Offload,
    log: Log,
    period_s: float = POLL_S,
) -> None:
    """Gives each usable new certificate to ``use``: looks every ``period_s``, and at once when ``asked`` is set."""
    while True:
        try:
            async with asyncio.timeout(period_s):
                await asked.wait()
        except TimeoutError:
            pass
        # Asked for by name, a certificate is read again even where the files look the same.
        read = partial(certificate.renewed, even_if_unchanged=asked.is_set())
        asked.clear()
        try:
            context = await offload.start(read)
        except Exception as bug:
            log.error("tls_renewal_failed", exc_info=bug)
        else:
            if context is not None:
                use(context)
