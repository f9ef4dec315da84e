"""What a client says about its bytes is read here into expectations; a digest that is not understood is refused.

Sources: Amazon S3 User Guide, "Checking object integrity in Amazon S3"; API Reference of PutObject, UploadPart,
CreateMultipartUpload and CompleteMultipartUpload; RFC 1864 (Content-MD5).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from seglake.adapters.s3_protocol.aws_chunked import trailer_names
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType, Expectations
from seglake.domain.model.multipart import PART_NUMBER_MAX

HEADERS: Mapping[ChecksumAlgorithm, str] = {a: f"x-amz-checksum-{a.value.lower()}" for a in ChecksumAlgorithm}
"""The header, or trailer, that carries the checksum of each algorithm."""

_ALGORITHMS = {header: algorithm for algorithm, header in HEADERS.items()}
_BY_NAME = {algorithm.value: algorithm for algorithm in ChecksumAlgorithm}
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_COMPOSITE = re.compile(r"(.*)-([1-9][0-9]{0,4})", re.ASCII)
_NOTHING = Expectations()


def expectations(
    headers: Mapping[str, str], *, mode: PayloadMode, payload: str, of_object: bool = False
) -> Expectations:
    """All that must hold for a body: Content-MD5, the signed SHA-256 (``payload`` in hex when SIGNED), one checksum.

    A checksum that comes in the trailer is announced by ``algorithm`` alone; take its value with ``from_trailers``.
    ``of_object``: the x-amz-checksum-* headers speak of the object, not of this body (CompleteMultipartUpload).
    Raises S3Error InvalidDigest or InvalidRequest.
    """
    md5 = content_md5(headers)
    sha256 = bytes.fromhex(payload) if mode is PayloadMode.SIGNED else None
    trailing = _trailing_algorithm(headers, mode)
    if of_object:
        return Expectations(md5=md5, sha256=sha256, algorithm=trailing)
    checksum = header_checksum(headers)
    if checksum is not None and trailing is not None:
        raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    algorithm = checksum.algorithm if checksum is not None else trailing
    _check_announced(headers, algorithm)
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") != "FULL_OBJECT":
        raise _invalid("Value for x-amz-checksum-type header is invalid: a single body has a FULL_OBJECT checksum.")
    if md5 is None and sha256 is None and algorithm is None:
        return _NOTHING
    return Expectations(md5=md5, sha256=sha256, checksum=checksum, algorithm=algorithm)


def content_md5(headers: Mapping[str, str]) -> bytes | None:
    """The 16 bytes of Content-MD5, None without the header; S3Error InvalidDigest."""
    text = headers.get("content-md5")
    if text is None:
        return None
    digest = _decode(text, 16)
    if digest is None:
        raise S3Error(ErrorCode.InvalidDigest, "The Content-MD5 you specified is not the base64 of 16 bytes.")
    return digest


def header_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """The checksum in the headers, None without one; S3Error InvalidRequest for a second one or a broken value."""
    found: Checksum | None = None
    for name, algorithm in _ALGORITHMS.items():
        text = headers.get(name)
        if text is not None:
            if found is not None:
                raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
            found = Checksum(algorithm, _value(name, text, algorithm))
    return found


def from_trailers(trailers: Mapping[str, str]) -> Checksum | None:
    """The checksum in the trailers of a finished body, None without one; S3Error InvalidRequest for a broken value."""
    for name, text in trailers.items():
        algorithm = _ALGORITHMS.get(name)
        if algorithm is not None:
            return Checksum(algorithm, _value(name, text, algorithm))
    return None


def object_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """The checksum that CompleteMultipartUpload states for the whole object: ``base64`` or ``base64-N`` (composite).

    Here the headers speak of the object, not of the request's body. Raises S3Error InvalidRequest.
    """
    kind = checksum_type(headers)
    found: Checksum | None = None
    for name, algorithm in _ALGORITHMS.items():
        text = headers.get(name)
        if text is None:
            continue
        if found is not None:
            raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
        match = _COMPOSITE.fullmatch(text)
        parts = int(match[2]) if match else 0
        if parts > PART_NUMBER_MAX or (kind is not None and (kind is ChecksumType.COMPOSITE) != bool(parts)):
            raise _invalid(f"Value for {name} header is invalid: it does not fit the checksum type.")
        digest = _value(name, match[1] if match else text, algorithm)
        found = Checksum(algorithm, digest, ChecksumType.COMPOSITE if parts else ChecksumType.FULL_OBJECT, parts)
    return found


def requested_algorithm(headers: Mapping[str, str]) -> ChecksumAlgorithm | None:
    """x-amz-checksum-algorithm (CreateMultipartUpload, CopyObject), None without it; S3Error InvalidRequest."""
    text = headers.get("x-amz-checksum-algorithm")
    return None if text is None else _algorithm("x-amz-checksum-algorithm", text)


def checksum_type(headers: Mapping[str, str]) -> ChecksumType | None:
    """x-amz-checksum-type, None without it; S3Error InvalidRequest."""
    text = headers.get("x-amz-checksum-type")
    if text is None:
        return None
    if text not in (ChecksumType.FULL_OBJECT.value, ChecksumType.COMPOSITE.value):
        raise _invalid("Value for x-amz-checksum-type header is invalid; FULL_OBJECT or COMPOSITE is expected.")
    return ChecksumType(text)


def response_headers(checksum: Checksum) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two headers that give a checksum back: its value and x-amz-checksum-type."""
    return (HEADERS[checksum.algorithm], checksum.text), ("x-amz-checksum-type", checksum.type.value)


