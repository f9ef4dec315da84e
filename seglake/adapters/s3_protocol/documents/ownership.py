"""OwnershipControls documents hold exactly one rule.

Source: API Reference of PutBucketOwnershipControls and GetBucketOwnershipControls.
"""

from __future__ import annotations

from seglake.adapters.s3_protocol.errors import invalid_argument
from seglake.adapters.s3_protocol.xml_in import Element, malformed, read
from seglake.adapters.s3_protocol.xml_out import document
from seglake.domain.model.ownership import ObjectOwnership

OWNERSHIP_HEADER = "x-amz-object-ownership"
_CONTROLS = Element({"Rule": Element({"ObjectOwnership": Element()})})


def parse_ownership(body: bytes) -> ObjectOwnership:
    """S3Error MalformedXML."""
    rules = read(body, "OwnershipControls", _CONTROLS).nodes.get("Rule")
    chosen = rules[0].texts.get("ObjectOwnership") if rules else None
    if chosen is None:
        raise malformed("OwnershipControls needs a Rule with an ObjectOwnership")
    if chosen not in set(ObjectOwnership):
        raise malformed(f"the ObjectOwnership is one of {', '.join(ObjectOwnership)}, not {chosen[:40]!r}")
    return ObjectOwnership(chosen)


def requested_ownership(value: str) -> ObjectOwnership:
    """The header x-amz-object-ownership. S3Error InvalidArgument."""
    if value not in set(ObjectOwnership):
        raise invalid_argument(OWNERSHIP_HEADER, value, f"one of {', '.join(ObjectOwnership)} is expected")
    return ObjectOwnership(value)


def render_ownership(ownership: ObjectOwnership) -> bytes:
    """OwnershipControls."""
    return document("OwnershipControls", f"<Rule><ObjectOwnership>{ownership.value}</ObjectOwnership></Rule>")
