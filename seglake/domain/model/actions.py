"""Every action that a policy can name, by the level of the resource that it is asked about.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3" (those about buckets and
objects); ``seglake:`` actions are this store's own.
"""

from __future__ import annotations

from functools import lru_cache

from .policy_patterns import Glob, parse_pattern

_OBJECT = """
    AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectAnnotation DeleteObjectTagging
    DeleteObjectVersion DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAnnotation GetObjectAttributes
    GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl
    GetObjectVersionAttributes GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent
    InitiateReplication ListMultipartUploadParts ListObjectAnnotations ObjectOwnerOverrideToBucketOwner PutObject
    PutObjectAcl PutObjectAnnotation PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl
    PutObjectVersionTagging ReplicateDelete ReplicateObject ReplicateTags RestoreObject UpdateObjectEncryption
"""
_BUCKET = """
    CreateBucket CreateBucketMetadataTableConfiguration DeleteBucket DeleteBucketMetadataTableConfiguration
    DeleteBucketPolicy DeleteBucketWebsite GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac
    GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
    GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy
    GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning
    GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration
    GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket
    ListBucketMultipartUploads ListBucketVersions PutAccelerateConfiguration PutAnalyticsConfiguration PutBucketAbac
    PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration
    PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging
    PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration PutIntelligentTieringConfiguration
    PutInventoryConfiguration PutLifecycleConfiguration PutMetricsConfiguration PutReplicationConfiguration
    UpdateBucketMetadataAnnotationTableConfiguration UpdateBucketMetadataInventoryTableConfiguration
    UpdateBucketMetadataJournalTableConfiguration
"""

OBJECT_ACTIONS = frozenset(["s3express:RenameObject", *[f"s3:{name}" for name in _OBJECT.split()]])
"""Asked about ``bucket/key``."""

BUCKET_ACTIONS = frozenset(["s3express:CreateSession", *[f"s3:{name}" for name in _BUCKET.split()]])
"""Asked about ``bucket``."""

SERVICE_ACTIONS = frozenset(
    [
        "s3:ListAllMyBuckets",
        "s3-object-lambda:WriteGetObjectResponse",
        "s3express:ListAllMyDirectoryBuckets",
        "seglake:GetMetaConflicts",
        "seglake:GetMetaStats",
    ]
)
"""Asked about the service itself: no bucket policy can speak of them."""

ACTIONS = OBJECT_ACTIONS | BUCKET_ACTIONS | SERVICE_ACTIONS
S3_ACTIONS = frozenset([action for action in ACTIONS if action.startswith("s3:")])
"""What ``*`` allows; every other action is allowed only where its own vendor is named (security rule A11)."""

EVERYTHING = "*"
_BY_VENDOR: dict[str, list[tuple[str, str]]] = {}
for _action in sorted(ACTIONS):
    _vendor, _, _name = _action.partition(":")
    _BY_VENDOR.setdefault(f"{_vendor}:", []).append((_name.lower(), _action))


@lru_cache(maxsize=1024)
def covered_actions(name: str) -> frozenset[str]:
    """The actions that ``name`` covers: ``*``, or a vendor and a pattern as in ``s3:Get*`` (case does not matter).

    Empty when the vendor or the action is unknown.
    """
    if name == EVERYTHING:
        return S3_ACTIONS
    vendor, colon, pattern = name.lower().partition(":")
    glob = Glob(parse_pattern(pattern, "", wildcards=True, variables=False).tokens)
    return frozenset([action for lower, action in _BY_VENDOR.get(vendor + colon, ()) if glob.matches(lower)])
