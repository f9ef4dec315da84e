"""HTTPS with real clients: checksums in trailers, and a certificate that is renewed under open connections."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError, SSLError

from tests.certificates import make_certificate, name_of
from tests.integration.asking import Asker
from tests.integration.endpoint import Endpoint, running_server
from tests.integration.tools import Tool
from tests.wire import Mode, Wire


class Secured:
    """A server that speaks HTTPS, and its certificate."""

    def __init__(self, endpoint: Endpoint, chain: Path, key: Path) -> None:
        self.endpoint, self.chain, self.key = endpoint, chain, key

    def client(self, *, url: str = "", trust: Path | bool | None = None) -> Any:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=url or self.endpoint.url,
            region_name=self.endpoint.region,
            aws_access_key_id=self.endpoint.access_key,
            aws_secret_access_key=self.endpoint.secret,
            verify=str(self.chain) if trust is None else trust,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
        )

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        trust = ssl.create_default_context()
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", self.endpoint.port, ssl=trust)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except (ConnectionError, ssl.SSLError):
                pass

    async def shown(self) -> str:
        """The name in the certificate that a new connection sees."""
        async with self.wire() as wire:
            return shown_on(wire)

    async def shows(self, name: str) -> None:
        """Waits until new connections see this name."""
        for _ in range(100):
            if await self.shown() == name:
                return
            await asyncio.sleep(0.1)
        pytest.fail(f"new connections see {await self.shown()}, not {name}")

    def log(self) -> str:
        return (self.endpoint.data_dir.parent / f"{self.endpoint.data_dir.name}.log").read_text()


def shown_on(wire: Wire) -> str:
    return name_of(wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    place = tmp_path_factory.mktemp("tls")
    chain, key = place / "chain.pem", place / "key.pem"
    make_certificate(chain, key, name="first")
    with running_server(place / "data", "--tls", "--tls-cert", str(chain), "--tls-key", str(key)) as endpoint:
        yield Secured(endpoint, chain, key)


@pytest.fixture
def s3(secured: Secured) -> Iterator[Any]:
    client = secured.client()
    yield client
    client.close()


def test_boto3_sends_its_checksums_in_trailers_and_gets_them_back(s3: Any) -> None:
    sent: list[Any] = []
    s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(dict(request.headers)))
    s3.create_bucket(Bucket="trailers")
    body = os.urandom(300_000)
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        sent.clear()
        put = s3.put_object(Bucket="trailers", Key=algorithm, Body=body, ChecksumAlgorithm=algorithm)
        assert "STREAMING-UNSIGNED-PAYLOAD-TRAILER" in str(sent[0])
        got = s3.get_object(Bucket="trailers", Key=algorithm, ChecksumMode="ENABLED")
        assert got["Body"].read() == body
        assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_a_multipart_upload_names_its_place_with_https(s3: Any, secured: Secured) -> None:
    s3.create_bucket(Bucket="parts")
    upload = s3.create_multipart_upload(Bucket="parts", Key="k")["UploadId"]
    part = s3.upload_part(Bucket="parts", Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 100_000)
    done = s3.complete_multipart_upload(
        Bucket="parts",
        Key="k",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]},
    )
    assert done["Location"] == f"{secured.endpoint.url}/parts/k"
    assert secured.endpoint.url.startswith("https://")


def test_large_objects_go_both_ways(s3: Any) -> None:
    s3.create_bucket(Bucket="large")
    body = os.urandom(1 << 20) * 24
    s3.put_object(Bucket="large", Key="k", Body=body)
    assert s3.get_object(Bucket="large", Key="k")["Body"].read() == body
    assert s3.get_object(Bucket="large", Key="k", Range="bytes=5000000-5000099")["Body"].read() == body[5000000:5000100]


async def test_every_mode_of_authentication_works_over_tls(secured: Secured, s3: Any) -> None:
    s3.create_bucket(Bucket="modes")
    asker = Asker(secured.endpoint, s3, "modes")
    async with secured.wire() as wire:
        for number, mode in enumerate(Mode):
            body = b"some bytes" * number
            assert (await wire.ask(asker.request("PUT", "/{bucket}/k", {}, body, mode=mode))).status == 200
            assert (await wire.ask(asker.request("GET", "/{bucket}/k"))).body == body


def test_who_does_not_trust_the_certificate_goes_away(secured: Secured) -> None:
    with pytest.raises(SSLError):
        secured.client(trust=True).list_buckets()


def test_plain_http_is_not_served_on_the_port(secured: Secured) -> None:
    with pytest.raises((BotoConnectionError, HTTPClientError)):
        secured.client(url=secured.endpoint.url.replace("https", "http")).list_buckets()


@pytest.mark.parametrize(
    ("version", "works"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_old_versions_of_tls_are_not_spoken(secured: Secured, version: ssl.TLSVersion, *, works: bool) -> None:
    trust = ssl.create_default_context(cafile=str(secured.chain))
    trust.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        trust.minimum_version = trust.maximum_version = version
    with socket.create_connection(("127.0.0.1", secured.endpoint.port)) as plain:
        try:
            with trust.wrap_socket(plain, server_hostname="localhost") as spoken:
                name = (spoken.cipher() or ("",))[0]
        except (OSError, ssl.SSLError):
            assert not works
        else:
            assert works
            assert name.startswith(("ECDHE-", "TLS_"))
            assert "GCM" in name or "CHACHA20" in name


def test_the_aws_command_line_works(secured: Secured, home: Path, tool: Callable[[str], str]) -> None:
    tool("aws")
    endpoint = secured.endpoint
    environment = {
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret,
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_CA_BUNDLE": str(secured.chain),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    aws = Tool(endpoint, home, ("aws", "--endpoint-url", endpoint.url), environment)
    (home / "f").write_bytes(b"x" * 10_000_000)
    aws.run("s3", "mb", "s3://cli")
    aws.run("s3", "cp", "f", "s3://cli/f")
    aws.run("s3", "cp", "s3://cli/f", "g")
    assert (home / "g").read_bytes() == (home / "f").read_bytes()


async def test_a_renewed_certificate_counts_for_new_connections_only(secured: Secured, s3: Any) -> None:
    """By the files alone, then by a signal; broken files in between change nothing."""
    asker = Asker(secured.endpoint, s3, "none")
    async with secured.wire() as open_connection:
        began_with = shown_on(open_connection)

        async def still_open() -> None:
            assert (await open_connection.ask(asker.request("GET", "/"))).status == 200
            assert shown_on(open_connection) == began_with

        await still_open()
        make_certificate(secured.chain, secured.key, name="second")
        await secured.shows("second")
        await still_open()
        secured.key.write_text("no key at all")
        os.kill(secured.endpoint.pid, signal.SIGHUP)
        for _ in range(100):
            if "tls_certificate_refused" in secured.log():
                break
            await asyncio.sleep(0.1)
        assert "tls_certificate_refused" in secured.log()
        assert await secured.shown() == "second"
        await still_open()
        make_certificate(secured.chain, secured.key, name="third")
        os.kill(secured.endpoint.pid, signal.SIGHUP)
        await secured.shows("third")
        await still_open()
    client = secured.client()
    assert "Buckets" in client.list_buckets()
    client.close()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--tls",), "--tls-cert is missing"),
        (("--tls-cert", "c"), "without --tls"),
        (("--tls", "--tls-cert", "absent.pem", "--tls-key", "absent.pem"), "cannot read absent.pem"),
    ],
)
def test_a_start_that_cannot_have_tls_says_why(tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
    with pytest.raises(AssertionError, match=says), running_server(tmp_path / "data", *flags):
        pass
    assert not (tmp_path / "data").exists(), "nothing is made before it is known that it can be served"
