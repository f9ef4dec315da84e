"""What tests of other people need: a server inside the test, contract suites for adapters, and the doubles they use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seglake.testing.servers import ServerHandle, running_server, server

__all__ = ["ServerHandle", "running_server", "server"]


def __getattr__(name: str) -> Any:
    """The server and all that it needs are imported by whoever uses it, not by every contract suite."""
    if name in __all__:
        return getattr(importlib.import_module("seglake.testing.servers"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
