"""Ways to tell watchers too much, to tell them wrong, or to call a broken store ready."""

from __future__ import annotations

from .mutant import Edit, Mutant

_UNIT = "tests/unit"
_LOG = "adapters/s3_protocol/access_log.py"
_LOG_TESTS = f"{_UNIT}/adapters/s3_protocol/test_access_log.py"
_REQUESTS = "adapters/telemetry/requests.py"
_REQUESTS_TESTS = f"{_UNIT}/adapters/telemetry/test_requests.py"


def _mutant(name: str, test: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, (test,), (Edit(file, old, new),))


WATCHING = (
    _mutant(
        "a user's rw key learns how the store is",
        f"{_UNIT}/adapters/http_s3/handlers/test_meta.py",
        "domain/services/decisions.py",
        "    if asked.action.startswith(_STORE_ACTIONS) and not identity.is_root:\n        return None\n",
        "",
    ),
    _mutant(
        "signatures are shown in the access log",
        _LOG_TESTS,
        _LOG,
        "equals and _SECRET_PARAMETER.search(unquote(name))",
        "equals and _SECRET_PARAMETER.search(name)",
    ),
    _mutant(
        "a client begins a field of its own in the access log",
        _LOG_TESTS,
        _LOG,
        """_IN_QUOTES = _PRINTABLE.replace('"', "").replace("\\\\", "")""",
        """_IN_QUOTES = _PRINTABLE.replace("\\\\", "")""",
    ),
    _mutant(
        "a failed store is ready",
        f"{_UNIT}/entrypoints/test_watching.py::test_a_failed_store_is_alive_and_not_ready",
        "entrypoints/observing.py",
        'return {"store": whole, "index"',
        'return {"index"',
    ),
    _mutant(
        "a store is ready before its recovery",
        f"{_UNIT}/entrypoints/test_watching.py::test_nobody_is_ready_before_recovery_is_done",
        "adapters/telemetry/health.py",
        "        if not self.started:\n",
        "        if not self._checks:\n",
    ),
    _mutant(
        "metrics are open to other machines",
        f"{_UNIT}/entrypoints/test_watching.py",
        "entrypoints/places.py",
        "    if place is None or remote or _is_loopback(place.host):\n",
        "    if place is None or remote or place.host:\n",
    ),
    _mutant(
        "names in the figures are not bounded",
        _REQUESTS_TESTS,
        _REQUESTS,
        "        if len(self.present) >= NAMES_MAX:\n            name = OTHERS\n",
        "",
    ),
    _mutant(
        "percentiles never forget",
        _REQUESTS_TESTS,
        _REQUESTS,
        "self.earlier, self.last = self.last, self.counts[:]",
        "self.last = self.counts[:]",
    ),
    _mutant(
        "a cut connection stays in flight",
        f"{_UNIT}/adapters/http_s3/test_access_record.py",
        "adapters/http_s3/app.py",
        "            self._settle_replay(exchange, done=False)\n"
        "            self._ended(request, served, exchange, None, request_id=request_id)\n",
        "            self._settle_replay(exchange, done=False)\n",
    ),
)
