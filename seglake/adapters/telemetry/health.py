"""Ready is who passes every check now, and every check ends in time: a disk that hangs is a reason, not a hang.

Alive is who answers at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Check = Callable[[], Awaitable[str]]
"""Returns why the store is not ready, empty when this check finds nothing."""

PATIENCE_S = 2.0
FRESH_S = 1.0
"""An answer this young is given again: asking often costs nothing."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """``reasons`` are by check; none means ready."""

    reasons: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


class Health:
    """Asks the checks. One event loop."""

    def __init__(self, steady_s: Callable[[], float], *, patience_s: float = PATIENCE_S) -> None:
        self._steady_s = steady_s
        self._patience_s = patience_s
        self._checks: Mapping[str, Check] = {}
        self._asked: dict[str, asyncio.Future[str]] = {}
        self._last: Readiness | None = None
        self._last_s = 0.0
        self.started = False
        """Set when recovery is done and requests are answered."""

    def watch(self, checks: Mapping[str, Check]) -> None:
        """What is asked from now on."""
        self._checks = checks

    async def ready(self) -> Readiness:
        """The present state."""
        if not self.started:
            return Readiness({"start": "the store is starting or stopping"})
        now = self._steady_s()
        if self._last is not None and now - self._last_s < FRESH_S:
            return self._last
        reasons = {}
        for name, check in self._checks.items():
            reason = await self._ask(name, check)
            if reason:
                reasons[name] = reason
        self._last, self._last_s = Readiness(reasons), self._steady_s()
        return self._last

    async def _ask(self, name: str, check: Check) -> str:
        """Waits for a check for a while; one that hangs is not begun again until it has ended."""
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.ensure_future(check())
        done, _ = await asyncio.wait((asked,), timeout=self._patience_s)
        if not done:
            return f"no answer within {self._patience_s:g} s"
        del self._asked[name]
        error = None if asked.cancelled() else asked.exception()
        if error is not None:
            return f"{type(error).__name__}: {error}"
        return "" if asked.cancelled() else asked.result()

    async def close(self) -> None:
        """Ends what is still being asked."""
        self.started = False
        asked, self._asked = list(self._asked.values()), {}
        for one in asked:
            one.cancel()
        if asked:
            await asyncio.wait(asked)
