"""Disks that lie: a store with something of everything, places in its files, and ways to spoil them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from seglake.adapters.disk_format.records import HEADER_BYTES, RecordCodec
from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES, decode_segment_header
from seglake.adapters.disk_format.walk import Found, walk
from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.adapters.filesystem.layout import pack_name, segment_ids, segment_name
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import SeglakeError
from seglake.domain.ports.metadata import MetadataView
from seglake.domain.services.fsck import Fsck
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.scrub import Scrub

from .ledger import Dump, dump_of
from .operations import Copy, Delete, MakeBucket, Operation, Put, SendPart, SetTags, StartUpload, joined
from .session import Session
from .stack import Options, Stack, drive

SECTOR = 512
HEADER_COPIES = ((0, 128), (2048, 2176))
"""The header region's bytes that mean something; the rest of it is padding."""

Contents = dict[tuple[str, str, str], bytes]
"""Bucket, key and version to the bytes of every version."""


def workload(session: Session) -> Iterator[Operation]:
    """Inline and bulk payloads, versions, null versions, markers, tags, a shared chunk and a running upload."""
    yield MakeBucket("bucket", Versioning.ENABLED)
    yield MakeBucket("plain")
    for number in range(6):
        yield Put("bucket", f"k{number % 4}", bytes([number]) * (150 * number))
        yield Put("plain", f"n{number % 3}", b"%d" % number * 90)
    yield Put("bucket", "bulk", Random(1).randbytes(9000))
    yield Copy(("bucket", "bulk", None), "bucket", "copy")
    yield SetTags("bucket", "k1", (("a", "b"),))
    yield Delete("bucket", "k2")
    yield StartUpload("bucket", "parts")
    (upload,) = session.model.buckets["bucket"].uploads
    yield SendPart("bucket", "parts", upload, 1, Random(2).randbytes(3000))


@dataclass(slots=True)
class Held:
    """A stopped store: its disk, what it must show, and a disk from the middle of its life."""

    disk: CrashFileSystem
    options: Options
    dump: Dump
    contents: Contents
    young: CrashFileSystem
    """The same files at an earlier time, closed: where stale sectors come from."""

    def files(self) -> list[str]:
        """Segments and packs."""
        return [name(segment) for segment in segment_ids(self.disk) for name in (segment_name, pack_name)
                if self.disk.exists(name(segment))]  # fmt: skip


def held_store() -> Held:
    """Makes the store; cut into several segments, all of them sealed."""
    session = Session(CrashFileSystem(), Options(segment_size=4096), noting=False)
    young: CrashFileSystem | None = None
    for number, operation in enumerate(workload(session)):
        session.step(operation)
        if number == 12:
            session.reopen()
            session.stack.close()
            assert isinstance(session.files, CrashFileSystem)
            young = copy.deepcopy(session.files)
            session._open(session.files)
    contents = contents_of(session.stack)
    dump = dump_of(session.stack)
    session.stack.close()
    assert isinstance(session.files, CrashFileSystem)
    assert young is not None
    return Held(session.files, session.options, dump, contents, young)


def contents_of(stack: Stack) -> Contents:
    """Every byte of every version, as a client reads it. The first error ends it."""
    return {place: _read(stack, *place) for place in places_of(stack)}


def places_of(stack: Stack) -> list[tuple[str, str, str]]:
    """Bucket, key and version of everything that has bytes."""

    def query(view: MetadataView) -> list[tuple[str, str, str]]:
        return [
            (bucket.name, entry.key, entry.version)
            for bucket in view.buckets.scan()
            for entry in view.versions.scan_versions(bucket.id, "")
            if not entry.is_marker
        ]

    return stack.metadata.read(query)


def _read(stack: Stack, bucket: str, key: str, version: str) -> bytes:
    opened = stack.reads.open(ReadObject(bucket, key, version))
    return drive(joined(stack.reads.stream(opened, 0, opened.manifest.size)))


