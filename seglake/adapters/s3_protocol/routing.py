"""Every request is one operation of the S3 API or a refusal: what is not understood is never ignored.

Sources: Amazon S3 API Reference, request syntax of each operation; security rules A3 (default deny) and A6 (one table
of bodies and payload modes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seglake.adapters.s3_protocol.addressing import Address
from seglake.adapters.s3_protocol.claims import version_2
from seglake.adapters.s3_protocol.encryption_headers import (
    ASKED_HEADERS,
    CUSTOMER_HEADERS,
    SOURCE_CUSTOMER_HEADERS,
)
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument, not_implemented
from seglake.adapters.s3_protocol.operations import MORE_ACTIONS, VERSION_ACTIONS, Body, Level, Operation
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.request import SIGNATURE_PARAMETERS
from seglake.domain.model.user import ACCOUNT

Values = frozenset[str] | None
"""What a header may say: None is anything (the handler reads it), otherwise exactly these."""

_ANY: Values = None
_PLAIN_MODES = frozenset((PayloadMode.SIGNED, PayloadMode.UNSIGNED))
_ALL_MODES = frozenset(PayloadMode)
# Parameters with no meaning for the answer: those of the signature and the operation name that newer SDKs add.
_SILENT_PARAMETERS = SIGNATURE_PARAMETERS | {"x-id"}

# Understood everywhere. The four after the token change nothing here: who pays, the sender's name, an optional transfer
# coding that a server may leave out, and a proxy's request id. All buckets belong to the one account of the store.
# The AWS SDK for C++ (pyarrow) names the version of the API on every request; there is one.
_COMMON: dict[str, Values] = {
    "x-amz-date": _ANY,
    "x-amz-content-sha256": _ANY,
    "x-amz-security-token": _ANY,
    "x-amz-request-payer": frozenset(("requester",)),
    "x-amz-user-agent": _ANY,
    "x-amz-te": _ANY,
    "x-amz-cf-id": _ANY,
    "x-amz-expected-bucket-owner": frozenset((ACCOUNT,)),
    "x-amz-api-version": frozenset(("2006-03-01",)),
}
_BODY: dict[str, Values] = {
    "x-amz-decoded-content-length": _ANY,
    "x-amz-trailer": _ANY,
    "x-amz-sdk-checksum-algorithm": _ANY,
    "x-amz-checksum-algorithm": _ANY,
    "x-amz-checksum-type": _ANY,
    "x-amz-checksum-crc32": _ANY,
    "x-amz-checksum-crc32c": _ANY,
    "x-amz-checksum-crc64nvme": _ANY,
    "x-amz-checksum-sha1": _ANY,
    "x-amz-checksum-sha256": _ANY,
}
_GRANTED: dict[str, Values] = {
    "x-amz-acl": _ANY,
    "x-amz-grant-full-control": _ANY,
    "x-amz-grant-read": _ANY,
    "x-amz-grant-read-acp": _ANY,
    "x-amz-grant-write-acp": _ANY,
}
_ACL: dict[str, Values] = {**_GRANTED, "x-amz-grant-write": _ANY}
_STORED: dict[str, Values] = {
    **_GRANTED,
    "x-amz-storage-class": _ANY,
    "x-amz-website-redirect-location": _ANY,
    "x-amz-tagging": _ANY,
    "x-amz-object-lock-mode": _ANY,
    "x-amz-object-lock-retain-until-date": _ANY,
    "x-amz-object-lock-legal-hold": _ANY,
}
_SOURCE: dict[str, Values] = {
    "x-amz-copy-source": _ANY,
    "x-amz-source-expected-bucket-owner": frozenset((ACCOUNT,)),
    "x-amz-copy-source-if-match": _ANY,
    "x-amz-copy-source-if-none-match": _ANY,
    "x-amz-copy-source-if-modified-since": _ANY,
    "x-amz-copy-source-if-unmodified-since": _ANY,
}
_CUSTOMER: dict[str, Values] = dict.fromkeys(CUSTOMER_HEADERS, _ANY)
_ENCRYPTED: dict[str, Values] = {**_CUSTOMER, **dict.fromkeys(ASKED_HEADERS, _ANY)}
_SOURCE_CUSTOMER: dict[str, Values] = dict.fromkeys(SOURCE_CUSTOMER_HEADERS, _ANY)
_DIRECTIVES = frozenset(("COPY", "REPLACE"))
_BOOLEANS = frozenset(("true", "false", "True", "False"))
_READ: dict[str, Values] = {"x-amz-checksum-mode": _ANY}
_PAGE: dict[str, Values] = {"x-amz-optional-object-attributes": frozenset(("RestoreStatus",))}
_READ_PARAMETERS = (
    "versionId",
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
)
_LIST_PARAMETERS = ("prefix", "delimiter", "encoding-type")


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the router for an operation that works: what its requests may carry beside the path.

    ``parameters`` are query parameters beside its sub-resource, ``headers`` the x-amz-* headers with their allowed
    values, ``modes`` the payload modes that its body may come in.
    """

    operation: Operation
    parameters: frozenset[str]
    headers: Mapping[str, Values]
    modes: frozenset[PayloadMode]

    def action(self, query: Mapping[str, str]) -> str:
        """The action that authorisation asks for, e.g. ``s3:GetObjectVersion`` when a versionId is given."""
        action = self.operation.action
        return VERSION_ACTIONS.get(action, action) if "versionId" in query else action

    def actions(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, ...]:
        """All actions that authorisation asks for on the target: its own, and one for each thing it sets besides."""
        first = self.action(query)
        more = MORE_ACTIONS.get(self.operation)
        if more is None:
            return (first,)
        needed = [first]
        for name, action in more:
            if not name or name in headers or (name.endswith("-*") and _any_grant(headers, name[:-1])):
                needed.append(VERSION_ACTIONS.get(action, action) if "versionId" in query else action)
        return tuple(dict.fromkeys(needed))


