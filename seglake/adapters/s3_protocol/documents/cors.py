"""CORSConfiguration, in and out.

Source: API Reference, PutBucketCors and GetBucketCors.
"""

from __future__ import annotations

from collections.abc import Iterable

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, escape
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.adapters.s3_protocol.xml_in import NAMESPACE, Element, Node, malformed, read
from seglake.domain.model.cors import RULES_MAX, CorsRule, Rules, check_rules

DOCUMENT_BYTES_MAX = 64 << 10
"""S3 User Guide, "Using cross-origin resource sharing": a configuration has 64 KB at most."""

MAX_AGE_S_MAX = 2**31 - 1
_LIST_MAX = 4096

_TEXT = Element()
_LIST = Element(repeat=_LIST_MAX)
_RULE = Element(
    {
        "ID": _TEXT,
        "AllowedHeader": _LIST,
        "AllowedMethod": _LIST,
        "AllowedOrigin": _LIST,
        "ExposeHeader": _LIST,
        "MaxAgeSeconds": _TEXT,
    },
    # One more than are allowed, so that the refusal is the one of the rule count and not of the schema.
    repeat=RULES_MAX + 1,
)
_CONFIGURATION = Element({"CORSRule": _RULE})


def parse_cors(body: bytes) -> Rules:
    """The rules of a document. S3Error MalformedXML, MaxMessageLengthExceeded; InvalidRequest for what S3 refuses."""
    if len(body) > DOCUMENT_BYTES_MAX:
        raise S3Error(
            ErrorCode.MaxMessageLengthExceeded, f"a CORS configuration may have {DOCUMENT_BYTES_MAX} bytes at most"
        )
    nodes = read(body, "CORSConfiguration", _CONFIGURATION).nodes.get("CORSRule")
    if not nodes:
        raise malformed("CORSConfiguration has no CORSRule")
    return check_rules(tuple([_rule(node) for node in nodes]))


def _rule(node: Node) -> CorsRule:
    lists = {name: tuple(texts) for name, texts in node.lists.items()}
    if "AllowedOrigin" not in lists or "AllowedMethod" not in lists:
        raise malformed("each CORSRule needs an AllowedOrigin and an AllowedMethod")
    age = node.texts.get("MaxAgeSeconds")
    return CorsRule(
        origins=lists["AllowedOrigin"],
        methods=lists["AllowedMethod"],
        headers=lists.get("AllowedHeader", ()),
        exposed=lists.get("ExposeHeader", ()),
        max_age_s=None if age is None else _seconds(age),
        id=node.texts.get("ID", ""),
    )


def _seconds(text: str) -> int:
    try:
        value = ascii_number(text.strip(" \t\r\n"), "MaxAgeSeconds", digits_max=10)
    except S3Error:
        raise malformed("MaxAgeSeconds must be a number of seconds") from None
    if value > MAX_AGE_S_MAX:
        raise malformed(f"MaxAgeSeconds may be {MAX_AGE_S_MAX} at most")
    return value


def render_cors(rules: Rules) -> bytes:
    """CORSConfiguration."""
    inner = "".join([f"<CORSRule>{_members(rule)}</CORSRule>" for rule in rules])
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<CORSConfiguration xmlns="{NAMESPACE}">{inner}</CORSConfiguration>'
    ).encode("utf-8", "replace")


def _members(rule: CorsRule) -> str:
    return "".join(
        (
            _elements("ID", (rule.id,) if rule.id else ()),
            _elements("AllowedHeader", rule.headers),
            _elements("AllowedMethod", rule.methods),
            _elements("AllowedOrigin", rule.origins),
            _elements("ExposeHeader", rule.exposed),
            _elements("MaxAgeSeconds", () if rule.max_age_s is None else (str(rule.max_age_s),)),
        )
    )


def _elements(name: str, texts: Iterable[str]) -> str:
    return "".join([f"<{name}>{escape(text)}</{name}>" for text in texts])