def wrong_bytes(stack: Stack, known: Contents) -> list[tuple[str, str, str]]:
    """Versions that are served with other bytes than were put; refusing is not wrong, only lying is."""
    out = []
    for place, data in known.items():
        try:
            if _read(stack, *place) != data:
                out.append(place)
        except SeglakeError:
            continue
    return out


def found_by_checks(stack: Stack, *, deep: bool = True) -> bool:
    """Whether fsck or scrub says that anything is wrong."""
    if Fsck(stack.metadata, stack.files).run(deep=deep).findings:
        return True
    return bool(Scrub(stack.metadata, stack.files, stack.clock).run().findings)


@contextmanager
def written(disk: CrashFileSystem, name: str, offset: int, data: bytes) -> Iterator[bytes]:
    """The file with ``data`` at ``offset``; afterwards as it was. Yields what was there before."""
    file = disk.open(name, write=True)
    old = file.pread(len(data), offset)
    file.pwritev([data], offset)
    try:
        yield old
    finally:
        file.pwritev([old], offset)
        file.close()


def size_of(disk: CrashFileSystem, name: str) -> int:
    file = disk.open(name)
    try:
        return file.size()
    finally:
        file.close()


def bytes_at(disk: CrashFileSystem, name: str, offset: int, size: int) -> bytes:
    file = disk.open(name)
    try:
        return file.pread(size, offset)
    finally:
        file.close()


def flipped(disk: CrashFileSystem, name: str, bit: int) -> tuple[str, int, bytes]:
    """What to write in order to flip one bit of a file."""
    at = bit // 8
    return name, at, bytes([bytes_at(disk, name, at, 1)[0] ^ 1 << bit % 8])


def regions_of(disk: CrashFileSystem, segment: bytes) -> Iterator[tuple[str, int, int]]:
    """(kind, first byte, end) of everything in a segment file that means something."""
    name = segment_name(segment)

    def read(size: int, offset: int) -> bytes:
        return bytes_at(disk, name, offset, size)

    header, _ = decode_segment_header(read(SEGMENT_HEADER_BYTES, 0))
    for first, end in HEADER_COPIES:
        yield "header", first, end
    size = size_of(disk, name)
    end = SEGMENT_HEADER_BYTES
    for found in walk(read, RecordCodec(segment, header.key), SEGMENT_HEADER_BYTES, size):
        if not isinstance(found, Found):
            break
        end = found.offset + HEADER_BYTES + found.length
        yield "record header", found.offset, found.offset + HEADER_BYTES
        if found.length:
            kind = {1: "payload", 2: "event", 3: "footer"}[found.kind]
            yield kind, found.offset + HEADER_BYTES, end
    yield "trailer", end, size


Spoil = Callable[[CrashFileSystem, CrashFileSystem, str, int, Random], bytes]


def zeroed(disk: CrashFileSystem, young: CrashFileSystem, name: str, at: int, random: Random) -> bytes:
    """The sector was never written."""
    return bytes(len(bytes_at(disk, name, at, SECTOR)))


def swapped(disk: CrashFileSystem, young: CrashFileSystem, name: str, at: int, random: Random) -> bytes:
    """The write went elsewhere: here lies what belongs to another sector."""
    size = len(bytes_at(disk, name, at, SECTOR))
    other = random.randrange(max(1, size_of(disk, name) // SECTOR)) * SECTOR
    return bytes_at(disk, name, other, size).ljust(size, b"\0")


def stale(disk: CrashFileSystem, young: CrashFileSystem, name: str, at: int, random: Random) -> bytes:
    """The last write never arrived: here lies what was there before it."""
    size = len(bytes_at(disk, name, at, SECTOR))
    old = bytes_at(young, name, at, size) if young.exists(name) else b""
    return old.ljust(size, b"\0")


SPOILS: dict[str, Spoil] = {"zeroed": zeroed, "swapped": swapped, "stale": stale}