def _any_grant(headers: Mapping[str, str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in headers)


def _row(operation: Operation, parameters: tuple[str, ...] = (), *headers: dict[str, Values]) -> Route:
    allowed = dict(_COMMON)
    if operation.body is not Body.NONE:
        allowed.update(_BODY)
    for more in headers:
        allowed.update(more)
    modes = _PLAIN_MODES if operation.body is Body.NONE else _ALL_MODES
    own = {operation.subresource} if operation.subresource and operation.level is not Level.META else set()
    return Route(operation, frozenset(parameters) | own | _SILENT_PARAMETERS, allowed, modes)


_CREATED: dict[str, Values] = {
    **_ACL,
    "x-amz-object-ownership": _ANY,
    "x-amz-bucket-object-lock-enabled": frozenset(("true", "True", "false", "False")),
}
_BYPASS: dict[str, Values] = {"x-amz-bypass-governance-retention": frozenset(("true", "True", "false", "False"))}
_ATTRIBUTES: dict[str, Values] = {
    "x-amz-object-attributes": _ANY,
    "x-amz-max-parts": _ANY,
    "x-amz-part-number-marker": _ANY,
}
_DELETED: dict[str, Values] = {"x-amz-if-match-last-modified-time": _ANY, "x-amz-if-match-size": _ANY}
_COPIED: dict[str, Values] = {
    "x-amz-metadata-directive": _DIRECTIVES,
    "x-amz-tagging-directive": _DIRECTIVES,
    "x-amz-checksum-algorithm": _ANY,
}
_STARTED: dict[str, Values] = {"x-amz-checksum-algorithm": _ANY, "x-amz-checksum-type": _ANY}

# A form says by its fields what other requests say by headers.
_FORM: dict[str, Values] = {
    "x-amz-content-sha256": frozenset((PayloadMode.UNSIGNED.value,)),
    "x-amz-date": _ANY,
    "x-amz-user-agent": _ANY,
    "x-amz-te": _ANY,
    "x-amz-cf-id": _ANY,
}
_FORM_MODES = frozenset((PayloadMode.UNSIGNED,))

ROUTES: Mapping[Operation, Route] = {
    route.operation: route
    for route in (
        _row(Operation.ListBuckets, ("prefix", "max-buckets", "continuation-token", "bucket-region")),
        _row(Operation.CreateBucket, (), _CREATED),
        _row(Operation.DeleteBucket),
        _row(Operation.HeadBucket),
        _row(Operation.GetBucketLocation),
        _row(Operation.GetBucketVersioning),
        _row(Operation.PutBucketVersioning),
        _row(Operation.ListObjects, (*_LIST_PARAMETERS, "marker", "max-keys"), _PAGE),
        _row(
            Operation.ListObjectsV2,
            (*_LIST_PARAMETERS, "max-keys", "start-after", "continuation-token", "fetch-owner"),
            _PAGE,
        ),
        _row(Operation.ListObjectVersions, (*_LIST_PARAMETERS, "key-marker", "version-id-marker", "max-keys"), _PAGE),
        _row(Operation.ListMultipartUploads, (*_LIST_PARAMETERS, "key-marker", "upload-id-marker", "max-uploads")),
        _row(Operation.DeleteObjects, (), _BYPASS),
        _row(Operation.PutObject, (), _STORED, _ENCRYPTED),
        _row(Operation.CopyObject, (), _STORED, _SOURCE, _COPIED, _ENCRYPTED, _SOURCE_CUSTOMER),
        _row(Operation.GetObject, _READ_PARAMETERS, _READ, _ENCRYPTED),
        _row(Operation.HeadObject, _READ_PARAMETERS, _READ, _ENCRYPTED),
        _row(Operation.DeleteObject, ("versionId",), _DELETED, _BYPASS),
        _row(Operation.CreateMultipartUpload, (), _STORED, _STARTED, _ENCRYPTED),
        _row(Operation.UploadPart, ("partNumber",), _CUSTOMER),
        _row(
            Operation.UploadPartCopy,
            ("partNumber",),
            _SOURCE,
            {"x-amz-copy-source-range": _ANY},
            _CUSTOMER,
            _SOURCE_CUSTOMER,
        ),
        _row(Operation.ListParts, ("max-parts", "part-number-marker"), _CUSTOMER),
        _row(Operation.CompleteMultipartUpload, (), {"x-amz-mp-object-size": _ANY}, _CUSTOMER),
        _row(Operation.AbortMultipartUpload),
        _row(Operation.GetObjectAttributes, ("versionId",), _ATTRIBUTES, _ENCRYPTED),
        _row(Operation.GetBucketEncryption),
        _row(Operation.PutBucketEncryption),
        _row(Operation.DeleteBucketEncryption),
        _row(Operation.GetObjectTagging, ("versionId",)),
        _row(Operation.PutObjectTagging, ("versionId",)),
        _row(Operation.DeleteObjectTagging, ("versionId",)),
        _row(Operation.GetBucketTagging),
        _row(Operation.PutBucketTagging),
        _row(Operation.DeleteBucketTagging),
        _row(Operation.GetObjectLockConfiguration),
        _row(Operation.PutObjectLockConfiguration),
        _row(Operation.GetObjectRetention, ("versionId",)),
        _row(Operation.PutObjectRetention, ("versionId",), _BYPASS),
        _row(Operation.GetObjectLegalHold, ("versionId",)),
        _row(Operation.PutObjectLegalHold, ("versionId",)),
        _row(Operation.GetBucketAcl),
        _row(Operation.PutBucketAcl, (), _ACL),
        _row(Operation.GetObjectAcl, ("versionId",)),
        _row(Operation.PutObjectAcl, ("versionId",), _ACL),
        _row(Operation.GetBucketOwnershipControls),
        _row(Operation.PutBucketOwnershipControls),
        _row(Operation.DeleteBucketOwnershipControls),
        _row(Operation.GetPublicAccessBlock),
        _row(Operation.PutPublicAccessBlock),
        _row(Operation.DeletePublicAccessBlock),
        _row(Operation.GetBucketPolicy),
        _row(Operation.PutBucketPolicy, (), {"x-amz-confirm-remove-self-bucket-access": _BOOLEANS}),
        _row(Operation.DeleteBucketPolicy),
        _row(Operation.GetBucketPolicyStatus),
        _row(Operation.GetBucketAbac),
        _row(Operation.PutBucketAbac),
        _row(Operation.GetBucketAccelerateConfiguration),
        _row(Operation.PutBucketAccelerateConfiguration),
        _row(Operation.GetBucketLogging),
        _row(Operation.PutBucketLogging),
        _row(Operation.GetBucketNotificationConfiguration),
        _row(Operation.PutBucketNotificationConfiguration, (), {"x-amz-skip-destination-validation": _BOOLEANS}),
        _row(Operation.GetBucketReplication),
        _row(Operation.DeleteBucketReplication),
        _row(Operation.GetBucketRequestPayment),
        _row(Operation.PutBucketRequestPayment),
        _row(Operation.GetBucketWebsite),
        _row(Operation.DeleteBucketWebsite),
        _row(Operation.GetBucketMetadataConfiguration),
        _row(Operation.DeleteBucketMetadataConfiguration),
        _row(Operation.GetBucketMetadataTableConfiguration),
        _row(Operation.DeleteBucketMetadataTableConfiguration),
        _row(Operation.ListBucketAnalyticsConfigurations, ("continuation-token",)),
        _row(Operation.GetBucketAnalyticsConfiguration, ("id",)),
        _row(Operation.DeleteBucketAnalyticsConfiguration, ("id",)),
        _row(Operation.ListBucketIntelligentTieringConfigurations, ("continuation-token",)),
        _row(Operation.GetBucketIntelligentTieringConfiguration, ("id",)),
        _row(Operation.DeleteBucketIntelligentTieringConfiguration, ("id",)),
        _row(Operation.ListBucketInventoryConfigurations, ("continuation-token",)),
        _row(Operation.GetBucketInventoryConfiguration, ("id",)),
        _row(Operation.DeleteBucketInventoryConfiguration, ("id",)),
        _row(Operation.ListBucketMetricsConfigurations, ("continuation-token",)),
        _row(Operation.GetBucketMetricsConfiguration, ("id",)),
        _row(Operation.DeleteBucketMetricsConfiguration, ("id",)),
        _row(Operation.PutBucketLifecycleConfiguration, (), {"x-amz-transition-default-minimum-object-size": _ANY}),
        _row(Operation.GetBucketLifecycleConfiguration),
        _row(Operation.DeleteBucketLifecycle),
        _row(Operation.PutBucketCors),
        _row(Operation.GetBucketCors),
        _row(Operation.DeleteBucketCors),
        Route(Operation.PostObject, _SILENT_PARAMETERS, _FORM, _FORM_MODES),
        _row(Operation.Preflight),
        _row(Operation.GetMetaStats),
        _row(Operation.GetMetaConflicts),
    )
}
IMPLEMENTED = frozenset(ROUTES)

_Found = tuple[Route | Operation, tuple[tuple[str, Route | Operation], ...]]


def _table() -> dict[tuple[str, Level, str], _Found]:
    plain: dict[tuple[str, Level, str], Route | Operation] = {}
    selected: dict[tuple[str, Level, str], list[tuple[str, Route | Operation]]] = {}
    for operation in Operation:
        row = ROUTES.get(operation, operation)
        place = (operation.method, operation.level, operation.subresource)
        if operation.selector:
            selected.setdefault(place, []).append((operation.selector, row))
        else:
            assert place not in plain, "operations of one place are told apart by selectors"
            plain[place] = row
    return {place: (row, tuple(selected.get(place, ()))) for place, row in plain.items()}


_TABLE = _table()
_SUBRESOURCES = (
    *[
        frozenset(one.subresource for one in Operation if one.subresource and one.level is level)
        for level in (Level.SERVICE, Level.BUCKET, Level.OBJECT)
    ],
    frozenset[str](),  # the path alone says which document is meant
)
_METHODS: dict[tuple[Level, str], str] = {}
for _method, _level, _sub in sorted(_TABLE):
    _METHODS[_level, _sub] = f"{_METHODS[_level, _sub]}, {_method}" if (_level, _sub) in _METHODS else _method


def route(method: str, address: Address, query: Mapping[str, str], headers: Mapping[str, str]) -> Route:
    """The row for a request; ``query`` and ``headers`` are those of its RequestHead.

    Raises S3Error: NotImplemented (501) naming the operation, parameter or header that is not understood,
    MethodNotAllowed (405), InvalidArgument for sub-resources that exclude each other.
    """
    if method == "OPTIONS":
        return ROUTES[Operation.Preflight]
    if address.key is not None:
        level = Level.OBJECT
    elif address.bucket is not None:
        level = Level.BUCKET
    else:
        level = Level.META if address.meta else Level.SERVICE
    subresource = _subresource(query, level) if query else ""
    if address.meta:
        subresource = address.meta
    found = _TABLE.get((method, level, subresource))
    if found is None:
        raise _no_such_place(query, level, subresource)
    row, selected = found
    for selector, other in selected:
        if (selector[1:] in query) if selector[0] == "?" else (selector[:-1] in headers):
            row = other
    if isinstance(row, Operation):
        raise not_implemented(f"the operation {row.name}")
    if query:
        _check_parameters(row, query)
    for name in headers:
        if name.startswith("x-amz-"):
            check_header(row, name, headers[name])
    return row


def _subresource(query: Mapping[str, str], level: Level) -> str:
    names = _SUBRESOURCES[level]
    found = ""
    for name in query:
        if name in names:
            if found:
                raise invalid_argument(name, query[name], f"it cannot be combined with the query parameter {found}")
            found = name
    return found


def _no_such_place(query: Mapping[str, str], level: Level, subresource: str) -> S3Error:
    if not subresource:
        for name in query:
            if name not in _SILENT_PARAMETERS:
                return _unknown_parameter(name, "here", query)
    return S3Error(ErrorCode.MethodNotAllowed, headers=(("Allow", _METHODS[level, subresource]),))


def _check_parameters(row: Route, query: Mapping[str, str]) -> None:
    for name in query:
        if name not in row.parameters:
            raise _unknown_parameter(name, f"of {row.operation.name}", query)
    if row.operation is Operation.ListObjectsV2 and query["list-type"] != "2":
        raise invalid_argument("list-type", query["list-type"], "the only list type is 2; leave it out for version 1")


def _unknown_parameter(name: str, where: str, query: Mapping[str, str]) -> S3Error:
    """NotImplemented, but what an old signature adds to a query deserves its own word."""
    if "AWSAccessKeyId" in query and "Signature" in query:
        return version_2()
    return not_implemented(f"the query parameter {name[:100]!r} {where}")


def check_header(row: Route, name: str, value: str) -> None:
    """Returns when a request of this row may carry this x-amz-* header, else raises what ``route`` raises."""
    allowed = row.headers.get(name, _MISSING)
    if allowed is None or name.startswith("x-amz-meta-"):
        return
    if allowed is _MISSING:
        raise not_implemented(f"the header {name} with {row.operation.name}", header=name)
    if value not in allowed:
        if name.endswith("expected-bucket-owner"):
            raise S3Error(ErrorCode.AccessDenied, f"{name}: every bucket here belongs to the account {ACCOUNT}")
        if name in _FIXED_CHOICES:
            raise invalid_argument(name, value, f"one of {', '.join(sorted(allowed))} is expected")
        raise not_implemented(f"the header {name} with the value {value[:100]!r}", header=name)


_MISSING: frozenset[str] = frozenset(("",))
_FIXED_CHOICES = frozenset(("x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-request-payer"))
