"""The client's half of SigV4: what the verifier accepts is made by the same code that checks it.

For the command line's presigned URLs, for peers and for tests. Source: as in the verifier's module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seglake.adapters.s3_protocol import canonical
from seglake.adapters.s3_protocol.claims import ALGORITHM, PRESIGN_TTL_S_MAX
from seglake.adapters.s3_protocol.http_dates import basic_date
from seglake.adapters.s3_protocol.payload import UNSIGNED_PAYLOAD
from seglake.adapters.s3_protocol.request import RequestHead, percent_encode
from seglake.adapters.s3_protocol.sigv4 import hex_signature, signing_key, string_to_sign


@dataclass(frozen=True, slots=True)
class Signer:
    """Credentials bound to a region; the secret stays out of ``repr``."""

    access_key: str
    secret: str
    region: str = "us-east-1"

    def __repr__(self) -> str:
        return f"Signer(access_key={self.access_key!r}, region={self.region!r})"


def sign_header(
    signer: Signer,
    method: str,
    target: str,
    headers: Mapping[str, str],
    *,
    now: int,
    payload: str = UNSIGNED_PAYLOAD,
) -> dict[str, str]:
    """The headers to send: ``headers`` (with lower-case names and a host), x-amz-date, x-amz-content-sha256,
    authorization.

    ``target`` is path and query as they go on the wire, ``now`` seconds since the epoch, ``payload`` the value of
    x-amz-content-sha256.
    """
    amz_date = basic_date(now)
    sent = {**headers, "x-amz-date": amz_date, "x-amz-content-sha256": payload}
    names = tuple(sorted(sent))
    path, _, raw_query = target.partition("?")
    head = RequestHead(method, target, path, raw_query, {}, sent, sent["host"])
    request = canonical.request(head, names, payload, presigned=False)
    signature = _sign(signer, amz_date, request)
    scope = _scope(signer, amz_date)
    sent["authorization"] = (
        f"{ALGORITHM} Credential={signer.access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return sent


def presign(
    signer: Signer,
    method: str,
    target: str,
    headers: Mapping[str, str],
    *,
    now: int,
    expires_s: int = 3600,
) -> str:
    """``target`` with the query parameters that make it a presigned one, valid from ``now`` for ``expires_s`` seconds.

    ``headers`` (lower-case names, with a host) are signed and must be sent as they are. ValueError for a validity that
    S3 does not allow.
    """
    if not 1 <= expires_s <= PRESIGN_TTL_S_MAX:
        raise ValueError(f"a presigned URL is valid for 1 to {PRESIGN_TTL_S_MAX} seconds, not {expires_s}")
    amz_date = basic_date(now)
    names = tuple(sorted(headers))
    path, _, raw_query = target.partition("?")
    parameters = (
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{signer.access_key}/{_scope(signer, amz_date)}"),
        ("X-Amz-Date", amz_date),
        ("X-Amz-Expires", str(expires_s)),
        ("X-Amz-SignedHeaders", ";".join(names)),
    )
    added = "&".join([f"{name}={percent_encode(value)}" for name, value in parameters])
    query = f"{raw_query}&{added}" if raw_query else added
    head = RequestHead(method, target, path, query, {}, headers, headers["host"])
    payload = headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
    request = canonical.request(head, names, payload, presigned=True)
    return f"{path}?{query}&X-Amz-Signature={_sign(signer, amz_date, request)}"


def _scope(signer: Signer, amz_date: str) -> str:
    return f"{amz_date[:8]}/{signer.region}/s3/aws4_request"


def _sign(signer: Signer, amz_date: str, request: str) -> str:
    key = signing_key(signer.secret, amz_date[:8], signer.region)
    return hex_signature(key, string_to_sign(amz_date, _scope(signer, amz_date), request))
