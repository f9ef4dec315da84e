"""Answers are put together as text in the order of elements that AWS documents, in its namespace, correctly escaped.

Source: API Reference, response syntax of each operation. A key may hold characters that no XML 1.0 document can: with
``url_encoded`` (encoding-type=url, which current SDKs ask for) keys, prefixes, markers and delimiters are
percent-encoded; without it such a character becomes U+FFFD, because a document that no parser reads helps nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from seglake.adapters.s3_protocol.errors import escape
from seglake.adapters.s3_protocol.http_dates import iso_date
from seglake.adapters.s3_protocol.xml_in import NAMESPACE
from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.digest import Checksum
from seglake.domain.model.listing import ObjectPage, PartPage, UploadPage, VersionPage
from seglake.domain.model.multipart import Upload
from seglake.domain.model.user import canonical_id
from seglake.domain.model.version import VersionEntry

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SAFE = "/-_.~*"
_PLAIN = re.compile(r"[A-Za-z0-9/_.~*-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing was asked for and gives back: names as the client sent them, decoded."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    maximum: int = 1000
    url_encoded: bool = False
    site: int = 0
    """The site that canonical ids of owners follow from."""

    def name(self, text: str) -> str:
        """A key, prefix, marker or delimiter in the encoding that was asked for, escaped."""
        if not self.url_encoded:
            return escape(text)
        return text if _PLAIN.fullmatch(text) else quote(text, safe=_SAFE)


class Deleted(NamedTuple):
    """One success of DeleteObjects; ``marker`` is the version of the delete marker made or removed."""

    key: str
    version: str | None = None
    marker: str | None = None


class Failed(NamedTuple):
    """One failure of DeleteObjects."""

    key: str
    version: str | None
    code: str
    message: str


def list_buckets(
    buckets: Iterable[Bucket], *, owner: str, site: int = 0, prefix: str = "", next_token: str | None = None
) -> bytes:
    """ListAllMyBucketsResult; ``site`` as in Asked."""
    rows = [
        f"<Bucket><Name>{escape(bucket.name)}</Name><CreationDate>{iso_date(bucket.created.ms)}</CreationDate>"
        f"<BucketRegion>{escape(bucket.region)}</BucketRegion></Bucket>"
        for bucket in buckets
    ]
    tail = f"<ContinuationToken>{escape(next_token)}</ContinuationToken>" if next_token is not None else ""
    tail += f"<Prefix>{escape(prefix)}</Prefix>" if prefix else ""
    return document("ListAllMyBucketsResult", f"{_owner(site, owner)}<Buckets>{''.join(rows)}</Buckets>{tail}")


def list_objects(asked: Asked, page: ObjectPage, *, marker: str = "") -> bytes:
    """ListBucketResult of version 1; like S3, NextMarker comes only with a delimiter."""
    following = page.next_after
    name = asked.name
    head = [f"<Name>{asked.bucket}</Name><Prefix>{name(asked.prefix)}</Prefix><Marker>{name(marker)}</Marker>"]
    if following is not None and asked.delimiter:
        head.append(f"<NextMarker>{asked.name(following)}</NextMarker>")
    head.append(f"<MaxKeys>{asked.maximum}</MaxKeys>{_asked_tail(asked)}{_truncated(following is not None)}")
    return document("ListBucketResult", "".join(head) + _contents(asked, page, with_owner=True))


def list_objects_v2(
    asked: Asked,
    page: ObjectPage,
    *,
    start_after: str | None = None,
    token: str | None = None,
    next_token: str | None = None,
    with_owner: bool = False,
) -> bytes:
    """ListBucketResult of version 2; ``next_token`` is given exactly when the page is not the last."""
    head = [f"<Name>{asked.bucket}</Name><Prefix>{asked.name(asked.prefix)}</Prefix>"]
    if start_after is not None:
        head.append(f"<StartAfter>{asked.name(start_after)}</StartAfter>")
    if token is not None:
        head.append(f"<ContinuationToken>{escape(token)}</ContinuationToken>")
    if next_token is not None:
        head.append(f"<NextContinuationToken>{escape(next_token)}</NextContinuationToken>")
    count = len(page.entries) + len(page.prefixes)
    head.append(f"<KeyCount>{count}</KeyCount><MaxKeys>{asked.maximum}</MaxKeys>{_asked_tail(asked)}")
    head.append(_truncated(next_token is not None))
    return document("ListBucketResult", "".join(head) + _contents(asked, page, with_owner=with_owner))


def list_versions(asked: Asked, page: VersionPage, *, key_marker: str = "", version_marker: str = "") -> bytes:
    """ListVersionsResult; versions and delete markers stand in the order of the page."""
    head = (
        f"<Name>{asked.bucket}</Name><Prefix>{asked.name(asked.prefix)}</Prefix>"
        f"<KeyMarker>{asked.name(key_marker)}</KeyMarker><VersionIdMarker>{escape(version_marker)}</VersionIdMarker>"
    )
    parts = [head]
    if page.next_key is not None:
        parts.append(f"<NextKeyMarker>{asked.name(page.next_key)}</NextKeyMarker>")
        if page.next_version is not None:
            parts.append(f"<NextVersionIdMarker>{escape(page.next_version)}</NextVersionIdMarker>")
    parts.append(f"<MaxKeys>{asked.maximum}</MaxKeys>{_asked_tail(asked)}{_truncated(page.next_key is not None)}")
    for entry, latest in zip(page.entries, page.latest, strict=True):
        place = (
            f"<Key>{asked.name(entry.key)}</Key><VersionId>{entry.version}</VersionId>"
            f"<IsLatest>{'true' if latest else 'false'}</IsLatest>"
            f"<LastModified>{iso_date(entry.modified_ms)}</LastModified>"
        )
        if entry.is_marker:
            parts.append(f"<DeleteMarker>{place}{_owner(asked.site, entry.owner)}</DeleteMarker>")
        else:
            parts.append(f"<Version>{place}{_facts(entry)}{_owner(asked.site, entry.owner)}</Version>")
    parts.append(_prefixes(asked, page.prefixes))
    return document("ListVersionsResult", "".join(parts))


def list_uploads(asked: Asked, page: UploadPage, *, key_marker: str = "", upload_marker: str = "") -> bytes:
    """ListMultipartUploadsResult."""
    head = (
        f"<Bucket>{asked.bucket}</Bucket><KeyMarker>{asked.name(key_marker)}</KeyMarker>"
        f"<UploadIdMarker>{escape(upload_marker)}</UploadIdMarker>"
    )
    parts = [head]
    if page.next_key is not None:
        parts.append(f"<NextKeyMarker>{asked.name(page.next_key)}</NextKeyMarker>")
        parts.append(f"<NextUploadIdMarker>{escape(page.next_upload or '')}</NextUploadIdMarker>")
    parts.append(f"<Prefix>{asked.name(asked.prefix)}</Prefix>{_asked_tail(asked)}")
    parts.append(f"<MaxUploads>{asked.maximum}</MaxUploads>{_truncated(page.next_key is not None)}")
    parts += [
        f"<Upload><Key>{asked.name(upload.key)}</Key><UploadId>{escape(upload.id)}</UploadId>"
        f"{_initiator(asked.site, upload.owner)}{_owner(asked.site, upload.owner)}{_storage_class(upload)}"
        f"<Initiated>{iso_date(upload.started.ms)}</Initiated>{_upload_checksum(upload)}</Upload>"
        for upload in page.uploads
    ]
    parts.append(_prefixes(asked, page.prefixes))
    return document("ListMultipartUploadsResult", "".join(parts))


def list_parts(bucket: str, page: PartPage, *, site: int = 0, marker: int = 0, maximum: int = 1000) -> bytes:
    """ListPartsResult; ``marker`` is the part number asked to begin after, ``site`` as in Asked."""
    upload = page.upload
    head = (
        f"<Bucket>{bucket}</Bucket><Key>{escape(upload.key)}</Key><UploadId>{escape(upload.id)}</UploadId>"
        f"{_initiator(site, upload.owner)}{_owner(site, upload.owner)}{_storage_class(upload)}"
        f"<PartNumberMarker>{marker}</PartNumberMarker>"
    )
    parts = [head]
    last = page.parts[-1].number if page.parts else marker  # S3 says it on the last page too
    parts.append(f"<NextPartNumberMarker>{last}</NextPartNumberMarker>")
    parts.append(f"<MaxParts>{maximum}</MaxParts>{_truncated(page.next_number is not None)}{_upload_checksum(upload)}")
    parts += [
        f"<Part><PartNumber>{part.number}</PartNumber><LastModified>{iso_date(part.modified_ms)}</LastModified>"
        f"<ETag>&quot;{part.etag}&quot;</ETag><Size>{part.size}</Size>{checksum_element(part.checksum)}</Part>"
        for part in page.parts
    ]
    return document("ListPartsResult", "".join(parts))


def initiate_multipart(bucket: str, key: str, upload_id: str) -> bytes:
    """InitiateMultipartUploadResult."""
    inner = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{escape(upload_id)}</UploadId>"
    return document("InitiateMultipartUploadResult", inner)


def complete_multipart(bucket: str, key: str, *, location: str, etag: str, checksum: Checksum | None = None) -> bytes:
    """CompleteMultipartUploadResult; ``etag`` without quotes."""
    inner = (
        f"<Location>{escape(location)}</Location><Bucket>{bucket}</Bucket><Key>{escape(key)}</Key>"
        f"<ETag>&quot;{etag}&quot;</ETag>{checksum_element(checksum)}{checksum_type_element(checksum)}"
    )
    return document("CompleteMultipartUploadResult", inner)


def copy_object(etag: str, modified_ms: int, checksum: Checksum | None = None) -> bytes:
    """CopyObjectResult; ``etag`` without quotes."""
    inner = f"<LastModified>{iso_date(modified_ms)}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    return document("CopyObjectResult", f"{inner}{checksum_type_element(checksum)}{checksum_element(checksum)}")


def copy_part(etag: str, modified_ms: int, checksum: Checksum | None = None) -> bytes:
    """CopyPartResult; ``etag`` without quotes."""
    inner = f"<LastModified>{iso_date(modified_ms)}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    return document("CopyPartResult", inner + checksum_element(checksum))


def delete_result(results: Iterable[Deleted | Failed], *, quiet: bool = False) -> bytes:
    """DeleteResult; ``quiet`` leaves out the successes."""
    parts = []
    for result in results:
        version = f"<VersionId>{escape(result.version)}</VersionId>" if result.version is not None else ""
        place = f"<Key>{escape(result.key)}</Key>{version}"
        if isinstance(result, Failed):
            reason = f"<Code>{escape(result.code)}</Code><Message>{escape(result.message)}</Message>"
            parts.append(f"<Error>{place}{reason}</Error>")
        elif not quiet:
            if result.marker is not None:
                place += "<DeleteMarker>true</DeleteMarker>"
                place += f"<DeleteMarkerVersionId>{escape(result.marker)}</DeleteMarkerVersionId>"
            parts.append(f"<Deleted>{place}</Deleted>")
    return document("DeleteResult", "".join(parts))


def location_constraint(region: str) -> bytes:
    """LocationConstraint: empty for us-east-1 (API: GetBucketLocation)."""
    return document("LocationConstraint", "" if region == "us-east-1" else escape(region))


def versioning(state: Versioning) -> bytes:
    """VersioningConfiguration: empty for a bucket whose versioning was never set."""
    inner = "" if state is Versioning.UNVERSIONED else f"<Status>{state.value}</Status>"
    return document("VersioningConfiguration", inner)


def document(name: str, inner: str) -> bytes:
    """The document ``name`` around XML that is escaped already, in S3's namespace."""
    return f'{_HEAD}<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode("utf-8", "replace")


