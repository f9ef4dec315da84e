"""Answers held against botocore's model of the API: every element known, in its place, in S3's namespace, of its type.

botocore's own parser skips what it does not know and fills in what is missing; this one reports both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import botocore.session

from tests.unit.adapters.s3_protocol.test_routing import SUCCESSORS

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
MODEL = botocore.session.get_session().get_service_model("s3")

ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAbac": "AbacStatus",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketEncryption": "ServerSideEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketOwnershipControls": "OwnershipControls",
    "GetBucketPolicyStatus": "PolicyStatus",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectLegalHold": "LegalHold",
    "GetObjectLockConfiguration": "ObjectLockConfiguration",
    "GetObjectRetention": "Retention",
    "GetObjectTagging": "Tagging",
    "GetPublicAccessBlock": "PublicAccessBlockConfiguration",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketIntelligentTieringConfigurations": "ListBucketIntelligentTieringConfigurationsOutput",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
    "UploadPartCopy": "CopyPartResult",
}
"""The root element of each answer that is a document (API Reference, response syntax and sample responses)."""

ORDERS = {
    name: order.split()
    for name, order in {
        "ListAllMyBucketsResult": "Owner Buckets ContinuationToken Prefix",
        "Bucket": "Name CreationDate BucketRegion",
        "Owner": "ID DisplayName",
        "Initiator": "ID DisplayName",
        "ListBucketResult": "Name Prefix StartAfter ContinuationToken NextContinuationToken Marker NextMarker KeyCount"
        " MaxKeys Delimiter EncodingType IsTruncated Contents CommonPrefixes",
        "Contents": "Key LastModified ETag ChecksumAlgorithm ChecksumType Size StorageClass Owner",
        "ListVersionsResult": "Name Prefix KeyMarker VersionIdMarker NextKeyMarker NextVersionIdMarker MaxKeys"
        " Delimiter EncodingType IsTruncated",
        "Version": "Key VersionId IsLatest LastModified ETag ChecksumAlgorithm ChecksumType Size StorageClass Owner",
        "DeleteMarker": "Key VersionId IsLatest LastModified Owner",
        "InitiateMultipartUploadResult": "Bucket Key UploadId",
        "CompleteMultipartUploadResult": "Location Bucket Key ETag",
        "CopyObjectResult": "LastModified ETag",
        "CopyPartResult": "LastModified ETag",
        "Part": "PartNumber LastModified ETag Size",
        "Upload": "Key UploadId Initiator Owner StorageClass Initiated",
        "AccessControlPolicy": "Owner AccessControlList",
        "Grant": "Grantee Permission",
        "Tag": "Key Value",
        "Error": "Code Message",
        "VersioningConfiguration": "Status MfaDelete",
        "Retention": "Mode RetainUntilDate",
    }.items()
}
"""The order of elements in AWS's sample responses; those that a list does not name may stand anywhere behind."""

_NUMBER = re.compile("[0-9]+", re.ASCII)
_PATTERNS = {
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII),
    "boolean": re.compile("true|false"),
    "integer": _NUMBER,
    "long": _NUMBER,
}


def deviations(operation: str, status: int, headers: Any, body: bytes) -> list[str]:
    """What is wrong with an answer; empty when the model describes it completely. Old names mean the new operations."""
    if status >= 300:
        return list(_error(status, headers, body))
    operation = SUCCESSORS.get(operation, operation)
    shape = MODEL.operation_model(operation).output_shape
    if shape is None:
        return [] if not body else [f"a body that nobody expects: {body[:100]!r}"]
    payload = shape.serialization.get("payload")
    if payload is not None and shape.members[payload].type_name in ("blob", "string"):
        return []
    if payload is None and all(member.serialization.get("location") for member in shape.members.values()):
        return [] if not body else [f"a body that nobody expects: {body[:100]!r}"]
    if operation not in ROOTS:
        return [f"the document {body[:100]!r}, whose name is not known here"]
    return list(_document(operation, shape.members[payload] if payload else shape, headers, body))


