"""Maintenance is a state of one data directory: it is decided and checked inside the commit, so no process misses it.

It is kept as a note of the index: it survives restarts, and a rebuilt or restored index begins without it. A note that
cannot be read counts as QUIESCED: refusing writes by mistake harms nobody's data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

MAINTENANCE_NOTE = "maintenance"
REASON_MAX = 200
"""Characters of the reason that an operator may leave for the others."""


class MaintenanceState(StrEnum):
    """OFF → ENTERING (new writes refused, those under way end) → QUIESCED (nothing commits) → EXITING → OFF."""

    OFF = "off"
    ENTERING = "entering"
    QUIESCED = "quiesced"
    EXITING = "exiting"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The state, when it began (milliseconds since the epoch) and why."""

    state: MaintenanceState = MaintenanceState.OFF
    since_ms: int = 0
    reason: str = ""

    @property
    def refuses_new(self) -> bool:
        """Whether a request that would write is refused before its body."""
        return self.state is not MaintenanceState.OFF

    @property
    def refuses_commits(self) -> bool:
        """Whether even what is under way is refused."""
        return self.state in (MaintenanceState.QUIESCED, MaintenanceState.EXITING)


OFF = Maintenance()
_UNREADABLE = Maintenance(MaintenanceState.QUIESCED, 0, "the note about it is damaged; disable maintenance to clear it")


def to_text(maintenance: Maintenance) -> str:
    """The note; empty for OFF, which removes it."""
    if maintenance.state is MaintenanceState.OFF:
        return ""
    fields = {"state": maintenance.state.value, "since_ms": maintenance.since_ms, "reason": maintenance.reason}
    return json.dumps(fields, separators=(",", ":"), sort_keys=True)


def parse_text(text: str | None) -> Maintenance:
    """What a note says."""
    if not text:
        return OFF
    try:
        fields = json.loads(text)
        state, since_ms, reason = fields["state"], fields["since_ms"], fields["reason"]
        if type(since_ms) is not int or type(reason) is not str:
            return _UNREADABLE
        return Maintenance(MaintenanceState(state), since_ms, reason)
    except (ValueError, KeyError, TypeError, RecursionError):
        return _UNREADABLE
