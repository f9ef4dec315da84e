"""What a bucket says about the configurations that no bucket here has: the answer of an AWS bucket that never got one.

A configuration of these kinds cannot be set; a request that asks for exactly the state that holds anyway is done, any
other is refused by the name of what it asks. Source: API Reference, the Get, List, Put and Delete operation of each
configuration (response syntax, "Special errors"), and S3 User Guide for the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seglake.adapters.s3_protocol.errors import ErrorCode, not_implemented
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.xml_in import Element, malformed, read
from seglake.adapters.s3_protocol.xml_out import document

_WORDS_MAX = 40
_TEXT = Element()
_REFUSED = Element(refused=True)


_NOTHING_MORE = "<IsTruncated>false</IsTruncated>"

DEFAULTS: Mapping[Operation, bytes] = {
    Operation.GetBucketAbac: document("AbacStatus", "<Status>Disabled</Status>"),
    Operation.GetBucketAccelerateConfiguration: document("AccelerateConfiguration", ""),
    Operation.GetBucketLogging: document("BucketLoggingStatus", ""),
    Operation.GetBucketNotificationConfiguration: document("NotificationConfiguration", ""),
    Operation.GetBucketRequestPayment: document("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
    Operation.ListBucketAnalyticsConfigurations: document("ListBucketAnalyticsConfigurationResult", _NOTHING_MORE),
    Operation.ListBucketIntelligentTieringConfigurations: document(
        "ListBucketIntelligentTieringConfigurationsOutput", _NOTHING_MORE
    ),
    Operation.ListBucketInventoryConfigurations: document("ListInventoryConfigurationsResult", _NOTHING_MORE),
    Operation.ListBucketMetricsConfigurations: document("ListMetricsConfigurationsResult", _NOTHING_MORE),
}
"""The documents that tell of a default or of an empty list."""

MISSING: Mapping[Operation, ErrorCode] = {
    Operation.GetBucketAnalyticsConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.DeleteBucketAnalyticsConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.GetBucketIntelligentTieringConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.DeleteBucketIntelligentTieringConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.GetBucketInventoryConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.DeleteBucketInventoryConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.GetBucketMetricsConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.DeleteBucketMetricsConfiguration: ErrorCode.NoSuchConfiguration,
    Operation.GetBucketMetadataConfiguration: ErrorCode.MetadataConfigurationNotFound,
    Operation.DeleteBucketMetadataConfiguration: ErrorCode.MetadataConfigurationNotFound,
    Operation.GetBucketMetadataTableConfiguration: ErrorCode.MetadataConfigurationNotFound,
    Operation.DeleteBucketMetadataTableConfiguration: ErrorCode.MetadataConfigurationNotFound,
    Operation.GetBucketReplication: ErrorCode.ReplicationConfigurationNotFoundError,
    Operation.GetBucketWebsite: ErrorCode.NoSuchWebsiteConfiguration,
}
"""The errors that tell that there is nothing to get; those named by an id cannot be deleted twice either."""

REMOVABLE = frozenset((Operation.DeleteBucketReplication, Operation.DeleteBucketWebsite))
"""Removing what is not there succeeds."""


def _word(name: str, element: str, *, holds: str, refused: str, feature: str) -> Callable[[bytes], None]:
    """A check of a document with one word in it: ``holds`` is done, ``refused`` is what is not implemented."""
    schema = Element({element: _TEXT})

    def check(body: bytes) -> None:
        word = read(body, name, schema).texts.get(element)
        if word == refused:
            raise not_implemented(feature)
        if word != holds:
            raise malformed(f"{element} must be {holds}, not {(word or 'missing')[:_WORDS_MAX]!r}")

    return check


def _empty(name: str, *elements: str) -> Callable[[bytes], None]:
    """A check of a document that must be empty: each of its elements asks for what is not implemented."""
    schema = Element(dict.fromkeys(elements, _REFUSED))

    def check(body: bytes) -> None:
        read(body, name, schema)

    return check


CHECKS: Mapping[Operation, Callable[[bytes], None]] = {
    Operation.PutBucketAbac: _word(
        "AbacStatus", "Status", holds="Disabled", refused="Enabled", feature="access control by bucket tags (ABAC)"
    ),
    Operation.PutBucketAccelerateConfiguration: _word(
        "AccelerateConfiguration", "Status", holds="Suspended", refused="Enabled", feature="transfer acceleration"
    ),
    Operation.PutBucketRequestPayment: _word(
        "RequestPaymentConfiguration",
        "Payer",
        holds="BucketOwner",
        refused="Requester",
        feature="payment by the requester",
    ),
    Operation.PutBucketLogging: _empty("BucketLoggingStatus", "LoggingEnabled"),
    Operation.PutBucketNotificationConfiguration: _empty(
        "NotificationConfiguration",
        "TopicConfiguration",
        "QueueConfiguration",
        "CloudFunctionConfiguration",
        "EventBridgeConfiguration",
    ),
}
"""Each returns when the document sets what holds anyway; S3Error NotImplemented naming what it asks, MalformedXML."""

UNCONFIGURED = frozenset((*DEFAULTS, *MISSING, *REMOVABLE, *CHECKS))
"""All operations of this module."""
