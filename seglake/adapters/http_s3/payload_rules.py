"""What the operator demands of a body beyond S3's own rules, decided before it is asked for."""

from __future__ import annotations

from seglake.adapters.http_s3.config import FrontConfig
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Body, Operation
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.domain.model.digest import Expectations

_NEED_A_DIGEST = frozenset((Operation.PutObject, Operation.UploadPart))
_UNSIGNED = frozenset((PayloadMode.UNSIGNED, PayloadMode.STREAMING_UNSIGNED_TRAILER))


def check_payload(
    config: FrontConfig, operation: Operation, mode: PayloadMode, *, in_header: bool, expected: Expectations
) -> None:
    """Returns when the body may come. S3Error InvalidRequest naming what is missing and the setting that demands it.

    ``in_header``: the request is signed by its Authorization header; a presigned one cannot sign its body, an anonymous
    one signs nothing.
    """
    if in_header and mode in _UNSIGNED and not config.allow_unsigned_payload and operation.body is not Body.NONE:
        raise S3Error(
            ErrorCode.InvalidRequest,
            f"x-amz-content-sha256 {mode.value} is not taken here (--no-allow-unsigned-payload): send the payload's "
            "SHA-256, or a STREAMING-AWS4-HMAC-SHA256-PAYLOAD mode that signs every chunk",
        )
    if not config.require_content_md5 or operation not in _NEED_A_DIGEST:
        return
    if expected.md5 is None and expected.checksum is None and expected.algorithm is None:
        raise S3Error(
            ErrorCode.InvalidRequest,
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-* (--require-content-md5)",
        )
