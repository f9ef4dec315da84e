"""segctl and the matching commands of seglake: what they print, their exit codes, and their help."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from seglake.adapters.admin_socket.operations import call
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.object_lock import Lock
from seglake.domain.services.buckets import CreateBucket
from seglake.entrypoints import admin_channel, segctl
from seglake.entrypoints.cli import app as seglake_app
from tests.unit.adapters.admin_socket.rig import services
from tests.unit.fixtures import Store

POLICY = {
    "Statement": [
        {
            "Sid": "bob",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:user/bob"},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::photos/*",
        }
    ]
}


class Commands:
    """Runs commands on a store in memory, as if a server had it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[str] = []
        self._services = services(store)

    def call(self, method: str, parameters: dict[str, Any], /) -> dict[str, Any]:
        self.calls.append(method)
        return asyncio.run(call(self._services, method, json.loads(json.dumps(parameters))))

    def run(self, *words: object, stdin: str = "", app: typer.Typer = segctl.app) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    def json(self, *words: object, code: int = 0, **more: Any) -> Any:
        got, out, err = self.run(*words, "--json", **more)
        assert got == code, (out, err)
        return json.loads(out)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    made = Commands(Store())

    @contextmanager
    def channel(*_arguments: object, **_more: object) -> Iterator[Commands]:
        yield made

    monkeypatch.setattr(admin_channel, "open_channel", channel)
    monkeypatch.chdir(tmp_path)
    return made


def _leaves(app: typer.Typer) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    stack: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while stack:
        names, command = stack.pop()
        for name, inner in getattr(command, "commands", {}).items():
            stack.append(((*names, name), inner))
        if not hasattr(command, "commands"):
            yield names


LEAVES = sorted(_leaves(segctl.app))


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_explains_itself_with_an_example(words: tuple[str, ...], commands: Commands) -> None:
    code, out, _ = commands.run(*words, "--help")
    assert code == 0
    text = " ".join(out.split())
    assert f"segctl {' '.join(words)}" in text or f"seglake {' '.join(words)}" in text
    assert "--json" in text
    assert "--data-dir" in text


def test_all_that_was_promised_is_there() -> None:
    promised = """user create|list|disable|enable|delete
        key create|list|show|rotate|enable|disable|delete|set-policy|allow-bucket|disallow-bucket|list-buckets
        bucket list|create|exists|delete
        bucket-policy get|set|delete
        policy explain
        kms-key create|list|rotate|enable|disable
        lifecycle show|explain"""
    names = {" ".join(words) for words in LEAVES}
    for line in promised.splitlines():
        group, _, commands = line.strip().partition(" ")
        assert {f"{group} {command}" for command in commands.split("|")} <= names
    assert {"bucket versioning get", "bucket versioning set"} <= names


def test_the_same_commands_are_in_seglake(commands: Commands) -> None:
    renamed = {"user": "users", "key": "keys", "bucket": "buckets", "kms-key": "kms-keys"}
    there = set(_leaves(seglake_app.app))
    ours = ("user", "key", "bucket", "bucket-policy", "policy", "kms-key", "lifecycle")
    for words in LEAVES:
        if words[0] in ours:
            assert (renamed.get(words[0], words[0]), *words[1:]) in there
    assert commands.json("users", "create", "alice", app=seglake_app.app)["name"] == "alice"
    assert "alice" in commands.run("users", "list", app=seglake_app.app)[1]


def test_the_version_and_the_completion_are_shown(commands: Commands) -> None:
    assert commands.run("--version")[1].startswith("segctl ")
    assert "--install-completion" in commands.run("--help")[1]


def test_users_come_and_go(commands: Commands) -> None:
    assert commands.run("user", "list")[1] == "there are no users but root\n"
    assert commands.run("user", "create", "alice") == (0, "user alice made\n", "")
    assert commands.run("user", "disable", "alice")[1] == "user alice disabled\n"
    assert commands.json("user", "list")["users"][0]["state"] == "disabled"
    head, row = commands.run("user", "list")[1].splitlines()
    assert head.split() == ["NAME", "STATE", "CREATED"]
    assert row.split()[:2] == ["alice", "disabled"]
    assert commands.run("user", "enable", "alice")[1] == "user alice enabled\n"
    assert commands.run("user", "delete", "alice")[1] == "user alice deleted\n"


