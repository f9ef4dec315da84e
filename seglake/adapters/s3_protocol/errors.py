"""Every refusal is one row of one table (code, status, text), and one renderer writes it.

Source: Amazon S3 API Reference, "Error responses" (list of error codes and the shape of the Error document).
"""

from __future__ import annotations

import re
from enum import Enum

from seglake.domain.model.errors import SeglakeError

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class ErrorCode(Enum):
    """One S3 error code: ``text`` as on the wire, HTTP ``status``, and the default ``message``."""

    AccessControlListNotSupported = "AccessControlListNotSupported", 400, "The bucket does not allow ACLs."
    AccessDenied = "AccessDenied", 403, "Access Denied."
    AccessForbidden = "AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket."
    AuthorizationHeaderMalformed = (
        "AuthorizationHeaderMalformed",
        400,
        "The authorization header you provided is malformed.",
    )
    AuthorizationQueryParametersError = (
        "AuthorizationQueryParametersError",
        400,
        "The query parameters that carry the authorization are malformed.",
    )
    BadDigest = "BadDigest", 400, "A digest you sent does not match the bytes that were received."
    BadRequest = "BadRequest", 400, "The request is malformed."
    BucketAlreadyExists = "BucketAlreadyExists", 409, "The bucket name is taken; choose another."
    BucketAlreadyOwnedByYou = "BucketAlreadyOwnedByYou", 409, "You own a bucket of this name already."
    BucketNotEmpty = "BucketNotEmpty", 409, "The bucket you tried to delete is not empty."
    ConditionalRequestConflict = (
        "ConditionalRequestConflict",
        409,
        "The object changed while this conditional request ran; fetch its ETag again and repeat.",
    )
    InvalidPartNumber = "InvalidPartNumber", 416, "The requested part number is not satisfiable."
    EntityTooLarge = "EntityTooLarge", 400, "The upload exceeds the largest size that is allowed."
    EntityTooSmall = "EntityTooSmall", 400, "A part other than the last is smaller than the smallest size allowed."
    IllegalLocationConstraintException = (
        "IllegalLocationConstraintException",
        400,
        "The location constraint is not one of this endpoint's regions.",
    )
    IllegalVersioningConfigurationException = (
        "IllegalVersioningConfigurationException",
        400,
        "The versioning configuration of the request is not valid.",
    )
    IncompleteBody = "IncompleteBody", 400, "The body does not have the number of bytes that was announced."
    InternalError = "InternalError", 500, "An internal error occurred. Please try again."
    InvalidAccessKeyId = "InvalidAccessKeyId", 403, "The access key id you provided does not exist in our records."
    InvalidArgument = "InvalidArgument", 400, "An argument is not valid."
    InvalidBucketAclWithBlockPublicAccessError = (
        "InvalidBucketAclWithBlockPublicAccessError",
        400,
        "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
    )
    InvalidBucketAclWithObjectOwnership = (
        "InvalidBucketAclWithObjectOwnership",
        400,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    )
    InvalidBucketName = "InvalidBucketName", 400, "The specified bucket is not valid."
    InvalidBucketState = "InvalidBucketState", 409, "The request is not valid for the bucket's present state."
    InvalidChunkSizeError = (
        "InvalidChunkSizeError",
        403,
        "A chunk of the aws-chunked body has a size that is not allowed.",
    )
    InvalidDigest = "InvalidDigest", 400, "The Content-MD5 or checksum you sent is not valid."
    InvalidEncryptionAlgorithm = (
        "InvalidEncryptionAlgorithmError",
        400,
        "The encryption request you specified is not valid. The supported value is AES256.",
    )
    InvalidLocationConstraint = (
        "InvalidLocationConstraint",
        400,
        "The specified location constraint is not valid.",
    )
    InvalidPart = "InvalidPart", 400, "A part could not be found, or its ETag or checksum does not match."
    InvalidPartOrder = "InvalidPartOrder", 400, "The parts are not in ascending order of their numbers."
    InvalidPolicyDocument = (
        "InvalidPolicyDocument",
        400,
        "The content of the form does not meet the conditions specified in the policy document.",
    )
    InvalidRange = "InvalidRange", 416, "The requested range is not satisfiable."
    InvalidRequest = "InvalidRequest", 400, "The request is not valid."
    InvalidStorageClass = "InvalidStorageClass", 400, "The storage class you specified is not valid."
    InvalidRetentionPeriod = "InvalidRetentionPeriod", 400, "The retention period is not valid."
    InvalidTag = "InvalidTag", 400, "The tag you specified is not valid."
    InvalidToken = "InvalidToken", 400, "The provided token is malformed or otherwise not valid."
    InvalidURI = "InvalidURI", 400, "Couldn't parse the specified URI."
    KMSDisabled = "KMS.DisabledException", 400, "The KMS key is disabled."
    KMSNotFound = "KMS.NotFoundException", 400, "The KMS key does not exist."
    KeyTooLongError = "KeyTooLongError", 400, "Your key is too long; at most 1,024 bytes are allowed."
    MalformedACLError = "MalformedACLError", 400, "The ACL you provided is not well-formed or breaks the schema."
    MalformedPOSTRequest = (
        "MalformedPOSTRequest",
        400,
        "The body of your POST request is not well-formed multipart/form-data.",
    )
    MalformedTrailerError = (
        "MalformedTrailerError",
        400,
        "The trailing headers are not well-formed or are not the ones that were announced.",
    )
    MalformedPolicy = "MalformedPolicy", 400, "The policy is not well-formed or holds something that is not supported."
    MalformedXML = "MalformedXML", 400, "The XML you provided is not well-formed or does not follow the schema."
    MaxPostPreDataLengthExceeded = (
        "MaxPostPreDataLengthExceeded",
        400,
        "Your POST request fields preceding the upload file were too large.",
    )
    MaxMessageLengthExceeded = "MaxMessageLengthExceeded", 400, "Your request was too big."
    MetadataTooLarge = "MetadataTooLarge", 400, "Your metadata headers exceed the largest size that is allowed."
    MetadataConfigurationNotFound = "MetadataConfigurationNotFound", 404, "The bucket has no metadata configuration."
    MethodNotAllowed = "MethodNotAllowed", 405, "The specified method is not allowed against this resource."
    MissingContentLength = "MissingContentLength", 411, "You must provide the Content-Length HTTP header."
    MissingRequestBodyError = "MissingRequestBodyError", 400, "Request body is empty."
    MissingSecurityHeader = "MissingSecurityHeader", 400, "Your request is missing a required header."
    NoSuchCORSConfiguration = "NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"
    NoSuchBucket = "NoSuchBucket", 404, "The specified bucket does not exist."
    NoSuchBucketPolicy = "NoSuchBucketPolicy", 404, "The bucket policy does not exist"
    NoSuchConfiguration = "NoSuchConfiguration", 404, "The specified configuration does not exist."
    NoSuchKey = "NoSuchKey", 404, "The specified key does not exist."
    NoSuchLifecycleConfiguration = (
        "NoSuchLifecycleConfiguration",
        404,
        "The lifecycle configuration does not exist",
    )
    NoSuchUpload = (
        "NoSuchUpload",
        404,
        "The specified multipart upload does not exist. It may have been aborted or completed.",
    )
    NoSuchVersion = "NoSuchVersion", 404, "The specified version does not exist."
    NoSuchObjectLockConfiguration = (
        "NoSuchObjectLockConfiguration",
        404,
        "The specified object does not have a ObjectLock configuration",
    )
    NoSuchPublicAccessBlockConfiguration = (
        "NoSuchPublicAccessBlockConfiguration",
        404,
        "The public access block configuration was not found",
    )
    NoSuchTagSet = "NoSuchTagSet", 404, "The TagSet does not exist"
    ObjectLockConfigurationNotFoundError = (
        "ObjectLockConfigurationNotFoundError",
        404,
        "Object Lock configuration does not exist for this bucket",
    )
    NoSuchWebsiteConfiguration = (
        "NoSuchWebsiteConfiguration",
        404,
        "The specified bucket does not have a website configuration.",
    )
    NotImplemented = "NotImplemented", 501, "The request asks for functionality that is not implemented."
    NotModified = "NotModified", 304, "Not Modified"
    OwnershipControlsNotFoundError = (
        "OwnershipControlsNotFoundError",
        404,
        "The bucket ownership controls were not found",
    )
    PreconditionFailed = "PreconditionFailed", 412, "At least one of the preconditions you specified did not hold."
    ReplicationConfigurationNotFoundError = (
        "ReplicationConfigurationNotFoundError",
        404,
        "The bucket has no replication configuration.",
    )
    RequestHeaderSectionTooLarge = "RequestHeaderSectionTooLarge", 400, "The request headers are too long."
    RequestTimeout = "RequestTimeout", 400, "The body was not sent within the timeout."
    RequestTimeTooSkewed = (
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    )
    ServerSideEncryptionConfigurationNotFound = (
        "ServerSideEncryptionConfigurationNotFoundError",
        404,
        "The server side encryption configuration was not found.",
    )
    SignatureDoesNotMatch = (
        "SignatureDoesNotMatch",
        403,
        "The signature that was calculated does not match the one you provided. Check your key and signing method.",
    )
    SlowDown = "SlowDown", 503, "Please reduce your request rate."
    ServiceUnavailable = "ServiceUnavailable", 503, "The server is not able to take this request now; try again."
    StorageFull = "StorageFull", 507, "The disk has no room for these bytes."
    TooManyBuckets = "TooManyBuckets", 400, "You have as many buckets as are allowed."
    UnexpectedContent = "UnexpectedContent", 400, "This request does not support content."
    UnresolvableGrantByEmailAddress = (
        "UnresolvableGrantByEmailAddress",
        400,
        "The email address you provided does not match any account on record.",
    )
    UriTooLong = "URITooLong", 414, "The request target is too long."
    XAmzContentSHA256Mismatch = (
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )

    def __init__(self, text: str, status: int, message: str) -> None:
        self.text = text
        self.status = status
        self.message = message


