"""Documents in requests are bounded, read whole and verified before anybody parses them."""

from __future__ import annotations

from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.errors import BadDigest, PayloadHashMismatch

DOCUMENT_BYTES_MAX = 2 << 20


async def read_document(x: Exchange, *, digest_required: bool = False) -> bytes:
    """The document. With ``digest_required`` a Content-MD5 or checksum must have come with it (API: DeleteObjects).

    Raises S3Error MaxMessageLengthExceeded, InvalidRequest; BadDigest, PayloadHashMismatch, IncompleteBody.
    """
    body = x.body
    if body.length is not None and body.length > DOCUMENT_BYTES_MAX:
        raise S3Error(ErrorCode.MaxMessageLengthExceeded)
    pieces: list[bytes] = []
    size = 0
    while piece := await body.read():
        size += len(piece)
        if size > DOCUMENT_BYTES_MAX:
            raise S3Error(ErrorCode.MaxMessageLengthExceeded)
        pieces.append(bytes(piece))
    data = b"".join(pieces)
    expected, digests = body.expectations(), x.services.digests
    if digest_required and expected.md5 is None and expected.checksum is None:
        raise S3Error(
            ErrorCode.InvalidRequest, "Missing required header for this request: Content-MD5 or x-amz-checksum-*"
        )
    if expected.sha256 is not None:
        hasher = digests.sha256()
        hasher.update(data)
        if hasher.digest() != expected.sha256:
            raise PayloadHashMismatch(expected.sha256.hex(), hasher.digest().hex())
    if expected.md5 is not None:
        hasher = digests.md5()
        hasher.update(data)
        if hasher.digest() != expected.md5:
            raise BadDigest("Content-MD5", expected.md5.hex(), hasher.digest().hex())
    if expected.checksum is not None:
        hasher = digests.checksum(expected.checksum.algorithm)
        hasher.update(data)
        if hasher.digest() != expected.checksum.digest:
            raise BadDigest("checksum", expected.checksum.digest.hex(), hasher.digest().hex())
    return data
