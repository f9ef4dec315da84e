"""The only place that builds a service graph: every use case, on the memory adapters, with steered time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from seglake.adapters.ciphers import AesGcmCiphers
from seglake.adapters.commit.direct import DirectCommitter
from seglake.adapters.digests import LibraryDigests
from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.adapters.memory.segments import MemorySegmentFiles, MemorySegments, MemorySegmentStore
from seglake.adapters.secret_box import AesGcmSecretBox
from seglake.adapters.system.threads import InlineOffload
from seglake.adapters.telemetry.requests import CountedRequests
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.digest import Expectations
from seglake.domain.model.encryption import Protection
from seglake.domain.model.limits import Limits
from seglake.domain.ports.body import Body
from seglake.domain.services.access import Access, KeyPair, RootKey
from seglake.domain.services.bucket_access import BucketAccess
from seglake.domain.services.bucket_settings import BucketSettings
from seglake.domain.services.buckets import Buckets, CreateBucket
from seglake.domain.services.copying import Copying
from seglake.domain.services.directory import Directory
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.emptying import Emptying
from seglake.domain.services.encryption import Encrypting
from seglake.domain.services.explaining import Explaining
from seglake.domain.services.gc import Collector
from seglake.domain.services.ingest import Ingest
from seglake.domain.services.key_ring import KeyRing
from seglake.domain.services.keys import Keys
from seglake.domain.services.lifecycle import LifecycleRunner
from seglake.domain.services.listing import Listings, Window
from seglake.domain.services.locking import Locking
from seglake.domain.services.multipart import Multipart
from seglake.domain.services.object_reads import ObjectReads, ReadObject
from seglake.domain.services.object_writes import ObjectAttributes, ObjectWrites, PutObject, Stored
from seglake.domain.services.recovery import Recovery
from seglake.domain.services.rewrite import Rewriter
from seglake.domain.services.sealing import Sealing
from seglake.domain.services.statistics import Statistics
from seglake.domain.services.stocktaking import Stocktaking
from seglake.domain.services.tagging import Tagging
from seglake.domain.services.users import Users
from seglake.entrypoints.apart import ReadHere
from seglake.testing.contracts.doubles import ManualClock, SeededRandomness


class Pieces(Body):
    """A body of given pieces; ``late`` expectations are known only at its end, as those of a trailer."""

    def __init__(
        self,
        pieces: Iterable[bytes],
        expected: Expectations | None = None,
        *,
        late: Expectations | None = None,
        length: int | None = -1,
    ) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._expected = expected or Expectations()
        self._late = late
        self._length = sum(map(len, self._pieces)) if length == -1 else length

    @property
    def length(self) -> int | None:
        return self._length

    async def read(self) -> bytes:
        if not self._pieces:
            self._expected = self._late or self._expected
            return b""
        return self._pieces.pop(0)

    def expectations(self) -> Expectations:
        return self._expected


class RecordingLog:
    """Remembers (level, event, fields)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, /, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, /, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, /, **fields: Any) -> None:
        self.lines.append(("error", event, fields))

    def events(self, level: str) -> list[str]:
        return [event for got, event, _ in self.lines if got == level]