class S3Error(SeglakeError):
    """A refusal in the words of S3.

    ``extra`` are (element, text) pairs that the Error document carries beside Code and Message, ``headers`` are
    (name, value) pairs for the answer.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str = "",
        *,
        extra: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message or code.message)
        self.code = code
        self.message = message or code.message
        self.extra = extra
        self.headers = headers


def invalid_argument(name: str, value: str, reason: str) -> S3Error:
    """InvalidArgument with the ArgumentName and ArgumentValue elements that S3 sends; the value is cut at 200
    characters."""
    return S3Error(
        ErrorCode.InvalidArgument, f"{name}: {reason}", extra=(("ArgumentName", name), ("ArgumentValue", value[:200]))
    )


def not_implemented(what: str, *, header: str = "") -> S3Error:
    """NotImplemented naming what was asked; ``header`` fills the Header element, as S3 does for a header it refuses."""
    return S3Error(
        ErrorCode.NotImplemented, f"{what} is not implemented", extra=(("Header", header),) if header else ()
    )


def escape(text: str) -> str:
    """``text`` for XML 1.0 character data; characters that no XML document may hold become U+FFFD."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if not text.isprintable():
        text = _FORBIDDEN.sub("\ufffd", text).replace("\r", "&#13;")
    return text


def render_error(
    code: str,
    message: str,
    *,
    resource: str,
    request_id: str,
    host_id: str,
    extra: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The Error document (API: "REST error responses"), UTF-8; it has no namespace. ``resource`` is the raw path."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>',
        escape(code),
        "</Code><Message>",
        escape(message),
        "</Message>",
    ]
    for name, text in extra:
        parts.append(f"<{name}>{escape(text)}</{name}>")
    parts.append(
        f"<Resource>{escape(resource)}</Resource><RequestId>{escape(request_id)}</RequestId>"
        f"<HostId>{escape(host_id)}</HostId></Error>"
    )
    return "".join(parts).encode("utf-8")
