"""segctl against the real server: what it changes counts for the next request, and nobody else can use its channel."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from seglake.adapters.admin_socket.place import SOCKET_FILE
from seglake.adapters.admin_socket.token import TOKEN_FILE, read_token
from tests.integration.conftest import client_of
from tests.integration.endpoint import ROOT, SECRET, Endpoint, clean_environment, running_server

_COMMAND = "from seglake.entrypoints.segctl import main; main()"
CANARY = "canary-secret-of-a-user-0123456789"


class Ctl:
    """segctl on one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = clean_environment(self.data_dir.parent, SEGLAKE_DATA_DIR=str(self.data_dir))
        command = [sys.executable, "-c", _COMMAND, *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, input=stdin, timeout=60)

    def json(self, *words: str, code: int = 0, stdin: str = "") -> Any:
        done = self.run(*words, "--json", stdin=stdin)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server of its own, since its users and keys are changed."""
    with running_server(tmp_path_factory.mktemp("admin") / "data") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def ctl(served: Endpoint) -> Ctl:
    return Ctl(served.data_dir)


def _as(endpoint: Endpoint, pair: dict[str, Any]) -> Any:
    mine = Endpoint(endpoint.port, endpoint.data_dir, endpoint.pid, pair["access_key"], pair["secret_key"])
    return client_of(mine)


def _refusal(work: Any) -> str:
    with pytest.raises(ClientError) as refused:
        work()
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_a_user_and_a_key_count_at_once_and_stop_at_once(served: Endpoint, ctl: Ctl) -> None:
    ctl.json("user", "create", "alice")
    pair = ctl.json("key", "create", "--user", "alice")
    s3 = _as(served, pair)
    s3.create_bucket(Bucket="alices")
    s3.put_object(Bucket="alices", Key="key", Body=b"body")
    assert [one["owner"] for one in ctl.json("bucket", "list", "--prefix", "alices")["buckets"]] == ["alice"]

    ctl.json("user", "disable", "alice")
    assert _refusal(lambda: s3.get_object(Bucket="alices", Key="key")) == "InvalidAccessKeyId"
    ctl.json("user", "enable", "alice")
    assert s3.get_object(Bucket="alices", Key="key")["Body"].read() == b"body"

    ctl.json("key", "disable", pair["access_key"])
    assert _refusal(lambda: s3.get_object(Bucket="alices", Key="key")) == "InvalidAccessKeyId"
    ctl.json("key", "enable", pair["access_key"])
    fresh = ctl.json("key", "rotate", pair["access_key"])
    assert _refusal(lambda: s3.get_object(Bucket="alices", Key="key")) == "SignatureDoesNotMatch"
    again = _as(served, fresh)
    assert again.get_object(Bucket="alices", Key="key")["Body"].read() == b"body"

    ctl.json("key", "set-policy", pair["access_key"], "ro")
    assert _refusal(lambda: again.put_object(Bucket="alices", Key="key", Body=b"")) == "AccessDenied"
    ctl.json("key", "set-policy", pair["access_key"], "rw")
    ctl.json("key", "allow-bucket", pair["access_key"], "elsewhere")
    assert _refusal(lambda: again.get_object(Bucket="alices", Key="key")) == "AccessDenied"
    ctl.json("key", "delete", pair["access_key"])
    assert _refusal(lambda: again.get_object(Bucket="alices", Key="key")) == "InvalidAccessKeyId"
    s3.close()
    again.close()


def test_a_policy_counts_at_once_and_is_explained_as_it_is_decided(served: Endpoint, ctl: Ctl) -> None:
    ctl.json("user", "create", "bob")
    s3 = _as(served, ctl.json("key", "create", "--user", "bob"))
    ctl.json("bucket", "create", "shared")
    policy = {
        "Statement": [
            {
                "Sid": "bob reads",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::000000000000:user/bob"},
                "Action": "s3:ListBucket",
                "Resource": "arn:aws:s3:::shared",
            }
        ]
    }
    explain = ("policy", "explain", "--user", "bob", "s3:ListBucket", "shared")
    assert _refusal(lambda: s3.list_objects_v2(Bucket="shared")) == "AccessDenied"
    assert ctl.json(*explain, code=1)["allowed"] is False
    ctl.json("bucket-policy", "set", "shared", "@-", stdin=json.dumps(policy))
    assert s3.list_objects_v2(Bucket="shared")["KeyCount"] == 0
    found = ctl.json(*explain)
    assert (found["allowed"], found["statement"], found["sid"]) == (True, 1, "bob reads")
    policy["Statement"][0]["Effect"] = "Deny"
    ctl.json("bucket-policy", "set", "shared", "@-", stdin=json.dumps(policy))
    assert _refusal(lambda: s3.list_objects_v2(Bucket="shared")) == "AccessDenied"
    assert ctl.json(*explain, code=1)["ground"] == "bucket policy"
    ctl.json("bucket-policy", "delete", "shared")
    s3.close()


def test_a_ring_key_encrypts_until_it_is_disabled(served: Endpoint, ctl: Ctl) -> None:
    s3 = client_of(served)
    s3.create_bucket(Bucket="sealed")
    how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "backups"}
    assert _refusal(lambda: s3.put_object(Bucket="sealed", Key="k", Body=b"x", **how)) == "KMS.NotFoundException"
    ctl.json("kms-key", "create", "backups")
    s3.put_object(Bucket="sealed", Key="k", Body=b"before", **how)
    ctl.json("kms-key", "rotate", "backups")
    assert s3.get_object(Bucket="sealed", Key="k")["Body"].read() == b"before"
    ctl.json("kms-key", "disable", "backups")
    assert _refusal(lambda: s3.get_object(Bucket="sealed", Key="k")) == "KMS.DisabledException"
    ctl.json("kms-key", "enable", "backups")
    assert s3.get_object(Bucket="sealed", Key="k")["Body"].read() == b"before"
    s3.close()


def test_force_empties_a_bucket_while_the_server_serves(served: Endpoint, ctl: Ctl) -> None:
    s3 = client_of(served)
    s3.create_bucket(Bucket="full")
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for number in range(30):
        s3.put_object(Bucket="full", Key=f"k{number % 5}", Body=b"x")
    s3.delete_object(Bucket="full", Key="k1")
    s3.create_multipart_upload(Bucket="full", Key="upload")
    assert ctl.run("bucket", "delete", "full").returncode == 2
    found = ctl.json("bucket", "delete", "full", "--force")
    assert (found["versions"], found["uploads"]) == (31, 1)
    assert _refusal(lambda: s3.list_object_versions(Bucket="full")) == "NoSuchBucket"
    s3.close()


def test_the_same_words_get_the_same_answers_after_the_server_stopped(tmp_path: Path) -> None:
    commands = (
        ("user", "list"),
        ("key", "list"),
        ("key", "show", "hers", "--json"),
        ("key", "show", "nobody"),
        ("policy", "explain", "--key", "hers", "s3:PutObject", "photos/cat"),
        ("bucket-policy", "get", "photos", "--json"),
        ("lifecycle", "explain", "photos", "--at", "2035-01-01"),
    )

    def answers(ctl: Ctl) -> list[tuple[int, str, str]]:
        done = [ctl.run(*words) for words in commands]
        return [(one.returncode, one.stdout, one.stderr) for one in done]

    with running_server(tmp_path / "data") as endpoint:
        ctl = Ctl(endpoint.data_dir)
        ctl.json("user", "create", "alice")
        ctl.json("key", "create", "--user", "alice", "--access-key", "hers", "--policy", "ro")
        ctl.json("bucket", "create", "photos", "--owner", "alice")
        online = answers(ctl)
    assert answers(ctl) == online
    assert {code for code, _, _ in online} == {0, 1, 2}


def test_an_old_token_and_a_wrong_one_are_refused(served: Endpoint, ctl: Ctl) -> None:
    token = read_token(served.data_dir)
    path = served.data_dir / TOKEN_FILE
    try:
        path.write_text("0" * 64 + "\n")
        done = ctl.run("user", "list")
        assert (done.returncode, done.stdout) == (2, "")
        assert "the token is wrong" in done.stderr
    finally:
        path.write_text(f"{token}\n")
    assert ctl.run("user", "list").returncode == 0


def test_only_the_owner_can_reach_socket_and_token(served: Endpoint) -> None:
    for name in (SOCKET_FILE, TOKEN_FILE):
        info = os.lstat(served.data_dir / name)
        assert (info.st_mode & 0o777, info.st_uid) == (0o600, os.geteuid())


def test_another_user_is_refused_by_the_kernel_and_by_the_server(served: Endpoint) -> None:
    """Both locks by themselves: the modes are opened for the second."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    program = (
        "import os, sys, socket\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "try:\n    s.connect(sys.argv[1])\n"
        "except PermissionError:\n    print('kernel'); sys.exit()\n"
        "s.sendall(b'POST /v1/user.list HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer %s\\r\\n'"
        "b'Content-Length: 2\\r\\n\\r\\n{}' % sys.argv[2].encode())\n"
        "print(s.recv(100).split()[1].decode())\n"
    )
    token = read_token(served.data_dir)
    assert token is not None
    # The directories above are the test runner's; only the way to the socket is looked at.
    descriptor = os.open(served.data_dir, os.O_PATH)
    try:
        path = f"/proc/self/fd/{descriptor}/{SOCKET_FILE}"

        def attempt() -> str:
            command = [sys.executable, "-c", program, path, token]
            environment = clean_environment(Path("/"))
            done = subprocess.run(
                command, capture_output=True, text=True, pass_fds=(descriptor,), env=environment, cwd=ROOT, timeout=30
            )
            return done.stdout.strip() or done.stderr

        assert attempt() == "kernel"
        served.data_dir.chmod(0o711)
        assert attempt() == "kernel"
        (served.data_dir / SOCKET_FILE).chmod(0o666)
        assert attempt() == "403"
    finally:
        os.close(descriptor)
        served.data_dir.chmod(0o700)
        (served.data_dir / SOCKET_FILE).chmod(0o600)


