"""What is counted while the store works: narrow roles whose every call is cheap, and none of which can fail or wait.

Whoever counts knows nothing of who reads the counts. Names given to these roles are the program's own (operations,
error codes, tasks), never free text of a request, so that their number is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Served:
    """One request while it is under way, filled as it becomes known. Times are those of a steady clock in seconds."""

    __slots__ = (
        *("access_key", "begun_s", "bucket", "bytes_in", "bytes_out", "code"),
        *("first_byte_s", "operation", "seconds", "status"),
    )

    def __init__(self, begun_s: float) -> None:
        self.begun_s = begun_s
        self.operation = ""
        """The operation's name; empty while it is not known, and for good when the request names none."""
        self.bucket = ""
        """A bucket that exists and that the request was allowed to reach; else empty."""
        self.access_key = ""
        """The key whose signature was proven; else empty."""
        self.code = ""
        """The S3 error code of a refusal."""
        self.first_byte_s = 0.0
        """When a streamed answer began; 0 for one that was written whole."""
        self.seconds = 0.0
        """How long it took; this and the following once it has ended."""
        self.status = 0
        """Of the answer; 0 when there was no whole one."""
        self.bytes_in = 0
        self.bytes_out = 0
        """Of the bodies."""


class RequestMeter(Protocol):
    """Counts the requests of one endpoint. One event loop."""

    def begin(self) -> Served:
        """A request has come; every one that began ends exactly once."""
        ...

    def end(self, served: Served, /) -> None:
        """It was answered, or its connection was cut; all that is known of it is in ``served``."""
        ...

    def authentication_failed(self, code: str, /) -> None:
        """A request's signature was not proven, for this reason (an S3 error code)."""
        ...

    def replayed(self, *, refused: bool) -> None:
        """A signature came again."""
        ...


class TaskRecorder(Protocol):
    """Notes what background work did (lifecycle, gc, scrub, ...)."""

    def note(self, task: str, *, ok: bool, seconds: float, figures: Mapping[str, int]) -> None:
        """One run has ended. ``figures`` are what it counted; a later run of the task may have others."""
        ...


class Unmetered(RequestMeter):
    """Counts nothing."""

    def begin(self) -> Served:
        """A request without a time."""
        return Served(0.0)

    def end(self, served: Served, /) -> None:
        """Nothing."""

    def authentication_failed(self, code: str, /) -> None:
        """Nothing."""

    def replayed(self, *, refused: bool) -> None:
        """Nothing."""