@dataclass
class Store:
    """A whole store in memory. Time stands still unless ``clock`` is moved."""

    limits: Limits = field(default_factory=Limits)
    segment_size: int = 1 << 30
    root: KeyPair | None = None
    public_buckets: frozenset[str] = frozenset()
    default_encryption: Protection | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    log: RecordingLog = field(default_factory=RecordingLog)

    def __post_init__(self) -> None:
        self.randomness = SeededRandomness()
        self.digests = LibraryDigests()
        self.offload = InlineOffload()
        self.box = AesGcmSecretBox(bytes(32), self.randomness)
        self.metadata = MemoryMetadataStore(self.clock, self.randomness)
        self.segments = MemorySegments(self.digests)
        self.files = MemorySegmentFiles(self.segments)
        self.open_segments()

    def open_segments(self) -> None:
        """A new segment store on the same segments and index, as after a restart."""
        self.segment_store = MemorySegmentStore(
            self.segments, self.clock, self.randomness, segment_size=self.segment_size
        )
        self.committer = DirectCommitter(self.metadata, self.segment_store)
        ingest = Ingest(self.segment_store, self.digests, self.offload, inline_bytes_max=self.limits.inline_bytes_max)
        metadata, committer, limits = self.metadata, self.committer, self.limits
        self.ingest = ingest
        self.buckets = Buckets(metadata, committer)
        self.settings = BucketSettings(metadata, committer)
        self.tagging = Tagging(metadata, committer)
        self.locking = Locking(metadata, committer)
        self.ciphers = AesGcmCiphers(self.randomness)
        self.key_ring = KeyRing(metadata, committer, self.box, self.ciphers)
        encrypting = Encrypting(self.key_ring, self.ciphers, self.offload, default=self.default_encryption)
        self.encrypting = encrypting
        self.reads = ObjectReads(metadata, self.segment_store, encrypting)
        self.writes = ObjectWrites(metadata, committer, ingest, limits, encrypting)
        self.multipart = Multipart(metadata, committer, ingest, self.digests, self.randomness, limits, encrypting)
        self.copying = Copying(
            metadata,
            committer,
            self.segment_store,
            self.digests,
            self.offload,
            limits,
            ingest=ingest,
            encrypting=encrypting,
        )
        self.listings = Listings(metadata)
        self.access = Access(metadata, self.box, self.root, self.public_buckets)
        self.bucket_access = BucketAccess(metadata, committer, self.public_buckets)
        self.directory = Directory(metadata)
        self.meter = CountedRequests(self.clock.steady_s)
        self.stocktaking = Stocktaking(metadata, self.clock, self.clock.pause)
        sections = {"requests": self.meter.figures}
        self.statistics = Statistics(metadata, self.clock, self.stocktaking, version="0", sections=sections)
        given = None if self.root is None else self.root.access_key
        self.users = Users(metadata, committer)
        self.access_keys = Keys(metadata, committer, self.box, self.randomness, given=given)
        self.emptying = Emptying(metadata, committer)
        self.explaining = Explaining(metadata, self.access, self.clock, given=given)
        self.root_key = RootKey(metadata, committer, self.box, self.clock, self.randomness)
        self.sealing = Sealing(self.segment_store, committer, self.offload, self.log)
        self.recovery = Recovery(metadata, self.files, self.log)
        self.collector = Collector(
            metadata,
            committer,
            self.segment_store,
            self.files,
            offload=self.offload,
            clock=self.clock,
            log=self.log,
            reads=ReadHere(metadata, self.files),
        )
        self.rewriter = Rewriter(self.collector, self.clock.pause)
        self.lifecycle = LifecycleRunner(metadata, committer, self.clock, self.log, self.clock.pause)

    async def bucket(self, name: str = "bucket", versioning: Versioning = Versioning.UNVERSIONED) -> None:
        """Makes a bucket."""
        await self.buckets.create(CreateBucket(name))
        if versioning is not Versioning.UNVERSIONED:
            await self.buckets.set_versioning(name, versioning)

    async def put(self, key: str, data: bytes = b"", *, bucket: str = "bucket", **attributes: Any) -> Stored:
        """Puts an object; ``attributes`` are those of ObjectAttributes."""
        command = PutObject(bucket, key, ObjectAttributes(**attributes))
        return await self.writes.put(command, Pieces([data]))

    async def get(self, key: str, version: str | None = None, *, bucket: str = "bucket") -> bytes:
        """Reads a whole object."""
        opened = self.reads.open(ReadObject(bucket, key, version))
        return b"".join([bytes(view) async for view in self.reads.stream(opened, 0, opened.manifest.size)])

    def keys(self, bucket: str = "bucket") -> list[str]:
        """The keys that a listing shows."""
        return [entry.key for entry in self.listings.objects(bucket, Window()).entries]

    def dump(self) -> list[str]:
        """Everything logical."""
        return self.metadata.read(lambda view: list(logical_dump(view)))
