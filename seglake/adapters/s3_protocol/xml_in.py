"""A document is read against its schema while it arrives; the first thing that is not in the schema ends it.

Expat from the standard library, without a tree: document types are refused before an entity can be declared, so nothing
expands; what is kept is bounded by the schema (how deep, how often, how long), so memory is bounded by it too. lxml and
defusedxml would first build all that the sender wants built. Source: API Reference of the four operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers.expat import ExpatError, ParserCreate

from seglake.adapters.s3_protocol.conditions import modified_time, one_entity_tag
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, not_implemented
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.conditions import NO_WRITE_CONDITIONS, WriteConditions
from seglake.domain.model.digest import ChecksumAlgorithm
from seglake.domain.model.multipart import PART_NUMBER_MAX, PartClaim

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
TYPE = "xsi:type"
DOCUMENT_BYTES_MAX = 2 * 1024 * 1024
TEXT_CHARACTERS_MAX = 4096
DELETED_KEYS_MAX = 1000

_BLOCK_BYTES = 64 * 1024
_SPACE = " \t\r\n"
_XSI_TYPE = "http://www.w3.org/2001/XMLSchema-instance type"


@dataclass(frozen=True, slots=True)
class Element:
    """What may stand in an element: children by name, or text when it has none.

    ``repeat`` is how often it may occur in its parent; the texts of one that may occur more than once come as a list.
    ``refused`` marks what S3 has and Seglake does not implement; ``typed`` allows the attribute ``xsi:type``, which is
    kept as a text under the name TYPE.
    """

    children: Mapping[str, Element] = field(default_factory=dict)
    repeat: int = 1
    refused: bool = False
    typed: bool = False


@dataclass(slots=True)
class Node:
    """An element that was read: the texts of its children by name (``lists`` has those that may be repeated), and its
    children with children in their order."""

    texts: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, list[Node]] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BucketConfiguration:
    """CreateBucketConfiguration; None without a location constraint."""

    location: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteEntry:
    """One object of a Delete document."""

    key: str
    version: str | None = None
    conditions: WriteConditions = NO_WRITE_CONDITIONS


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """A Delete document: 1 to 1,000 entries; ``quiet`` answers name only failures."""

    entries: tuple[DeleteEntry, ...]
    quiet: bool = False


_TEXT = Element()
_REFUSED = Element(refused=True)
_CREATE_BUCKET = Element({"LocationConstraint": _TEXT, "Location": _REFUSED, "Bucket": _REFUSED, "Tags": _REFUSED})
_VERSIONING = Element({"Status": _TEXT, "MfaDelete": _TEXT})
_CHECKSUMS = {f"Checksum{algorithm.value}": algorithm for algorithm in ChecksumAlgorithm}
_PART = Element({"PartNumber": _TEXT, "ETag": _TEXT, **dict.fromkeys(_CHECKSUMS, _TEXT)}, repeat=PART_NUMBER_MAX)
_COMPLETE = Element({"Part": _PART})
_DELETED = Element(
    {"Key": _TEXT, "VersionId": _TEXT, "ETag": _TEXT, "LastModifiedTime": _TEXT, "Size": _TEXT},
    repeat=DELETED_KEYS_MAX,
)
_DELETE = Element({"Object": _DELETED, "Quiet": _TEXT})


def parse_create_bucket(body: bytes) -> BucketConfiguration:
    """CreateBucketConfiguration; an empty body means none. S3Error MalformedXML, NotImplemented."""
    if not body.strip():
        return BucketConfiguration()
    root = read(body, "CreateBucketConfiguration", _CREATE_BUCKET)
    return BucketConfiguration(root.texts.get("LocationConstraint") or None)


def parse_versioning(body: bytes) -> Versioning:
    """VersioningConfiguration: ENABLED or SUSPENDED. S3Error MalformedXML, NotImplemented for MFA delete."""
    root = read(body, "VersioningConfiguration", _VERSIONING)
    if root.texts.get("MfaDelete") not in (None, "Disabled"):
        raise not_implemented("MFA delete")
    status = root.texts.get("Status")
    if status == "Enabled":
        return Versioning.ENABLED
    if status == "Suspended":
        return Versioning.SUSPENDED
    if status is None:
        raise S3Error(ErrorCode.IllegalVersioningConfigurationException, "The Status element is missing.")
    raise malformed(f"the Status must be Enabled or Suspended, not {status[:40]!r}")


def parse_complete(body: bytes) -> tuple[PartClaim, ...]:
    """CompleteMultipartUpload: 1 to 10,000 parts in the order given, ETags without quotes. S3Error MalformedXML."""
    parts = read(body, "CompleteMultipartUpload", _COMPLETE).nodes.get("Part")
    if not parts:
        raise malformed("CompleteMultipartUpload names no Part")
    return tuple([_part(node) for node in parts])


def parse_delete(body: bytes) -> DeleteRequest:
    """Delete: 1 to 1,000 objects. S3Error MalformedXML."""
    root = read(body, "Delete", _DELETE)
    entries = root.nodes.get("Object")
    if not entries:
        raise malformed("Delete names no Object")
    quiet = root.texts.get("Quiet")
    if quiet not in (None, "", "true", "false", "True", "False"):
        raise malformed("Quiet must be true or false")
    return DeleteRequest(tuple([_entry(node) for node in entries]), quiet in ("true", "True"))


def malformed(reason: str) -> S3Error:
    """MalformedXML with the reason."""
    return S3Error(ErrorCode.MalformedXML, f"{ErrorCode.MalformedXML.message} Here: {reason}.")


def read(body: bytes, name: str, schema: Element) -> Node:
    """The document ``name`` in ``body``, with or without the S3 namespace; S3Error MalformedXML or NotImplemented."""
    if len(body) > DOCUMENT_BYTES_MAX:
        raise S3Error(
            ErrorCode.MaxMessageLengthExceeded, f"an XML document may have {DOCUMENT_BYTES_MAX} bytes at most"
        )
    reader = _Reader(name, schema)
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        for at in range(0, len(body), _BLOCK_BYTES):
            parser.Parse(body[at : at + _BLOCK_BYTES], False)
            # A tag is kept whole until it ends, and its attributes with it: that must not be most of a document.
            if at - parser.CurrentByteIndex > _BLOCK_BYTES:
                raise malformed(f"a tag, comment or instruction is longer than {_BLOCK_BYTES} bytes")
        parser.Parse(b"", True)
    except ExpatError as error:
        raise malformed(f"line {error.lineno}, column {error.offset}: it is not well-formed") from None
    except (LookupError, ValueError):  # an encoding that is unknown or does not fit
        raise malformed("its encoding is not known") from None
    return reader.top.nodes[name][0]


class _Reader:
    """Expat's handlers: a stack of the open elements that have children, and the open one that has text, if any."""

    __slots__ = ("listed", "pieces", "schemas", "size", "stack", "top")

    def __init__(self, name: str, schema: Element) -> None:
        self.top = Node()
        self.schemas = [Element({name: schema})]
        self.stack = [self.top]
        self.pieces: list[str] | None = None
        self.listed: list[str] | None = None
        self.size = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        shown = local[:60]
        if namespace not in ("", NAMESPACE):
            raise malformed(f"the element {shown} is in a namespace that is not S3's")
        schema = None if self.pieces is not None else self.schemas[-1].children.get(local)
        if schema is None:
            raise malformed(f"the element {shown} is not expected there")
        if schema.refused:
            raise not_implemented(f"the element {shown}")
        if attributes and not (schema.typed and attributes.keys() == {_XSI_TYPE}):
            raise malformed(f"the element {shown} has attributes")
        parent = self.stack[-1]
        if not schema.children:
            self.listed = None if schema.repeat == 1 else parent.lists.setdefault(local, [])
            if local in parent.texts:
                raise malformed(f"the element {shown} occurs twice")
            if self.listed is not None and len(self.listed) == schema.repeat:
                raise malformed(f"the element {shown} occurs more than {schema.repeat} times")
            self.pieces = []
            self.size = 0
            return
        siblings = parent.nodes.setdefault(local, [])
        if len(siblings) == schema.repeat:
            raise malformed(f"the element {shown} occurs more than {schema.repeat} times")
        node = Node({TYPE: attributes[_XSI_TYPE]} if attributes else {})
        siblings.append(node)
        self.schemas.append(schema)
        self.stack.append(node)

    def end(self, name: str) -> None:
        if self.pieces is None:
            self.schemas.pop()
            self.stack.pop()
            return
        text = "".join(self.pieces)
        self.pieces = None
        if self.listed is not None:
            self.listed.append(text)
        else:
            self.stack[-1].texts[name.rpartition(" ")[2]] = text

    def text(self, data: str) -> None:
        if self.pieces is None:
            if data.strip(_SPACE):
                raise malformed("there is text between elements")
            return
        self.size += len(data)
        if self.size > TEXT_CHARACTERS_MAX:
            raise malformed(f"the text of an element is longer than {TEXT_CHARACTERS_MAX} characters")
        self.pieces.append(data)

    def doctype(self, *_declaration: object) -> None:
        raise malformed("document types and entities are not allowed")


