"""Uploads that nobody goes on with are given up after a time; each is looked at once more inside the commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from seglake.domain.model.errors import LimitReached
from seglake.domain.model.events import UploadAborted
from seglake.domain.model.multipart import Upload
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.system import Clock, Offload

from .maintenance import check_open

TTL_S = 7 * 86400.0
"""How long an upload is left alone after it began, and what is known of a completed one after it was completed."""

BATCH_MAX = 200


@dataclass(frozen=True, slots=True)
class StaleUpload:
    """An upload to be given up: when it began, or was completed (ms since the epoch), its parts and their bytes."""

    id: str
    bucket: str
    key: str
    since_ms: int
    completed: bool
    parts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """What a run gives up, by id."""

    uploads: tuple[StaleUpload, ...]

    @property
    def bytes(self) -> int:
        """Of all parts; what of it comes back depends on who shares it."""
        return sum([upload.bytes for upload in self.uploads])


def _since_ms(upload: Upload) -> int:
    return (upload.started if upload.result is None else upload.result).ms


def stale_uploads(view: MetadataView, before_ms: int) -> Iterator[StaleUpload]:
    """Running uploads that began, and completed ones that were completed, before a time."""
    names = {bucket.id: bucket.name for bucket in view.buckets.scan()}
    for upload in view.uploads.scan_all():
        since_ms = _since_ms(upload)
        if since_ms < before_ms:
            sizes = [part.size for part in view.uploads.parts(upload.id)]
            name, completed = names.get(upload.bucket_id, ""), bool(upload.completed)
            yield StaleUpload(upload.id, name, upload.key, since_ms, completed, len(sizes), sum(sizes))


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The commit that ends uploads which are still older than ``before_ms``; a running one may have been completed."""

    uploads: tuple[str, ...]
    before_ms: int

    def __call__(self, tx: MetadataTx) -> tuple[str, ...]:
        """Records UploadAborted; the ids of those that ended."""
        check_open(tx)
        ended = []
        for name in self.uploads:
            upload = tx.uploads.get(name)
            if upload is not None and _since_ms(upload) < self.before_ms:
                tx.record(UploadAborted(tx.tick(), name))
                ended.append(name)
        return tuple(ended)


class UploadCollector:
    """Gives up stale uploads; the space of their parts is for ``Collector``."""

    def __init__(self, metadata: MetadataStore, committer: Committer, clock: Clock, offload: Offload) -> None:
        self._metadata = metadata
        self._committer = committer
        self._clock = clock
        self._offload = offload

    async def plan(self, ttl_s: float = TTL_S) -> UploadPlan:
        """What ``run`` would give up now."""
        before_ms = self._before_ms(ttl_s)
        return await self._offload.start(
            lambda: self._metadata.read(lambda view: UploadPlan(tuple(stale_uploads(view, before_ms))))
        )

    async def run(self, ttl_s: float = TTL_S, *, uploads_max: int = 0, stages: Stages = silent) -> UploadPlan:
        """Gives them up in small commits; what was given up. LimitReached when there are more than ``uploads_max``."""
        plan = await self.plan(ttl_s)
        if uploads_max and len(plan.uploads) > uploads_max:
            raise LimitReached(f"{len(plan.uploads)} uploads would go, at most {uploads_max} may (--mpu-max-uploads)")
        progress = stages("giving up uploads", "uploads")
        progress.total(len(plan.uploads))
        ended: set[str] = set()
        rest = iter([upload.id for upload in plan.uploads])
        while batch := tuple(islice(rest, BATCH_MAX)):
            ended.update(await self._committer.commit(GiveUp(batch, self._before_ms(ttl_s))))
            progress.advance(len(batch))
        return UploadPlan(tuple([upload for upload in plan.uploads if upload.id in ended]))

    def _before_ms(self, ttl_s: float) -> int:
        return self._clock.now_ms() - round(ttl_s * 1000)
