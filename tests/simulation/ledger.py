"""The ledger stands outside of the store: it knows what was acknowledged, and after a crash it asks for all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.hlc import HLC
from seglake.domain.ports.metadata import MetadataView
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.fsck import Fsck
from seglake.domain.services.listing import Window
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.rebuild import Rebuild
from seglake.domain.services.recovery import Recovery
from seglake.domain.services.scrub import Scrub

from .model import Kept, Model, ShownUpload, Snapshot
from .operations import Delete, MakeBucket, Operation, Put, attempt, joined, outcome_of
from .stack import Options, Stack, drive, open_index, open_stack, segment_files

Dump = tuple[str, ...]

LATER_MS = 3_600_000
"""How far the clock may stand before or behind when a store comes back."""


class Violation(AssertionError):
    """A promise of durability was broken."""


@dataclass(slots=True)
class Ledger:
    """``states[i]``, ``dumps[i]`` and ``ticks[i]`` (of the newest stamp seen so far) hold after ``i`` answers."""

    model: Model = field(default_factory=Model)
    states: list[Snapshot] = field(default_factory=list)
    dumps: list[Dump] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)

    def note(self, stack: Stack) -> None:
        """The last operation was answered."""
        self.states.append(self.model.snapshot())
        self.dumps.append(dump_of(stack, places=False))
        shown = stack.metadata.read(lambda view: max(_stamps(view), default=0))
        self.ticks.append(max(shown, self.ticks[-1] if self.ticks else 0))

    @property
    def answered(self) -> int:
        """How many operations were answered."""
        return len(self.states) - 1

    def matches(self, number: int, seen: Snapshot, dump: Dump) -> bool:
        """Whether a store shows exactly what holds after ``number`` operations."""
        # Before anything was acknowledged a crash may cost the store its name; then it chooses another.
        skip = 1 if number == 0 else 0
        return seen == self.states[number] and dump[skip:] == self.dumps[number][skip:]


def _stamps(view: MetadataView) -> Iterator[int]:
    """The ticks of everything that shows a stamp."""
    for bucket in view.buckets.scan():
        yield bucket.created.ticks
        for entry in view.versions.scan_versions(bucket.id, ""):
            yield entry.stamp.ticks
        for upload in view.uploads.scan_running(bucket.id, ""):
            yield upload.started.ticks


def dump_of(stack: Stack, *, places: bool = True) -> Dump:
    """The store's logical dump; without ``places`` a rewrite changes nothing in it."""
    return stack.metadata.read(lambda view: tuple(logical_dump(view, places=places)))


def observe(stack: Stack) -> Snapshot:
    """Everything a client can see, asked for as a client would: every byte of every version is read."""
    return {
        bucket.name: (str(bucket.versioning), _keys(stack, bucket.name), _uploads(stack, bucket.name))
        for bucket in stack.buckets.list().buckets
    }


def _keys(stack: Stack, bucket: str) -> dict[str, tuple[Kept, ...]]:
    found: dict[str, list[Kept]] = {}
    key = version = ""
    while True:
        page = stack.listings.versions(bucket, Window(), key, version)
        for entry in page.entries:
            kept = (
                Kept(entry.version, marker=True) if entry.is_marker else _read(stack, bucket, entry.key, entry.version)
            )
            found.setdefault(entry.key, []).append(kept)
        if page.next_key is None:
            break
        key, version = page.next_key, page.next_version or ""
    listed = [entry.key for entry in stack.listings.objects(bucket, Window()).entries]
    readable = [key for key, versions in sorted(found.items()) if not versions[0].marker]
    if listed != readable:
        raise Violation(f"I4: the listing of {bucket} is {listed}, readable are {readable}")
    return {key: tuple(versions) for key, versions in found.items()}


def _read(stack: Stack, bucket: str, key: str, version: str) -> Kept:
    opened = stack.reads.open(ReadObject(bucket, key, version))
    manifest = opened.manifest
    data = drive(joined(stack.reads.stream(opened, 0, manifest.size)))
    return Kept(
        version,
        data=data,
        etag=manifest.etag,
        modified_ms=manifest.modified_ms,
        metadata=manifest.metadata,
        tags=opened.version.tags,
        lock=opened.version.lock,
    )


def _uploads(stack: Stack, bucket: str) -> dict[str, ShownUpload]:
    page = stack.listings.uploads(bucket, Window())
    return {
        upload.id: (
            upload.key,
            upload.metadata,
            {part.number: (part.etag, part.size) for part in stack.listings.parts(bucket, upload.key, upload.id).parts},
        )
        for upload in page.uploads
    }