def _trailing_algorithm(headers: Mapping[str, str], mode: PayloadMode) -> ChecksumAlgorithm | None:
    names = trailer_names(headers)
    if not names:
        return None
    if not mode.trailing:
        raise _invalid("x-amz-trailer needs an x-amz-content-sha256 that ends with -TRAILER")
    if len(names) > 1 or names[0] not in _ALGORITHMS:
        raise _invalid("The value specified in the x-amz-trailer header is not supported")
    return _ALGORITHMS[names[0]]


def _check_announced(headers: Mapping[str, str], algorithm: ChecksumAlgorithm | None) -> None:
    text = headers.get("x-amz-sdk-checksum-algorithm")
    if text is not None:
        announced = _algorithm("x-amz-sdk-checksum-algorithm", text)
        if algorithm is None:
            raise _invalid(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer "
                "headers were found."
            )
        if announced is not algorithm:
            raise _invalid("Value for x-amz-sdk-checksum-algorithm header is invalid.")
    text = headers.get("x-amz-checksum-algorithm")
    if text is not None and algorithm not in (None, _algorithm("x-amz-checksum-algorithm", text)):
        raise _invalid("Value for x-amz-checksum-algorithm header is invalid: another checksum was sent.")


def _algorithm(header: str, text: str) -> ChecksumAlgorithm:
    algorithm = _BY_NAME.get(text.upper())
    if algorithm is None:
        raise _invalid(f"Value for {header} header is invalid; one of {', '.join(_BY_NAME)} is expected.")
    return algorithm


def _value(name: str, text: str, algorithm: ChecksumAlgorithm) -> bytes:
    digest = _decode(text, algorithm.size)
    if digest is None:
        raise _invalid(f"Value for {name} header is invalid; the base64 of {algorithm.size} bytes is expected.")
    return digest


def _decode(text: str, size: int) -> bytes | None:
    """Strict base64 (RFC 4648 section 4, canonical) of exactly ``size`` bytes, else None."""
    if len(text) != (size + 2) // 3 * 4 or not _BASE64.fullmatch(text):
        return None
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return digest if len(digest) == size and base64.b64encode(digest).decode("ascii") == text else None


def _invalid(message: str) -> S3Error:
    return S3Error(ErrorCode.InvalidRequest, message)
