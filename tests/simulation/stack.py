"""The whole production stack in one thread on any file system: the only thing missing is HTTP.

Nothing here waits for anything, so coroutines are driven by hand, and the same seed gives the same bytes in the same
order on the disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from seglake.adapters.ciphers import AesGcmCiphers
from seglake.adapters.commit.batch import run_batch
from seglake.adapters.commit.direct import DirectCommitter
from seglake.adapters.digests import LibraryDigests
from seglake.adapters.filesystem.layout import prepare
from seglake.adapters.filesystem.reserve import relieve
from seglake.adapters.filesystem.segment_files import FilesystemSegmentFiles
from seglake.adapters.filesystem.store import FilesystemSegmentStore
from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.adapters.memory.segments import MemorySegmentFiles, MemorySegments, MemorySegmentStore
from seglake.adapters.secret_box import AesGcmSecretBox
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.sqlite.vfs import PortVfs
from seglake.adapters.system.threads import InlineOffload
from seglake.domain.model.digest import Expectations
from seglake.domain.model.errors import StoreFailed
from seglake.domain.model.limits import Limits
from seglake.domain.model.segment import DurableMark
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.metadata import MetadataStore, Script
from seglake.domain.ports.segments import SegmentFiles, SegmentStore
from seglake.domain.services.access import RootKey
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.copying import Copying
from seglake.domain.services.encryption import Encrypting
from seglake.domain.services.gc import Collector
from seglake.domain.services.ingest import Ingest
from seglake.domain.services.key_ring import KeyRing
from seglake.domain.services.listing import Listings
from seglake.domain.services.locking import Locking
from seglake.domain.services.multipart import Multipart
from seglake.domain.services.object_reads import ObjectReads
from seglake.domain.services.object_writes import ObjectWrites
from seglake.domain.services.rebuild import Rebuild, RebuildReport
from seglake.domain.services.recovery import Recovery, RecoveryReport, refuse_lost_index
from seglake.domain.services.rewrite import Rewriter
from seglake.domain.services.sealing import NoteSegments, Sealing
from seglake.domain.services.tagging import Tagging
from seglake.entrypoints.apart import ReadHere
from seglake.entrypoints.offline import BUILDING_FILE, _move_aside
from seglake.testing.contracts.doubles import ManualClock, SeededRandomness

T = TypeVar("T")

INDEX = "meta.db"
BOOT_MS = 1_700_000_000_000
INLINE_BYTES_MAX = 2048
PART_BYTES_MIN = 1024
SEGMENT_BYTES = 16 << 10


class NoLog:
    """Notes nothing; what matters is asserted, not logged."""

    def info(self, event: str, /, **fields: Any) -> None: ...
    def warning(self, event: str, /, **fields: Any) -> None: ...
    def error(self, event: str, /, **fields: Any) -> None: ...


class WalkingClock(ManualClock):
    """Goes on by one millisecond whenever it is read, so that no two batches share one."""

    def now_ms(self) -> int:
        self.ms += 1
        return self.ms


class SentBody:
    """A request's payload, in pieces of at most ``piece`` bytes; ``claim`` is what the client says about it."""

    def __init__(self, data: bytes, claim: Expectations | None = None, *, length: int | None = -1, piece: int = 4096):
        self._pieces = [data[i : i + piece] for i in range(0, len(data), piece)]
        self._claim = claim or Expectations()
        self._length = len(data) if length == -1 else length

    @property
    def length(self) -> int | None:
        return self._length

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def expectations(self) -> Expectations:
        return self._claim


@dataclass(slots=True)
class _Waiting:
    """A script that waits for its batch; awaiting it hands it to whoever drives the coroutine."""

    script: Script[Any]
    after: Sequence[DurableMark]

    def __await__(self) -> Generator[_Waiting, Any, Any]:
        return (yield self)


