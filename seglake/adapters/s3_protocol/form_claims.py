"""A form is signed by fields of its own: the policy as it stands in the form is all that the signature covers.

Source: API Reference, "Authenticating requests in browser-based uploads using POST (AWS Signature Version 4)": the
string to sign is the base64 text of the policy.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from seglake.adapters.s3_protocol.claims import ALGORITHM, parse_credential, version_2
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument
from seglake.adapters.s3_protocol.http_dates import parse_basic_date
from seglake.adapters.s3_protocol.payload import SHA256_HEX
from seglake.adapters.s3_protocol.sigv4 import DUMMY_SECRET, DeriveKey, hex_signature, same_region, signing_key

POLICY = "policy"
SIGNING_FIELDS = frozenset(
    (POLICY, "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token")
)


@dataclass(frozen=True, slots=True)
class FormClaims:
    """What a form says about its sender; nothing of it is proven. ``policy`` is the base64 text."""

    access_key: str
    date: str
    region: str
    signature: str
    policy: str
    timestamp: int


def parse_form_claims(fields: Mapping[str, str]) -> FormClaims | None:
    """The claims of a form (``fields`` with lower-case names), None when it is anonymous: no policy, no signature.

    Raises S3Error: InvalidRequest for Signature Version 2, InvalidToken for temporary credentials, InvalidArgument
    naming the field that is missing or malformed.
    """
    if "awsaccesskeyid" in fields or "signature" in fields:
        raise version_2()
    if fields.get("x-amz-security-token"):
        raise S3Error(ErrorCode.InvalidToken, "temporary credentials are not issued here; leave out the security token")
    if SIGNING_FIELDS.isdisjoint(fields):
        return None
    for name in (POLICY, "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"):
        if not fields.get(name):
            raise missing_field(name)
    if fields["x-amz-algorithm"] != ALGORITHM:
        raise invalid_argument("x-amz-algorithm", fields["x-amz-algorithm"], f"only {ALGORITHM} is supported")
    credential, amz_date, signature = fields["x-amz-credential"], fields["x-amz-date"], fields["x-amz-signature"]

    def malformed(reason: str) -> S3Error:
        return invalid_argument("x-amz-credential", credential, reason)

    access_key, date, region = parse_credential.__wrapped__(credential, malformed)
    timestamp = parse_basic_date(amz_date)
    if timestamp is None or amz_date[:8] != date:
        raise invalid_argument(
            "x-amz-date", amz_date, "a time in the form YYYYMMDDTHHMMSSZ, on the day of the credential, is expected"
        )
    if not SHA256_HEX.fullmatch(signature):
        raise invalid_argument("x-amz-signature", signature, "64 lower-case hex digits are expected")
    return FormClaims(access_key, date, region, signature, fields[POLICY], timestamp)


def missing_field(name: str) -> S3Error:
    """InvalidArgument in S3's words for a field that a form needs."""
    return S3Error(
        ErrorCode.InvalidArgument,
        f"Bucket POST must contain a field named '{name}'. If it is specified, please check the order of the fields.",
        extra=(("ArgumentName", name), ("ArgumentValue", "")),
    )


def verify_form(
    claims: FormClaims, *, secret: str | None, regions: Collection[str], derive: DeriveKey = signing_key
) -> None:
    """Proves the claims. ``secret`` is None for a key that is not known: the same work, then InvalidAccessKeyId.

    Raises S3Error InvalidArgument (region), InvalidAccessKeyId, SignatureDoesNotMatch. How long a form is good for is
    the policy's matter, not that of its date.
    """
    if same_region(claims.region) not in {same_region(region) for region in regions}:
        expected = ", ".join(sorted(regions))
        raise invalid_argument("x-amz-credential", claims.region, f"the region is wrong; expecting '{expected}'")
    key = derive(DUMMY_SECRET if secret is None else secret, claims.date, claims.region)
    matches = hmac.compare_digest(hex_signature(key, claims.policy), claims.signature)
    if secret is None:
        raise S3Error(
            ErrorCode.InvalidAccessKeyId,
            "The access key id you provided does not exist here; check the credentials and the endpoint.",
            extra=(("AWSAccessKeyId", claims.access_key),),
        )
    if not matches:
        raise S3Error(
            ErrorCode.SignatureDoesNotMatch,
            extra=(
                ("AWSAccessKeyId", claims.access_key),
                ("StringToSign", claims.policy[:4096]),
                ("SignatureProvided", claims.signature),
            ),
        )
