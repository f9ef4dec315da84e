"""A store that failed once stays failed: after a sync that did not succeed nothing later may be acknowledged (R2)."""

from __future__ import annotations

import threading

from seglake.domain.model.errors import StoreFailed
from seglake.domain.ports.log import Log


class Health:
    """The sticky failure of one store; every write checks it before it trusts a descriptor and after it synced one."""

    __slots__ = ("_lock", "_log", "_reason")

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._reason: str | None = None

    @property
    def failed(self) -> bool:
        """True from the first failure on."""
        return self._reason is not None

    def check(self) -> None:
        """Raises StoreFailed when the store has failed."""
        if self._reason is not None:
            raise StoreFailed(self._reason)

    def fail(self, what: str, error: BaseException) -> StoreFailed:
        """Notes a failure, for ever, and returns the error to raise; the first reason is the one that is told."""
        with self._lock:
            if self._reason is None:
                self._reason = f"{what} failed: {error}; nothing after it is trusted, restart the server to recover"
                self._log.error("store_failed", what=what, error=str(error))
            return StoreFailed(self._reason)
