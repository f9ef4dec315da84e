"""What the domain wants noted: an event name and fields, never a secret."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """A structured logger (structlog's shape)."""

    def info(self, event: str, /, **fields: Any) -> Any: ...
    def warning(self, event: str, /, **fields: Any) -> Any: ...
    def error(self, event: str, /, **fields: Any) -> Any: ...
