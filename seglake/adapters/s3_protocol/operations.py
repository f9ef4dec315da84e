"""Every operation of the S3 API is one row: how a request for it looks, which action it needs, what its body is.

Sources: Amazon S3 API Reference, "Amazon S3 actions" (request syntax of each operation); Service Authorization
Reference, "Actions, resources, and condition keys for Amazon S3" (the action names).
"""

from __future__ import annotations

from enum import Enum, IntEnum


class Level(IntEnum):
    """What the path names."""

    SERVICE = 0
    BUCKET = 1
    OBJECT = 2
    META = 3
    """A document that the service has about itself."""


class Body(IntEnum):
    """What the request carries: nothing, a bounded XML or JSON document, the bytes of an object, or a browser form."""

    NONE = 0
    DOCUMENT = 1
    OBJECT = 2
    FORM = 3


_SERVICE, _BUCKET, _OBJECT = Level.SERVICE, Level.BUCKET, Level.OBJECT
_DOC, _DATA, _FORM = Body.DOCUMENT, Body.OBJECT, Body.FORM


class Operation(Enum):
    """One operation under its AWS name: (method, level, sub-resource, action, body, selector).

    The selector tells operations apart that share the first three: ``?name`` is a query parameter, ``name:`` a header,
    whose presence means this operation and not the one without a selector.
    """

    # service
    ListBuckets = "GET", _SERVICE, "", "s3:ListAllMyBuckets"
    ListDirectoryBuckets = "GET", _SERVICE, "max-directory-buckets", "s3express:ListAllMyDirectoryBuckets"
    # buckets
    CreateBucket = "PUT", _BUCKET, "", "s3:CreateBucket", _DOC
    DeleteBucket = "DELETE", _BUCKET, "", "s3:DeleteBucket"
    HeadBucket = "HEAD", _BUCKET, "", "s3:ListBucket"
    ListObjects = "GET", _BUCKET, "", "s3:ListBucket"
    ListObjectsV2 = "GET", _BUCKET, "list-type", "s3:ListBucket"
    ListObjectVersions = "GET", _BUCKET, "versions", "s3:ListBucketVersions"
    ListMultipartUploads = "GET", _BUCKET, "uploads", "s3:ListBucketMultipartUploads"
    DeleteObjects = "POST", _BUCKET, "delete", "s3:DeleteObject", _DOC
    PostObject = "POST", _BUCKET, "", "s3:PutObject", _FORM
    WriteGetObjectResponse = (
        "POST",
        _BUCKET,
        "",
        "s3-object-lambda:WriteGetObjectResponse",
        _DATA,
        "x-amz-request-route:",
    )
    CreateSession = "GET", _BUCKET, "session", "s3express:CreateSession"
    # bucket configuration
    GetBucketAbac = "GET", _BUCKET, "abac", "s3:GetBucketAbac"
    PutBucketAbac = "PUT", _BUCKET, "abac", "s3:PutBucketAbac", _DOC
    GetBucketAccelerateConfiguration = "GET", _BUCKET, "accelerate", "s3:GetAccelerateConfiguration"
    PutBucketAccelerateConfiguration = "PUT", _BUCKET, "accelerate", "s3:PutAccelerateConfiguration", _DOC
    GetBucketAcl = "GET", _BUCKET, "acl", "s3:GetBucketAcl"
    PutBucketAcl = "PUT", _BUCKET, "acl", "s3:PutBucketAcl", _DOC
    DeleteBucketAnalyticsConfiguration = "DELETE", _BUCKET, "analytics", "s3:PutAnalyticsConfiguration"
    GetBucketAnalyticsConfiguration = "GET", _BUCKET, "analytics", "s3:GetAnalyticsConfiguration", Body.NONE, "?id"
    ListBucketAnalyticsConfigurations = "GET", _BUCKET, "analytics", "s3:GetAnalyticsConfiguration"
    PutBucketAnalyticsConfiguration = "PUT", _BUCKET, "analytics", "s3:PutAnalyticsConfiguration", _DOC
    DeleteBucketCors = "DELETE", _BUCKET, "cors", "s3:PutBucketCORS"
    GetBucketCors = "GET", _BUCKET, "cors", "s3:GetBucketCORS"
    PutBucketCors = "PUT", _BUCKET, "cors", "s3:PutBucketCORS", _DOC
    DeleteBucketEncryption = "DELETE", _BUCKET, "encryption", "s3:PutEncryptionConfiguration"
    GetBucketEncryption = "GET", _BUCKET, "encryption", "s3:GetEncryptionConfiguration"
    PutBucketEncryption = "PUT", _BUCKET, "encryption", "s3:PutEncryptionConfiguration", _DOC
    DeleteBucketIntelligentTieringConfiguration = (
        "DELETE",
        _BUCKET,
        "intelligent-tiering",
        "s3:PutIntelligentTieringConfiguration",
    )
    GetBucketIntelligentTieringConfiguration = (
        "GET",
        _BUCKET,
        "intelligent-tiering",
        "s3:GetIntelligentTieringConfiguration",
        Body.NONE,
        "?id",
    )
    ListBucketIntelligentTieringConfigurations = (
        "GET",
        _BUCKET,
        "intelligent-tiering",
        "s3:GetIntelligentTieringConfiguration",
    )
    PutBucketIntelligentTieringConfiguration = (
        "PUT",
        _BUCKET,
        "intelligent-tiering",
        "s3:PutIntelligentTieringConfiguration",
        _DOC,
    )
    DeleteBucketInventoryConfiguration = "DELETE", _BUCKET, "inventory", "s3:PutInventoryConfiguration"
    GetBucketInventoryConfiguration = "GET", _BUCKET, "inventory", "s3:GetInventoryConfiguration", Body.NONE, "?id"
    ListBucketInventoryConfigurations = "GET", _BUCKET, "inventory", "s3:GetInventoryConfiguration"
    PutBucketInventoryConfiguration = "PUT", _BUCKET, "inventory", "s3:PutInventoryConfiguration", _DOC
    DeleteBucketLifecycle = "DELETE", _BUCKET, "lifecycle", "s3:PutLifecycleConfiguration"
    GetBucketLifecycleConfiguration = "GET", _BUCKET, "lifecycle", "s3:GetLifecycleConfiguration"
    PutBucketLifecycleConfiguration = "PUT", _BUCKET, "lifecycle", "s3:PutLifecycleConfiguration", _DOC
    GetBucketLocation = "GET", _BUCKET, "location", "s3:GetBucketLocation"
    GetBucketLogging = "GET", _BUCKET, "logging", "s3:GetBucketLogging"
    PutBucketLogging = "PUT", _BUCKET, "logging", "s3:PutBucketLogging", _DOC
    CreateBucketMetadataConfiguration = (
        "POST",
        _BUCKET,
        "metadataConfiguration",
        "s3:CreateBucketMetadataTableConfiguration",
        _DOC,
    )
    DeleteBucketMetadataConfiguration = (
        "DELETE",
        _BUCKET,
        "metadataConfiguration",
        "s3:DeleteBucketMetadataTableConfiguration",
    )
    GetBucketMetadataConfiguration = "GET", _BUCKET, "metadataConfiguration", "s3:GetBucketMetadataTableConfiguration"
    CreateBucketMetadataTableConfiguration = (
        "POST",
        _BUCKET,
        "metadataTable",
        "s3:CreateBucketMetadataTableConfiguration",
        _DOC,
    )
    DeleteBucketMetadataTableConfiguration = (
        "DELETE",
        _BUCKET,
        "metadataTable",
        "s3:DeleteBucketMetadataTableConfiguration",
    )
    GetBucketMetadataTableConfiguration = "GET", _BUCKET, "metadataTable", "s3:GetBucketMetadataTableConfiguration"
    UpdateBucketMetadataAnnotationTableConfiguration = (
        "PUT",
        _BUCKET,
        "metadataAnnotationTable",
        "s3:UpdateBucketMetadataAnnotationTableConfiguration",
        _DOC,
    )
    UpdateBucketMetadataInventoryTableConfiguration = (
        "PUT",
        _BUCKET,
        "metadataInventoryTable",
        "s3:UpdateBucketMetadataInventoryTableConfiguration",
        _DOC,
    )
    UpdateBucketMetadataJournalTableConfiguration = (
        "PUT",
        _BUCKET,
        "metadataJournalTable",
        "s3:UpdateBucketMetadataJournalTableConfiguration",
        _DOC,
    )
    DeleteBucketMetricsConfiguration = "DELETE", _BUCKET, "metrics", "s3:PutMetricsConfiguration"
    GetBucketMetricsConfiguration = "GET", _BUCKET, "metrics", "s3:GetMetricsConfiguration", Body.NONE, "?id"
    ListBucketMetricsConfigurations = "GET", _BUCKET, "metrics", "s3:GetMetricsConfiguration"
    PutBucketMetricsConfiguration = "PUT", _BUCKET, "metrics", "s3:PutMetricsConfiguration", _DOC
    GetBucketNotificationConfiguration = "GET", _BUCKET, "notification", "s3:GetBucketNotification"
    PutBucketNotificationConfiguration = "PUT", _BUCKET, "notification", "s3:PutBucketNotification", _DOC
    GetObjectLockConfiguration = "GET", _BUCKET, "object-lock", "s3:GetBucketObjectLockConfiguration"
    PutObjectLockConfiguration = "PUT", _BUCKET, "object-lock", "s3:PutBucketObjectLockConfiguration", _DOC
    DeleteBucketOwnershipControls = "DELETE", _BUCKET, "ownershipControls", "s3:PutBucketOwnershipControls"
    GetBucketOwnershipControls = "GET", _BUCKET, "ownershipControls", "s3:GetBucketOwnershipControls"
    PutBucketOwnershipControls = "PUT", _BUCKET, "ownershipControls", "s3:PutBucketOwnershipControls", _DOC
    DeleteBucketPolicy = "DELETE", _BUCKET, "policy", "s3:DeleteBucketPolicy"
    GetBucketPolicy = "GET", _BUCKET, "policy", "s3:GetBucketPolicy"
    PutBucketPolicy = "PUT", _BUCKET, "policy", "s3:PutBucketPolicy", _DOC
    GetBucketPolicyStatus = "GET", _BUCKET, "policyStatus", "s3:GetBucketPolicyStatus"
    DeletePublicAccessBlock = "DELETE", _BUCKET, "publicAccessBlock", "s3:PutBucketPublicAccessBlock"
    GetPublicAccessBlock = "GET", _BUCKET, "publicAccessBlock", "s3:GetBucketPublicAccessBlock"
    PutPublicAccessBlock = "PUT", _BUCKET, "publicAccessBlock", "s3:PutBucketPublicAccessBlock", _DOC
    DeleteBucketReplication = "DELETE", _BUCKET, "replication", "s3:PutReplicationConfiguration"
    GetBucketReplication = "GET", _BUCKET, "replication", "s3:GetReplicationConfiguration"
    PutBucketReplication = "PUT", _BUCKET, "replication", "s3:PutReplicationConfiguration", _DOC
    GetBucketRequestPayment = "GET", _BUCKET, "requestPayment", "s3:GetBucketRequestPayment"
    PutBucketRequestPayment = "PUT", _BUCKET, "requestPayment", "s3:PutBucketRequestPayment", _DOC
    DeleteBucketTagging = "DELETE", _BUCKET, "tagging", "s3:PutBucketTagging"
    GetBucketTagging = "GET", _BUCKET, "tagging", "s3:GetBucketTagging"
    PutBucketTagging = "PUT", _BUCKET, "tagging", "s3:PutBucketTagging", _DOC
    GetBucketVersioning = "GET", _BUCKET, "versioning", "s3:GetBucketVersioning"
    PutBucketVersioning = "PUT", _BUCKET, "versioning", "s3:PutBucketVersioning", _DOC
    DeleteBucketWebsite = "DELETE", _BUCKET, "website", "s3:DeleteBucketWebsite"
    GetBucketWebsite = "GET", _BUCKET, "website", "s3:GetBucketWebsite"
    PutBucketWebsite = "PUT", _BUCKET, "website", "s3:PutBucketWebsite", _DOC
    # objects
    PutObject = "PUT", _OBJECT, "", "s3:PutObject", _DATA
    CopyObject = "PUT", _OBJECT, "", "s3:PutObject", Body.NONE, "x-amz-copy-source:"
    GetObject = "GET", _OBJECT, "", "s3:GetObject"
    HeadObject = "HEAD", _OBJECT, "", "s3:GetObject"
    DeleteObject = "DELETE", _OBJECT, "", "s3:DeleteObject"
    # multipart uploads
    CreateMultipartUpload = "POST", _OBJECT, "uploads", "s3:PutObject"
    UploadPart = "PUT", _OBJECT, "uploadId", "s3:PutObject", _DATA
    UploadPartCopy = "PUT", _OBJECT, "uploadId", "s3:PutObject", Body.NONE, "x-amz-copy-source:"
    ListParts = "GET", _OBJECT, "uploadId", "s3:ListMultipartUploadParts"
    CompleteMultipartUpload = "POST", _OBJECT, "uploadId", "s3:PutObject", _DOC
    AbortMultipartUpload = "DELETE", _OBJECT, "uploadId", "s3:AbortMultipartUpload"
    # object configuration
    GetObjectAcl = "GET", _OBJECT, "acl", "s3:GetObjectAcl"
    PutObjectAcl = "PUT", _OBJECT, "acl", "s3:PutObjectAcl", _DOC
    DeleteObjectAnnotation = "DELETE", _OBJECT, "annotation", "s3:DeleteObjectAnnotation"
    GetObjectAnnotation = "GET", _OBJECT, "annotation", "s3:GetObjectAnnotation", Body.NONE, "?annotationName"
    ListObjectAnnotations = "GET", _OBJECT, "annotation", "s3:ListObjectAnnotations"
    PutObjectAnnotation = "PUT", _OBJECT, "annotation", "s3:PutObjectAnnotation", _DATA
    GetObjectAttributes = "GET", _OBJECT, "attributes", "s3:GetObjectAttributes"
    UpdateObjectEncryption = "PUT", _OBJECT, "encryption", "s3:UpdateObjectEncryption", _DOC
    GetObjectLegalHold = "GET", _OBJECT, "legal-hold", "s3:GetObjectLegalHold"
    PutObjectLegalHold = "PUT", _OBJECT, "legal-hold", "s3:PutObjectLegalHold", _DOC
    RenameObject = "PUT", _OBJECT, "renameObject", "s3express:RenameObject"
    RestoreObject = "POST", _OBJECT, "restore", "s3:RestoreObject", _DOC
    GetObjectRetention = "GET", _OBJECT, "retention", "s3:GetObjectRetention"
    PutObjectRetention = "PUT", _OBJECT, "retention", "s3:PutObjectRetention", _DOC
    SelectObjectContent = "POST", _OBJECT, "select", "s3:GetObject", _DOC
    DeleteObjectTagging = "DELETE", _OBJECT, "tagging", "s3:DeleteObjectTagging"
    GetObjectTagging = "GET", _OBJECT, "tagging", "s3:GetObjectTagging"
    PutObjectTagging = "PUT", _OBJECT, "tagging", "s3:PutObjectTagging", _DOC
    GetObjectTorrent = "GET", _OBJECT, "torrent", "s3:GetObjectTorrent"
    # cross-origin preflight; it carries no credentials, so no action can be asked of it
    Preflight = "OPTIONS", _SERVICE, "", ""
    # this store's own: what it tells of itself, below /v1/meta; the sub-resource is the last word of the path
    GetMetaStats = "GET", Level.META, "stats", "seglake:GetMetaStats"
    GetMetaConflicts = "GET", Level.META, "conflicts", "seglake:GetMetaConflicts"

    def __init__(
        self, method: str, level: Level, subresource: str, action: str, body: Body = Body.NONE, selector: str = ""
    ) -> None:
        self.title = self.name
        """The name as a plain attribute: an enum's own costs more than counting a request."""
        self.method = method
        self.level = level
        self.subresource = subresource
        self.action = action
        self.body = body
        self.selector = selector


