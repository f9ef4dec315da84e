"""Forms as a browser sends them, byte for byte, signed with SigV4 or not at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from seglake.adapters.s3_protocol.http_dates import basic_date, iso_date
from seglake.adapters.s3_protocol.signing import Signer
from seglake.adapters.s3_protocol.sigv4 import hex_signature, signing_key
from tests.unit.adapters.http_s3.front import NOW, ROOT
from tests.wire import Request

BOUNDARY = "----SeglakeFormBoundary7MA4YWxkTrZu0gW"

Field = tuple[str, str]


def signed_fields(
    fields: Mapping[str, str],
    conditions: Sequence[Any] | None = None,
    *,
    bucket: str = "alpha",
    signer: Signer = ROOT,
    now: int = NOW,
    valid_s: int = 600,
    **document: Any,
) -> dict[str, str]:
    """``fields`` with a policy over them and its signature. ``conditions`` beside those of the signature; None = each
    field as it is."""
    date = basic_date(now)
    credential = f"{signer.access_key}/{date[:8]}/{signer.region}/s3/aws4_request"
    signing = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": date}
    listed = [{name: value} for name, value in fields.items()] if conditions is None else list(conditions)
    policy = {
        "expiration": iso_date((now + valid_s) * 1000),
        "conditions": [{"bucket": bucket}, *[{name: value} for name, value in signing.items()], *listed],
        **document,
    }
    return {**fields, **signing, **sealed(json.dumps(policy), signer, date)}


def sealed(policy: str, signer: Signer, date: str) -> dict[str, str]:
    """The fields ``policy`` and ``x-amz-signature``."""
    encoded = base64.b64encode(policy.encode()).decode()
    key = signing_key(signer.secret, date[:8], signer.region)
    return {"policy": encoded, "x-amz-signature": hex_signature(key, encoded)}


def part(name: str, content: bytes, *, file_name: str | None = None, boundary: str = BOUNDARY, more: str = "") -> bytes:
    """One part of a form."""
    named = "" if file_name is None else f'; filename="{file_name}"'
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{more}\r\n'
    return head.encode() + content + b"\r\n"


def encode(
    fields: Mapping[str, str],
    content: bytes | None = b"the file",
    *,
    file_name: str = "photo.jpg",
    behind: Sequence[Field] = (),
    boundary: str = BOUNDARY,
) -> bytes:
    """A whole form: the fields, the file, and what stands behind it."""
    parts = [part(name, value.encode(), boundary=boundary) for name, value in fields.items()]
    if content is not None:
        more = "Content-Type: image/jpeg\r\n"
        parts.append(part("file", content, file_name=file_name, boundary=boundary, more=more))
    parts += [part(name, value.encode(), boundary=boundary) for name, value in behind]
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def form_request(
    host: str, body: bytes, *, target: str = "/alpha", boundary: str = BOUNDARY, **headers: str
) -> Request:
    """The POST of a form."""
    sent = {"host": host, "content-type": f"multipart/form-data; boundary={boundary}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", target, {**sent, "content-length": str(len(body))}, body)
