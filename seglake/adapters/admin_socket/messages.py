"""Calls and answers are JSON objects of bounded size and depth; every failure has one code and one HTTP status."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from seglake.domain.model import admin_errors, errors
from seglake.domain.model.errors import SeglakeError

API_VERSION = 1
BODY_BYTES_MAX = 1 << 20
DEPTH_MAX = 16
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class CallRefused(SeglakeError):
    """The call itself cannot be understood or is not allowed; ``code`` and ``status`` are what is answered."""

    def __init__(self, code: str, status: int, hint: str) -> None:
        super().__init__(hint)
        self.code = code
        self.status = status


def malformed(hint: str) -> CallRefused:
    """The body is not what it should be."""
    return CallRefused("MalformedRequest", 400, hint)


_STATUS: Mapping[type[SeglakeError], int] = {
    errors.NoSuchBucket: 404,
    errors.RingKeyUnknown: 404,
    admin_errors.NoSuchUser: 404,
    admin_errors.NoSuchAccessKey: 404,
    errors.AccessDenied: 403,
    errors.BucketAlreadyOwned: 409,
    errors.BucketTaken: 409,
    errors.BucketNotEmpty: 409,
    errors.InvalidBucketState: 409,
    errors.RingKeyTaken: 409,
    errors.RingKeyDisabled: 409,
    admin_errors.UserTaken: 409,
    admin_errors.UserInUse: 409,
    admin_errors.AccessKeyTaken: 409,
    admin_errors.AccessKeyOfFlags: 409,
    admin_errors.LastRootKey: 409,
    admin_errors.AllowListEmpty: 409,
    admin_errors.BucketHoldsLocked: 409,
    errors.InvalidArgument: 400,
    errors.InvalidRequest: 400,
    errors.InvalidBucketName: 400,
    errors.InvalidUserName: 400,
    errors.InvalidRingKeyName: 400,
    errors.InvalidKey: 400,
    errors.KeyTooLong: 400,
    errors.MalformedPolicy: 400,
    admin_errors.InvalidAccessKey: 400,
    errors.Busy: 503,
    errors.UnderMaintenance: 503,
    errors.StoreClosed: 503,
    errors.StorageFull: 507,
}
"""Whatever is not listed is a failure of the store: 500."""


def failure_of(error: SeglakeError) -> tuple[str, int]:
    """The code and the HTTP status of a failure."""
    if isinstance(error, CallRefused):
        return error.code, error.status
    return type(error).__name__, _STATUS.get(type(error), 500)


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object (RFC 8259) of at most BODY_BYTES_MAX and DEPTH_MAX, no name twice in it. CallRefused."""
    if len(body) > BODY_BYTES_MAX:
        raise too_large()
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("the body is not UTF-8") from None
    _check_depth(text)
    try:
        found = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise malformed(f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except ValueError as error:
        raise malformed(f"the body is not JSON as expected here: {error}") from None
    if not isinstance(found, dict):
        raise malformed("the body is not a JSON object")
    return found


def too_large() -> CallRefused:
    """The body is over the limit."""
    return CallRefused("RequestTooLarge", 413, f"the body has more than {BODY_BYTES_MAX} bytes")


def _check_depth(text: str) -> None:
    depth = 0
    for found in _STRUCTURE.finditer(text):
        mark = found[0]
        depth += 1 if mark in "[{" else -1 if mark in "]}" else 0
        if depth > DEPTH_MAX:
            raise malformed(f"the body is more than {DEPTH_MAX} levels deep")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def answer_text(result: Mapping[str, Any]) -> bytes:
    """The answer to a call that did what it should."""
    return json.dumps({"result": result}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def failure_text(code: str, message: str) -> bytes:
    """The answer to a call that did not."""
    document = {"error": {"code": code, "message": message}}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
