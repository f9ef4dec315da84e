"""Locks come as documents or as three headers, and go out as both.

Sources: API Reference of PutObjectLockConfiguration, PutObjectRetention, PutObjectLegalHold and PutObject
(x-amz-object-lock-*).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument
from seglake.adapters.s3_protocol.http_dates import iso_date, parse_iso_date
from seglake.adapters.s3_protocol.xml_in import Element, Node, malformed, read
from seglake.adapters.s3_protocol.xml_out import document
from seglake.domain.model.object_lock import (
    RETENTION_DAYS_MAX,
    RETENTION_YEARS_MAX,
    BucketLock,
    DefaultRetention,
    Lock,
    Retention,
    RetentionMode,
)

MODE_HEADER = "x-amz-object-lock-mode"
UNTIL_HEADER = "x-amz-object-lock-retain-until-date"
HOLD_HEADER = "x-amz-object-lock-legal-hold"
BYPASS_HEADER = "x-amz-bypass-governance-retention"

_TEXT = Element()
_CONFIGURATION = Element(
    {
        "ObjectLockEnabled": _TEXT,
        "Rule": Element({"DefaultRetention": Element({"Mode": _TEXT, "Days": _TEXT, "Years": _TEXT})}),
    }
)
_RETENTION = Element({"Mode": _TEXT, "RetainUntilDate": _TEXT})
_LEGAL_HOLD = Element({"Status": _TEXT})
_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_MODES = {mode.value: mode for mode in RetentionMode}
_HOLDS = {"ON": True, "OFF": False}


def parse_configuration(body: bytes) -> BucketLock:
    """ObjectLockConfiguration. S3Error MalformedXML, InvalidRetentionPeriod."""
    root = read(body, "ObjectLockConfiguration", _CONFIGURATION)
    if root.texts.get("ObjectLockEnabled") != "Enabled":
        raise malformed("ObjectLockEnabled must be Enabled")
    rules = root.nodes.get("Rule")
    if rules is None:
        return BucketLock()
    defaults = rules[0].nodes.get("DefaultRetention")
    if defaults is None:
        raise malformed("a Rule needs a DefaultRetention")
    return BucketLock(_default(defaults[0]))


def configuration(value: BucketLock) -> bytes:
    """ObjectLockConfiguration."""
    inner = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
    default = value.default
    if default is not None:
        period = f"<Days>{default.days}</Days>" if default.days else f"<Years>{default.years}</Years>"
        inner += f"<Rule><DefaultRetention><Mode>{default.mode}</Mode>{period}</DefaultRetention></Rule>"
    return document("ObjectLockConfiguration", inner)


def parse_retention(body: bytes) -> Retention | None:
    """Retention; None for an empty one, which removes it. S3Error MalformedXML."""
    texts = read(body, "Retention", _RETENTION).texts
    if not texts:
        return None
    mode, until_ms = _MODES.get(texts.get("Mode", "")), parse_iso_date(texts.get("RetainUntilDate", ""))
    if mode is None or until_ms is None:
        raise malformed("a Retention needs a Mode (GOVERNANCE or COMPLIANCE) and a RetainUntilDate in ISO 8601")
    return Retention(mode, until_ms)


def retention(value: Retention) -> bytes:
    """Retention."""
    until = f"<RetainUntilDate>{iso_date(value.until_ms)}</RetainUntilDate>"
    return document("Retention", f"<Mode>{value.mode}</Mode>{until}")


def parse_legal_hold(body: bytes) -> bool:
    """LegalHold: whether it is ON. S3Error MalformedXML."""
    hold = _HOLDS.get(read(body, "LegalHold", _LEGAL_HOLD).texts.get("Status", ""))
    if hold is None:
        raise malformed("the Status of a LegalHold is ON or OFF")
    return hold


def legal_hold(hold: bool) -> bytes:
    """LegalHold."""
    return document("LegalHold", f"<Status>{'ON' if hold else 'OFF'}</Status>")


def lock_asked(headers: Mapping[str, str]) -> Lock | None:
    """The lock that the headers of a write ask for, None without any. S3Error InvalidArgument."""
    mode, until, hold = headers.get(MODE_HEADER), headers.get(UNTIL_HEADER), headers.get(HOLD_HEADER)
    if mode is None and until is None and hold is None:
        return None
    if hold is not None and hold not in _HOLDS:
        raise invalid_argument(HOLD_HEADER, hold, "Legal Hold must be either of 'ON' or 'OFF'")
    held = hold == "ON"
    if mode is None and until is None:
        return Lock(None, held)
    if mode is None or until is None:
        present, value = (MODE_HEADER, mode) if mode is not None else (UNTIL_HEADER, until or "")
        raise invalid_argument(present, value, f"{UNTIL_HEADER} and {MODE_HEADER} must both be supplied")
    known = _MODES.get(mode)
    if known is None:
        raise invalid_argument(MODE_HEADER, mode, "Unknown wormMode directive.")
    until_ms = parse_iso_date(until)
    if until_ms is None:
        raise invalid_argument(UNTIL_HEADER, until, "The retain until date must be provided in ISO 8601 format")
    return Lock(Retention(known, until_ms), held)


def retention_fields(value: Retention) -> tuple[tuple[str, str], tuple[str, str]]:
    """The headers that show a retention."""
    return (MODE_HEADER, value.mode.value), (UNTIL_HEADER, iso_date(value.until_ms))


def _default(node: Node) -> DefaultRetention:
    texts = node.texts
    mode = _MODES.get(texts.get("Mode", ""))
    if mode is None:
        raise malformed("the Mode of a DefaultRetention is GOVERNANCE or COMPLIANCE")
    if ("Days" in texts) == ("Years" in texts):
        raise malformed("a DefaultRetention has either Days or Years")
    if "Days" in texts:
        return DefaultRetention(mode, days=_period(texts["Days"], RETENTION_DAYS_MAX))
    return DefaultRetention(mode, years=_period(texts["Years"], RETENTION_YEARS_MAX))


def _period(text: str, maximum: int) -> int:
    if not _NUMBER.fullmatch(text):
        raise malformed("the period of a DefaultRetention is a number")
    number = int(text)
    if not 1 <= number <= maximum:
        raise S3Error(
            ErrorCode.InvalidRetentionPeriod,
            f"Default retention period must be a positive integer value of at most {maximum}",
        )
    return number
