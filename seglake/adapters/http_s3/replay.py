"""A signed request that changes something is done once: its signature is spent when it has succeeded.

A signature covers method, path, query, time, key and signed headers, so the same signature is the same request. Reads
are exempt: repeating them changes nothing, and a presigned URL for reading is made to be used again. A signature's time
has a resolution of one second, and the SDKs sign each attempt anew: attempts within one second have the same signature.
Therefore a request that failed, or whose connection broke before it was done, does not spend its signature.
"""

from __future__ import annotations

from collections.abc import Callable

from seglake.adapters.s3_protocol.claims import Claims
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.domain.ports.log import Log
from seglake.domain.ports.telemetry import RequestMeter, Unmetered

_READS = frozenset(("GET", "HEAD"))


class Replays:
    """The signatures seen within the last ``ttl_s`` seconds, at most ``entries_max`` of them. One event loop.

    No timers: each new signature removes those at the front that are too old, or the oldest when there is no room.
    """

    def __init__(
        self,
        *,
        ttl_s: float,
        entries_max: int,
        block: bool,
        steady_s: Callable[[], float],
        log: Log,
        meter: RequestMeter | None = None,
    ) -> None:
        self._ttl_s = ttl_s
        self._entries_max = entries_max
        self._block = block
        self._steady_s = steady_s
        self._log = log
        self._meter = meter or Unmetered()
        self._seen: dict[bytes, float] = {}
        """Signature to the time when it is forgotten, in the order of that time."""
        self._full_until = float("-inf")

    def note(self, head: RequestHead, claims: Claims, request_id: str) -> bytes | None:
        """Remembers a request whose signature was proven; what ``forget`` takes, None when there is nothing to forget.

        S3Error AccessDenied when it was seen before and replays are blocked.
        """
        if head.method in _READS:
            return None
        now = self._steady_s()
        self._expire(now)
        mark = bytes.fromhex(claims.signature)
        if mark not in self._seen:
            if len(self._seen) >= self._entries_max:
                self._make_room(now)
            self._seen[mark] = now + self._ttl_s
            return mark
        self._meter.replayed(refused=self._block)
        self._log.warning(
            "request_replayed",
            request_id=request_id,
            access_key=claims.access_key,
            method=head.method,
            path=head.path,
            peer=head.peer,
            blocked=self._block,
        )
        if self._block:
            raise S3Error(
                ErrorCode.AccessDenied,
                "This request was received before: its signature has been used. Sign the request anew, at another "
                "second (--replay-block)",
            )
        return None

    def forget(self, mark: bytes) -> None:
        """The request was not done: it may come again."""
        self._seen.pop(mark, None)

    def _expire(self, now: float) -> None:
        seen = self._seen
        while seen:
            oldest = next(iter(seen))
            if seen[oldest] > now:
                return
            del seen[oldest]

    def _make_room(self, now: float) -> None:
        del self._seen[next(iter(self._seen))]
        if now >= self._full_until:
            self._full_until = now + self._ttl_s
            self._log.warning("replay_memory_is_full", signatures=self._entries_max, ttl_s=self._ttl_s)
