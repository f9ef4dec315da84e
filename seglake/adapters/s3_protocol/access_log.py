"""One request is one line, whatever is in it: control characters, quotes and signatures never get there as they are.

Two formats: JSON (docs/ops.md), and Amazon S3's own. Source: Amazon S3 User Guide, "Amazon S3 server access log
format" (the fields and their order).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from seglake.adapters.s3_protocol.operations import Operation

REDACTED = "REDACTED"
TEXT_MAX = 1024
"""Characters kept of a text that the client chose freely."""

_SECRET_PARAMETER = re.compile(
    r"(?:^|[-_])signature$|(?:security|session)-?token$|customer-key$|secret|passw", re.IGNORECASE
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """What is told of a request; empty texts are unknown. Times: milliseconds since the epoch, durations in seconds.

    ``key`` is decoded, ``target`` as received, ``status`` 0 when no whole answer was given. ``owner`` and
    ``requester`` are canonical ids.
    """

    at_ms: int
    request_id: str
    method: str
    target: str
    status: int
    peer: str = ""
    access_key: str = ""
    user: str = ""
    requester: str = ""
    owner: str = ""
    operation: str = ""
    bucket: str = ""
    key: str = ""
    version_id: str = ""
    code: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    object_bytes: int | None = None
    seconds: float = 0.0
    first_byte_s: float | None = None
    referer: str = ""
    user_agent: str = ""
    host: str = ""
    host_id: str = ""
    authentication: str = ""
    """``AuthHeader``, ``QueryString`` or empty."""
    tls: str = ""
    cipher: str = ""
    region: str = ""


def redacted(target: str) -> str:
    """A request target whose parameters show no signature and no secret."""
    path, mark, query = target.partition("?")
    if not mark:
        return target
    parts = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        parts.append(f"{name}={REDACTED}" if equals and _SECRET_PARAMETER.search(unquote(name)) else part)
    return f"{path}?{'&'.join(parts)}"


def encoded_key(key: str) -> str:
    """A key as one word of printable ASCII."""
    return quote(key.encode("utf-8", "surrogateescape"), safe="/~")


def as_fields(record: AccessRecord) -> dict[str, object]:
    """The fields of the JSON format, in its order; what is unknown is left out."""
    at = datetime.fromtimestamp(record.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    fields: dict[str, object] = {
        "time": at.replace("+00:00", "Z"),
        "request_id": record.request_id,
        "peer": record.peer,
        "access_key": record.access_key,
        "user": record.user,
        "operation": record.operation,
        "bucket": _shown(record.bucket),
        "key": encoded_key(record.key),
        "version_id": _shown(record.version_id),
        "method": record.method,
        "target": _shown(redacted(record.target)),
        "status": record.status,
        "code": record.code,
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "total_ms": round(record.seconds * 1000, 3),
        "ttfb_ms": None if record.first_byte_s is None else round(record.first_byte_s * 1000, 3),
        "user_agent": _shown(record.user_agent[:TEXT_MAX]),
        "referer": _shown(record.referer[:TEXT_MAX]),
        "host": _shown(record.host),
        "authentication": record.authentication,
        "tls": record.tls,
    }
    return {name: value for name, value in fields.items() if value not in ("", None)}


def render_json(record: AccessRecord) -> str:
    """One line of JSON in ASCII, without its end."""
    return json.dumps(as_fields(record), separators=(",", ":"))


def render_s3(record: AccessRecord) -> str:
    """One line of Amazon S3's format, without its end."""
    total_ms = str(round(record.seconds * 1000))
    turned_ms = "" if record.first_byte_s is None else str(round(record.first_byte_s * 1000))
    target = redacted(record.target)
    words = (
        record.owner,
        _word(record.bucket),
        _time(record.at_ms),
        _word(record.peer),
        record.requester,
        record.request_id,
        operation_word(record.operation, record.method),
        _word(encoded_key(record.key)),
        _quoted(f"{record.method} {target} HTTP/1.1"),
        str(record.status) if record.status else "",
        record.code,
        str(record.bytes_out) if record.bytes_out else "",
        "" if record.object_bytes is None else str(record.object_bytes),
        total_ms,
        turned_ms,
        _quoted(record.referer[:TEXT_MAX] or "-"),
        _quoted(record.user_agent[:TEXT_MAX] or "-"),
        _word(record.version_id),
        record.host_id,
        "SigV4" if record.authentication else "",
        _word(record.cipher),
        record.authentication,
        _word(record.host),
        record.tls,
        "",  # the access point, which does not exist here
        "",  # whether an ACL was needed, which is not noted
        record.region,
    )
    return " ".join([word or "-" for word in words])


_WORDS = {
    "ListBuckets": "REST.GET.SERVICE",
    "ListObjects": "REST.GET.BUCKET",
    "ListObjectsV2": "REST.GET.BUCKET",
    "ListObjectVersions": "REST.GET.BUCKETVERSIONS",
    "ListMultipartUploads": "REST.GET.UPLOADS",
    "DeleteObjects": "REST.POST.MULTI_OBJECT_DELETE",
    "CopyObject": "REST.COPY.OBJECT",
    "CreateMultipartUpload": "REST.POST.UPLOADS",
    "UploadPart": "REST.PUT.PART",
    "UploadPartCopy": "REST.COPY.PART",
    "ListParts": "REST.GET.UPLOAD",
    "CompleteMultipartUpload": "REST.POST.UPLOAD",
    "AbortMultipartUpload": "REST.DELETE.UPLOAD",
    "GetBucketPolicy": "REST.GET.BUCKETPOLICY",
    "PutBucketPolicy": "REST.PUT.BUCKETPOLICY",
    "DeleteBucketPolicy": "REST.DELETE.BUCKETPOLICY",
    "GetBucketLogging": "REST.GET.LOGGING_STATUS",
    "PutBucketLogging": "REST.PUT.LOGGING_STATUS",
    "Preflight": "REST.OPTIONS.PREFLIGHT",
}
"""Where Amazon's word does not follow from the request's form."""

_LEVELS = ("SERVICE", "BUCKET", "OBJECT", "META")


def operation_word(operation: str, method: str) -> str:
    """``REST.METHOD.RESOURCE``; the resource is the sub-resource where there is one."""
    word = _WORDS.get(operation)
    if word is not None:
        return word
    if operation not in Operation.__members__:
        return f"REST.{_word(method)}.UNKNOWN"
    found = Operation[operation]
    resource = found.subresource.replace("-", "_") or _LEVELS[found.level]
    return f"REST.{found.method}.{resource.upper()}"


def _time(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"[{at.day:02d}/{_MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S} +0000]"


def _shown(text: str) -> str:
    """``text`` with undecodable bytes as JSON can tell them."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _escaped(text: str, kept: str) -> str:
    if text.isascii() and text.isprintable() and not any(letter in text for letter in ' "\\'):
        return text
    raw = text.encode("utf-8", "surrogateescape")
    return "".join([chr(byte) if 32 <= byte < 127 and chr(byte) in kept else f"\\x{byte:02x}" for byte in raw])


_PRINTABLE = "".join(map(chr, range(32, 127)))
_IN_QUOTES = _PRINTABLE.replace('"', "").replace("\\", "")
_IN_WORDS = _IN_QUOTES.replace(" ", "")


def _quoted(text: str) -> str:
    return f'"{_escaped(text, _IN_QUOTES)}"'


def _word(text: str) -> str:
    return _escaped(text, _IN_WORDS)