def test_a_refusal_is_one_line_and_exit_code_2(commands: Commands) -> None:
    code, out, err = commands.run("user", "delete", "nobody")
    assert (code, out, err) == (2, "", "seglake: there is no user named 'nobody'\n")
    assert commands.json("user", "delete", "nobody", code=2) == {"error": "there is no user named 'nobody'"}


def test_a_secret_is_shown_once(commands: Commands) -> None:
    code, out, _ = commands.run("key", "create", "--policy", "ro", "--bucket", "photos", "--bucket", "films")
    assert code == 0
    shown = dict(line.split("  ", 1) for line in out.splitlines()[:-1])
    shown = {name: value.strip() for name, value in shown.items()}
    assert (shown["policy"], shown["buckets"], shown["user"]) == ("ro", "films, photos", "root")
    known = commands.store.access.lookup(shown["access key"])
    assert known is not None
    assert known.secret == shown["secret key"]
    for words in (("list",), ("show", shown["access key"]), ("disable", shown["access key"])):
        for more in ((), ("--json",)):
            assert shown["secret key"] not in "".join(map(str, commands.run("key", *words, *more)))
    rotated = commands.json("key", "rotate", shown["access key"])
    assert rotated["secret_key"] != shown["secret key"]


def test_a_secret_comes_from_a_file_and_not_from_the_command_line(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file-0123\nsecond line\n")
    made = commands.json("key", "create", "--access-key", "mine", "--secret-file", tmp_path / "secret")
    assert made["secret_key"] == "from-a-file-0123"
    made = commands.json("key", "rotate", "mine", "--secret-file", "-", stdin="from-standard-input\n")
    assert made["secret_key"] == "from-standard-input"
    code, _, err = commands.run("key", "rotate", "mine", "--secret-file", tmp_path / "nothing")
    assert code == 2
    assert "No such file" in err


def test_keys_are_changed_and_listed(commands: Commands, tmp_path: Path) -> None:
    commands.json("key", "create", "--access-key", "root-key")
    commands.json("user", "create", "alice")
    commands.json("key", "create", "--user", "alice", "--access-key", "hers")
    assert commands.run("key", "disable", "hers")[1] == "key hers disabled: rw, all buckets\n"
    assert commands.run("key", "enable", "hers")[1] == "key hers enabled: rw, all buckets\n"
    assert commands.run("key", "set-policy", "hers", "ro")[1] == "key hers changed: ro, all buckets\n"
    assert commands.run("key", "list-buckets", "hers")[1] == "the key hers is not limited to buckets\n"
    assert commands.run("key", "allow-bucket", "hers", "photos")[1] == "key hers changed: ro, photos\n"
    commands.json("key", "allow-bucket", "hers", "films")
    assert commands.run("key", "list-buckets", "hers")[1] == "films\nphotos\n"
    assert commands.run("key", "disallow-bucket", "hers", "films")[1] == "key hers changed: ro, photos\n"
    assert commands.run("key", "disallow-bucket", "hers", "photos")[0] == 2
    document = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}, indent=1)
    (tmp_path / "policy.json").write_text(f"{document}\n")
    assert commands.run("key", "set-policy", "hers", "@policy.json")[1] == "key hers changed: document, photos\n"
    assert document in commands.run("key", "show", "hers")[1]
    rows = [line.split()[:4] for line in commands.run("key", "list", "--user", "alice")[1].splitlines()]
    assert rows == [["ACCESS", "KEY", "USER", "ENABLED"], ["hers", "alice", "yes", "document"]]
    assert commands.run("key", "delete", "root-key")[0] == 2
    assert commands.run("key", "delete", "hers")[1] == "key hers deleted\n"


