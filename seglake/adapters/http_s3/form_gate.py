"""A form says who sends it only inside its body: here it is read that far, proven, held against its policy, and
authorised as the PutObject that it stands for."""

from __future__ import annotations

from collections.abc import Collection

from seglake.adapters.http_s3.authorisation import authorise
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.failures import Failures
from seglake.adapters.http_s3.form_body import FormFile
from seglake.adapters.http_s3.payload_rules import check_payload
from seglake.adapters.s3_protocol.checksums import expectations
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, not_implemented
from seglake.adapters.s3_protocol.form_claims import FormClaims, parse_form_claims, verify_form
from seglake.adapters.s3_protocol.form_data import boundary_of
from seglake.adapters.s3_protocol.form_fields import filled, head_of, key_of
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.post_policy import SizeRange, parse_policy
from seglake.adapters.s3_protocol.request_context import request_context
from seglake.adapters.s3_protocol.routing import ROUTES
from seglake.adapters.s3_protocol.sigv4 import DeriveKey
from seglake.domain.model.access import Context
from seglake.domain.model.credential import Identity
from seglake.domain.model.user import ACCOUNT
from seglake.domain.ports.system import Clock
from seglake.domain.services.access import Access, Grounds


class FormGate:
    """The one verifier of forms, as the application is of all other requests (A1)."""

    def __init__(
        self,
        access: Access,
        clock: Clock,
        *,
        regions: Collection[str],
        derive: DeriveKey,
        failures: Failures | None,
    ) -> None:
        self._access = access
        self._clock = clock
        self._regions = regions
        self._derive = derive
        self._failures = failures

    async def admit(self, x: Exchange) -> Exchange:
        """The PutObject that the form stands for, with ``form`` and ``form_fields``; its file is begun, not read.

        Raises S3Error for a form that is malformed, not proven, or not allowed by its policy; AccessDenied.
        """
        if x.identity is not None:
            raise S3Error(
                ErrorCode.InvalidRequest, "a form is signed by its fields; leave out every other authentication"
            )
        if x.body.length is None:
            raise S3Error(ErrorCode.MissingContentLength)
        if "content-md5" in x.headers:
            raise not_implemented(
                "Content-MD5 of a whole form; the field Content-MD5 is that of the file", header="Content-MD5"
            )
        file = FormFile(x.body, boundary_of(x.headers.get("content-type", "")))
        await file.begin()
        claims = parse_form_claims(file.fields)
        identity, grounds = (None, x.grounds) if claims is None else self._identify(x, claims)
        fields = filled(file.fields, file.file_name)
        size = SizeRange()
        if claims is not None:
            policy = parse_policy(claims.policy)
            policy.check({**fields, "bucket": x.bucket}, now_ms=self._clock.now_ms())
            size = policy.size
        return self._put(x, file, fields, size, (claims, identity, grounds))

    def _identify(self, x: Exchange, claims: FormClaims) -> tuple[Identity, Grounds]:
        known = self._access.lookup(claims.access_key, x.bucket)
        try:
            verify_form(
                claims,
                secret=None if known is None else known.secret,
                regions=self._regions,
                derive=self._derive,
            )
        except S3Error as error:
            if self._failures is None:
                raise
            key = None if known is None else claims.access_key
            raise self._failures.explain(error, peer=x.head.peer, known_key=key) from None
        assert known is not None, "an unknown key is refused by verify_form"
        return known.identity, known.grounds

    def _put(
        self,
        x: Exchange,
        file: FormFile,
        fields: dict[str, str],
        size: SizeRange,
        sender: tuple[FormClaims | None, Identity | None, Grounds],
    ) -> Exchange:
        claims, identity, grounds = sender
        head, key, route = head_of(x.head, fields), key_of(fields), ROUTES[Operation.PutObject]
        if fields.get("bucket", x.bucket) != x.bucket:
            raise S3Error(ErrorCode.InvalidArgument, "the form names another bucket than the one that it is sent to")
        expected = expectations(head.headers, mode=PayloadMode.UNSIGNED, payload="")
        if x.config.require_content_md5:
            check_payload(x.config, Operation.PutObject, PayloadMode.UNSIGNED, in_header=False, expected=expected)

        def context(keys: Collection[str]) -> Context:
            made = {**x.context(keys), **request_context(keys, head, None, now_ms=self._clock.now_ms())}
            if claims is not None:
                age_ms = max(0, self._clock.now_ms() - claims.timestamp * 1000)
                made["aws:principalaccount"] = (ACCOUNT,)
                made["s3:signatureversion"] = ("AWS4-HMAC-SHA256",)
                made["s3:authtype"] = ("POST",)
                made["s3:signatureage"] = (str(age_ms),)
            return made

        authorise(self._access, route, head, (x.bucket, key), identity, context=context, grounds=grounds)
        file.expect(size, expected)
        put = Exchange(
            x.request,
            head,
            route,
            (x.bucket, key),
            identity,
            x.body,
            x.request_id,
            grounds=grounds,
            context=context,
            services=x.services,
            config=x.config,
            log=x.log,
        )
        put.form, put.form_fields = file, fields
        return put