def _contents(asked: Asked, page: ObjectPage, *, with_owner: bool) -> str:
    name = asked.name
    rows = [
        f"<Contents><Key>{name(entry.key)}</Key><LastModified>{iso_date(entry.modified_ms)}</LastModified>"
        f"{_facts(entry)}{_owner(asked.site, entry.owner) if with_owner else ''}</Contents>"
        for entry in page.entries
    ]
    rows.append(_prefixes(asked, page.prefixes))
    return "".join(rows)


def _facts(entry: VersionEntry) -> str:
    checksum = ""
    if entry.checksum:
        algorithm, _, kind = entry.checksum.partition("/")
        checksum = f"<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm><ChecksumType>{kind}</ChecksumType>"
    return (
        f"<ETag>&quot;{entry.etag}&quot;</ETag>{checksum}<Size>{entry.size}</Size>"
        f"<StorageClass>{entry.storage_class}</StorageClass>"
    )


def _prefixes(asked: Asked, prefixes: Sequence[str]) -> str:
    return "".join([f"<CommonPrefixes><Prefix>{asked.name(p)}</Prefix></CommonPrefixes>" for p in prefixes])


def _asked_tail(asked: Asked) -> str:
    delimiter = f"<Delimiter>{asked.name(asked.delimiter)}</Delimiter>" if asked.delimiter else ""
    return f"{delimiter}<EncodingType>url</EncodingType>" if asked.url_encoded else delimiter


