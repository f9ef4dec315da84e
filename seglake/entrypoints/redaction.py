"""What a log line may not show is taken out here, last before it is rendered.

Three nets: the key's name (a field called ``secret_key`` is never shown), the text's shape (signatures and credentials
in URLs, Authorization headers, ``password=...``), and the value itself (secrets registered as hidden). Control
characters in texts are escaped, so that a request cannot forge a line or steer a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

REDACTED: Final = "[redacted]"

_DEPTH_MAX: Final = 6
_HIDDEN_MIN: Final = 6
_KEY = re.compile(
    r"secret|passw|authorization|signature|token|credential|private|cookie|(?:master|signing|seal)_?key"
    r"|customer[_-]?key$",
    re.IGNORECASE,
)
# The value ends at the next separator, written plainly or percent-encoded.
_QUERY = re.compile(
    r"((?:signature|credential|security-token|sessiontoken|awsaccesskeyid)[\"']?\s*(?:=|:|%3d)\s*[\"']?)"
    r"(?:(?!%26)[^&\s,;\"'<>)\\])+",
    re.IGNORECASE,
)
_CUSTOMER_KEY = re.compile(r"(customer-key[\"']?\s*(?:[=:,]|%3d)\s*[b\"']*)(?:(?!%26)[^&\s,;\"'<>)\\])+", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"(authorization[\"']?\s*[=:,]\s*[b\"']*)[^\r\n\"']+", re.IGNORECASE)
_SECRET_WORD = re.compile(
    r"((?:secret[_-]?(?:access[_-]?)?key|client[_-]?secret|password|passwd|secret|(?:admin[_-]?|auth[_-]?)token)"
    r"[\"']?\s*[=:]\s*[b\"']*)(?!\[redacted\])[^\s\"',;&)<>]+",
    re.IGNORECASE,
)
_HINTS = re.compile(r"signature|credential|token|authorization|secret|passw|awsaccesskeyid|customer-key", re.IGNORECASE)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}
_CONTROLS_AND_LINES = {**_CONTROLS, 9: "\\t", 10: "\\n"}
# Fields that structlog's processors write and that may have several lines.
_MULTILINE: Final = ("exception", "stack")


class Redactor:
    """A structlog processor; ``hidden`` are values that may stand nowhere (shorter than 6 characters: ignored)."""

    __slots__ = ("_hidden",)

    def __init__(self, hidden: Iterable[str] = ()) -> None:
        values = sorted({value for value in hidden if len(value) >= _HIDDEN_MIN}, key=len, reverse=True)
        self._hidden = re.compile("|".join(map(re.escape, values))) if values else None

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The event with every value fit to be shown and known to JSON."""
        for key, value in event.items():
            if type(value) is int or value is None:
                continue
            if _KEY.search(key):
                event[key] = REDACTED
            else:
                event[key] = self._clean(value, 0, lines=key in _MULTILINE)
        return event

    def text(self, value: str) -> str:
        """``value`` without anything secret in it."""
        if self._hidden is not None:
            value = self._hidden.sub(REDACTED, value)
        if not _HINTS.search(value):
            return value
        value = _AUTHORIZATION.sub(rf"\1{REDACTED}", value)
        value = _QUERY.sub(rf"\1{REDACTED}", value)
        value = _CUSTOMER_KEY.sub(rf"\1{REDACTED}", value)
        return _SECRET_WORD.sub(rf"\1{REDACTED}", value)

    def _clean(self, value: object, depth: int, *, lines: bool = False) -> object:
        if isinstance(value, str):
            shown = self.text(value)
            return shown if shown.isprintable() else shown.translate(_CONTROLS if lines else _CONTROLS_AND_LINES)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes | bytearray):
            return self._clean(value.decode("utf-8", "backslashreplace"), depth)
        if depth < _DEPTH_MAX and isinstance(value, Mapping):
            return {self._key(key): self._field(key, item, depth + 1) for key, item in value.items()}
        if depth < _DEPTH_MAX and isinstance(value, tuple | list | set | frozenset):
            return [self._clean(item, depth + 1) for item in value]
        return self._clean(str(value) if isinstance(value, BaseException) else repr(value), depth)

    def _key(self, key: object) -> str:
        return str(self._clean(key if isinstance(key, str) else repr(key), 0))

    def _field(self, key: object, value: object, depth: int) -> object:
        return REDACTED if isinstance(key, str) and _KEY.search(key) else self._clean(value, depth)
