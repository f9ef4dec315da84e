"""Ways to open a limit, to believe a stranger, or to serve a certificate that should not be served."""

from __future__ import annotations

from .mutant import Edit, Mutant

_HTTP = "adapters/http_s3"
_UNIT = "tests/unit/adapters/http_s3"


def _mutant(name: str, test: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, (test,), (Edit(file, old, new),))


LIMITS = (
    _mutant(
        "a forwarded address is believed from anybody",
        f"{_UNIT}/test_proxies.py",
        f"{_HTTP}/proxies.py",
        "        if not self._trusts(peer):\n            return peer, secure\n",
        "",
    ),
    _mutant(
        "the leftmost forwarded address is taken",
        f"{_UNIT}/test_proxies.py",
        f"{_HTTP}/proxies.py",
        "in reversed(forwarded[-HOPS_MAX:])",
        "in forwarded[-HOPS_MAX:]",
    ),
    _mutant(
        "a right signature is refused for others' wrong ones",
        f"{_UNIT}/test_failures.py",
        f"{_HTTP}/app.py",
        "        known = access.lookup(claims.access_key, bucket)\n",
        "        known = access.lookup(claims.access_key, bucket)\n"
        "        if self._failures is not None and self._failures._entries:\n"
        "            raise S3Error(ErrorCode.SlowDown)\n",
    ),
    _mutant(
        "failures are not limited",
        f"{_UNIT}/test_failures.py",
        f"{_HTTP}/failures.py",
        "        if within:\n            return error\n",
        "        if within or peer:\n            return error\n",
    ),
    _mutant(
        "a used signature is good again",
        f"{_UNIT}/test_replay.py",
        f"{_HTTP}/app.py",
        "self._settle_replay(exchange, done=response.status < 400)",
        "self._settle_replay(exchange, done=False)",
    ),
    _mutant(
        "a failed request spends its signature",
        f"{_UNIT}/test_replay.py",
        f"{_HTTP}/app.py",
        "self._settle_replay(exchange, done=response.status < 400)",
        "self._settle_replay(exchange, done=True)",
    ),
    _mutant(
        "one key takes any number of places",
        f"{_UNIT}/test_throttle.py",
        f"{_HTTP}/throttle.py",
        "        if taken >= self._places:\n            return False\n",
        "",
    ),
    _mutant(
        "who goes away while waiting keeps the place",
        f"{_UNIT}/test_throttle.py",
        f"{_HTTP}/throttle.py",
        "            if not place.cancelled() and place.exception() is None:\n                self.leave(holder)\n",
        "",
    ),
    _mutant(
        "an unsigned body is taken where it must not be",
        f"{_UNIT}/test_payload_rules.py",
        f"{_HTTP}/payload_rules.py",
        "    if in_header and mode in _UNSIGNED and",
        "    if not in_header and mode in _UNSIGNED and",
    ),
    _mutant(
        "a body without a digest is taken where one is demanded",
        f"{_UNIT}/test_payload_rules.py",
        f"{_HTTP}/payload_rules.py",
        "    if expected.md5 is None and expected.checksum is None and expected.algorithm is None:\n",
        "    if expected is None:\n",
    ),
    _mutant(
        "answers that nobody reads are kept",
        f"{_UNIT}/test_listener.py",
        f"{_HTTP}/listener.py",
        "            connection.check_reader(now, bytes_per_s=bytes_per_s, window_s=window_s)\n",
        "            pass\n",
    ),
    _mutant(
        "a handshake does not count as a connection",
        f"{_UNIT}/test_handshakes.py",
        f"{_HTTP}/handshakes.py",
        "            if not self._has_room(len(self._under_way) + 1):\n",
        "            if not self._has_room(1):\n",
    ),
    _mutant(
        "a handshake may take for ever",
        f"{_UNIT}/test_handshakes.py",
        f"{_HTTP}/handshakes.py",
        "                ssl_handshake_timeout=self._timeout_s,\n",
        "",
    ),
    _mutant(
        "a streamed answer takes memory that is not there",
        f"{_UNIT}/handlers/test_reading.py",
        f"{_HTTP}/handlers/reading.py",
        "        x.answers = None\n        return await _stream",
        "        return await _stream",
    ),
    _mutant(
        "a TLS key that everybody can read is used",
        "tests/unit/entrypoints/test_tls.py",
        "entrypoints/tls.py",
        "            if os.stat(self._key).st_mode & _OTHERS:\n",
        "            if os.stat(self._key).st_mode == 0:\n",
    ),
    _mutant(
        "TLS 1.0 is spoken",
        "tests/unit/entrypoints/test_tls.py",
        "entrypoints/tls.py",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        "    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED\n",
    ),
    _mutant(
        "connections take the descriptors of the store's files",
        "tests/unit/entrypoints/test_descriptors.py",
        "entrypoints/descriptors.py",
        "    return min(connections, max(16, soft - min(_SPARE, soft // 2)))\n",
        "    return connections\n",
    ),
)
