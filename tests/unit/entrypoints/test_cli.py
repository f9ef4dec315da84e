from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

import seglake
from seglake.entrypoints.cli.app import app
from seglake.entrypoints.settings import SECTIONS, Settings, flag_name
from seglake.testing import running_server


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "data"
    with running_server(data_dir=path, reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="small", Body=b"small")
        client.put_object(Bucket="bucket", Key="large", Body=b"L" * 300_000)
        client.close()
    return path


@pytest.fixture
def data_dir(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "data")
    return tmp_path / "data"


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def _json(*arguments: object) -> tuple[int, dict[str, Any]]:
    code, out, _ = _run(*arguments, "--json")
    return code, json.loads(out)


def _segment_with(data_dir: Path, payload: bytes) -> tuple[Path, int]:
    for path in (data_dir / "objects" / "segments").iterdir():
        at = path.read_bytes().find(payload)
        if at >= 0:
            return path, at
    raise AssertionError("the payload is in no segment")


def _damage(data_dir: Path, payload: bytes) -> None:
    path, at = _segment_with(data_dir, payload)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([payload[0] ^ 1]))


def test_the_version_is_the_packages() -> None:
    assert _run("--version") == (0, f"seglake {seglake.__version__}\n", "")


COMMANDS = ["server", "status", "fsck", "scrub", "rebuild-index", "keys root", "keys rotate-master"]
COMMANDS += ["lifecycle explain"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    code, out, _ = _run(*command.split(), "--help")
    assert code == 0
    assert f"seglake {command}" in " ".join(out.split())


def test_every_setting_is_a_flag_of_the_server() -> None:
    _, out, _ = _run("server", "--help")
    words = out.split()
    for name in Settings.model_fields:
        assert any(word.rstrip(",").split("/")[0].strip() == "--" + name.replace("_", "-") for word in words), name
        assert f"SEGLAKE_{name.upper()}" in "".join(words), name


def test_the_settings_stand_below_titles_in_their_order() -> None:
    _, out, _ = _run("server", "--help")
    places = [out.index(f"\n{title}:\n") for title in SECTIONS.values()]
    assert places == sorted(places)
    first = list(SECTIONS)
    for name, place in zip(first, places, strict=True):
        assert out[place:].split()[len(SECTIONS[name].split())].split("/")[0] == flag_name(name)
    fields = list(Settings.model_fields)
    assert [fields.index(name) for name in first] == sorted(fields.index(name) for name in first)


def test_wrong_settings_are_told_one_a_line(tmp_path: Path) -> None:
    code, out, err = _run("server", "--addr", "nowhere", "--segment-size", "much", "--data-dir", tmp_path / "d")
    assert (code, out) == (2, "")
    assert "--segment-size" in err
    assert "Traceback" not in err
    assert not (tmp_path / "d").exists()


def test_status_counts_the_store(data_dir: Path) -> None:
    code, found = _json("status", "--data-dir", data_dir, "--live")
    assert code == 0
    assert (found["buckets"], found["objects"], found["versions"]) == (1, 2, 2)
    assert found["object_bytes"] == found["live_bytes"] == 300_005
    assert found["segments_sealed"] == 2
    assert found["free_bytes"] > 0
    code, out, _ = _run("status", "--data-dir", data_dir)
    assert code == 0
    assert "objects          2" in out


def test_a_sound_store_passes_every_check(data_dir: Path) -> None:
    assert _json("fsck", "--data-dir", data_dir)[1]["sound"] is True
    assert _json("fsck", "--data-dir", data_dir, "--deep")[1]["findings"] == []
    code, found = _json("scrub", "--data-dir", data_dir)
    assert (code, found["chunks"], found["bytes"], found["damaged"]) == (0, 2, 300_005, 0)


def test_damaged_payload_is_named_and_gives_exit_code_1(data_dir: Path) -> None:
    _damage(data_dir, b"L" * 1000)
    code, found = _json("scrub", "--data-dir", data_dir, "--dry-run")
    assert (code, found["damaged"], found["marked"]) == (1, 1, [])
    assert found["findings"][0]["where"].startswith("bucket/large?versionId=")
    assert _run("fsck", "--data-dir", data_dir)[0] == 0
    assert _run("fsck", "--data-dir", data_dir, "--deep")[0] == 1
    code, out, _ = _run("scrub", "--data-dir", data_dir)
    assert code == 1
    assert "error: bucket/large?versionId=" in out
    assert "marked: bucket/large?versionId=" in out
    code, out, _ = _run("fsck", "--data-dir", data_dir)
    assert code == 1
    assert "marked damaged" in out
    assert _json("scrub", "--data-dir", data_dir)[1]["marked"] == [], "once is enough"


def test_what_can_be_read_again_is_served_again(data_dir: Path) -> None:
    _damage(data_dir, b"L" * 1000)
    assert _json("scrub", "--data-dir", data_dir)[1]["marked"]
    code, found = _json("fsck", "--data-dir", data_dir, "--repair")
    assert (code, found["repaired"]) == (1, [])
    path, at = _segment_with(data_dir, b"M" + b"L" * 999)
    path.write_bytes(path.read_bytes()[:at] + b"L" + path.read_bytes()[at + 1 :])
    code, found = _json("fsck", "--data-dir", data_dir, "--repair", "--dry-run")
    assert (code, len(found["repaired"])) == (1, 1)
    code, out, _ = _run("fsck", "--data-dir", data_dir, "--repair")
    assert code == 0
    assert "repaired: bucket/large?versionId=" in out
    assert "served again" in out
    assert _json("fsck", "--data-dir", data_dir, "--deep")[1]["findings"] == []


def test_what_no_repair_helps_is_told_with_what_does(data_dir: Path) -> None:
    _segment_with(data_dir, b"L" * 1000)[0].unlink()
    code, out, _ = _run("fsck", "--data-dir", data_dir, "--repair")
    assert code == 1
    assert "what helps: put the file back" in out
    assert _run("fsck", "--data-dir", data_dir, "--dry-run")[0] == 2


def test_records_that_nothing_needs_are_read_on_demand(data_dir: Path) -> None:
    with running_server(data_dir=data_dir, reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        client.delete_object(Bucket="bucket", Key="large")
        client.close()
    _damage(data_dir, b"L" * 1000)
    assert _run("scrub", "--data-dir", data_dir)[0] == 0
    code, found = _json("scrub", "--data-dir", data_dir, "--all")
    assert (code, found["damaged"], len(found["findings"])) == (1, 0, 1)


def test_a_lost_segment_gives_exit_code_1(data_dir: Path) -> None:
    _segment_with(data_dir, b"L" * 1000)[0].unlink()
    assert _run("fsck", "--data-dir", data_dir)[0] == 1
    assert _run("scrub", "--data-dir", data_dir)[0] == 1


def test_the_index_is_rebuilt(data_dir: Path) -> None:
    (data_dir / "meta.db").unlink()
    code, _, err = _run("status", "--data-dir", data_dir)
    assert code == 2
    assert "seglake rebuild-index" in err
    code, found = _json("rebuild-index", "--data-dir", data_dir)
    assert (code, found["events"], found["findings"]) == (0, 3, [])
    assert _json("fsck", "--data-dir", data_dir)[1]["sound"] is True
    assert "new index is in place" in _run("rebuild-index", "--data-dir", data_dir)[1]


def test_progress_and_errors_leave_standard_output_alone(data_dir: Path) -> None:
    code, out, err = _run("fsck", "--data-dir", data_dir, "--json")
    assert code == 0
    json.loads(out)
    assert "versions ..." in err


@pytest.mark.parametrize("command", ["status", "fsck", "scrub", "rebuild-index", "keys root"])
def test_a_directory_that_is_no_store_is_one_line(command: str, tmp_path: Path) -> None:
    code, out, err = _run(*command.split(), "--data-dir", tmp_path / "none")
    assert (code, out) == (2, "")
    assert err.startswith("seglake: ")
    assert err.count("\n") == 1
    code, document = _json(*command.split(), "--data-dir", tmp_path / "none")
    assert code == 2
    assert list(document) == ["error"]


def test_a_store_started_with_a_key_has_none_to_show(data_dir: Path) -> None:
    code, out, err = _run("keys", "root", "--data-dir", data_dir)
    assert (code, out) == (2, "")
    assert "--access-key" in err


def test_completion_can_be_installed() -> None:
    _, out, _ = _run("--help")
    assert "--install-completion" in out
