"""Calls to a server by boto3, each remembered with what came back: raw for the model, normalised for a comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

Parsed = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """One answer as it came."""

    operation: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Recorder:
    """Makes calls and keeps what they gave. ``steps`` are {label: outcome}, ``seen`` every answer in order."""

    s3: Any
    steps: dict[str, Parsed] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    chapter: str = ""

    def __post_init__(self) -> None:
        self.s3.meta.events.register("after-call.s3", self._keep)

    def _keep(self, http_response: Any, model: Any, **_more: Any) -> None:
        streams = model.has_streaming_output and http_response.status_code < 300
        content = b"" if streams else http_response.content
        headers = {name.lower(): value for name, value in http_response.headers.items()}
        self.seen.append(Seen(model.name, http_response.status_code, headers, content))

    def __call__(self, label: str, method: str, /, **arguments: Any) -> Parsed:
        """Calls a method of the client; the answer, or the error's, as boto3 gives it. The label must be new."""
        name = f"{self.chapter}: {label}"
        assert name not in self.steps, f"{name} was there before"
        try:
            outcome: Parsed = getattr(self.s3, method)(**arguments)
        except ClientError as error:
            outcome = error.response
        body = outcome.get("Body")
        if body is not None:
            outcome["Body"] = body.read()
            body.close()
        self.steps[name] = outcome
        return outcome


_DROPPED = {
    # who asks, and when: no two servers agree on them
    *("Owner", "Initiator", "DisplayName", "LastModified", "Initiated", "CreationDate", "AcceptRanges", "Expiration"),
    # defaults of Amazon S3 that moto does not show, or shows elsewhere
    *("ServerSideEncryption", "BucketKeyEnabled", "BucketRegion", "BucketArn", "AccessPointAlias", "RequestCharged"),
}
_IDS = {"VersionId", "UploadId", "DeleteMarkerVersionId", "CopySourceVersionId"}
_TOKENS = {"ContinuationToken", "NextContinuationToken"}


class Normal:
    """Outcomes without what two right servers may choose differently; an id is named after where it was seen first."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {"null": "null", "": ""}
        self._label = ""
        self._count = 0

    def outcome(self, label: str, parsed: Parsed) -> Parsed:
        """What is compared: status and code of an error, everything that is not chosen freely of an answer."""
        self._label, self._count = label, 0
        status = parsed["ResponseMetadata"]["HTTPStatusCode"]
        if "Error" in parsed:
            return {"status": status, "code": parsed["Error"]["Code"]}
        return {"status": status, **self._mapping({k: v for k, v in parsed.items() if k != "ResponseMetadata"})}

    def _mapping(self, value: Mapping[str, Any]) -> Parsed:
        kept = {}
        for name, item in value.items():
            if name in _DROPPED or name.startswith("Checksum") or (name == "Metadata" and not item):
                continue
            if name in _IDS or name.endswith("IdMarker"):
                kept[name] = self._id(item)
            elif name in _TOKENS:
                kept[name] = "token"
            elif name == "Location":
                kept[name] = re.sub(r"^https?://[^/]+", "", item)
            else:
                kept[name] = self._value(item)
        return kept

    def _id(self, value: str) -> str:
        known = self._ids.get(value)
        if known is None:
            self._count += 1
            known = self._ids[value] = f"{self._label} #{self._count}"
        return known

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, datetime):
            return "date"
        return value


def normalised(steps: Mapping[str, Parsed]) -> dict[str, Parsed]:
    """All steps of a conversation, in their order."""
    normal = Normal()
    return {label: normal.outcome(label, parsed) for label, parsed in steps.items()}
