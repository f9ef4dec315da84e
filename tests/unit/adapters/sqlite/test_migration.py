"""A database that an older program wrote opens, reads as before and checks clean; then it takes what is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from seglake.adapters.sqlite.connection import Disk, open_writer
from seglake.adapters.sqlite.schema import MIGRATIONS, migrate
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.events import AclSet, BucketConfigured, LockSet, TagsSet
from seglake.domain.model.hlc import HLC
from seglake.domain.model.object_lock import NO_LOCK, Lock, Retention, RetentionMode
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.services.dump import logical_dump
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness

ROWS = Path(__file__).with_name("schema_1.sql")
LOCK = Lock(Retention(RetentionMode.COMPLIANCE, 99), True)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A database with schema 1 and rows in each of its tables."""
    path = str(tmp_path / "meta.db")
    connection = open_writer(Disk(path))
    assert migrate(connection, 5, MIGRATIONS[:1]) == [1]
    connection.execute(ROWS.read_text(encoding="utf-8"))
    connection.close()
    return path


@pytest.fixture
def store(path: str) -> Iterator[SqliteMetadataStore]:
    store = SqliteMetadataStore(path, clock=ManualClock(), randomness=SeededRandomness())
    store.open()
    yield store
    store.close()


def test_rows_of_schema_1_read_as_they_were_written(store: SqliteMetadataStore) -> None:
    assert store.check() == []
    assert store.read(lambda view: view.settings.last_ticks()) == 15
    free, none, chunk = '[null,false],""', '[null,false],"",null', f'["{"73" * 16}",5000,9,"{"64" * 32}",0,9]'
    head = f'[["content-type","text/plain"]],[["m","\\u00e9"]],[["put","with"]],null,[],[{chunk}],"",{none}'
    present = '[["set","later"],["\\u00e9",""]]'
    later = f'[],[],[["put","with"]],null,[],[],"",{none}'
    assert store.read(lambda view: list(logical_dump(view))) == [
        "site 00000001",
        'bucket ["bucket",[10,1],"Enabled","mia","eu-central-1",0]',
        f'version [[10,"bucket","gone",[13,1],2,true,0,"",0,"root",[],[],[],null,[],[],"",{none}],1,[],{free}]',
        f'version [[10,"bucket","key",[12,1],1,false,0,"etag",6,"root",{later}],1,{present},{free}]',
        f'version [[10,"bucket","key",[11,1],1,false,9,"etag",5,"mia",{head}],1,[["put","with"]],{free}]',
        f'upload ["upload",10,"key",[14,1],"root",[],[],[["t","u"]],null,null,"",null,{none}]',
        'part ["upload",1,[15,1],0,"e",5,null,[]]',
        'credential ["AKIA","7365616c6564","mia","ro",["bucket"],true,7]',
    ]


def test_old_rows_take_what_is_new(store: SqliteMetadataStore) -> None:
    def alter(tx: MetadataTx) -> None:
        place = (10, "key", HLC(11, 1))
        tx.record(LockSet(tx.tick(), *place, LOCK))
        tx.record(AclSet(tx.tick(), *place, "grants"))
        tx.record(TagsSet(tx.tick(), 10, "key", HLC(12, 1), (("new", "tags"),)))
        tx.record(BucketConfigured(tx.tick(), 10, ConfigKind.CORS, "rules"))

    assert store.apply((alter,), ScriptedJournal()) == [None]
    assert store.check() == []
    older = store.read(lambda view: view.versions.find(10, "key", HLC(11, 1)))
    newer = store.read(lambda view: view.versions.find(10, "key", HLC(12, 1)))
    assert older is not None
    assert (older.lock, older.acl, older.tags) == (LOCK, "grants", (("put", "with"),))
    assert (older.manifest.lock, older.manifest.acl) == (NO_LOCK, "")
    assert newer is not None
    assert (newer.lock, newer.acl, newer.tags) == (NO_LOCK, "", (("new", "tags"),))
    bucket = store.read(lambda view: view.buckets.get("bucket"))
    assert bucket is not None
    assert store.read(lambda view: dict(view.configs.of(bucket))) == {ConfigKind.CORS: "rules"}


@pytest.mark.parametrize("column", ["locked", "acl", "configured"])
def test_a_value_that_appears_in_a_new_column_of_an_old_row_is_damage(
    store: SqliteMetadataStore, path: str, column: str
) -> None:
    table = "buckets" if column == "configured" else "manifests"
    connection = apsw.Connection(path)
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE id IN (1, 10)", (1 if table == "buckets" else "[true]",))
    connection.close()
    assert [line.partition(":")[0] for line in store.check()] == ["buckets" if table == "buckets" else "versions"]
