"""Every answer is one that botocore reads as the default, and only what holds anyway can be set."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import botocore.session
import pytest
from botocore.parsers import RestXMLParser

from seglake.adapters.s3_protocol.documents.unconfigured import CHECKS, DEFAULTS, MISSING, REMOVABLE, UNCONFIGURED
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Body, Operation
from seglake.adapters.s3_protocol.xml_in import NAMESPACE

MODEL = botocore.session.get_session().get_service_model("s3")
READ_AS: dict[str, dict[str, Any]] = {
    "GetBucketAbac": {"AbacStatus": {"Status": "Disabled"}},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "ListBucketAnalyticsConfigurations": {"IsTruncated": False},
    "ListBucketIntelligentTieringConfigurations": {"IsTruncated": False},
    "ListBucketInventoryConfigurations": {"IsTruncated": False},
    "ListBucketMetricsConfigurations": {"IsTruncated": False},
}
HOLDS: dict[Operation, list[bytes]] = {
    Operation.PutBucketAbac: [b"<AbacStatus><Status>Disabled</Status></AbacStatus>"],
    Operation.PutBucketAccelerateConfiguration: [
        b"<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"
    ],
    Operation.PutBucketRequestPayment: [
        b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
    ],
    Operation.PutBucketLogging: [
        b"<BucketLoggingStatus/>",
        f'<BucketLoggingStatus xmlns="{NAMESPACE}"> </BucketLoggingStatus>'.encode(),
    ],
    Operation.PutBucketNotificationConfiguration: [b"<NotificationConfiguration/>"],
}
ASKS_MORE: list[tuple[Operation, bytes]] = [
    (Operation.PutBucketAbac, b"<AbacStatus><Status>Enabled</Status></AbacStatus>"),
    (
        Operation.PutBucketAccelerateConfiguration,
        b"<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>",
    ),
    (
        Operation.PutBucketRequestPayment,
        b"<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>",
    ),
    (
        Operation.PutBucketLogging,
        b"<BucketLoggingStatus><LoggingEnabled><TargetBucket>b</TargetBucket></LoggingEnabled></BucketLoggingStatus>",
    ),
    *[
        (
            Operation.PutBucketNotificationConfiguration,
            f"<NotificationConfiguration><{kind}/></NotificationConfiguration>".encode(),
        )
        for kind in (
            "TopicConfiguration",
            "QueueConfiguration",
            "CloudFunctionConfiguration",
            "EventBridgeConfiguration",
        )
    ],
]
MALFORMED: list[tuple[Operation, bytes]] = [
    (Operation.PutBucketAbac, b"<AbacStatus/>"),
    (Operation.PutBucketAbac, b"<AbacStatus><Status>disabled</Status></AbacStatus>"),
    (Operation.PutBucketAccelerateConfiguration, b"<AccelerateConfiguration/>"),
    (Operation.PutBucketAccelerateConfiguration, b"<AccelerateConfiguration><Status/></AccelerateConfiguration>"),
    (
        Operation.PutBucketRequestPayment,
        b"<RequestPaymentConfiguration><Payer>Me</Payer></RequestPaymentConfiguration>",
    ),
    (Operation.PutBucketLogging, b"<BucketLoggingStatus><Other/></BucketLoggingStatus>"),
    (Operation.PutBucketLogging, b"<BucketLoggingStatus>text</BucketLoggingStatus>"),
    (Operation.PutBucketLogging, b"<NotificationConfiguration/>"),
    (
        Operation.PutBucketNotificationConfiguration,
        b"<NotificationConfiguration><Id>a</Id></NotificationConfiguration>",
    ),
]


@pytest.mark.parametrize("operation", DEFAULTS, ids=lambda operation: operation.name)
def test_botocore_reads_the_default(operation: Operation) -> None:
    shape = MODEL.operation_model(operation.name).output_shape
    body = DEFAULTS[operation]
    parsed = RestXMLParser().parse({"status_code": 200, "headers": {}, "body": body}, shape)
    del parsed["ResponseMetadata"]
    assert parsed == READ_AS[operation.name]
    assert ET.fromstring(body).tag.startswith(f"{{{NAMESPACE}}}")


@pytest.mark.parametrize("operation", CHECKS, ids=lambda operation: operation.name)
def test_what_holds_anyway_may_be_set(operation: Operation) -> None:
    for body in HOLDS[operation]:
        CHECKS[operation](body)


@pytest.mark.parametrize(("operation", "body"), ASKS_MORE)
def test_what_would_change_something_is_refused_by_name(operation: Operation, body: bytes) -> None:
    with pytest.raises(S3Error) as caught:
        CHECKS[operation](body)
    assert caught.value.code is ErrorCode.NotImplemented
    assert len(caught.value.message) > len("is not implemented")


@pytest.mark.parametrize(("operation", "body"), [*MALFORMED, *[(operation, b"") for operation in CHECKS]])
def test_what_is_no_such_document_is_malformed(operation: Operation, body: bytes) -> None:
    with pytest.raises(S3Error) as caught:
        CHECKS[operation](body)
    assert caught.value.code is ErrorCode.MalformedXML


def test_every_operation_has_exactly_one_kind_of_answer() -> None:
    assert len(UNCONFIGURED) == len(DEFAULTS) + len(MISSING) + len(REMOVABLE) + len(CHECKS)
    for operation in UNCONFIGURED:
        assert (operation.body is Body.DOCUMENT) == (operation in CHECKS)
    assert all(code.status == 404 for code in MISSING.values())
