"""Access control lists on the wire: AccessControlPolicy documents, x-amz-acl and x-amz-grant-* headers. A grantee that
is nobody's is refused, never dropped.

Sources: API Reference of PutBucketAcl and GetBucketAcl; S3 User Guide, "Access control list (ACL) overview".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument, not_implemented
from seglake.adapters.s3_protocol.xml_in import TYPE, Element, Node, read
from seglake.adapters.s3_protocol.xml_out import document, person
from seglake.domain.model.acl import GRANTS_MAX, Acl, AskedAcl, CannedAcl, Grant, Grantee, Group, Permission
from seglake.domain.model.errors import AccessDenied

NameOf = Callable[[str], str | None]
"""The user with a canonical id, None when there is none."""

ACL_HEADER = "x-amz-acl"
GRANT_HEADERS = {
    "x-amz-grant-full-control": Permission.FULL_CONTROL,
    "x-amz-grant-read": Permission.READ,
    "x-amz-grant-read-acp": Permission.READ_ACP,
    "x-amz-grant-write": Permission.WRITE,
    "x-amz-grant-write-acp": Permission.WRITE_ACP,
}
URIS = {
    Group.ALL_USERS: "http://acs.amazonaws.com/groups/global/AllUsers",
    Group.AUTHENTICATED_USERS: "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    Group.LOG_DELIVERY: "http://acs.amazonaws.com/groups/s3/LogDelivery",
}
_GROUPS = {uri: group for group, uri in URIS.items()}
_GRANTEE = re.compile(
    r'[ \t]*(id|uri|emailaddress)[ \t]*=[ \t]*(?:"([^"]*)"|([^",\s]+))[ \t]*', re.ASCII | re.IGNORECASE
)
_OWN_GRANTS_MAX = 1000
"""What the reader takes before the limit on grants is checked, so that the refusal can name it."""

_TEXT = Element()
_PERSON = Element({"ID": _TEXT, "DisplayName": _TEXT})
_GRANTEE_ELEMENT = Element({"ID": _TEXT, "DisplayName": _TEXT, "URI": _TEXT, "EmailAddress": _TEXT}, typed=True)
_GRANT = Element({"Grantee": _GRANTEE_ELEMENT, "Permission": _TEXT}, repeat=_OWN_GRANTS_MAX)
_POLICY = Element({"Owner": _PERSON, "AccessControlList": Element({"Grant": _GRANT})})


def requested_acl(headers: Mapping[str, str], name_of: NameOf) -> AskedAcl | None:
    """The list that the headers (lower-case names; form fields alike) ask for, None when they ask for none.

    S3Error InvalidRequest for a canned name beside grants, InvalidArgument for an unknown name, id or group,
    UnresolvableGrantByEmailAddress, NotImplemented for ``aws-exec-read``.
    """
    canned = headers.get(ACL_HEADER)
    granting = [name for name in GRANT_HEADERS if name in headers]
    if canned is None and not granting:
        return None
    if canned is not None:
        if granting:
            raise S3Error(ErrorCode.InvalidRequest, "Specifying both Canned ACLs and Header Grants is not allowed")
        return AskedAcl(_canned(canned))
    grants: list[Grant] = []
    for name in granting:
        grants += [Grant(grantee, GRANT_HEADERS[name]) for grantee in _grantees(name, headers[name], name_of)]
    return AskedAcl(grants=_counted(grants))


def _canned(name: str) -> CannedAcl:
    if name == "aws-exec-read":
        raise not_implemented("the canned ACL aws-exec-read (it grants to EC2, which is not here)", header=ACL_HEADER)
    try:
        return CannedAcl(name)
    except ValueError:
        raise invalid_argument(ACL_HEADER, name, f"it is none of {', '.join(CannedAcl)}") from None


def _grantees(header: str, value: str, name_of: NameOf) -> list[Grantee]:
    """The grantees in ``id="...", uri="..."``."""
    found: list[Grantee] = []
    at = 0
    while True:
        match = _GRANTEE.match(value, at)
        if match is None or (match.end() < len(value) and value[match.end()] != ","):
            raise invalid_argument(header, value, 'pairs such as id="...", uri="..." are expected, with commas between')
        text = match[2] if match[2] is not None else match[3]
        kind = match[1].lower()
        if kind == "emailaddress":
            raise S3Error(ErrorCode.UnresolvableGrantByEmailAddress)
        found.append(_user(header, text, name_of) if kind == "id" else _group(header, text))
        if match.end() == len(value):
            return found
        at = match.end() + 1


def _user(where: str, wanted: str, name_of: NameOf) -> str:
    name = name_of(wanted)
    if name is None:
        raise S3Error(
            ErrorCode.InvalidArgument,
            "Invalid id: nobody in this store has it; everybody sees their own in the Owner of ListBuckets",
            extra=(("ArgumentName", where), ("ArgumentValue", wanted[:200])),
        )
    return name


def _group(where: str, uri: str) -> Group:
    group = _GROUPS.get(uri)
    if group is None:
        raise S3Error(
            ErrorCode.InvalidArgument,
            f"Invalid group uri: one of {', '.join(_GROUPS)} is expected",
            extra=(("ArgumentName", where), ("ArgumentValue", uri[:200])),
        )
    return group


def _counted(grants: list[Grant]) -> tuple[Grant, ...]:
    """Each grant once. S3Error MalformedACLError beyond 100."""
    once = tuple(dict.fromkeys(grants))
    if len(once) > GRANTS_MAX:
        raise _malformed(f"it has {len(once)} grants, at most {GRANTS_MAX} are allowed")
    return once


def _malformed(reason: str) -> S3Error:
    return S3Error(ErrorCode.MalformedACLError, f"{ErrorCode.MalformedACLError.message} Here: {reason}.")


def parse_acl(body: bytes, name_of: NameOf) -> AskedAcl:
    """An AccessControlPolicy document.

    S3Error MalformedXML, MalformedACLError, InvalidArgument, UnresolvableGrantByEmailAddress; AccessDenied for an owner
    that nobody is.
    """
    root = read(body, "AccessControlPolicy", _POLICY)
    owners, lists = root.nodes.get("Owner"), root.nodes.get("AccessControlList")
    owner_id = owners[0].texts.get("ID") if owners else None
    if not owner_id:
        raise _malformed("the Owner with its ID is missing")
    if not lists:
        raise _malformed("the AccessControlList is missing")
    owner = name_of(owner_id)
    if owner is None:
        raise AccessDenied("the owner in the ACL is not the present owner, and an owner cannot be changed by an ACL")
    grants = [_grant(node, name_of) for node in lists[0].nodes.get("Grant", [])]
    return AskedAcl(grants=_counted(grants), owner=owner)


def _grant(node: Node, name_of: NameOf) -> Grant:
    grantees, permission = node.nodes.get("Grantee"), node.texts.get("Permission")
    if not grantees or permission is None:
        raise _malformed("each Grant needs a Grantee and a Permission")
    if permission not in set(Permission):
        raise _malformed(f"{permission[:40]!r} is not a Permission")
    return Grant(_grantee(grantees[0], name_of), Permission(permission))


def _grantee(node: Node, name_of: NameOf) -> Grantee:
    texts = node.texts
    match texts.get(TYPE):
        case "CanonicalUser" if texts.get("ID"):
            return _user("CanonicalUser/ID", texts["ID"], name_of)
        case "Group" if texts.get("URI"):
            return _group("Group/URI", texts["URI"])
        case "AmazonCustomerByEmail":
            raise S3Error(ErrorCode.UnresolvableGrantByEmailAddress)
        case _:
            raise _malformed("a Grantee needs an xsi:type, and an ID for CanonicalUser or a URI for Group")


def render_acl(acl: Acl, site: int) -> bytes:
    """AccessControlPolicy; ``site`` is the one that canonical ids follow from."""
    grants = "".join([_render_grant(grant, site) for grant in acl.grants])
    owner = f"<Owner>{person(site, acl.owner)}</Owner>"
    return document("AccessControlPolicy", f"{owner}<AccessControlList>{grants}</AccessControlList>")


def _render_grant(grant: Grant, site: int) -> str:
    if isinstance(grant.grantee, Group):
        kind, inner = "Group", f"<URI>{URIS[grant.grantee]}</URI>"
    else:
        kind, inner = "CanonicalUser", person(site, grant.grantee)
    return (
        f'<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{kind}">{inner}</Grantee>'
        f"<Permission>{grant.permission.value}</Permission></Grant>"
    )