def test_the_channel_is_not_reached_over_tcp(served: Endpoint, ctl: Ctl) -> None:
    token = read_token(served.data_dir)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        head = f"POST /v1/user.create HTTP/1.1\r\nHost: {served.host}\r\nAuthorization: Bearer {token}\r\n"
        connection.sendall(f'{head}Content-Length: 16\r\n\r\n{{"name": "eve"}} '.encode())
        assert connection.recv(4096).split()[1].startswith(b"4")
    assert "eve" not in [user["name"] for user in ctl.json("user", "list")["users"]]


def test_secrets_are_in_no_line_of_the_log_and_nowhere_in_clear(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--log-level", "debug") as endpoint:
        ctl = Ctl(endpoint.data_dir)
        given = ctl.json("key", "create", "--secret-file", "-", stdin=CANARY)
        secrets = [CANARY, read_token(endpoint.data_dir), ctl.json("key", "create")["secret_key"]]
        secrets.append(ctl.json("key", "rotate", given["access_key"])["secret_key"])
        policy = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": f"*{CANARY}"}]})
        ctl.run("key", "set-policy", given["access_key"], policy)
        ctl.run("key", "rotate", given["access_key"], "--secret-file", "-", stdin=f"{CANARY} with a space")
        s3 = _as(endpoint, {"access_key": given["access_key"], "secret_key": secrets[-1]})
        s3.list_buckets()
        s3.close()
    log = (tmp_path / "data.log").read_text()
    assert log.count('"admin_call"') == 5
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    for secret in [*secrets, SECRET]:
        assert secret is not None
        assert secret not in log
        assert secret.encode() not in stored


def test_a_call_is_quick(served: Endpoint, ctl: Ctl) -> None:
    from seglake.adapters.admin_socket.client import AdminClient

    client, took = AdminClient(served.data_dir), []
    for number in range(30):
        begun = time.perf_counter()
        client.call("user.create", {"name": f"quick-{number}"})
        took.append(time.perf_counter() - begun)
    assert sorted(took)[len(took) // 2] < 0.1, took


def test_the_wrapper_finds_segctl(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "segctl"), "--version"],
        capture_output=True,
        text=True,
        env=clean_environment(tmp_path, PYTHON=sys.executable),
        timeout=60,
    )
    assert done.stdout.startswith("segctl "), done.stderr