def _truncated(more: bool) -> str:
    return "<IsTruncated>true</IsTruncated>" if more else "<IsTruncated>false</IsTruncated>"


@lru_cache(maxsize=1024)
def person(site: int, name: str) -> str:
    """The elements that name a user: the canonical id, and the name as DisplayName."""
    return f"<ID>{canonical_id(site, name)}</ID><DisplayName>{escape(name)}</DisplayName>"


def _owner(site: int, name: str) -> str:
    return f"<Owner>{person(site, name)}</Owner>"


def _initiator(site: int, name: str) -> str:
    return f"<Initiator>{person(site, name)}</Initiator>"


def _storage_class(upload: Upload) -> str:
    name = dict(upload.headers).get("x-amz-storage-class", "STANDARD")
    return f"<StorageClass>{escape(name)}</StorageClass>"


def _upload_checksum(upload: Upload) -> str:
    if upload.algorithm is None:
        return ""
    kind = f"<ChecksumType>{upload.checksum_type.value}</ChecksumType>" if upload.checksum_type is not None else ""
    return f"<ChecksumAlgorithm>{upload.algorithm.value}</ChecksumAlgorithm>{kind}"


def checksum_element(checksum: Checksum | None) -> str:
    """``ChecksumCRC32`` or whichever algorithm it is; empty for None."""
    if checksum is None:
        return ""
    name = f"Checksum{checksum.algorithm.value}"
    return f"<{name}>{checksum.text}</{name}>"


def checksum_type_element(checksum: Checksum | None) -> str:
    """``ChecksumType``; empty for None."""
    return "" if checksum is None else f"<ChecksumType>{checksum.type.value}</ChecksumType>"