# What a versionId turns the action into.
VERSION_ACTIONS = {
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
    "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
    "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
    "s3:GetObjectTorrent": "s3:GetObjectVersionTorrent",
}
# Operations that read a second object, and the action that is needed on it (security rule A7).
SOURCE_ACTIONS = {Operation.CopyObject: "s3:GetObject", Operation.UploadPartCopy: "s3:GetObject"}
# What else an operation needs on its target: for each header that is there (``x-*`` any that begins so), and always
# where the name is empty. Source: Service Authorization Reference, and the "Permissions" part of each API page.
_WRITTEN = (
    ("x-amz-acl", "s3:PutObjectAcl"),
    ("x-amz-grant-*", "s3:PutObjectAcl"),
    ("x-amz-tagging", "s3:PutObjectTagging"),
    ("x-amz-object-lock-mode", "s3:PutObjectRetention"),
    ("x-amz-object-lock-retain-until-date", "s3:PutObjectRetention"),
    ("x-amz-object-lock-legal-hold", "s3:PutObjectLegalHold"),
)
MORE_ACTIONS: dict[Operation, tuple[tuple[str, str], ...]] = {
    Operation.PutObject: _WRITTEN,
    Operation.CopyObject: _WRITTEN,
    Operation.CreateMultipartUpload: _WRITTEN,
    Operation.GetObjectAttributes: (("", "s3:GetObject"),),
    Operation.CreateBucket: (
        ("x-amz-acl", "s3:PutBucketAcl"),
        ("x-amz-grant-*", "s3:PutBucketAcl"),
        ("x-amz-object-ownership", "s3:PutBucketOwnershipControls"),
        ("x-amz-bucket-object-lock-enabled", "s3:PutBucketObjectLockConfiguration"),
        ("x-amz-bucket-object-lock-enabled", "s3:PutBucketVersioning"),
    ),
}
