"""What a client may do with locks. Every retention reaches beyond any clock here, so that none ends by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import InvalidBucketState, InvalidRequest, ObjectLocked
from seglake.domain.model.object_lock import BucketLock, DefaultRetention, Lock, Retention, RetentionMode
from seglake.domain.services.locking import SetLock

from .model import Model, Refusal
from .stack import Stack

FAR_MS = 7_000_000_000_000
FAR = DefaultRetention(RetentionMode.GOVERNANCE, years=100)


def drawn_retention(random: Random) -> Retention:
    """One of few, so that some are longer than others."""
    return Retention(random.choice(tuple(RetentionMode)), FAR_MS + random.randrange(3))


def drawn_lock(random: Random) -> Lock:
    """A retention, a hold, or both."""
    kept = drawn_retention(random) if random.random() < 0.7 else None
    return Lock(kept, hold=kept is None or random.random() < 0.3)


@dataclass(frozen=True, slots=True)
class ConfigureLock:
    """Switches object lock on, or changes its default."""

    bucket: str
    config: BucketLock

    def predict(self, model: Model) -> Refusal:
        refusal = model.check_bucket(self.bucket)
        if refusal is None and model.buckets[self.bucket].versioning is not Versioning.ENABLED:
            return InvalidBucketState
        return refusal

    async def run(self, stack: Stack) -> Any:
        await stack.locking.configure(self.bucket, self.config)

    def learn(self, model: Model, answer: Any) -> None:
        model.buckets[self.bucket].lock = self.config


@dataclass(frozen=True, slots=True)
class ChangeLock:
    """Changes a hold, or else a retention (None removes it)."""

    bucket: str
    key: str
    version: str | None = None
    hold: bool | None = None
    retention: Retention | None = None
    bypass: bool = False

    def predict(self, model: Model) -> Refusal:
        refusal = model.check_bucket(self.bucket)
        if refusal is not None:
            return refusal
        if model.buckets[self.bucket].lock is None:
            return InvalidRequest
        refusal = model.check_read(self.bucket, self.key, self.version)
        if refusal is not None or self.hold is not None:
            return refusal
        found = model.find(self.bucket, self.key, self.version)
        assert found is not None, "it can be read"
        kept, wanted = found.lock.retention, self.retention
        if kept is None or (self.bypass and kept.mode is RetentionMode.GOVERNANCE):
            return None
        longer = wanted is not None and wanted.mode is kept.mode and wanted.until_ms >= kept.until_ms
        return None if longer else ObjectLocked

    async def run(self, stack: Stack) -> Any:
        await stack.locking.set(
            SetLock(self.bucket, self.key, self.version, hold=self.hold, retention=self.retention, bypass=self.bypass)
        )

    def learn(self, model: Model, answer: Any) -> None:
        found = model.find(self.bucket, self.key, self.version)
        assert found is not None, "the refusal was predicted"
        if self.hold is not None:
            lock = replace(found.lock, hold=self.hold)
        else:
            lock = replace(found.lock, retention=self.retention)
        model.set_lock(self.bucket, self.key, self.version, lock)
