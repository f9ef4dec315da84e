from __future__ import annotations

import pytest
from botocore.model import ServiceModel
from botocore.parsers import RestXMLParser
from botocore.session import get_session

from seglake.adapters.s3_protocol.documents.encryption import parse_encryption, render_encryption
from seglake.adapters.s3_protocol.errors import S3Error
from seglake.domain.model.bucket_encryption import BucketEncryption
from seglake.domain.model.encryption import KMS_KEY, S3_KEY, EncryptionKind, Protection

REGIONS = frozenset(("us-east-1",))
ARN = "arn:aws:kms:us-east-1:000000000000:key/mine"
AES = "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>"


def _kms(key: str = "", method: str = "aws:kms") -> str:
    named = f"<KMSMasterKeyID>{key}</KMSMasterKeyID>" if key else ""
    inner = f"<SSEAlgorithm>{method}</SSEAlgorithm>{named}"
    return f"<ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"


def _blocked(kind: str) -> str:
    return f"<BlockedEncryptionTypes><EncryptionType>{kind}</EncryptionType></BlockedEncryptionTypes>"


def _document(*rules: str) -> bytes:
    inner = "".join([f"<Rule>{rule}</Rule>" for rule in rules])
    name = "ServerSideEncryptionConfiguration"
    return f'<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</{name}>'.encode()


@pytest.mark.parametrize(
    ("rule", "config"),
    [
        (AES, BucketEncryption(Protection(EncryptionKind.S3, S3_KEY, False))),
        (_kms(), BucketEncryption(Protection(EncryptionKind.KMS, KMS_KEY, False))),
        (
            f"{_kms(ARN)}<BucketKeyEnabled>true</BucketKeyEnabled>",
            BucketEncryption(Protection(EncryptionKind.KMS, "mine", True), ARN),
        ),
        (f"{AES}{_blocked('NONE')}", BucketEncryption(Protection(EncryptionKind.S3, S3_KEY, False))),
        (
            f"{AES}{_blocked('SSE-C')}",
            BucketEncryption(Protection(EncryptionKind.S3, S3_KEY, False), blocks_customer_keys=True),
        ),
        (_blocked("SSE-C"), BucketEncryption(None, blocks_customer_keys=True)),
    ],
)
def test_a_document_and_back(rule: str, config: BucketEncryption) -> None:
    assert parse_encryption(_document(rule), REGIONS) == config
    assert parse_encryption(render_encryption(config), REGIONS) == config


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (_document(), "MalformedXML"),
        (_document(AES, AES), "MalformedXML"),
        (_document(""), "MalformedXML"),
        (_document("<BucketKeyEnabled>true</BucketKeyEnabled>"), "MalformedXML"),
        (_document(f"{AES}<BucketKeyEnabled>yes</BucketKeyEnabled>"), "MalformedXML"),
        (_document(f"{AES}<Extra>1</Extra>"), "MalformedXML"),
        (_document(_kms(method="")), "MalformedXML"),
        (_document(_kms(method="AES512")), "InvalidArgument"),
        (_document(_kms(method="aws:kms:dsse")), "NotImplemented"),
        (_document(_kms(ARN, "AES256")), "InvalidArgument"),
        (_document(_kms("arn:aws:kms:eu-north-1:000000000000:key/mine")), "KMS.NotFoundException"),
        (_document(AES + _blocked("SSE-S3")), "MalformedXML"),
    ],
)
def test_what_is_not_understood_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_encryption(body, REGIONS)
    assert caught.value.code.text == code


def test_botocore_reads_what_is_written() -> None:
    model: ServiceModel = get_session().get_service_model("s3")
    shape = model.operation_model("GetBucketEncryption").output_shape
    config = BucketEncryption(Protection(EncryptionKind.KMS, "mine", True), ARN)
    parsed = RestXMLParser().parse({"status_code": 200, "headers": {}, "body": render_encryption(config)}, shape)
    assert parsed["ServerSideEncryptionConfiguration"]["Rules"] == [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ARN},
            "BucketKeyEnabled": True,
        }
    ]