def _part(node: Node) -> PartClaim:
    number, etag = node.texts.get("PartNumber"), node.texts.get("ETag")
    if number is None or etag is None:
        raise malformed("each Part needs a PartNumber and an ETag")
    claimed = [
        (algorithm, text)
        for name, algorithm in _CHECKSUMS.items()
        if (text := node.texts.get(name)) is not None and text
    ]
    if len(claimed) > 1:
        raise malformed("a Part has more than one checksum")
    value = ascii_number(number.strip(_SPACE), "PartNumber", digits_max=9)
    if not 1 <= value <= PART_NUMBER_MAX:
        raise malformed(f"part numbers go from 1 to {PART_NUMBER_MAX}")
    return PartClaim(value, etag.strip(_SPACE).strip('"'), claimed[0] if claimed else None)


def _entry(node: Node) -> DeleteEntry:
    key = node.texts.get("Key")
    if not key:
        raise malformed("an Object has no Key")
    etag, modified, size = node.texts.get("ETag"), node.texts.get("LastModifiedTime"), node.texts.get("Size")
    conditions = NO_WRITE_CONDITIONS
    if etag is not None or modified is not None or size is not None:
        conditions = WriteConditions(
            if_match=None if etag is None else one_entity_tag(etag),
            if_modified=None if modified is None else modified_time("LastModifiedTime", modified),
            if_size=None if size is None else ascii_number(size, "Size"),
        )
    return DeleteEntry(key, node.texts.get("VersionId") or None, conditions)
