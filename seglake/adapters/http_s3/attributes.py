"""What is kept with an object, between the request that brings it and the answers that show it again."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from seglake.adapters.s3_protocol.checksums import response_headers
from seglake.adapters.s3_protocol.documents.object_lock import lock_asked
from seglake.adapters.s3_protocol.documents.tagging import TAGGING_HEADER, parse_tag_query
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument
from seglake.adapters.s3_protocol.http_dates import http_date
from seglake.domain.model.digest import Checksum
from seglake.domain.model.manifest import Pairs
from seglake.domain.model.tagging import check_object_tags
from seglake.domain.services.object_reads import Opened
from seglake.domain.services.object_writes import ObjectAttributes

META = "x-amz-meta-"
DEFAULT_CONTENT_TYPE = "binary/octet-stream"

_KEPT = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
)
# Classes whose objects can be read at once; the archive classes would need a restore, which does not exist here.
_STORAGE_CLASSES = frozenset(
    ("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR")
)
_OVERRIDES = {
    "response-content-type": "content-type",
    "response-content-language": "content-language",
    "response-expires": "expires",
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
}


def received(headers: Mapping[str, str], owner: str, acl: str = "") -> ObjectAttributes:
    """The attributes in a PutObject, CreateMultipartUpload or replacing CopyObject request; ``acl`` is the text of the
    list that it asks for."""
    kept: list[tuple[str, str]] = []
    for name in _KEPT:
        value = headers.get(name)
        if value is not None:
            kept.append((name, _text(name, value)))
    encoding = headers.get("content-encoding")
    if encoding is not None:
        rest = ",".join([token.strip() for token in encoding.split(",") if token.strip().lower() != "aws-chunked"])
        if rest:
            kept.append(("content-encoding", _text("content-encoding", rest)))
    chosen = storage_class(headers)
    if chosen is not None and chosen != "STANDARD":
        kept.append(("x-amz-storage-class", chosen))
    metadata = [(name[11:], _text(name, value)) for name, value in headers.items() if name.startswith(META)]
    metadata.sort()
    return ObjectAttributes(tuple(kept), tuple(metadata), tags_asked(headers), owner, lock_asked(headers), acl)


def tags_asked(headers: Mapping[str, str]) -> Pairs:
    """The tags in x-amz-tagging. S3Error InvalidArgument; InvalidTag, TooManyTags."""
    text = headers.get(TAGGING_HEADER)
    return () if text is None else check_object_tags(parse_tag_query(text))


def storage_class(headers: Mapping[str, str]) -> str | None:
    """The storage class asked for. S3Error InvalidStorageClass."""
    chosen = headers.get("x-amz-storage-class")
    if chosen is not None and chosen not in _STORAGE_CLASSES:
        raise S3Error(
            ErrorCode.InvalidStorageClass,
            f"{chosen[:40]!r} is not a storage class of this store; it has {', '.join(sorted(_STORAGE_CLASSES))}",
            extra=(("StorageClassRequested", chosen[:40]),),
        )
    return chosen


def _text(name: str, value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid_argument(name, name, "the header's value is not UTF-8") from None
    return value


def _harmless(name: str, value: str) -> str:
    """An override comes percent-encoded and could bring line breaks into the answer's head."""
    if not value.isprintable():
        raise invalid_argument(name, value, "a header value holds no control characters")
    return value


def _shown(value: str) -> str:
    """A header value as ASCII: others are RFC 2047 encoded words, as S3 answers them."""
    return value if value.isascii() else f"=?UTF-8?B?{b64encode(value.encode()).decode()}?="


def checksum_fields(checksum: Checksum | None) -> Pairs:
    """The checksum header and its type."""
    if checksum is None:
        return ()
    return response_headers(checksum)


def shown(opened: Opened, query: Mapping[str, str]) -> list[tuple[str, str]]:
    """The header fields that describe an object, with the overrides that a signed request may ask for."""
    manifest = opened.manifest
    fields = [
        ("ETag", f'"{manifest.etag}"'),
        ("Last-Modified", http_date(manifest.modified_ms // 1000)),
        ("Accept-Ranges", "bytes"),
    ]
    kept: Mapping[str, str] | None = None
    if query:
        overrides = {_OVERRIDES[name]: _harmless(name, value) for name, value in query.items() if name in _OVERRIDES}
        if overrides:
            kept = {**dict(manifest.headers), **overrides}
    typed = False
    for name, value in manifest.headers if kept is None else kept.items():
        if name == "content-type":
            typed = True
        fields.append((name, _shown(value)))
    if not typed:
        fields.append(("Content-Type", DEFAULT_CONTENT_TYPE))
    for name, value in manifest.metadata:
        fields.append((META + name, _shown(value)))
    version = opened.shown_version
    if version is not None:
        fields.append(("x-amz-version-id", version))
    return fields