def test_a_wrong_policy_is_refused_with_the_element(commands: Commands) -> None:
    code, _, err = commands.run("key", "create", "--policy", '{"Statement": [{"Effect": "Maybe"}]}')
    assert code == 2
    assert "Statement[1].Effect" in err
    assert commands.run("key", "create", "--policy", "@nothing.json")[0] == 2


def test_buckets_are_made_and_listed(commands: Commands) -> None:
    assert commands.run("bucket", "list")[1] == "there are no buckets\n"
    commands.json("user", "create", "alice")
    out = commands.run("bucket", "create", "photos", "--owner", "alice", "--versioning", "enabled")[1]
    assert out == "bucket photos made for alice, versioning enabled\n"
    commands.json("bucket", "create", "films")
    assert [line.split()[:3] for line in commands.run("bucket", "list")[1].splitlines()] == [
        ["NAME", "OWNER", "VERSIONING"],
        ["films", "root", "off"],
        ["photos", "alice", "enabled"],
    ]
    assert [one["name"] for one in commands.json("bucket", "list", "--owner", "alice")["buckets"]] == ["photos"]
    assert [one["name"] for one in commands.json("bucket", "list", "--prefix", "fi")["buckets"]] == ["films"]
    assert commands.run("bucket", "versioning", "set", "photos", "suspended")[1] == "versioning of photos: suspended\n"
    assert commands.run("bucket", "versioning", "get", "photos")[1] == "suspended\n"
    assert commands.run("bucket", "versioning", "set", "photos", "off")[0] == 2


def test_all_pages_of_buckets_are_listed(commands: Commands) -> None:
    async def many() -> None:
        for number in range(1001):
            await commands.store.bucket(f"bucket-{number:04}")

    asyncio.run(many())
    assert len(commands.json("bucket", "list")["buckets"]) == 1001
    assert commands.calls == ["bucket.list", "bucket.list"]


def test_a_bucket_exists_or_not_by_its_exit_code(commands: Commands) -> None:
    commands.json("bucket", "create", "photos")
    assert commands.run("bucket", "exists", "photos")[:2] == (0, "yes\n")
    assert commands.run("bucket", "exists", "films")[:2] == (1, "no\n")
    assert commands.json("bucket", "exists", "films", code=1) == {"name": "films", "exists": False}


def _filled(store: Store, versions: int, *, locks: bool = False) -> None:
    async def fill() -> None:
        await store.buckets.create(CreateBucket("photos", versioning=Versioning.ENABLED, locks=locks))
        for number in range(versions):
            await store.put(f"key-{number % 7}", b"x", bucket="photos")

    asyncio.run(fill())


def test_a_bucket_with_something_in_it_is_deleted_only_by_force(commands: Commands) -> None:
    _filled(commands.store, 450)
    code, _, err = commands.run("bucket", "delete", "photos")
    assert code == 2
    assert "still holds" in err
    code, out, err = commands.run("bucket", "delete", "photos", "--force")
    assert (code, out) == (0, "bucket photos deleted with 450 versions and 0 uploads\n")
    assert err == "emptying photos ...\n"
    assert commands.calls.count("bucket.empty") == 3
    assert commands.json("bucket", "exists", "photos", code=1)["exists"] is False


def test_force_respects_object_lock_and_says_how_many(commands: Commands) -> None:
    _filled(commands.store, 5, locks=True)
    for key in ("a", "b"):
        asyncio.run(commands.store.put(key, b"x", bucket="photos", lock=Lock(hold=True)))
    code, _, err = commands.run("bucket", "delete", "photos", "--force")
    assert code == 2
    assert "object lock protects 2 versions in 'photos'" in err
    assert "bucket.empty" not in commands.calls
    assert len(commands.store.keys("photos")) == 7


