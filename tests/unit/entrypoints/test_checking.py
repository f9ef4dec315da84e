"""Repairs of a store on disk: what is mended, what is left, and that nothing else changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import boto3
import pytest

from seglake.adapters.system.processes import ProcessHelper
from seglake.domain.ports.progress import silent
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.fsck import Fsck, FsckReport
from seglake.domain.services.marking import ReadChunk
from seglake.domain.services.object_reads import ReadObject
from seglake.entrypoints.apart import ReadHere
from seglake.entrypoints.checking import OfflineChecks, ServedChecks
from seglake.entrypoints.collecting import at_once
from seglake.entrypoints.offline import locked, open_store, rebuild_index
from seglake.entrypoints.selection import AdapterContext
from seglake.entrypoints.settings import Settings, load_settings
from seglake.testing import running_server
from tests.unit.fixtures import RecordingLog, Store

KEYS = ("a", "b", "c")


def _write(client: Any) -> None:
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    client.create_bucket(Bucket="plain")
    for bucket in ("bucket", "plain"):
        for turn in range(2):
            for key in KEYS:
                client.put_object(Bucket=bucket, Key=key, Body=f"{bucket} {key} {turn}".encode())
    tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
    client.put_object_tagging(Bucket="bucket", Key="a", Tagging=tags)
    client.delete_object(Bucket="bucket", Key="b")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checking") / "data"
    with running_server(data_dir=path, reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        _write(client)
        client.close()
    return path


@pytest.fixture
def settings(prepared: Path, tmp_path: Path) -> Settings:
    shutil.copytree(prepared, tmp_path / "data")
    return load_settings(data_dir=tmp_path / "data")


def _dump(settings: Settings) -> list[str]:
    with open_store(settings, RecordingLog()) as store:
        return store.metadata.read(lambda view: list(logical_dump(view)))


def _repaired(settings: Settings, *, dry_run: bool = False) -> dict[str, Any]:
    with locked(settings, RecordingLog()) as context:
        return OfflineChecks(context).repair(silent, deep=True, dry_run=dry_run)


def _sql(settings: Settings, *statements: str) -> None:
    connection = apsw.Connection(str(settings.data_dir / "meta.db"))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _files(settings: Settings) -> dict[str, bytes]:
    """Everything but the index and the lock."""
    found = settings.data_dir.rglob("*")
    return {
        str(path.relative_to(settings.data_dir)): path.read_bytes()
        for path in found
        if path.is_file() and not path.name.startswith(("meta.db", ".seglake"))
    }


def _only(directory: Path) -> Path:
    (path,) = directory.iterdir()
    return path


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_sound_store_is_left_alone(settings: Settings) -> None:
    before, dump = _files(settings), _dump(settings)
    done = _repaired(settings)
    assert (done["repaired"], done["findings"]) == ([], [])
    assert (_files(settings), _dump(settings)) == (before, dump)


def _lose_pack(settings: Settings) -> None:
    _only(settings.data_dir / "objects/manifests").unlink()


def _damage_pack(settings: Settings) -> None:
    _flip(_only(settings.data_dir / "objects/manifests"), 500)


def _damage_first_header(settings: Settings) -> None:
    _flip(_only(settings.data_dir / "objects/segments"), 20)


def _damage_second_header(settings: Settings) -> None:
    _flip(_only(settings.data_dir / "objects/segments"), 2048 + 100)


@pytest.mark.parametrize("harm", [_lose_pack, _damage_pack, _damage_first_header, _damage_second_header])
def test_what_is_there_twice_is_written_again(settings: Settings, harm: Callable[[Settings], None]) -> None:
    before = _files(settings)
    harm(settings)
    dry = _repaired(settings, dry_run=True)
    assert len(dry["repaired"]) == 1
    assert not dry["sound"]
    assert _files(settings) != before, "a dry run repairs nothing"
    done = _repaired(settings)
    assert done["repaired"] == dry["repaired"]
    assert done["findings"] == []
    assert _files(settings) == before


def test_no_pack_is_made_of_a_damaged_segment(settings: Settings) -> None:
    """Its records are in doubt, so nothing that looks sound is derived from them."""
    _lose_pack(settings)
    segment = _only(settings.data_dir / "objects/segments")
    _flip(segment, segment.read_bytes().find(b"aecputam") + 30)
    before = _files(settings)
    done = _repaired(settings)
    assert done["repaired"] == []
    assert not done["sound"]
    assert _files(settings) == before


def test_files_that_a_crash_left_are_removed(settings: Settings) -> None:
    left = [settings.data_dir / "FORMAT.tmp", settings.data_dir / "objects/manifests/0.mfp.tmp"]
    for path in left:
        path.write_bytes(b"half")
    assert len(_repaired(settings, dry_run=True)["repaired"]) == 2
    assert all(path.exists() for path in left)
    assert len(_repaired(settings)["repaired"]) == 2
    assert not any(path.exists() for path in left)


NEWEST = "(SELECT max(ticks) FROM versions WHERE key = x'61')"
OF_A = f"(SELECT manifest_id FROM versions WHERE key = x'61' AND ticks = {NEWEST})"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE versions SET etag = 'e' WHERE key = x'61'",
        "UPDATE versions SET row_sum = 0",
        "UPDATE versions SET state = 7 WHERE kind = 2",
        "UPDATE manifests SET manifest = zeroblob(10) WHERE id = 3",
        "UPDATE manifests SET segment = zeroblob(16)",
        "UPDATE manifests SET tags = '[]' WHERE tags IS NOT NULL",
        "UPDATE manifests SET row_sum = row_sum + 1",
        "DELETE FROM manifests WHERE id = 2",
        "DELETE FROM versions WHERE key = x'61'",
        "UPDATE versions SET manifest_id = 1",
        "UPDATE versions SET manifest_id = 99 WHERE key = x'62'",
    ],
)
def test_damaged_rows_are_made_again_from_the_journal(settings: Settings, statement: str) -> None:
    dump = _dump(settings)
    _sql(settings, statement)
    dry = _repaired(settings, dry_run=True)
    assert dry["repaired"]
    assert not dry["sound"]
    done = _repaired(settings)
    assert done["repaired"] == dry["repaired"]
    assert done["findings"] == []
    assert _dump(settings) == dump


def test_a_row_that_should_be_gone_is_removed(settings: Settings) -> None:
    """A replaced null version whose damaged row came back with an old page."""
    dump = _dump(settings)
    with open_store(settings, RecordingLog()) as store:
        (segment,) = store.segment_files.list()
        puts = [event for event, _ in store.segment_files.events(segment) if getattr(event, "manifest", None)]
        old = next(put.manifest for put in puts if put.manifest.bucket == "plain")  # type: ignore[union-attr]
    values = f"{old.bucket_id}, CAST('{old.key}' AS BLOB), {old.stamp.ticks}, {old.stamp.site}, 1, 1, 1, 0, ''"
    _sql(settings, f"INSERT INTO versions VALUES({values}, 0, 'root', 'STANDARD', '', 999, 0)")
    done = _repaired(settings)
    assert [one["text"] for one in done["repaired"]] == ["removed its row: the version is gone"]
    assert done["findings"] == []
    assert _dump(settings) == dump


def test_a_row_of_no_known_version_is_left_and_told(settings: Settings) -> None:
    _sql(settings, "UPDATE versions SET key = x'7a7a' WHERE kind = 2")
    done = _repaired(settings)
    assert not done["sound"]
    assert any("zz" in found["where"] for found in done["findings"])


def test_nothing_is_derived_when_any_event_is_lost(settings: Settings) -> None:
    """The event that cannot be read may be the one that removed the version."""
    _sql(settings, "UPDATE versions SET row_sum = 0 WHERE key = x'61'")
    _lose_pack(settings)
    segment = _only(settings.data_dir / "objects/segments")
    _flip(segment, segment.read_bytes().rfind(b"aecputam") + 30)
    done = _repaired(settings)
    assert done["repaired"] == []
    assert not done["sound"]


def test_a_marked_version_is_refused_and_its_neighbours_are_served(settings: Settings) -> None:
    segment = _only(settings.data_dir / "objects/segments")
    _flip(segment, segment.read_bytes().find(b"bucket a 1"))
    with locked(settings, RecordingLog()) as context:
        done = OfflineChecks(context).scrub(silent, dead=False, mark=True)
    assert (len(done["marked"]), done["versions_marked"], done["damaged"]) == (1, 1, 1)
    with running_server(data_dir=settings.data_dir, reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        with pytest.raises(client.exceptions.ClientError) as refused:
            client.get_object(Bucket="bucket", Key="a")
        assert refused.value.response["Error"]["Code"] == "InternalError"
        assert client.get_object(Bucket="bucket", Key="c")["Body"].read() == b"bucket c 1"
        versions = client.list_object_versions(Bucket="bucket", Prefix="a")["Versions"]
        old = next(one["VersionId"] for one in versions if not one["IsLatest"])
        assert client.get_object(Bucket="bucket", Key="a", VersionId=old)["Body"].read() == b"bucket a 0"
        client.close()


def test_a_helper_process_changes_no_result(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large stores are read by two processes: fsck and rebuild-index say and make the same."""
    _sql(settings, "UPDATE versions SET etag = 'e' WHERE key = x'61'")

    def check() -> FsckReport:
        with open_store(settings, RecordingLog()) as store:
            return Fsck(store.metadata, store.segment_files).run()

    alone = check()
    assert len(alone.findings) == 3
    monkeypatch.setattr("seglake.adapters.sqlite.store.HELPED_VERSIONS_MIN", 1)
    monkeypatch.setattr("seglake.adapters.filesystem.segment_files.HELPED_EVENTS_MIN", 1)
    begun: list[object] = []
    iterate = ProcessHelper.iterate

    def noting(self: ProcessHelper, work: Any, /) -> Any:
        begun.append(work)
        return iterate(self, work)

    monkeypatch.setattr(ProcessHelper, "iterate", noting)
    assert check() == alone
    assert len(begun) == 1
    report = rebuild_index(settings, RecordingLog())
    assert (report.findings, len(begun)) == ((), 2)
    assert check().findings == ()


async def test_what_is_damaged_is_read_once_more_before_it_is_marked() -> None:
    """A disk that stuttered is no damage: what was found may be read right the second time."""
    store = Store()
    await store.bucket()
    await store.put("key", b"x" * 1000)
    store.segments.damage(store.reads.open(ReadObject("bucket", "key")).manifest.chunks[0])

    def marked(verify: ReadChunk) -> list[str]:
        checks = ServedChecks(context, ReadHere(store.metadata, store.files), store.committer, verify, at_once)
        result = checks.scrub(silent, dead=False, mark=True)
        assert result["damaged"] == 1
        found: list[str] = result["marked"]
        return found

    settings = load_settings(ephemeral=True)
    context = AdapterContext(settings, None, store.clock, store.randomness, store.digests, store.offload, store.log)
    assert marked(lambda _chunk: None) == []
    assert len(marked(store.files.verify)) == 1
