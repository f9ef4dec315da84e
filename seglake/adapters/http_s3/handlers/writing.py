"""PUT, DELETE and copy of objects: answered only after the commit."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from seglake.adapters.http_s3.attributes import checksum_fields, received, storage_class
from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange, checked_version, is_version
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol import xml_in, xml_out
from seglake.adapters.s3_protocol.checksums import requested_algorithm
from seglake.adapters.s3_protocol.conditions import read_conditions, write_conditions
from seglake.adapters.s3_protocol.copy_source import parse_copy_source
from seglake.adapters.s3_protocol.domain_errors import to_s3
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.errors import NoSuchKey, NoSuchVersion, SeglakeError
from seglake.domain.model.manifest import Pairs
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
    headers = x.headers
    command = PutObject(x.bucket, x.key, received(headers, x.identity.user), write_conditions(headers))
    x.services.writes.precheck(command)
    stored = await x.services.writes.put(command, x.body)
    return answer(x.request_id, stored_fields(stored))


async def delete_object(x: Exchange) -> web.StreamResponse:
    """API: DeleteObject."""
    command = DeleteObject(x.key, x.version, write_conditions(x.headers))
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
    asked = xml_in.parse_delete(data)
    outcomes: list[tuple[DeleteObject, Deleted | SeglakeError]] = []
    allowed: list[DeleteObject] = []
    for entry in asked.entries:
        command = DeleteObject(entry.key, entry.version, entry.conditions)
        try:
            x.authorize("s3:DeleteObjectVersion" if entry.version else "s3:DeleteObject", x.bucket)
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
    x.authorize("s3:GetObjectVersion" if named.version else "s3:GetObject", named.bucket)
    conditions = read_conditions(x.headers, "x-amz-copy-source-")
    return [CopySource(named.bucket, key, named.version, conditions) for key in named.keys]


async def copy_object(x: Exchange) -> web.StreamResponse:
    """API: CopyObject."""
    headers = x.headers
    replaces = headers.get("x-amz-metadata-directive", "COPY") == "REPLACE"
    sources = sources_of(x)
    command = CopyObject(
        source=sources[0],
        bucket=x.bucket,
        key=x.key,
        owner=x.identity.user,
        attributes=received(headers, x.identity.user) if replaces else None,
        algorithm=requested_algorithm(headers),
        storage_class=storage_class(headers),
        conditions=write_conditions(headers),
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
    return document(x.request_id, xml_out.copy_object(stored.etag, stored.modified_ms, stored.checksum), fields)
