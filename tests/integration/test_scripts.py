"""The smoke scripts of scripts/ pass against a real server, and fail where they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.integration.endpoint import BIN, ROOT, Endpoint, clean_environment, running_server

SCRIPTS = ROOT / "scripts"
SMOKE = sorted(path.name for path in SCRIPTS.glob("smoke-*.sh"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    place = tmp_path_factory.mktemp("store")
    with running_server(place / "data", "--public-buckets", "assets") as running:
        yield running


def run(name: str, endpoint: Endpoint, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "ENDPOINT": endpoint.url,
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret,
        "SEGLAKE_DATA_DIR": str(endpoint.data_dir),
        **more,
    }
    return subprocess.run(
        [SCRIPTS / name],
        cwd=home,
        env=clean_environment(home, **environment),
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("name", SMOKE)
def test_a_script_passes_against_a_real_server_and_leaves_nothing_behind(
    name: str, server: Endpoint, home: Path, s3_of_server: object
) -> None:
    done = run(name, server, home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^passed: [0-9]{2} checks", done.stdout, re.MULTILINE)
    assert server.secret not in done.stdout + done.stderr
    assert bucket_names(s3_of_server) == []


@pytest.fixture(scope="module")
def s3_of_server(server: Endpoint) -> Iterator[object]:
    from tests.integration.conftest import client_of

    client = client_of(server)
    yield client
    client.close()


def bucket_names(client: object) -> list[str]:
    listed = client.list_buckets()["Buckets"]  # type: ignore[attr-defined]
    return [one["Name"] for one in listed]


def test_a_bucket_that_is_not_public_is_refused_whatever_its_policy_says(server: Endpoint, home: Path) -> None:
    done = run("smoke-public.sh", server, home, BUCKET="elsewhere", PRIVATE_EXPECTED="1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_fails_when_an_answer_is_not_the_expected_one(
    server: Endpoint, home: Path, s3_of_server: object
) -> None:
    done = run("smoke-public.sh", server, home, BUCKET="elsewhere")
    assert done.returncode == 1
    assert "not ok: everybody: the page: 403 instead of 200" in done.stderr
    assert "AccessDenied" in done.stderr, "what was answered is shown"
    assert bucket_names(s3_of_server) == [], "a script that fails cleans up too"


@pytest.mark.parametrize("name", SMOKE)
def test_without_keys_or_without_a_server_a_script_says_so(name: str, server: Endpoint, home: Path) -> None:
    done = run(name, server, home, AWS_SECRET_ACCESS_KEY="")
    assert done.returncode != 0
    assert "the secret key is not set" in done.stderr
    done = run(name, server, home, ENDPOINT="http://127.0.0.1:1", SEGLAKE_DATA_DIR=str(home))
    assert done.returncode != 0
    assert "no answer" in done.stderr or "no server can be asked" in done.stderr


def test_over_https_with_a_certificate_of_ones_own(tmp_path: Path, home: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    make_certificate(chain, key)
    flags = ("--tls", "--tls-cert", str(chain), "--tls-key", str(key))
    with running_server(tmp_path / "data", *flags) as endpoint:
        for name in ("smoke-s3.sh", "smoke-security.sh"):
            done = run(name, endpoint, home, CURL_CA_BUNDLE=str(chain))
            assert done.returncode == 0, done.stdout + done.stderr


def test_shellcheck_has_nothing_to_say() -> None:
    found = shutil.which("shellcheck", path=str(BIN)) or shutil.which("shellcheck")
    if found is None:
        pytest.skip("shellcheck is not installed; it comes with the test extra")
    scripts = [path for path in SCRIPTS.iterdir() if path.is_file() and b"bash" in path.read_bytes()[:400]]
    done = subprocess.run([found, "-x", "-P", str(ROOT), *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
