from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from seglake.adapters.filesystem.layout import pack_name, segment_name
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.domain.model.credential import Credential
from seglake.domain.model.events import CredentialPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.segment import Segment
from seglake.entrypoints.cli.inspect import register
from seglake.testing.contracts.segments import Stored
from tests.unit.adapters.filesystem.bench import bench_on, flip


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    register(app)

    @app.command()
    def other() -> None:
        """Typer collapses an application of one command."""

    return CliRunner().invoke(app, ["inspect", *[str(argument) for argument in arguments]])


class Shelf:
    """A data directory with one sealed segment of three batches and a key."""

    def __init__(self, root: Path) -> None:
        self.files = OsFileSystem(root)
        bench = bench_on(self.files)
        self.stored: list[Stored] = [bench.put(b"payload %d" % number, number + 1) for number in range(3)]
        journal = bench.store.journal(())
        journal.append_event(CredentialPut(HLC(9, 1), Credential("AKIA", b"sealed-secret")))
        journal.flush()
        self.row: Segment
        (self.row,) = bench.store.close()
        self.segment = root / segment_name(self.row.id)
        self.pack = root / pack_name(self.row.id)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def document(result: Result) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_a_sound_segment_is_shown_whole(shelf: Shelf) -> None:
    result = run("segment", shelf.segment, "--json")
    assert result.exit_code == 0, result.output
    shown = document(result)
    assert shown["header"]["segment"] == shelf.row.id.hex()
    assert [record["kind"] for record in shown["records"]] == ["chunk", "event"] * 3 + ["event"]
    assert {record["hash"] for record in shown["records"]} == {"ok"}
    assert shown["records"][1]["event"] == {
        "type": "BucketDeleted",
        "stamp": "0000000000000001.00000001",
        "bucket_id": 7,
    }
    assert shown["footer"]["blake3"] == shelf.row.footer.hex()
    assert shown["damage"] == []


def test_text_shows_the_same_for_a_person(shelf: Shelf) -> None:
    result = run("segment", shelf.segment)
    assert result.exit_code == 0
    assert "hash=ok" in result.stdout
    assert '"type": "BucketDeleted"' in result.stdout
    assert "sealed=True" in result.stdout
    assert "DAMAGE" not in result.stdout


def test_a_pack_is_shown_whole(shelf: Shelf) -> None:
    result = run("manifest", shelf.pack, "--json")
    assert result.exit_code == 0, result.output
    shown = document(result)
    assert shown["header"]["events"] == 4
    assert [entry["offset"] for entry in shown["events"][:3]] == [entry.ref.offset for entry in shelf.stored]
    assert run("manifest", shelf.pack).exit_code == 0


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_sealed_secrets_are_not_shown(shelf: Shelf, options: list[str]) -> None:
    for kind, path in (("segment", shelf.segment), ("manifest", shelf.pack)):
        shown = run(kind, path, *options).stdout
        assert b"sealed-secret".hex() not in shown
        assert "13 sealed bytes" in shown


def test_a_damaged_payload_is_shown_with_exit_code_1(shelf: Shelf) -> None:
    chunk = shelf.stored[1].chunk
    flip(shelf.files, segment_name(shelf.row.id), chunk.offset)
    result = run("segment", shelf.segment, "--json")
    assert result.exit_code == 1
    shown = document(result)
    assert [record["hash"] for record in shown["records"]] == ["ok", "ok", "DIFFERS", "ok", "ok", "ok", "ok"]
    assert [entry["offset"] for entry in shown["damage"]] == [chunk.offset - 88]
    text = run("segment", shelf.segment)
    assert text.exit_code == 1
    assert "DAMAGE at byte" in text.stdout


def test_a_damaged_record_header_hides_one_record_only(shelf: Shelf) -> None:
    flip(shelf.files, segment_name(shelf.row.id), shelf.stored[1].chunk.offset - 50)
    shown = document(run("segment", shelf.segment, "--json"))
    assert len(shown["records"]) == 6
    assert len(shown["damage"]) == 1


def test_a_damaged_pack_is_shown_with_exit_code_1(shelf: Shelf) -> None:
    flip(shelf.files, pack_name(shelf.row.id), shelf.pack.stat().st_size - 5)
    result = run("manifest", shelf.pack, "--json")
    assert result.exit_code == 1
    shown = document(result)
    assert shown["damage"]
    assert len(shown["events"]) == 4


def test_what_is_no_segment_is_damage_and_what_is_missing_is_usage(shelf: Shelf, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"hello" * 2000)
    for kind in ("segment", "manifest"):
        assert run(kind, other, "--json").exit_code == 1
        assert document(run(kind, other, "--json"))["damage"]
        assert run(kind, tmp_path / "missing").exit_code == 2


def test_an_unsealed_segment_says_so(tmp_path: Path) -> None:
    bench = bench_on(OsFileSystem(tmp_path))
    stored = bench.put(b"payload", 1)
    result = run("segment", tmp_path / segment_name(stored.ref.segment), "--json")
    assert result.exit_code == 0
    assert document(result)["footer"] == {"sealed": False}
    bench.store.close()
