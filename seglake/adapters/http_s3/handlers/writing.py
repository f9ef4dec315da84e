"""PUT, DELETE and copy of objects: answered only after the commit."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from seglake.adapters.http_s3.attributes import checksum_fields, received, storage_class, tags_asked
from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.encryption import asked_protection, encryption_fields, source_key
from seglake.adapters.http_s3.exchange import Exchange, checked_version, is_version
from seglake.adapters.http_s3.handlers.acls import acl_of_new_object
from seglake.adapters.http_s3.handlers.lifecycle import expiration_of_stored
from seglake.adapters.http_s3.handlers.locks import BYPASS_ACTION, bypass, bypass_asked, check_vouched
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol import xml_in, xml_out
from seglake.adapters.s3_protocol.checksums import requested_algorithm
from seglake.adapters.s3_protocol.conditions import read_conditions, write_conditions
from seglake.adapters.s3_protocol.copy_source import parse_copy_source
from seglake.adapters.s3_protocol.documents.object_lock import lock_asked
from seglake.adapters.s3_protocol.documents.tagging import TAGGING_HEADER
from seglake.adapters.s3_protocol.domain_errors import to_s3
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument
from seglake.domain.model.errors import NoSuchKey, NoSuchVersion, SeglakeError
from seglake.domain.model.manifest import Pairs
from seglake.domain.ports.body import Body
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.object_writes import Deleted, DeleteObject, PutObject, Stored


def stored_fields(stored: Stored) -> list[tuple[str, str]]:
    """What a write answers: ETag, version and checksum."""
    fields = [("ETag", f'"{stored.etag}"'), *checksum_fields(stored.checksum)]
    if stored.version is not None:
        fields.append(("x-amz-version-id", stored.version))
    return fields


async def put_object(x: Exchange) -> web.StreamResponse:
    """API: PutObject."""
    if x.body.length is None:
        raise S3Error(ErrorCode.MissingContentLength)
    _, fields = await store(x, x.body)
    return answer(x.request_id, fields)


async def store(x: Exchange, body: Body) -> tuple[Stored, list[tuple[str, str]]]:
    """What PutObject and a form have in common: the object, and the fields of the answer that tell of it."""
    headers = x.headers
    attributes = received(headers, x.user, acl_of_new_object(x))
    check_vouched(x, attributes.lock)
    command = PutObject(x.bucket, x.key, attributes, write_conditions(headers), asked_protection(x))
    protection = x.services.writes.precheck(command)
    stored = await x.services.writes.put(command, body, protection)
    fields = stored_fields(stored)
    if stored.encryption is not None:
        fields.extend(encryption_fields(x, stored.encryption))
    if x.grounds.configs:
        fields.extend(expiration_of_stored(x, stored))
    return stored, fields


async def delete_object(x: Exchange) -> web.StreamResponse:
    """API: DeleteObject."""
    command = DeleteObject(x.key, x.version, write_conditions(x.headers), bypass(x))
    deleted = await x.services.writes.delete(x.bucket, command)
    return answer(x.request_id, _deleted_fields(deleted), status=204)


def _deleted_fields(deleted: Deleted) -> Pairs:
    if deleted.version is None:
        return ()
    version = ("x-amz-version-id", deleted.version)
    return (version, ("x-amz-delete-marker", "true")) if deleted.marker else (version,)


async def delete_objects(x: Exchange) -> web.StreamResponse:
    """API: DeleteObjects: each key is authorised, decided and answered for itself."""
    data = await read_document(x, digest_required=True)
    asked, lifted = xml_in.parse_delete(data), bypass_asked(x)
    outcomes: list[tuple[DeleteObject, Deleted | SeglakeError]] = []
    allowed: list[DeleteObject] = []
    for entry in asked.entries:
        command = DeleteObject(entry.key, entry.version, entry.conditions, lifted)
        try:
            action = "s3:DeleteObjectVersion" if entry.version else "s3:DeleteObject"
            x.authorize(action, x.bucket, entry.key, entry.version)
            if lifted:
                x.authorize(BYPASS_ACTION, x.bucket, entry.key, entry.version)
            if entry.version is not None and not is_version(entry.version):
                raise NoSuchVersion(entry.key, entry.version)
        except SeglakeError as refused:
            outcomes.append((command, refused))
        else:
            allowed.append(command)
    results = await x.services.writes.delete_many(x.bucket, tuple(allowed))
    outcomes.extend(zip(allowed, results, strict=True))
    shown = [_shown(command, outcome) for command, outcome in outcomes]
    return document(x.request_id, xml_out.delete_result(shown, quiet=asked.quiet))


def _shown(command: DeleteObject, outcome: Deleted | SeglakeError) -> xml_out.Deleted | xml_out.Failed:
    if isinstance(outcome, SeglakeError):
        refusal = to_s3(outcome)
        return xml_out.Failed(command.key, command.version, refusal.code.text, refusal.message)
    return xml_out.Deleted(command.key, command.version, outcome.version if outcome.marker else None)


COPY_SOURCE = "x-amz-copy-source"


def sources_of(x: Exchange) -> list[CopySource]:
    """The readings of the source of a copy, authorised for itself (A7).

    Some clients write a space as ``+`` (s5cmd): the literal reading comes first, the other when no such key exists.
    """
    named = parse_copy_source(x.headers[COPY_SOURCE])
    if named.version is not None:
        checked_version(named.version)
    action = "s3:GetObjectVersion" if named.version else "s3:GetObject"
    x.authorize(action, named.bucket, named.keys[0], named.version)
    keys = [named.keys[0], *[key for key in named.keys[1:] if x.may(action, named.bucket, key, named.version)]]
    conditions = read_conditions(x.headers, "x-amz-copy-source-")
    customer = source_key(x)
    return [CopySource(named.bucket, key, named.version, conditions, customer) for key in keys]


def _copied_tags(x: Exchange) -> Pairs | None:
    """The tags that replace the source's, None to keep those. S3Error InvalidArgument; InvalidTag, TooManyTags."""
    if x.headers.get("x-amz-tagging-directive", "COPY") == "REPLACE":
        return tags_asked(x.headers)
    if TAGGING_HEADER in x.headers:
        raise invalid_argument(TAGGING_HEADER, "", "tags for a copy need x-amz-tagging-directive: REPLACE")
    return None