def test_force_can_be_stopped_and_goes_on(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    _filled(commands.store, 450)
    whole = Commands.call

    def stopped(self: Commands, method: str, parameters: dict[str, Any], /) -> dict[str, Any]:
        if method == "bucket.empty" and self.calls.count("bucket.empty") == 1:
            raise KeyboardInterrupt
        return whole(self, method, parameters)

    monkeypatch.setattr(Commands, "call", stopped)
    code, out, err = commands.run("bucket", "delete", "photos", "--force")
    assert (code, out) == (130, "")
    assert "200 versions are gone, the same command goes on" in err
    monkeypatch.setattr(Commands, "call", whole)
    assert commands.run("bucket", "delete", "photos", "--force")[1].startswith(
        "bucket photos deleted with 250 versions"
    )


def test_policies_of_buckets_are_kept_as_they_were_written(commands: Commands, tmp_path: Path) -> None:
    commands.json("bucket", "create", "photos")
    assert commands.run("bucket-policy", "get", "photos")[0] == 1
    text = json.dumps(POLICY, indent=2)
    (tmp_path / "policy.json").write_text(text)
    assert commands.run("bucket-policy", "set", "photos", "@policy.json")[:2] == (0, "policy of photos stored\n")
    assert commands.run("bucket-policy", "get", "photos")[:2] == (0, f"{text}\n")
    assert commands.json("bucket-policy", "get", "photos")["policy"] == text
    assert commands.run("bucket-policy", "set", "photos", "@-", stdin="{}")[0] == 2
    assert commands.run("bucket-policy", "delete", "photos")[1] == "photos has no policy now\n"
    assert commands.json("bucket-policy", "get", "photos", code=1)["policy"] is None


def test_a_decision_is_explained_with_its_statement(commands: Commands) -> None:
    commands.json("bucket", "create", "photos")
    commands.json("user", "create", "bob")
    commands.json("bucket-policy", "set", "photos", json.dumps(POLICY))
    code, out, _ = commands.run("policy", "explain", "--user", "bob", "s3:GetObject", "photos/cat.jpg")
    assert code == 0
    assert [line.split(maxsplit=1) for line in out.splitlines()] == [
        ["principal", "bob"],
        ["action", "s3:GetObject"],
        ["resource", "arn:aws:s3:::photos/cat.jpg"],
        ["allowed", "yes"],
        ["ground", "bucket policy"],
        ["statement", "1 (bob)"],
        ["reason", "statement 1 (bob) allows it"],
    ]
    refused = commands.json(
        "policy", "explain", "--anonymous", "s3:GetObject", "photos/cat.jpg", "--context", "aws:SourceIp=::1", code=1
    )
    assert (refused["allowed"], refused["principal"]) == (False, {"anonymous": True})


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--user", "bob", "--anonymous"),
        ("--key", "k", "--user", "bob"),
        ("--anonymous", "--context", "aws:SourceIp"),
        ("--anonymous", "--context", "aws:Nothing=1"),
    ],
)
def test_a_question_that_is_none_is_exit_code_2(commands: Commands, words: tuple[str, ...]) -> None:
    assert commands.run("policy", "explain", "s3:GetObject", "photos/k", *words)[0] == 2


def test_ring_keys_are_made_and_rotated(commands: Commands) -> None:
    assert commands.run("kms-key", "list")[1] == "the key ring is empty\n"
    assert commands.run("kms-key", "create", "backups")[1] == "key backups made: version 1\n"
    assert commands.run("kms-key", "rotate", "backups")[1] == "key backups rotated: version 2\n"
    commands.json("kms-key", "disable", "backups")
    assert commands.run("kms-key", "list")[1].splitlines()[1].split()[:3] == ["backups", "2", "no"]
    assert commands.run("kms-key", "enable", "backups")[0] == 0
    assert commands.run("kms-key", "create", "aws/x")[0] == 2


def test_no_text_moves_the_cursor(commands: Commands) -> None:
    commands.json("bucket", "create", "photos")
    policy = json.loads(json.dumps(POLICY))
    policy["Statement"][0]["Sid"] = "\x1b[2Jbob"
    commands.json("bucket-policy", "set", "photos", json.dumps(policy))
    commands.json("user", "create", "bob")
    out = commands.run("policy", "explain", "--user", "bob", "s3:GetObject", "photos/\x1b[2J")[1]
    assert "\x1b" not in out
