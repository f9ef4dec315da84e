"""A dump says everything logical, once, in a fixed order, and nothing about places."""

from __future__ import annotations

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.credential import Credential
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind, VersionState
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.services.dump import logical_dump
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness


def filled(offset: int) -> MemoryMetadataStore:
    ref = RecordRef(b"s" * 16, offset, 5)

    def fill(tx: MetadataTx) -> None:
        tx.settings.set_site(0xABC)
        tx.segments.put(Segment(b"s" * 16, SegmentState.OPEN, offset, 1))
        tx.buckets.insert(Bucket("bucket", HLC(1, 2)))
        tx.versions.insert(
            Manifest(1, "bucket", "é", HLC(3, 2), VersionKind.OBJECT, True, etag="e", modified_ms=4), ref
        )
        tx.versions.set_state(1, "é", HLC(3, 2), VersionState.DAMAGED)
        tx.versions.set_tags(1, "é", HLC(3, 2), (("k", "v"),))
        tx.uploads.insert(Upload("u", 1, "k", HLC(5, 2)))
        tx.uploads.put_part(Part("u", 1, HLC(6, 2), 0, "e", 7, None, ()), ref)
        tx.credentials.put(Credential("AKIA", b"\1\2"))

    store = MemoryMetadataStore(ManualClock(), SeededRandomness())
    store.apply((fill,), ScriptedJournal())
    return store


def test_a_line_for_everything_in_a_fixed_order() -> None:
    assert filled(10).read(lambda view: list(logical_dump(view))) == [
        "site 00000abc",
        'bucket ["bucket",[1,2],"Unversioned","root","us-east-1"]',
        'version [[1,"bucket","\\u00e9",[3,2],1,true,0,"e",4,"root",[],[],[],null,[],[],""],2,[["k","v"]]]',
        'upload ["u",1,"k",[5,2],"root",[],[],[],null,null,"",null]',
        'part ["u",1,[6,2],0,"e",7,null,[]]',
        'credential ["AKIA","0102","root","rw",[],true,0]',
    ]


def test_places_of_records_do_not_show() -> None:
    one, other = filled(10), filled(99)
    assert one.read(lambda view: list(logical_dump(view))) == other.read(lambda view: list(logical_dump(view)))
