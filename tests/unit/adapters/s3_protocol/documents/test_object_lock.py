from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.documents.object_lock import (
    HOLD_HEADER,
    MODE_HEADER,
    UNTIL_HEADER,
    configuration,
    legal_hold,
    lock_asked,
    parse_configuration,
    parse_legal_hold,
    parse_retention,
    retention,
    retention_fields,
)
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.object_lock import BucketLock, DefaultRetention, Lock, Retention, RetentionMode

GOVERNANCE, COMPLIANCE = RetentionMode.GOVERNANCE, RetentionMode.COMPLIANCE
UNTIL = "2030-01-02T03:04:05.678Z"
UNTIL_MS = 1893553445678


def rule(inner: str, enabled: str = "Enabled") -> bytes:
    return (
        f"<ObjectLockConfiguration><ObjectLockEnabled>{enabled}</ObjectLockEnabled>"
        f"<Rule><DefaultRetention>{inner}</DefaultRetention></Rule></ObjectLockConfiguration>"
    ).encode()


@pytest.mark.parametrize(
    "value",
    [
        BucketLock(),
        BucketLock(DefaultRetention(GOVERNANCE, days=1)),
        BucketLock(DefaultRetention(COMPLIANCE, days=36_500)),
        BucketLock(DefaultRetention(COMPLIANCE, years=100)),
    ],
)
def test_a_configuration_is_read_as_it_was_written(value: BucketLock) -> None:
    assert parse_configuration(configuration(value)) == value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (rule("<Mode>GOVERNANCE</Mode><Days>1</Days>", "Disabled"), ErrorCode.MalformedXML),
        (b"<ObjectLockConfiguration/>", ErrorCode.MalformedXML),
        (
            b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule/></ObjectLockConfiguration>",
            ErrorCode.MalformedXML,
        ),
        (rule("<Days>1</Days>"), ErrorCode.MalformedXML),
        (rule("<Mode>governance</Mode><Days>1</Days>"), ErrorCode.MalformedXML),
        (rule("<Mode>GOVERNANCE</Mode>"), ErrorCode.MalformedXML),
        (rule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"), ErrorCode.MalformedXML),
        (rule("<Mode>GOVERNANCE</Mode><Days>1.5</Days>"), ErrorCode.MalformedXML),
        (rule("<Mode>GOVERNANCE</Mode><Days></Days>"), ErrorCode.MalformedXML),
        (rule("<Mode>GOVERNANCE</Mode><Days>0</Days>"), ErrorCode.InvalidRetentionPeriod),
        (rule("<Mode>GOVERNANCE</Mode><Days>36501</Days>"), ErrorCode.InvalidRetentionPeriod),
        (rule("<Mode>COMPLIANCE</Mode><Years>-1</Years>"), ErrorCode.InvalidRetentionPeriod),
        (rule("<Mode>COMPLIANCE</Mode><Years>101</Years>"), ErrorCode.InvalidRetentionPeriod),
    ],
)
def test_any_other_configuration_is_refused(body: bytes, code: ErrorCode) -> None:
    with pytest.raises(S3Error) as refused:
        parse_configuration(body)
    assert refused.value.code is code


def test_retentions_and_holds_are_read_as_they_were_written() -> None:
    for mode in RetentionMode:
        assert parse_retention(retention(Retention(mode, UNTIL_MS))) == Retention(mode, UNTIL_MS)
    assert parse_retention(b"<Retention/>") is None
    assert [parse_legal_hold(legal_hold(hold)) for hold in (True, False)] == [True, False]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Retention><Mode>GOVERNANCE</Mode></Retention>",
        b"<Retention><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>",
        b"<Retention><Mode>NONE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>",
        b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01</RetainUntilDate></Retention>",
    ],
)
def test_any_other_retention_is_malformed(body: bytes) -> None:
    with pytest.raises(S3Error) as refused:
        parse_retention(body)
    assert refused.value.code is ErrorCode.MalformedXML


@pytest.mark.parametrize("body", [b"<LegalHold/>", b"<LegalHold><Status>on</Status></LegalHold>"])
def test_any_other_hold_is_malformed(body: bytes) -> None:
    with pytest.raises(S3Error) as refused:
        parse_legal_hold(body)
    assert refused.value.code is ErrorCode.MalformedXML


def test_headers_ask_for_a_retention_a_hold_or_both() -> None:
    kept = Retention(COMPLIANCE, UNTIL_MS)
    both = dict(retention_fields(kept))
    assert both == {MODE_HEADER: "COMPLIANCE", UNTIL_HEADER: UNTIL}
    assert lock_asked({"x-amz-meta-a": "1"}) is None
    assert lock_asked(both) == Lock(kept)
    assert lock_asked({**both, HOLD_HEADER: "ON"}) == Lock(kept, hold=True)
    assert lock_asked({HOLD_HEADER: "ON"}) == Lock(None, hold=True)
    assert lock_asked({HOLD_HEADER: "OFF"}) == Lock()


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({MODE_HEADER: "GOVERNANCE"}, MODE_HEADER),
        ({UNTIL_HEADER: UNTIL}, UNTIL_HEADER),
        ({MODE_HEADER: "governance", UNTIL_HEADER: UNTIL}, MODE_HEADER),
        ({MODE_HEADER: "GOVERNANCE", UNTIL_HEADER: "tomorrow"}, UNTIL_HEADER),
        ({HOLD_HEADER: "on"}, HOLD_HEADER),
        ({MODE_HEADER: "GOVERNANCE", HOLD_HEADER: "ON"}, MODE_HEADER),
    ],
)
def test_any_other_headers_are_refused(headers: dict[str, str], named: str) -> None:
    with pytest.raises(S3Error) as refused:
        lock_asked(headers)
    assert refused.value.code is ErrorCode.InvalidArgument
    assert refused.value.extra[0] == ("ArgumentName", named)