def _document(operation: str, shape: Any, headers: Any, body: bytes) -> Iterator[str]:
    if headers.get("content-type") != "application/xml":
        yield f"the type {headers.get('content-type')}"
    if not body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>'):
        yield "no XML declaration"
    root = ET.fromstring(body)
    if root.tag != f"{{{NAMESPACE}}}{ROOTS[operation]}":
        yield f"the root {root.tag}"
    if operation == "GetBucketLocation":
        region = shape.members["LocationConstraint"]
        if root.text and root.text not in region.enum:
            yield f"the region {root.text}"
        return
    yield from _structure(root, shape, ROOTS[operation])


def _error(status: int, headers: Any, body: bytes) -> Iterator[str]:
    """API: "REST error responses": no namespace, Code and Message first, both request ids in header and document."""
    if not body:
        return  # to HEAD, and 304
    if headers.get("content-type") != "application/xml":
        yield f"the type {headers.get('content-type')}"
    root = ET.fromstring(body)
    names = [child.tag for child in root]
    if root.tag != "Error" or names[:2] != ["Code", "Message"]:
        yield f"an error document {root.tag} of {names}"
    for name, header in (("RequestId", "x-amz-request-id"), ("HostId", "x-amz-id-2")):
        if root.findtext(name) != headers.get(header):
            yield f"{name} differs from the header {header}"
    if not root.findtext("Code") or not root.findtext("Message"):
        yield f"an empty code or message with {status}"


def _structure(element: ET.Element, shape: Any, path: str) -> Iterator[str]:
    members = {_name(member, name): member for name, member in shape.members.items() if _in_body(member)}
    attributes = {_name(m, n): m for n, m in shape.members.items() if m.serialization.get("xmlAttribute")}
    found: dict[str, list[ET.Element]] = {}
    for child in element:
        namespace, _, name = child.tag.removeprefix("{").rpartition("}")
        if namespace != NAMESPACE:
            yield f"{path}/{name} in the namespace {namespace!r}"
        if name not in members:
            yield f"{path}/{name}, which the model does not know"
        found.setdefault(name, []).append(child)
    for name in element.attrib:
        if name.replace(f"{{{SCHEMA_INSTANCE}}}", "xsi:") not in attributes:
            yield f"{path} has the attribute {name}"
    if (element.text or "").strip():
        yield f"{path} has text between its elements"
    for name in shape.required_members:
        member, shown = shape.members[name], _name(shape.members[name], name)
        flat = member.type_name == "list" and member.serialization.get("flattened")
        if shown not in found and not flat and shown not in attributes and _in_body(member):
            yield f"{path} lacks {shown}"
    yield from _order(element, path)
    for name, children in found.items():
        if name in members:
            yield from _member(children, members[name], f"{path}/{name}")


def _in_body(member: Any) -> bool:
    return not member.serialization.get("location") and not member.serialization.get("xmlAttribute")


def _name(member: Any, default: str) -> str:
    if member.type_name == "list" and member.serialization.get("flattened"):
        return str(member.serialization.get("name") or member.member.serialization.get("name") or default)
    return str(member.serialization.get("name") or default)


def _order(element: ET.Element, path: str) -> Iterator[str]:
    order = ORDERS.get(element.tag.rpartition("}")[2])
    if order is None:
        return
    places = [order.index(name) for child in element if (name := child.tag.rpartition("}")[2]) in order]
    if places != sorted(places):
        yield f"{path} has its elements in the order {[child.tag.rpartition('}')[2] for child in element]}"


def _member(elements: list[ET.Element], shape: Any, path: str) -> Iterator[str]:
    flat = shape.type_name == "list" and shape.serialization.get("flattened")
    if len(elements) > 1 and not flat:
        yield f"{path} stands {len(elements)} times"
    for element in elements:
        if flat:
            yield from _value(element, shape.member, path)
        elif shape.type_name == "list":
            item = shape.member.serialization.get("name", "member")
            for child in element:
                if child.tag != f"{{{NAMESPACE}}}{item}":
                    yield f"{path}/{child.tag} is not an item"
                yield from _value(child, shape.member, f"{path}/{item}")
        else:
            yield from _value(element, shape, path)


def _value(element: ET.Element, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _structure(element, shape, path)
        return
    text = element.text or ""
    if len(element):
        yield f"{path} has elements inside"
    pattern = _PATTERNS.get(shape.type_name)
    enum = getattr(shape, "enum", None)
    if (pattern is not None and not pattern.fullmatch(text)) or (enum and text not in enum):
        yield f"{path} is {text[:80]!r}, which is no {shape.name}"