class GatheringCommitter(Committer):
    """Gathers the scripts of all coroutines under way into one batch, as the group committer does on its thread."""

    def __init__(self, metadata: MetadataStore, segments: SegmentStore) -> None:
        self._metadata = metadata
        self._segments = segments
        self._direct = DirectCommitter(metadata, segments, on_failure=self._fail)
        self.gathering = False
        self.failure: StoreFailed | None = None

    def _fail(self, failure: StoreFailed) -> None:
        self.failure = failure

    async def commit(self, script: Script[T], /, *, after: Sequence[DurableMark] = (), size: int = 0) -> T:
        if not self.gathering:
            return await self._direct.commit(script, after=after, size=size)
        result: T = await _Waiting(script, after)
        return result

    async def call(self, work: Callable[[], T], /) -> T:
        if self.failure is not None:
            raise StoreFailed(self.failure.hint)
        try:
            return await self._direct.call(work)
        except StoreFailed as failure:
            self._fail(failure)
            raise

    def together(self, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Runs them to their first commit, commits all in one batch, and ends them: results or errors, in order."""
        self.gathering = True
        try:
            outcomes: list[Any] = [None] * len(coroutines)
            waiting: list[tuple[int, _Waiting]] = []
            for number, coroutine in enumerate(coroutines):
                try:
                    waiting.append((number, coroutine.send(None)))
                except StopIteration as done:
                    outcomes[number] = done.value
                except Exception as error:  # noqa: BLE001 - an outcome like any other
                    outcomes[number] = error
            committed = self._commit([one for _, one in waiting]) if waiting else []
            for (number, _), outcome in zip(waiting, committed, strict=True):
                outcomes[number] = _end(coroutines[number], outcome)
            return outcomes
        finally:
            self.gathering = False

    def _commit(self, waiting: Sequence[_Waiting]) -> list[Any]:
        if self.failure is not None:
            return [StoreFailed(self.failure.hint) for _ in waiting]
        try:
            return run_batch(self._metadata, self._segments, waiting)
        except StoreFailed as failure:
            self._fail(failure)
            return [StoreFailed(failure.hint) for _ in waiting]


def _end(coroutine: Coroutine[Any, Any, Any], outcome: Any) -> Any:
    try:
        if isinstance(outcome, Exception):
            coroutine.throw(outcome)
        else:
            coroutine.send(outcome)
    except StopIteration as done:
        return done.value
    except Exception as error:  # noqa: BLE001 - an outcome like any other
        return error
    raise AssertionError("an operation commits once")


def drive(work: Awaitable[T]) -> T:
    """Runs a coroutine that never really waits."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("nothing in a simulation waits")


@dataclass(slots=True)
class Options:
    """How a stack is built; sizes in bytes."""

    segment_size: int = SEGMENT_BYTES
    segment_idle_s: float = 600.0
    reserve: int = 0
    bulk_lanes: int = 2
    checkpoint_pages: int = 1000
    seed: int = 1
    boot_ms: int = BOOT_MS
    rewrites: bool = False
    """Segments are rewritten, so an event may lie in two."""


@dataclass(slots=True, eq=False)
class Stack:
    """One store, open. ``recovered`` is what its recovery did."""

    options: Options
    clock: WalkingClock
    metadata: MetadataStore
    segments: SegmentStore
    files: SegmentFiles
    recovered: RecoveryReport = field(default_factory=RecoveryReport)
    vfs: PortVfs | None = None
    log: NoLog = field(default_factory=NoLog)

    committer: GatheringCommitter = field(init=False)
    ingest: Ingest = field(init=False)
    encrypting: Encrypting = field(init=False)
    reads: ObjectReads = field(init=False)
    writes: ObjectWrites = field(init=False)
    multipart: Multipart = field(init=False)
    copying: Copying = field(init=False)
    listings: Listings = field(init=False)
    buckets: Buckets = field(init=False)
    tagging: Tagging = field(init=False)
    locking: Locking = field(init=False)
    sealing: Sealing = field(init=False)
    collector: Collector = field(init=False)
    rewriter: Rewriter = field(init=False)
    root_key: RootKey = field(init=False)

    def __post_init__(self) -> None:
        metadata, segments, offload, digests = self.metadata, self.segments, InlineOffload(), LibraryDigests()
        randomness = SeededRandomness(self.options.seed + 1)
        limits = Limits(inline_bytes_max=INLINE_BYTES_MAX, part_bytes_min=PART_BYTES_MIN, object_bytes_max=1 << 20)
        self.committer = committer = GatheringCommitter(metadata, segments)
        self.ingest = ingest = Ingest(segments, digests, offload, inline_bytes_max=limits.inline_bytes_max)
        box = AesGcmSecretBox(bytes(32), randomness)
        ciphers = AesGcmCiphers(randomness)
        self.encrypting = encrypting = Encrypting(KeyRing(metadata, committer, box, ciphers), ciphers, offload)
        self.reads = ObjectReads(metadata, segments, encrypting)
        self.writes = ObjectWrites(metadata, committer, ingest, limits, encrypting)
        self.multipart = Multipart(metadata, committer, ingest, digests, randomness, limits, encrypting)
        self.copying = Copying(
            metadata, committer, segments, digests, offload, limits, ingest=ingest, encrypting=encrypting
        )
        self.listings = Listings(metadata)
        self.buckets = Buckets(metadata, committer)
        self.tagging = Tagging(metadata, committer)
        self.locking = Locking(metadata, committer)
        self.sealing = Sealing(segments, committer, offload, self.log)
        self.collector = Collector(
            metadata,
            committer,
            segments,
            self.files,
            offload=offload,
            clock=self.clock,
            log=self.log,
            reads=ReadHere(metadata, self.files),
        )
        self.rewriter = Rewriter(self.collector, self.clock.pause)
        self.root_key = RootKey(metadata, committer, box, self.clock, randomness)

    def close(self) -> None:
        """A clean stop: what is open is sealed and noted, the index closed. After a failure nothing is sealed."""
        if self.committer.failure is not None:
            self.let_go()
            return
        try:
            rows = self.segments.close()
            (outcome,) = self.metadata.apply([NoteSegments(tuple(rows))], NoRecords())
            if isinstance(outcome, Exception):
                raise outcome
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Drops everything without writing, as far as the database lets us: for after a power failure."""
        if self in _OPEN:
            _OPEN.remove(self)
        try:
            self.metadata.close()
        except StoreFailed:
            pass
        if self.vfs is not None:
            self.vfs.unregister()
            self.vfs = None


_OPEN: list[Stack] = []


def let_go_of_all() -> None:
    """After a test, however it ended: a database must not be left to the garbage collector."""
    while _OPEN:
        _OPEN[-1].let_go()


@contextmanager
def open_index(files: FileSystem, options: Options, name: str = INDEX) -> Iterator[SqliteMetadataStore]:
    """An index, open; closed at the end."""
    store, vfs = _index(files, options, name, WalkingClock(options.boot_ms), SeededRandomness(options.seed))
    try:
        store.open()
        yield store
    finally:
        try:
            store.close()
        finally:
            vfs.unregister()


def _index(
    files: FileSystem, options: Options, name: str, clock: WalkingClock, randomness: SeededRandomness
) -> tuple[SqliteMetadataStore, PortVfs]:
    vfs = PortVfs(files, clock, randomness)
    store = SqliteMetadataStore(
        name,
        clock=clock,
        randomness=randomness,
        vfs=vfs.vfs_name,
        exclusive=True,
        checkpoint_pages=options.checkpoint_pages,
    )
    return store, vfs


def memory_stack(options: Options) -> Stack:
    """A store of nothing but memory adapters."""
    clock, randomness = WalkingClock(options.boot_ms), SeededRandomness(options.seed)
    held = MemorySegments(LibraryDigests())
    segments = MemorySegmentStore(held, clock, randomness, segment_size=options.segment_size)
    metadata = MemoryMetadataStore(clock, randomness)
    return Stack(options, clock, metadata, segments, MemorySegmentFiles(held))


def rebuild_in_place(files: FileSystem, options: Options) -> RebuildReport:
    """What ``seglake rebuild-index`` does, on any file system: the same steps in the same order."""
    for part in ("", "-wal"):
        if files.exists(f"{BUILDING_FILE}{part}"):
            files.remove(f"{BUILDING_FILE}{part}")
    with open_index(files, options, BUILDING_FILE) as index:
        report = Rebuild(index, segment_files(files)).run()
    assert not files.exists(f"{BUILDING_FILE}-wal"), "a closed database is in one file"
    files.sync_dir(".")
    _move_aside(files)
    files.rename(BUILDING_FILE, INDEX)
    files.sync_dir(".")
    return report


def segment_files(files: FileSystem) -> FilesystemSegmentFiles:
    """All segment files of a data directory, at rest."""
    return FilesystemSegmentFiles(files, LibraryDigests(), log=NoLog())


def open_stack(files: FileSystem, options: Options | None = None) -> Stack:
    """Opens a store as the server does: directories, index, recovery, segments."""
    options = options or Options()
    clock, randomness = WalkingClock(options.boot_ms), SeededRandomness(options.seed)
    prepare(files)
    relieve(files)
    is_new, unclean = not files.exists(INDEX), files.exists(f"{INDEX}-wal")
    metadata, vfs = _index(files, options, INDEX, clock, randomness)
    try:
        found = segment_files(files)
        if is_new:
            refuse_lost_index(found)
        metadata.open(unclean=unclean)
        recovered = Recovery(metadata, found, NoLog()).run(index_is_new=is_new)
        store = FilesystemSegmentStore(
            files,
            clock,
            randomness,
            InlineOffload(),
            LibraryDigests(),
            log=NoLog(),
            segment_size=options.segment_size,
            segment_idle_s=options.segment_idle_s,
            reserve=options.reserve,
            bulk_lanes=options.bulk_lanes,
        )
        store.open()
    except BaseException:
        try:
            metadata.close()
        except StoreFailed:
            pass
        vfs.unregister()
        raise
    stack = Stack(options, clock, metadata, store, found, recovered, vfs)
    _OPEN.append(stack)
    return stack
