"""The proxies of examples/ in front of a real server: what clients signed arrives, and nobody can claim an address."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.certificates import make_certificate
from tests.integration.endpoint import ROOT, Endpoint, clean_environment, running_server

MIB = 1 << 20
ODD_KEYS = ["a b+c", "per%2Fcent", "a//b", "/lead", "dot/./dot", "up/../up", "umlaut-äöü", "q?=&#", "trail/"]
Proxy = Callable[[Path, int, int, Path, Path], tuple[list[str], Path]]
"""(directory, own port, the store's port, certificate, key) -> its command, its log"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nginx(place: Path, port: int, behind: int, chain: Path, key: Path) -> tuple[list[str], Path]:
    """The example inside the smallest nginx.conf, with this machine's ports and files."""
    site = (ROOT / "examples" / "nginx" / "seglake.conf").read_text()
    site = site.replace("127.0.0.1:9000;", f"127.0.0.1:{behind};").replace(
        "listen 443 ssl", f"listen 127.0.0.1:{port} ssl"
    )
    site = site.replace("/etc/nginx/chain.pem", str(chain)).replace("/etc/nginx/key.pem", str(key))
    paths = "".join(
        f"{name}_temp_path {place}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = place / "nginx.conf"
    main.write_text(
        f"daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{site}\n}}\n"
    )
    return ["nginx", "-p", str(place), "-e", f"{place}/error.log", "-c", str(main)], place / "error.log"


def caddy(place: Path, port: int, behind: int, chain: Path, key: Path) -> tuple[list[str], Path]:
    """The example with this machine's ports and files; an address instead of the names, since nothing resolves them."""
    site = (ROOT / "examples" / "caddy" / "Caddyfile").read_text()
    names = "s3.example.org, *.s3.example.org {"
    assert names in site
    site = site.replace(names, f"https://127.0.0.1:{port}, https://localhost:{port} {{")
    site = site.replace("127.0.0.1:9000 {", f"127.0.0.1:{behind} {{")
    site = site.replace("/etc/caddy/chain.pem", str(chain)).replace("/etc/caddy/key.pem", str(key))
    file = place / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n" + site)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)], place / "caddy.log"


@contextmanager
def running_proxy(command: list[str], port: int, log: Path, home: Path) -> Iterator[None]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=clean_environment(home))
        try:
            for _ in range(200):
                assert process.poll() is None, log.read_text()[-2000:]
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                pytest.fail(f"the proxy does not listen: {log.read_text()[-2000:]}")
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Endpoint, int, Path]]:
    """(the store behind, the proxy's port, the proxy's certificate)"""
    proxy: Proxy = request.param
    if shutil.which(proxy.__name__) is None:
        pytest.skip(f"{proxy.__name__} is not installed")
    place = tmp_path_factory.mktemp("proxy")
    chain, key = place / "chain.pem", place / "key.pem"
    make_certificate(chain, key)
    port = free_port()
    flags = ("--trusted-proxies", "127.0.0.1/32", "--access-log")
    with running_server(place / "data", *flags) as endpoint:
        command, log = proxy(place, port, endpoint.port, chain, key)
        with running_proxy(command, port, log, place):
            for directory in ("client_body", "proxy"):
                if (place / directory).exists():
                    # A body that the proxy wants to write down has no place to go, and the request fails.
                    (place / directory).rmdir()
                    (place / directory).touch()
            yield endpoint, port, chain


@pytest.fixture
def client(proxied: tuple[Endpoint, int, Path]) -> Iterator[Any]:
    endpoint, port, chain = proxied
    made = boto3.session.Session().client(
        "s3",
        endpoint_url=f"https://127.0.0.1:{port}",
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret,
        verify=str(chain),
        config=Config(retries={"total_max_attempts": 1}, signature_version="s3v4"),
    )
    yield made
    made.close()


def test_keys_arrive_as_they_were_signed(client: Any) -> None:
    client.create_bucket(Bucket="odd")
    for key in ODD_KEYS:
        client.put_object(Bucket="odd", Key=key, Body=key.encode(), Metadata={"with_underscore": "x"})
        answer = client.get_object(Bucket="odd", Key=key)
        assert answer["Body"].read() == key.encode()
        # Caddy writes names of headers in its own case, as HTTP allows.
        assert {name.lower(): value for name, value in answer["Metadata"].items()} == {"with_underscore": "x"}
    assert {one["Key"] for one in client.list_objects_v2(Bucket="odd")["Contents"]} == set(ODD_KEYS)


def test_large_bodies_stream_both_ways(client: Any) -> None:
    """boto3 sends them over https with checksums in trailers. Uploads are not written to the disk (see the fixture)."""
    content = hashlib.sha256(b"seed").digest() * (24 * MIB // 32)
    client.create_bucket(Bucket="large")
    client.put_object(Bucket="large", Key="k", Body=content, ChecksumAlgorithm="SHA256")
    assert client.get_object(Bucket="large", Key="k", ChecksumMode="ENABLED")["Body"].read() == content
    ranged = client.get_object(Bucket="large", Key="k", Range="bytes=1000000-9000000")
    assert ranged["Body"].read() == content[1000000:9000001]


def test_presigned_urls_work_with_the_proxys_name(client: Any, proxied: tuple[Endpoint, int, Path]) -> None:
    client.create_bucket(Bucket="presigned")
    client.put_object(Bucket="presigned", Key="a b", Body=b"content")
    url = client.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "a b"})
    trust = ssl.create_default_context(cafile=str(proxied[2]))
    with urllib.request.urlopen(url, timeout=20, context=trust) as answer:
        assert answer.read() == b"content"


def allow(client: Any, bucket: str, condition: dict[str, Any]) -> None:
    """Denies what does not fulfil the condition; the owner's own requests are not exempt from a deny."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": condition,
    }
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def test_the_store_knows_that_the_client_came_by_https(client: Any, proxied: tuple[Endpoint, int, Path]) -> None:
    client.create_bucket(Bucket="secure")
    client.put_object(Bucket="secure", Key="k", Body=b"content")
    allow(client, "secure", {"Bool": {"aws:SecureTransport": "false"}})
    assert client.get_object(Bucket="secure", Key="k")["Body"].read() == b"content"


def test_a_client_cannot_claim_an_address(client: Any, proxied: tuple[Endpoint, int, Path]) -> None:
    client.create_bucket(Bucket="address")
    client.put_object(Bucket="address", Key="k", Body=b"content")
    allow(client, "address", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})
    url = client.generate_presigned_url("get_object", {"Bucket": "address", "Key": "k"})
    trust = ssl.create_default_context(cafile=str(proxied[2]))
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        request = urllib.request.Request(url, headers={name: "203.0.113.7"})
        with urllib.request.urlopen(request, timeout=20, context=trust) as answer:
            assert answer.read() == b"content", f"{name} was believed"
    directly = urllib.request.Request(
        f"{proxied[0].url}/address/k", headers={"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(directly, timeout=20)
    refused.value.close()


def test_a_refusal_during_an_upload_reaches_the_client(client: Any) -> None:
    client.create_bucket(Bucket="refusal")
    with pytest.raises(client.exceptions.ClientError, match="BadDigest"):
        client.put_object(Bucket="refusal", Key="k", Body=b"x" * MIB, ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
