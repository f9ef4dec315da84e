"""Full and idle segments are sealed beside the requests, and the index learns of it in a commit like any other."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.segment import Segment
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.ports.segments import SegmentStore
from seglake.domain.ports.system import Offload


@dataclass(frozen=True, slots=True)
class NoteSegments:
    """The commit that notes what became of segments: ``rows`` as they are now, ``gone`` no longer exist.

    Segments tell of themselves when an index is rebuilt, so nothing is journalled.
    """

    rows: tuple[Segment, ...]
    gone: tuple[bytes, ...] = ()

    def __call__(self, tx: MetadataTx) -> None:
        """Puts and deletes rows."""
        for row in self.rows:
            tx.segments.put(row)
        for segment in self.gone:
            tx.segments.delete(segment)


class Sealing:
    """The background routine; one call of ``tick`` at a time."""

    def __init__(self, segments: SegmentStore, committer: Committer, offload: Offload, log: Log) -> None:
        self._segments = segments
        self._committer = committer
        self._offload = offload
        self._log = log
        self._unnoted: tuple[Segment, ...] = ()

    async def tick(self) -> int:
        """Seals what is full or idle; returns how many segments were sealed.

        StorageFull: tried again at the next tick. StoreFailed: final, as for every commit.
        """
        await self._committer.call(self._segments.seal_idle)
        # Kept until the commit succeeded: a sealed file whose row was not noted would be noted by no later tick.
        self._unnoted += tuple(await self._offload.start(self._segments.seal_pending))
        if not self._unnoted:
            return 0
        await self._committer.commit(NoteSegments(self._unnoted))
        sealed, self._unnoted = self._unnoted, ()
        for row in sealed:
            self._log.info("segment_sealed", segment=row.id.hex(), bytes=row.committed)
        return len(sealed)
