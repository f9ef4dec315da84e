"""The client's half signs what AWS documents, and keeps the secret to itself."""

from __future__ import annotations

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from seglake.adapters.s3_protocol.http_dates import parse_basic_date
from seglake.adapters.s3_protocol.payload import EMPTY_SHA256
from seglake.adapters.s3_protocol.signing import Signer, presign, sign_header
from tests.unit.adapters.s3_protocol.wire import NOW, SIGNER


def test_the_example_of_the_api_reference() -> None:
    signer = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    now = parse_basic_date("20130524T000000Z")
    assert now is not None
    headers = {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"}
    sent = sign_header(signer, "GET", "/test.txt", headers, now=now, payload=EMPTY_SHA256)
    assert sent["authorization"].endswith("=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")


def test_presigned_urls_are_those_of_botocore() -> None:
    request = AWSRequest(method="GET", url="http://h:9000/b/k?versionId=x")
    S3SigV4QueryAuth(Credentials("AK", "secret"), "s3", "eu-west-1", expires=60).add_auth(request)
    now = parse_basic_date(request.context["timestamp"])
    assert now is not None
    signer = Signer("AK", "secret", "eu-west-1")
    assert (
        "http://h:9000" + presign(signer, "GET", "/b/k?versionId=x", {"host": "h:9000"}, now=now, expires_s=60)
        == request.url
    )


@pytest.mark.parametrize("expires_s", [0, -1, 604801])
def test_a_validity_that_s3_does_not_allow_is_refused(expires_s: int) -> None:
    with pytest.raises(ValueError, match="1 to 604800"):
        presign(SIGNER, "GET", "/b/k", {"host": "h"}, now=NOW, expires_s=expires_s)


def test_the_secret_is_not_shown() -> None:
    assert SIGNER.secret not in repr(SIGNER)
