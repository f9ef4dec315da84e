"""Ways to let a form or a page in that has no right to be there."""

from __future__ import annotations

from .mutant import Edit, Mutant

_FORMS = ("tests/unit/adapters/http_s3/handlers/test_forms.py",)
_GATE = "adapters/http_s3/form_gate.py"
_FORM_BODY = "adapters/http_s3/form_body.py"

BROWSERS = (
    Mutant(
        "any signature will do for a form",
        ("tests/unit/adapters/s3_protocol/test_form_claims.py",),
        (Edit("adapters/s3_protocol/form_claims.py", "    if not matches:\n", "    if matches is None:\n"),),
    ),
    Mutant(
        "a form is not held against its policy",
        _FORMS,
        (
            Edit(
                _GATE,
                '            policy.check({**fields, "bucket": x.bucket}, now_ms=self._clock.now_ms())\n',
                "",
            ),
        ),
    ),
    Mutant(
        "a form's policy is checked before the name of the file is put in",
        _FORMS,
        (Edit(_GATE, "policy.check({**fields,", "policy.check({**file.fields,"),),
    ),
    Mutant(
        "a form may bring fields that no condition covers",
        ("tests/unit/adapters/s3_protocol/test_post_policy.py",),
        (Edit("adapters/s3_protocol/post_policy.py", "        if extra:\n", "        if extra is None:\n"),),
    ),
    Mutant(
        "a form outlives its policy",
        ("tests/unit/adapters/s3_protocol/test_post_policy.py",),
        (
            Edit(
                "adapters/s3_protocol/post_policy.py",
                "        if now_ms >= self.expires_ms:",
                "        if now_ms > self.expires_ms:",
            ),
        ),
    ),
    Mutant(
        "a form is stored without asking whether its key may",
        _FORMS,
        (
            Edit(
                _GATE,
                "        authorise(self._access, route, head, (x.bucket, key), identity, context=context, "
                "grounds=grounds)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a file may be smaller than the policy says",
        _FORMS,
        (Edit(_FORM_BODY, "            self._check_small()\n", ""),),
    ),
    Mutant(
        "a file may be larger than the policy says",
        _FORMS,
        (Edit(_FORM_BODY, "        if self._size > self._range.maximum:", "        if self._size < 0:"),),
    ),
    Mutant(
        "a form may end anywhere",
        _FORMS,
        (Edit(_FORM_BODY, "            self._parser.finish()\n", ""),),
    ),
    Mutant(
        "a form's fields may hold line breaks",
        _FORMS,
        (
            Edit(
                "adapters/s3_protocol/form_fields.py",
                "        if not value.isprintable():",
                "        if value is None:",
            ),
        ),
    ),
    Mutant(
        "any text is repeated as an origin",
        ("tests/unit/domain/model/test_cors.py", "tests/unit/adapters/http_s3/test_cross_origin.py"),
        (Edit("domain/model/cors.py", "    if not _ORIGIN.fullmatch(origin):", "    if not origin:"),),
    ),
    Mutant(
        "an origin fits a pattern that it only begins like",
        ("tests/unit/domain/model/test_cors.py",),
        (
            Edit(
                "domain/model/cors.py",
                " and text.startswith(before) and text.endswith(after)",
                " and text.startswith(before)",
            ),
        ),
    ),
    Mutant(
        "a preflight allows every header",
        ("tests/unit/adapters/http_s3/test_cross_origin.py",),
        (
            Edit(
                "adapters/http_s3/preflight.py",
                "find_rule(rules, origin, method, asked)",
                "find_rule(rules, origin, method)",
            ),
        ),
    ),
)
