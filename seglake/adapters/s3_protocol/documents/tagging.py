"""Tags come as a document or as a query string in a header, and go out as a document.

Sources: API Reference of PutObjectTagging, PutBucketTagging and PutObject (x-amz-tagging).
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from seglake.adapters.s3_protocol.errors import S3Error, escape, invalid_argument
from seglake.adapters.s3_protocol.xml_in import Element, malformed, read
from seglake.adapters.s3_protocol.xml_out import document
from seglake.domain.model.manifest import Pairs

TAGGING_HEADER = "x-amz-tagging"
TAGS_READ_MAX = 200
"""More are not read at all; up to here the limits of objects and buckets are refused by their own names."""

_TEXT = Element()
_TAGGING = Element({"TagSet": Element({"Tag": Element({"Key": _TEXT, "Value": _TEXT}, repeat=TAGS_READ_MAX)})})
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse_tagging(body: bytes) -> Pairs:
    """The tags of a Tagging document in their order, unchecked. S3Error MalformedXML."""
    root = read(body, "Tagging", _TAGGING)
    if "TagSet" not in root.nodes:
        raise malformed("Tagging has no TagSet")
    pairs: list[tuple[str, str]] = []
    for node in root.nodes["TagSet"][0].nodes.get("Tag", ()):
        key, value = node.texts.get("Key"), node.texts.get("Value")
        if key is None or value is None:
            raise malformed("each Tag needs a Key and a Value")
        pairs.append((key, value))
    return tuple(pairs)


def parse_tag_query(text: str) -> Pairs:
    """The tags of an x-amz-tagging header, ``a=1&b=2`` as a form is encoded, unchecked. S3Error InvalidArgument."""
    if not text:
        return ()
    pairs: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        key = _decoded(name, text)
        if not key or key in pairs:
            raise _invalid(text)
        pairs[key] = _decoded(value, text)
    return tuple(pairs.items())


def tagging(tags: Pairs) -> bytes:
    """Tagging, as GetObjectTagging and GetBucketTagging answer."""
    rows = [f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in tags]
    return document("Tagging", f"<TagSet>{''.join(rows)}</TagSet>")


def _decoded(text: str, whole: str) -> str:
    if _BAD_ESCAPE.search(text) or "=" in text:
        raise _invalid(whole)
    try:
        return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        raise _invalid(whole) from None


def _invalid(text: str) -> S3Error:
    reason = "it must be a query string: names and values percent-encoded UTF-8, no name empty or twice"
    return invalid_argument(TAGGING_HEADER, text.encode("utf-8", "replace").decode(), reason)
