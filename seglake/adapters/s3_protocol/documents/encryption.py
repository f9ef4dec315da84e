"""ServerSideEncryptionConfiguration: one rule, read strictly and written back as it was given.

Source: API Reference, PutBucketEncryption, GetBucketEncryption, BlockedEncryptionTypes.
"""

from __future__ import annotations

from seglake.adapters.s3_protocol.encryption_headers import refused_method, ring_key_name
from seglake.adapters.s3_protocol.errors import escape, invalid_argument
from seglake.adapters.s3_protocol.xml_in import NAMESPACE, Element, Node, malformed, read
from seglake.domain.model.bucket_encryption import BucketEncryption
from seglake.domain.model.encryption import KMS_KEY, S3_KEY, SSE_S3, EncryptionKind, Protection

_TEXT = Element()
_RULE = Element(
    {
        "ApplyServerSideEncryptionByDefault": Element({"SSEAlgorithm": _TEXT, "KMSMasterKeyID": _TEXT}),
        "BucketKeyEnabled": _TEXT,
        "BlockedEncryptionTypes": Element({"EncryptionType": _TEXT}),
    }
)
_CONFIGURATION = Element({"Rule": _RULE})
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def parse_encryption(body: bytes, regions: frozenset[str]) -> BucketEncryption:
    """The configuration in ``body``. S3Error MalformedXML, InvalidArgument, KMS.NotFoundException, NotImplemented."""
    rules = read(body, "ServerSideEncryptionConfiguration", _CONFIGURATION).nodes.get("Rule")
    if not rules:
        raise malformed("a ServerSideEncryptionConfiguration has one Rule")
    rule = rules[0]
    bucket_key = _boolean(rule.texts.get("BucketKeyEnabled"))
    defaults = rule.nodes.get("ApplyServerSideEncryptionByDefault")
    blocked = rule.nodes.get("BlockedEncryptionTypes")
    if defaults is None and blocked is None:
        raise malformed("the Rule says nothing: ApplyServerSideEncryptionByDefault is missing")
    if defaults is None:
        return BucketEncryption(None, blocks_customer_keys=_blocks(blocked))
    method, shown = _text(defaults[0], "SSEAlgorithm"), _text(defaults[0], "KMSMasterKeyID")
    if not method:
        raise malformed("the SSEAlgorithm is missing")
    if method == EncryptionKind.KMS:
        key = ring_key_name(shown, regions) if shown else KMS_KEY
        protection = Protection(EncryptionKind.KMS, key, bucket_key)
    elif method != EncryptionKind.S3:
        raise refused_method(method)
    elif shown:
        raise invalid_argument("KMSMasterKeyID", shown, "it is only for the SSEAlgorithm aws:kms")
    else:
        protection = Protection(EncryptionKind.S3, S3_KEY, bucket_key)
    return BucketEncryption(protection, shown, _blocks(blocked))


def render_encryption(config: BucketEncryption) -> bytes:
    """The configuration as a document; what was left out is shown as AWS shows it."""
    default = config.default or SSE_S3
    key = f"<KMSMasterKeyID>{escape(config.shown_key)}</KMSMasterKeyID>" if config.shown_key else ""
    applied = "" if config.default is None else f"<SSEAlgorithm>{default.kind.value}</SSEAlgorithm>{key}"
    parts = [
        f"<ApplyServerSideEncryptionByDefault>{applied}</ApplyServerSideEncryptionByDefault>" if applied else "",
        f"<BucketKeyEnabled>{'true' if default.bucket_key else 'false'}</BucketKeyEnabled>",
    ]
    if config.blocks_customer_keys:
        parts.append("<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>")
    inner = f"<Rule>{''.join(parts)}</Rule>"
    name = "ServerSideEncryptionConfiguration"
    return f'{_HEAD}<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode()


def _text(node: Node, name: str) -> str:
    return node.texts.get(name, "").strip()


def _boolean(text: str | None) -> bool:
    if text is None:
        return False
    if text.strip().lower() not in ("true", "false"):
        raise malformed("BucketKeyEnabled must be true or false")
    return text.strip().lower() == "true"


def _blocks(nodes: list[Node] | None) -> bool:
    if nodes is None:
        return False
    kind = _text(nodes[0], "EncryptionType")
    if kind not in ("NONE", "SSE-C"):
        raise malformed("an EncryptionType is NONE or SSE-C")
    return kind == "SSE-C"
