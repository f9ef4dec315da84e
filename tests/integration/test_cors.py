"""CORS rules set by boto3, read back by boto3, and kept over a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, running_server
from tests.wire import Request, connect

RULES: list[dict[str, Any]] = [
    {
        "ID": "first",
        "AllowedHeaders": ["*"],
        "AllowedMethods": ["PUT", "POST"],
        "AllowedOrigins": ["https://*.page.example", "https://other.example"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3000,
    },
    {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]},
]


async def preflight(endpoint: Endpoint, bucket: str, origin: str, method: str = "PUT") -> dict[str, str]:
    headers = {"host": endpoint.host, "origin": origin, "access-control-request-method": method}
    async with connect(endpoint.port) as wire:
        reply = await wire.ask(Request("OPTIONS", f"/{bucket}/k", headers))
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


def test_rules_go_in_and_out_as_boto3_has_them(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as gone:
        s3.get_bucket_cors(Bucket=bucket)
    assert gone.value.response["Error"]["Code"] == "NoSuchCORSConfiguration"
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
    s3.delete_bucket_cors(Bucket=bucket)
    with pytest.raises(ClientError):
        s3.get_bucket_cors(Bucket=bucket)


def test_refusals_are_those_of_s3(s3: Any, bucket: str) -> None:
    changes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"AllowedMethods": ["PATCH"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["https://*.*"]}, "InvalidRequest"),
        ({"ExposeHeaders": ["x-*"]}, "InvalidRequest"),
        ({"AllowedOrigins": []}, "MalformedXML"),
    )
    for changed, code in changes:
        with pytest.raises(ClientError) as refused:
            s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULES[1] | changed]})
        assert refused.value.response["Error"]["Code"] == code


async def test_rules_survive_a_restart_and_the_servers_rule_steps_back(tmp_path: Path) -> None:
    flags = ("--cors-origins", "https://wide.example", "--cors-methods", "GET PUT", "--cors-max-age", "10m")
    for started in range(2):
        with running_server(tmp_path / "data", *flags) as endpoint:
            client = client_of(endpoint)
            if started == 0:
                client.create_bucket(Bucket="own-rules")
                client.create_bucket(Bucket="no-rules")
                client.put_bucket_cors(Bucket="own-rules", CORSConfiguration={"CORSRules": RULES})
            client.close()
            assert (await preflight(endpoint, "own-rules", "https://a.page.example"))[
                "access-control-max-age"
            ] == "3000"
            assert await preflight(endpoint, "own-rules", "https://wide.example") == {}
            wide = await preflight(endpoint, "no-rules", "https://wide.example")
            assert (wide["access-control-allow-methods"], wide["access-control-max-age"]) == ("GET, PUT", "600")
            assert await preflight(endpoint, "no-rules", "https://a.page.example") == {}
