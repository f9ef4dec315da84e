"""Writes that no store may accept: their bytes are broken, or their script changes its mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seglake.domain.model.digest import Expectations
from seglake.domain.model.errors import BadDigest, IncompleteBody, PreconditionFailed
from seglake.domain.model.limits import Limits
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.services.object_writes import ObjectAttributes, PutObject, PutVersion, Stored

from .model import Model, Refusal
from .stack import SentBody, Stack


@dataclass(frozen=True, slots=True)
class BrokenPut:
    """A PUT whose bytes are not what was announced: the digest differs, or the body ends early."""

    bucket: str
    key: str
    data: bytes
    short: bool = False

    def predict(self, model: Model) -> Refusal:
        return model.check_bucket(self.bucket) or (IncompleteBody if self.short else BadDigest)

    async def run(self, stack: Stack) -> Any:
        claim = Expectations() if self.short else Expectations(md5=bytes(16))
        body = SentBody(self.data, claim, length=len(self.data) + self.short)
        await stack.writes.put(PutObject(self.bucket, self.key, ObjectAttributes()), body)

    def learn(self, model: Model, answer: Any) -> None:
        raise AssertionError("a broken body was accepted")


@dataclass(frozen=True, slots=True)
class ThenRefuse:
    """A script that changes everything it can, and only then refuses."""

    script: PutVersion

    def __call__(self, tx: MetadataTx) -> Stored:
        self.script(tx)
        raise PreconditionFailed("too late")


@dataclass(frozen=True, slots=True)
class LateRefusal:
    """A PUT that is refused after its chunk and its event were placed in the journal."""

    bucket: str
    key: str
    data: bytes

    def predict(self, model: Model) -> Refusal:
        return model.check_bucket(self.bucket) or PreconditionFailed

    async def run(self, stack: Stack) -> Any:
        payload = await stack.ingest.receive(SentBody(self.data), maximum=len(self.data))
        command = PutObject(self.bucket, self.key, ObjectAttributes())
        try:
            await stack.committer.commit(ThenRefuse(PutVersion(command, payload, Limits())), after=payload.marks)
        finally:
            payload.release()

    def learn(self, model: Model, answer: Any) -> None:
        raise AssertionError("a refused script was accepted")
