"""The contract of the tables beside objects: configuration texts, users, ring keys, notes, and locks of versions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import NO_CONFIGS, ConfigKind, Configs
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.errors import SeglakeError, StorageFull, StoreFailed
from seglake.domain.model.events import (
    AclSet,
    BucketConfigured,
    BucketCreated,
    BucketDeleted,
    LockSet,
    RingKeyPut,
    TagsSet,
    UserPut,
    VersionPut,
)
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.object_lock import NO_LOCK, Lock, Retention, RetentionMode
from seglake.domain.model.user import User, UserState
from seglake.domain.model.version import Version
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView
from seglake.testing.contracts.doubles import ScriptedJournal
from seglake.testing.contracts.metadata_case import BUCKET, REF, StoreCase, change, dump, version

LOCK = Lock(Retention(RetentionMode.GOVERNANCE, 1_700_000_000_000), True)
PLACE = (BUCKET.id, "a", HLC(103, 1))
NOWHERE = (BUCKET.id, "a", HLC(999, 1))
_CONCURRENT_S = 0.1


def configure(kind: ConfigKind, text: str, bucket: str = BUCKET.name) -> Callable[[MetadataTx], Bucket]:
    """A script that sets one text; it answers with the bucket as it is then."""

    def script(tx: MetadataTx) -> Bucket:
        tx.record(BucketConfigured(tx.tick(), _named(tx, bucket).id, kind, text))
        return _named(tx, bucket)

    return script


def _named(tables: MetadataView | MetadataTables, name: str) -> Bucket:
    bucket = tables.buckets.get(name)
    assert bucket is not None
    return bucket


def texts_of(view: MetadataView | MetadataTables, name: str = BUCKET.name) -> Configs:
    """What a reader that has just found the bucket sees."""
    return view.configs.of(_named(view, name))


class ConfigContract(StoreCase):
    """Configuration texts: set, removed, undone, dropped, and never seen half."""

    @pytest.fixture
    def with_bucket(self, store: MetadataStore) -> MetadataStore:
        change(store, lambda tx: tx.record(BucketCreated(BUCKET)))
        return store

    def test_a_bucket_that_was_never_configured_has_no_texts(self, with_bucket: MetadataStore) -> None:
        assert with_bucket.read(texts_of) == NO_CONFIGS
        assert with_bucket.read(lambda view: _named(view, BUCKET.name)).configured == 0

    def test_texts_are_set_replaced_and_removed_one_kind_at_a_time(self, with_bucket: MetadataStore) -> None:
        store = with_bucket
        change(store, configure(ConfigKind.CORS, "one"), configure(ConfigKind.POLICY, "é\0\U0001f600 two"))
        assert store.read(texts_of) == {ConfigKind.CORS: "one", ConfigKind.POLICY: "é\0\U0001f600 two"}
        change(store, configure(ConfigKind.CORS, "three"))
        assert store.read(texts_of) == {ConfigKind.CORS: "three", ConfigKind.POLICY: "é\0\U0001f600 two"}
        change(store, configure(ConfigKind.POLICY, ""))
        assert store.read(texts_of) == {ConfigKind.CORS: "three"}
        change(store, configure(ConfigKind.POLICY, ""), configure(ConfigKind.CORS, ""))
        assert store.read(texts_of) == NO_CONFIGS
        assert store.check() == []

    def test_every_kind_has_a_text_of_its_own(self, with_bucket: MetadataStore) -> None:
        change(with_bucket, *[configure(kind, f"text of {kind}") for kind in ConfigKind])
        assert with_bucket.read(texts_of) == {kind: f"text of {kind}" for kind in ConfigKind}

    def test_buckets_do_not_share_texts(self, with_bucket: MetadataStore) -> None:
        other = Bucket("other", HLC(20, 1))
        change(with_bucket, lambda tx: tx.record(BucketCreated(other)), configure(ConfigKind.CORS, "theirs", "other"))
        assert with_bucket.read(texts_of) == NO_CONFIGS
        assert with_bucket.read(lambda view: texts_of(view, "other")) == {ConfigKind.CORS: "theirs"}

    def test_a_large_text_is_kept_whole(self, with_bucket: MetadataStore) -> None:
        text = "".join([chr(0x100 + n % 0x3000) for n in range(200_000)])
        change(with_bucket, configure(ConfigKind.LIFECYCLE, text))
        assert with_bucket.read(texts_of) == {ConfigKind.LIFECYCLE: text}

    def test_every_change_moves_the_bucket_to_a_new_stamp(self, with_bucket: MetadataStore) -> None:
        seen = [0]
        for text in ("one", "two", ""):
            (bucket,) = change(with_bucket, configure(ConfigKind.CORS, text))
            assert bucket == with_bucket.read(lambda view: _named(view, BUCKET.name))
            assert bucket.configured > seen[-1]
            seen.append(bucket.configured)

    def test_a_script_sees_the_texts_it_set_itself(self, with_bucket: MetadataStore) -> None:
        def script(tx: MetadataTx) -> list[Configs]:
            seen = [texts_of(tx)]
            for text in ("one", "two", ""):
                configure(ConfigKind.CORS, text)(tx)
                seen.append(texts_of(tx))
            return [dict(texts) for texts in seen]

        expected = [{}, {ConfigKind.CORS: "one"}, {ConfigKind.CORS: "two"}, {}]
        assert change(with_bucket, script) == [expected]

    @pytest.mark.parametrize("error", [SeglakeError("refused"), ZeroDivisionError("a bug")])
    def test_texts_of_a_failed_script_are_undone_for_the_batch_and_for_readers(
        self, with_bucket: MetadataStore, error: Exception
    ) -> None:
        store = with_bucket
        change(store, configure(ConfigKind.CORS, "kept"), configure(ConfigKind.ACL, "kept too"))
        before, lines = store.read(lambda view: _named(view, BUCKET.name)), dump(store)

        def fails(tx: MetadataTx) -> None:
            configure(ConfigKind.CORS, "wrong")(tx)
            configure(ConfigKind.ACL, "")(tx)
            configure(ConfigKind.POLICY, "wrong too")(tx)
            raise error

        kept = {ConfigKind.CORS: "kept", ConfigKind.ACL: "kept too"}
        outcomes = change(store, fails, lambda tx: (_named(tx, BUCKET.name), dict(texts_of(tx))), fails)
        assert outcomes == [error, (before, kept), error]
        assert store.read(texts_of) == kept
        assert dump(store) == lines
        assert change(store, configure(ConfigKind.CORS, "next"))[0].configured > before.configured
        assert store.read(texts_of) == {**kept, ConfigKind.CORS: "next"}
        assert store.check() == []

    def test_texts_of_a_batch_that_is_not_flushed_are_never_seen(self, with_bucket: MetadataStore) -> None:
        change(with_bucket, configure(ConfigKind.POLICY, "kept"))
        with pytest.raises(StoreFailed):
            change(with_bucket, configure(ConfigKind.POLICY, ""), journal=ScriptedJournal(error=StoreFailed("sync")))
        assert with_bucket.read(texts_of) == {ConfigKind.POLICY: "kept"}

    def test_texts_for_which_there_was_no_room_are_forgotten(self, with_bucket: MetadataStore) -> None:
        def sets(text: str) -> Callable[[MetadataTx], Configs]:
            def script(tx: MetadataTx) -> Configs:
                configure(ConfigKind.POLICY, text)(tx)
                return dict(texts_of(tx))

            return script

        with pytest.raises(StorageFull):
            change(with_bucket, sets("wrong"), journal=ScriptedJournal(error=StorageFull("no room")))
        assert with_bucket.read(texts_of) == NO_CONFIGS
        assert change(with_bucket, sets("right")) == [{ConfigKind.POLICY: "right"}]
        assert with_bucket.read(texts_of) == {ConfigKind.POLICY: "right"}

    def test_texts_go_with_their_bucket(self, with_bucket: MetadataStore) -> None:
        store = with_bucket
        other = Bucket("other", HLC(20, 1))
        change(store, lambda tx: tx.record(BucketCreated(other)), configure(ConfigKind.CORS, "theirs", "other"))
        change(store, configure(ConfigKind.POLICY, "old"))

        def again(tx: MetadataTx) -> Configs:
            tx.record(BucketDeleted(tx.tick(), BUCKET.id))
            tx.record(BucketCreated(Bucket(BUCKET.name, tx.tick())))
            return dict(texts_of(tx))

        assert change(store, again) == [{}]
        assert store.read(texts_of) == NO_CONFIGS
        assert store.read(lambda view: texts_of(view, "other")) == {ConfigKind.CORS: "theirs"}
        assert [line for line in dump(store) if line.startswith("config ")] == ['config [20,"cors","theirs"]']
        assert store.check() == []

    def test_a_refused_deletion_keeps_the_texts(self, with_bucket: MetadataStore) -> None:
        change(with_bucket, configure(ConfigKind.POLICY, "kept"))

        def refused(tx: MetadataTx) -> None:
            tx.record(BucketDeleted(tx.tick(), BUCKET.id))
            raise SeglakeError("refused")

        change(with_bucket, refused)
        assert with_bucket.read(texts_of) == {ConfigKind.POLICY: "kept"}

    def test_versioning_and_texts_change_a_bucket_side_by_side(self, with_bucket: MetadataStore) -> None:
        (configured,) = change(with_bucket, configure(ConfigKind.CORS, "rules"))
        change(with_bucket, lambda tx: tx.buckets.set_versioning(BUCKET.id, Versioning.ENABLED))
        bucket = with_bucket.read(lambda view: _named(view, BUCKET.name))
        assert (bucket.configured, bucket.versioning) == (configured.configured, Versioning.ENABLED)
        change(with_bucket, lambda tx: tx.buckets.set_configured(99, 5))
        assert with_bucket.read(texts_of) == {ConfigKind.CORS: "rules"}

    def test_a_snapshot_keeps_its_texts_while_others_change_them(self, with_bucket: MetadataStore) -> None:
        store = with_bucket
        change(store, configure(ConfigKind.CORS, "old"))
        writer = threading.Thread(target=change, args=(store, configure(ConfigKind.CORS, "new")))

        def query(view: MetadataView) -> list[Configs]:
            seen = [texts_of(view)]
            writer.start()
            writer.join(_CONCURRENT_S)  # a store that lets no one write meanwhile does so afterwards
            return [*seen, texts_of(view)]

        assert store.read(query) == [{ConfigKind.CORS: "old"}] * 2
        writer.join()
        assert store.read(texts_of) == {ConfigKind.CORS: "new"}


class ProtectionContract(StoreCase):
    """Locks and access control lists of versions, users, ring keys and notes."""

    @pytest.fixture
    def with_version(self, store: MetadataStore) -> MetadataStore:
        change(
            store, lambda tx: tx.record(BucketCreated(BUCKET)), lambda tx: tx.versions.insert(version("a", 103), REF)
        )
        return store

    def test_lock_and_acl_change_beside_the_manifest(self, with_version: MetadataStore) -> None:
        store = with_version

        def alter(tx: MetadataTx) -> list[bool]:
            return [
                tx.versions.set_lock(*PLACE, LOCK),
                tx.versions.set_acl(*PLACE, "grants é"),
                tx.versions.set_lock(*NOWHERE, LOCK),
                tx.versions.set_acl(*NOWHERE, "grants"),
            ]

        assert change(store, alter) == [[True, True, False, False]]
        expected = Version(version("a", 103), VersionState.ACTIVE, (), LOCK, "grants é")
        assert store.read(lambda view: view.versions.current(BUCKET.id, "a")) == expected
        assert store.read(lambda view: view.versions.find(*PLACE)) == expected
        change(store, lambda tx: tx.versions.set_lock(*PLACE, NO_LOCK), lambda tx: tx.versions.set_acl(*PLACE, ""))
        assert store.read(lambda view: view.versions.current(BUCKET.id, "a")) == Version(
            version("a", 103), VersionState.ACTIVE, ()
        )
        assert store.check() == []

    def test_lock_acl_and_tags_do_not_touch_each_other(self, with_version: MetadataStore) -> None:
        events = (
            TagsSet(HLC(200, 1), *PLACE, (("k", "v"),)),
            LockSet(HLC(201, 1), *PLACE, Lock(hold=True)),
            AclSet(HLC(202, 1), *PLACE, "grants"),
            LockSet(HLC(203, 1), *PLACE, LOCK),
        )
        change(with_version, *[lambda tx, event=event: tx.record(event) for event in events])
        found = with_version.read(lambda view: view.versions.current(BUCKET.id, "a"))
        assert found == Version(version("a", 103), VersionState.ACTIVE, (("k", "v"),), LOCK, "grants")

    def test_a_lock_that_the_version_was_put_with_is_removed_by_setting_none(self, with_version: MetadataStore) -> None:
        manifest = replace(version("locked", 110), lock=LOCK, acl="began with")
        change(with_version, lambda tx: tx.record(VersionPut(manifest)))
        place = (BUCKET.id, "locked", manifest.stamp)
        first = with_version.read(lambda view: view.versions.find(*place))
        assert first == Version(manifest, VersionState.ACTIVE, (), LOCK, "began with")
        change(with_version, lambda tx: tx.versions.set_lock(*place, NO_LOCK))
        change(with_version, lambda tx: tx.versions.set_acl(*place, ""))
        second = with_version.read(lambda view: view.versions.find(*place))
        assert second == Version(manifest, VersionState.ACTIVE, (), NO_LOCK, "")

    def test_users_are_kept_whole(self, store: MetadataStore) -> None:
        rows = [User("mia", UserState.DISABLED, 5), User("a+b=c,d.e@f_g-h", UserState.ACTIVE, 6)]
        change(store, *[lambda tx, row=row: tx.record(UserPut(tx.tick(), row)) for row in rows])
        assert store.read(lambda view: list(view.users.scan())) == rows[::-1]
        gone = User("mia", UserState.DELETED, 5)
        change(store, lambda tx: tx.record(UserPut(tx.tick(), gone)))
        assert store.read(lambda view: (view.users.get("mia"), view.users.get("nobody"))) == (gone, None)

    def test_ring_keys_are_kept_whole(self, store: MetadataStore) -> None:
        rows = [RingKey("wrap", (b"\0one", b"two"), True, 5), RingKey("other", (b"x" * 100,), False, 6)]
        change(store, *[lambda tx, row=row: tx.record(RingKeyPut(tx.tick(), row)) for row in rows])
        assert store.read(lambda view: list(view.ring_keys.scan())) == rows[::-1]
        rotated = RingKey("wrap", (b"\0one", b"two", b"three"), True, 5)
        change(store, lambda tx: tx.record(RingKeyPut(tx.tick(), rotated)))
        assert store.read(lambda view: (view.ring_keys.get("wrap"), view.ring_keys.get("none"))) == (rotated, None)

    def test_notes_are_kept_replaced_and_removed_and_show_in_no_dump(self, store: MetadataStore) -> None:
        def noted() -> list[str | None]:
            return store.read(lambda view: [view.notes.get("cursor"), view.notes.get("other")])

        before = dump(store)
        change(store, lambda tx: tx.notes.put("cursor", "é 1"), lambda tx: tx.notes.put("other", "x"))
        assert noted() == ["é 1", "x"]
        change(store, lambda tx: tx.notes.put("cursor", "2"), lambda tx: tx.notes.put("other", ""))
        assert noted() == ["2", None]
        change(store, lambda tx: tx.notes.put("other", ""))
        assert dump(store) == before

    def test_what_a_failed_script_protected_or_noted_is_undone(self, with_version: MetadataStore) -> None:
        store = with_version
        user, key = User("mia", UserState.ACTIVE, 5), RingKey("wrap", (b"one",), True, 5)
        change(
            store,
            lambda tx: tx.record(LockSet(tx.tick(), *PLACE, LOCK)),
            lambda tx: tx.record(UserPut(tx.tick(), user)),
            lambda tx: tx.record(RingKeyPut(tx.tick(), key)),
            lambda tx: tx.notes.put("cursor", "1"),
        )
        before = dump(store)

        def fails(tx: MetadataTx) -> None:
            tx.record(LockSet(tx.tick(), *PLACE, NO_LOCK))
            tx.record(AclSet(tx.tick(), *PLACE, "wrong"))
            tx.record(UserPut(tx.tick(), User("mia", UserState.DELETED, 5)))
            tx.record(UserPut(tx.tick(), User("new", UserState.ACTIVE, 5)))
            tx.record(RingKeyPut(tx.tick(), RingKey("wrap", (b"wrong",), False, 5)))
            tx.record(RingKeyPut(tx.tick(), RingKey("new", (b"wrong",), False, 5)))
            tx.notes.put("cursor", "")
            tx.notes.put("new", "wrong")
            raise SeglakeError("refused")

        def seen(tables: MetadataView | MetadataTables) -> list[object]:
            found = tables.versions.current(BUCKET.id, "a")
            assert found is not None
            names = [tables.users.get("mia"), tables.users.get("new"), tables.ring_keys.get("wrap")]
            return [found.lock, found.acl, *names, tables.ring_keys.get("new"), tables.notes.get("cursor")]

        expected = [LOCK, "", user, None, key, None, "1"]
        assert change(store, fails, seen)[1] == expected
        assert store.read(seen) == expected
        assert store.read(lambda view: view.notes.get("new")) is None
        assert dump(store) == before
        assert store.check() == []
