"""OPTIONS: no origin is allowed unless configured, so a browser is told no in the way it understands."""

from __future__ import annotations

from seglake.adapters.http_s3.respond import Answer, refusal
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request import RequestHead


def preflight(head: RequestHead, request_id: str) -> Answer:
    """API: "CORS preflight": 400 without Origin, 403 when no rule allows the origin."""
    headers = head.headers
    if "origin" not in headers:
        error = S3Error(ErrorCode.BadRequest, "Insufficient information. Origin request header needed.")
    elif "access-control-request-method" not in headers:
        error = S3Error(ErrorCode.BadRequest, "Invalid Access-Control-Request-Method: null")
    else:
        error = S3Error(ErrorCode.AccessDenied, "CORSResponse: CORS is not enabled for this bucket.")
    return refusal(error, request_id=request_id, resource=head.path, method=head.method)
