"""PublicAccessBlockConfiguration documents: four switches, off where one is left out.

Source: API Reference of PutPublicAccessBlock and GetPublicAccessBlock.
"""

from __future__ import annotations

from seglake.adapters.s3_protocol.xml_in import Element, Node, malformed, read
from seglake.adapters.s3_protocol.xml_out import document
from seglake.domain.model.ownership import PublicAccessBlock

_TEXT = Element()
_BLOCK = Element(
    {
        "BlockPublicAcls": _TEXT,
        "IgnorePublicAcls": _TEXT,
        "BlockPublicPolicy": _TEXT,
        "RestrictPublicBuckets": _TEXT,
    }
)
_SWITCHES = {"true": True, "false": False}


def parse_public_access(body: bytes) -> PublicAccessBlock:
    """S3Error MalformedXML."""
    root = read(body, "PublicAccessBlockConfiguration", _BLOCK)
    return PublicAccessBlock(
        block_acls=_switch(root, "BlockPublicAcls"),
        ignore_acls=_switch(root, "IgnorePublicAcls"),
        block_policy=_switch(root, "BlockPublicPolicy"),
        restrict_buckets=_switch(root, "RestrictPublicBuckets"),
    )


def _switch(root: Node, name: str) -> bool:
    text = root.texts.get(name, "false")
    found = _SWITCHES.get(text.lower())
    if found is None:
        raise malformed(f"{name} is true or false, not {text[:40]!r}")
    return found


def render_public_access(block: PublicAccessBlock) -> bytes:
    """PublicAccessBlockConfiguration."""
    switches = (
        ("BlockPublicAcls", block.block_acls),
        ("IgnorePublicAcls", block.ignore_acls),
        ("BlockPublicPolicy", block.block_policy),
        ("RestrictPublicBuckets", block.restrict_buckets),
    )
    inner = "".join([f"<{name}>{str(value).lower()}</{name}>" for name, value in switches])
    return document("PublicAccessBlockConfiguration", inner)