def check_recovered(stack: Stack, ledger: Ledger, first: int, last: int) -> int:
    """I1-I4, I8: the store shows one of the states ``first`` ... ``last`` of the ledger; returns which."""
    seen, dump = observe(stack), dump_of(stack, places=False)
    for number in range(first, last + 1):
        if ledger.matches(number, seen, dump):
            ticks = stack.metadata.read(lambda view: view.settings.last_ticks())
            if ticks < ledger.ticks[number]:
                raise Violation(f"I8: the last stamp went back from {ledger.ticks[number]} to {ticks}")
            return number
    raise Violation(_difference(ledger, first, last, seen, dump))


def _difference(ledger: Ledger, first: int, last: int, seen: Snapshot, dump: Dump) -> str:
    lines = [f"the store shows none of the states {first}...{last}"]
    for number in range(first, last + 1):
        known = ledger.dumps[number]
        lines += [f"  state {number}, missing: {line[:300]}" for line in known if line not in dump]
        lines += [f"  state {number}, too much: {line[:300]}" for line in dump if line not in known]
        if seen != ledger.states[number]:
            lines.append(f"  state {number}: seen {str(seen)[:600]}, expected {str(ledger.states[number])[:600]}")
    return "\n".join(lines)


def check_sound(stack: Stack, tolerated: str = "") -> None:
    """I5: fsck and scrub have nothing to say, but perhaps what is ``tolerated``."""
    report = Fsck(stack.metadata, stack.files).run()
    findings = [found for found in report.findings if not tolerated or tolerated not in found.text]
    if findings:
        raise Violation(f"I5: fsck: {findings}")
    scrub = Scrub(stack.metadata, stack.files, stack.clock).run()
    if scrub.findings or scrub.damaged:
        raise Violation(f"I5: scrub: {scrub.findings}")


def check_second_recovery(stack: Stack, disk: CrashFileSystem) -> None:
    """I6: recovering again changes nothing, neither on the disk nor in the index."""
    before, dump = disk.operations, dump_of(stack)
    report = Recovery(stack.metadata, stack.files, stack.log).run()
    if report.changed or disk.operations != before or dump_of(stack) != dump:
        raise Violation(f"I6: a second recovery did something: {report}, {disk.operations - before} operations")


def check_works(disk: CrashFileSystem, stack: Stack, ledger: Ledger, number: int, options: Options) -> None:
    """I7, I8: writes of every kind are accepted, above every stamp before them, and survive the next power failure."""
    model = Model()
    small, large = b"after the crash", bytes(range(256)) * 17
    script: Sequence[Operation] = (
        MakeBucket("after-a-crash", Versioning.ENABLED),
        Put("after-a-crash", "small", small, metadata=(("a", "b"),)),
        Put("after-a-crash", "large", large),
        Delete("after-a-crash", "small"),
    )
    for operation in script:
        outcome_of(operation, model, drive(attempt(operation, stack)))
    bucket = stack.buckets.get("after-a-crash")
    if bucket.created.ticks <= ledger.ticks[number]:
        raise Violation(f"I8: a new stamp {bucket.created} is not above {HLC(ledger.ticks[number], 0)}")
    expected = {**ledger.states[number], **model.snapshot()}
    again = open_stack(disk.crash(), replace(options, seed=options.seed + 1000))
    try:
        if observe(again) != expected:
            raise Violation("I7: a write after the crash did not survive the next one")
        check_sound(again)
    finally:
        again.let_go()


def check_rebuild(disk: CrashFileSystem, dump: Dump, options: Options) -> None:
    """I9: an index made from the segments alone says the same; what was refused is nowhere in them."""
    with open_index(disk, options, "meta.db.rebuild") as index:
        report = Rebuild(index, segment_files(disk)).run()
        rebuilt = index.read(lambda view: tuple(logical_dump(view)))
    if report.findings or (report.duplicates and not options.rewrites):
        raise Violation(f"I9: rebuilding found {report.findings} and {report.duplicates} duplicates")
    # Without any event the segments do not know the site.
    skip = 0 if report.newest is not None else 1
    if rebuilt[skip:] != dump[skip:]:
        missing = [line[:300] for line in dump if line not in rebuilt]
        extra = [line[:300] for line in rebuilt if line not in dump]
        raise Violation(f"I9: the rebuilt index differs; missing {missing}, too much {extra}")