def _may_copy_tags(x: Exchange, sources: list[CopySource]) -> bool:
    """Whether the requester may read the tags of every reading of the source and set them on the copy."""
    if not x.may("s3:PutObjectTagging", x.bucket, x.key):
        return False
    for source in sources:
        action = "s3:GetObjectTagging" if source.version is None else "s3:GetObjectVersionTagging"
        if not x.may(action, source.bucket, source.key, source.version):
            return False
    return True


async def copy_object(x: Exchange) -> web.StreamResponse:
    """API: CopyObject."""
    headers = x.headers
    replaces = headers.get("x-amz-metadata-directive", "COPY") == "REPLACE"
    sources = sources_of(x)
    command = CopyObject(
        source=sources[0],
        bucket=x.bucket,
        key=x.key,
        owner=x.user,
        attributes=received(headers, x.user) if replaces else None,
        algorithm=requested_algorithm(headers),
        storage_class=storage_class(headers),
        conditions=write_conditions(headers),
        tags=_copied_tags(x),
        lock=lock_asked(headers),
        tags_allowed=_may_copy_tags(x, sources),
        acl=acl_of_new_object(x),
        protection=asked_protection(x),
    )
    try:
        copied = await x.services.copying.copy(command)
    except NoSuchKey:
        if len(sources) == 1:
            raise
        copied = await x.services.copying.copy(replace(command, source=sources[1]))
    stored = copied.stored
    fields = []
    if stored.version is not None:
        fields.append(("x-amz-version-id", stored.version))
    if copied.source_version is not None:
        fields.append(("x-amz-copy-source-version-id", copied.source_version))
    fields.extend(encryption_fields(x, stored.encryption))
    if x.grounds.configs:
        fields.extend(expiration_of_stored(x, stored))
    return document(x.request_id, xml_out.copy_object(stored.etag, stored.modified_ms, stored.checksum), fields)
