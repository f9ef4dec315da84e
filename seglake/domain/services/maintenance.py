"""In maintenance nothing is written and everything is read; what was under way when it began ends first, or is told.

Two things keep writers out. Each process has a gate, which refuses a write before its body and counts those under way;
it is a courtesy. The state in the index is the law: a commit that would record anything is refused there, in whatever
process it runs, from the commit on that says QUIESCED.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from seglake.domain.model.errors import Busy, InvalidArgument, UnderMaintenance
from seglake.domain.model.maintenance import (
    MAINTENANCE_NOTE,
    OFF,
    REASON_MAX,
    Maintenance,
    MaintenanceState,
    parse_text,
    to_text,
)
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.system import Clock

WAIT_S = 30.0
"""How long writes under way may take before maintenance begins without them."""
_LOOK_S = 0.02


class WriteGate:
    """One process's door for writes. Used from its event loop only."""

    __slots__ = ("shut", "under_way")

    def __init__(self) -> None:
        self.shut = False
        self.under_way = 0

    def enter(self) -> None:
        """One more write is under way. UnderMaintenance when the door is shut."""
        if self.shut:
            raise UnderMaintenance
        self.under_way += 1

    def leave(self) -> None:
        """One of those that entered has ended."""
        self.under_way -= 1


def maintenance_of(view: MetadataView | MetadataTx) -> Maintenance:
    """The present state."""
    return parse_text(view.notes.get(MAINTENANCE_NOTE))


def check_open(tx: MetadataTx) -> None:
    """For a script that changes the store without recording an event: UnderMaintenance when nothing may change."""
    if maintenance_of(tx).refuses_commits:
        raise UnderMaintenance


@dataclass(frozen=True, slots=True)
class SetState:
    """The commit of one step. It happens only from one of ``expected``; else nothing changes. Returns what holds."""

    wanted: MaintenanceState
    expected: frozenset[MaintenanceState]
    reason: str = ""

    def __call__(self, tx: MetadataTx) -> Maintenance:
        """Notes it."""
        present = maintenance_of(tx)
        if present.state not in self.expected:
            return present
        if self.wanted is MaintenanceState.OFF:
            following = OFF
        else:
            begins = present.state is MaintenanceState.OFF
            since_ms, reason = (tx.now_ms(), self.reason) if begins else (present.since_ms, present.reason)
            following = Maintenance(self.wanted, since_ms, reason)
        tx.notes.put(MAINTENANCE_NOTE, to_text(following))
        return following


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """``cut_off`` writes had not ended after ``waited_s`` seconds and are refused in their commit instead."""

    maintenance: Maintenance
    under_way: int
    waited_s: float = 0.0
    cut_off: int = 0


_OFF, _ENTERING = MaintenanceState.OFF, MaintenanceState.ENTERING
_QUIESCED, _EXITING = MaintenanceState.QUIESCED, MaintenanceState.EXITING


class MaintenanceMode:
    """Switches maintenance. ``pause`` waits some seconds; ``gate`` is this process's."""

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        clock: Clock,
        log: Log,
        pause: Callable[[float], Awaitable[object]],
        gate: WriteGate,
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._clock = clock
        self._log = log
        self._pause = pause
        self._gate = gate
        self._changing = False

    def status(self) -> MaintenanceReport:
        """What holds now. Cheap."""
        return MaintenanceReport(self._metadata.read(maintenance_of), self._gate.under_way)

    def refresh(self) -> Maintenance:
        """Sets the gate as the index says; for a change that another process made."""
        present = self._metadata.read(maintenance_of)
        if not self._changing:
            self._gate.shut = present.refuses_new
        return present

    async def resume(self) -> Maintenance:
        """At the start, before any write: what the last process left half done is finished."""
        state = self._metadata.read(maintenance_of).state
        if state is _ENTERING:
            await self._set(_QUIESCED, _ENTERING)
        elif state is _EXITING:
            await self._set(_OFF, _EXITING)
        present = self.refresh()
        if present.refuses_new:
            self._log.warning("maintenance_goes_on", state=str(present.state), reason=present.reason)
        return present

    async def enable(self, reason: str = "", *, wait_s: float = WAIT_S) -> MaintenanceReport:
        """Refuses new writes at once, waits for those under way, then refuses every commit. Idempotent.

        InvalidArgument for a reason too long or not printable; Busy while another call is changing it.
        """
        if len(reason) > REASON_MAX or not reason.isprintable():
            raise InvalidArgument("reason", reason, f"at most {REASON_MAX} printable characters")
        self._begin()
        try:
            await self._set(_ENTERING, _OFF, reason=reason)
            self._gate.shut = True
            begun = self._clock.steady_s()
            while self._gate.under_way and self._clock.steady_s() - begun < wait_s:
                await self._pause(_LOOK_S)
            waited_s, cut_off = self._clock.steady_s() - begun, self._gate.under_way
            present = await self._set(_QUIESCED, _ENTERING, _EXITING)
        finally:
            self._end()
        self._log.warning("maintenance_enabled", reason=reason, waited_s=round(waited_s, 3), cut_off=cut_off)
        return MaintenanceReport(present, self._gate.under_way, waited_s, cut_off)

    async def disable(self) -> MaintenanceReport:
        """Takes writes again. Idempotent. Busy while another call is changing it."""
        self._begin()
        try:
            await self._set(_EXITING, _ENTERING, _QUIESCED)
            present = await self._set(_OFF, _EXITING)
        finally:
            self._end()
        self._log.warning("maintenance_disabled")
        return MaintenanceReport(present, self._gate.under_way)

    def _begin(self) -> None:
        if self._changing:
            raise Busy("maintenance is being switched by another call; ask for its status")
        self._changing = True

    def _end(self) -> None:
        """Whatever became of the change, the gate follows the index."""
        self._changing = False
        self.refresh()

    async def _set(self, wanted: MaintenanceState, *expected: MaintenanceState, reason: str = "") -> Maintenance:
        return await self._committer.commit(SetState(wanted, frozenset(expected), reason))
