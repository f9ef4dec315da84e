"""A dump says everything logical, once, in a fixed order, and nothing about places."""

from __future__ import annotations

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import Credential
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind, VersionState
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.object_lock import Lock, Retention, RetentionMode
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.model.user import User, UserState
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
        tx.versions.set_lock(1, "é", HLC(3, 2), Lock(Retention(RetentionMode.COMPLIANCE, 99), True))
        tx.versions.set_acl(1, "é", HLC(3, 2), "grants")
        tx.configs.put(1, ConfigKind.POLICY, "{}")
        tx.configs.put(1, ConfigKind.CORS, "rules")
        tx.buckets.set_configured(1, 8)
        tx.uploads.insert(Upload("u", 1, "k", HLC(5, 2)))
        tx.uploads.put_part(Part("u", 1, HLC(6, 2), 0, "e", 7, None, ()), ref)
        tx.credentials.put(Credential("AKIA", b"\1\2"))
        tx.users.put(User("mia", UserState.DISABLED, 9))
        tx.ring_keys.put(RingKey("wrap", (b"\3", b"\4"), False, 10))
        tx.notes.put("cursor", "says nothing")

    store = MemoryMetadataStore(ManualClock(), SeededRandomness())
    store.apply((fill,), ScriptedJournal())
    return store


def test_a_line_for_everything_in_a_fixed_order() -> None:
    put = '[1,"bucket","\\u00e9",[3,2],1,true,0,"e",4,"root",[],[],[],null,[],[],"",[null,false],"",null]'
    assert filled(10).read(lambda view: list(logical_dump(view))) == [
        "site 00000abc",
        'bucket ["bucket",[1,2],"Unversioned","root","us-east-1",8]',
        'config [1,"cors","rules"]',
        'config [1,"policy","{}"]',
        f'version [{put},2,[["k","v"]],[["COMPLIANCE",99],true],"grants"]',
        'upload ["u",1,"k",[5,2],"root",[],[],[],null,null,"",null,[null,false],"",null]',
        'part ["u",1,[6,2],0,"e",7,null,[]]',
        'credential ["AKIA","0102","root","rw",[],true,0]',
        'user ["mia","disabled",9]',
        'ring-key ["wrap",["03","04"],false,10]',
    ]


def test_places_of_records_do_not_show() -> None:
    one, other = filled(10), filled(99)
    assert one.read(lambda view: list(logical_dump(view))) == other.read(lambda view: list(logical_dump(view)))
